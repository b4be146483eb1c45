// A bearer token that a file holds.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "include/util/result.hpp"

namespace plumbline::access {

/// SHA-256: tokens are compared and remembered by it, never as they are.
using TokenDigest = std::array<std::byte, 32>;
TokenDigest digest_of(std::string_view token);

/// The file is looked at once a second at most, and read again where it was replaced. One that is gone or of no use
/// lets nobody in: who takes a token away means it. Any thread.
class TokenFile {
 public:
  /// Errors name the file and what is wrong with it. `shortest`: a token of fewer characters is refused.
  static Result<std::unique_ptr<TokenFile>> load(std::string path, std::size_t shortest);

  bool is(const TokenDigest& given);
  /// Why nobody is let in; "" = the token is the file's.
  std::string trouble() const;

 private:
  TokenFile(std::string path, std::size_t shortest) : path_(std::move(path)), shortest_(shortest) {}
  Result<TokenDigest> read() const;

  const std::string path_;
  const std::size_t shortest_;
  mutable std::mutex mutex_;
  std::string version_;  // of the file that was read last
  TokenDigest digest_{};
  std::string trouble_;
  std::chrono::steady_clock::time_point looked_;
};

}  // namespace plumbline::access
