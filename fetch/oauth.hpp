// Access tokens as OAuth 2.0 (RFC 6749) hands them out, for the credentials of any cloud.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fetch/secret.hpp"
#include "fetch/web.hpp"
#include "include/util/clock.hpp"
#include "include/util/result.hpp"

namespace plumbline::fetch::oauth {

struct Token {
  Secret value;                      ///< is_header_text()
  std::int64_t expires_boot_ns = 0;  ///< Clock::boot()
};

/// The last token. Used by one thread.
class TokenCache {
 public:
  /// nullopt where there is none, or one that ends within five minutes; otherwise valid until keep() or forget().
  std::optional<std::string_view> usable(const Clock& clock) const;
  std::string_view keep(Token token);
  void forget() { token_ = Token(); }

 private:
  Token token_;
};

/// Reads {"access_token": …, "expires_in": seconds}. `asked_boot_ns`: Clock::boot() when the question left. `what` and
/// `fix` are the error's: `permission` and `invalid_argument` where the server refuses, with its error code.
Result<Token> read_token(const WebAnswer& answer, const std::string& what, const std::string& fix,
                         std::int64_t asked_boot_ns);

/// Asks for a token, and reads the answer as read_token() does.
Result<Token> request_token(WebRequest& request, const std::string& what, const std::string& fix, const Clock& clock);

/// Asks, and once more with a new token where a kept one was taken back before its time (401). `credentials` has
/// cached() and forget().
template <class Credentials, class Ask>
Result<WebAnswer> ask_with(Credentials& credentials, const Ask& ask) {
  const bool cached = credentials.cached();
  auto answer = ask();
  if (!answer || answer->status != 401) return answer;
  credentials.forget();
  return cached ? ask() : std::move(answer);
}

}  // namespace plumbline::fetch::oauth
