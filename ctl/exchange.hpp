// One line of `plumb decode`'s input.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cloud/http.hpp"
#include "include/util/result.hpp"

namespace plumbline::ctl {

/// An exchange that owns its bytes. Bodies are wiped when it goes.
class Exchange {
 public:
  /// Parses {"method", "host", "path", "headers": [[name, value], …], "body_b64", "response": {"status", "headers",
  /// "body_b64"}}; "scheme" is taken and not needed. Unknown keys are refused. Errors name the JSON pointer.
  static Result<Exchange> parse(std::string_view line);
  ~Exchange();
  Exchange(Exchange&&) noexcept = default;
  Exchange& operator=(Exchange&&) noexcept = default;

  cloud::Request request() const;
  cloud::Response response() const;

 private:
  struct Side {
    std::vector<std::pair<std::string, std::string>> headers;
    std::vector<cloud::HeaderField> views;
    std::string body;
  };
  Exchange() = default;
  friend class ExchangeReader;

  std::string method_, host_, path_;
  int status_ = 0;
  Side asked_, answered_;
};

}  // namespace plumbline::ctl
