// Tokens by which a node gets its first certificate.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "include/util/clock.hpp"
#include "include/util/result.hpp"

namespace plumbline::access {

/// Each is for one node and one key, and ends. The file holds SHA-256 of them, never a token. Thread-safe.
class EnrolmentTokens {
 public:
  static constexpr std::size_t most = 10'000;
  static constexpr std::int64_t longest_s = 30 * 86'400;

  struct Row {
    std::string id;  ///< of the token, to take it back by: the first 16 digits of its SHA-256
    std::string node;
    std::int64_t until = 0;  ///< Unix seconds
    std::string used_by;     ///< digest of the key that it was used for; "" = not yet
  };
  struct Made {
    std::string token;
    Row row;
  };

  /// Reads the file, where it is there. `clock` outlives this.
  static Result<std::unique_ptr<EnrolmentTokens>> open(std::string file, const Clock& clock);

  /// `unavailable`: there are `most` that have not ended. The token is told here and nowhere else.
  Result<Made> make(const std::string& node, std::int64_t lasts_s);
  /// The node that the token is for; it is used then, on disk, before this returns. `permission`: it is unknown, over,
  /// or was used for another key; with the same key it may come again, as the answer may not have arrived.
  Result<std::string> use(const std::string& token, const std::string& key);
  /// `not_found`: there is none of that id.
  Result<void> remove(const std::string& id);
  std::vector<Row> rows() const;

  struct Stats {
    std::uint64_t made = 0, used = 0, unknown = 0, expired = 0, replayed = 0;
  };
  Stats stats() const;

 private:
  EnrolmentTokens(std::string file, const Clock& clock) : file_(std::move(file)), clock_(clock) {}
  Result<void> save() const;
  std::size_t forget_old();
  std::int64_t now() const { return clock_.wall() / 1'000'000'000; }

  const std::string file_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Row> rows_;  // by SHA-256, hex
  Stats stats_;
};

/// Whether a node may be called so: 1 to 253 printable characters of ASCII without blanks and slashes.
bool is_node_name(const std::string& name);

}  // namespace plumbline::access
