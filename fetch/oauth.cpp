#include "fetch/oauth.hpp"

#include <algorithm>
#include <utility>

#include "fetch/encoding.hpp"
#include "fetch/secret_document.hpp"

namespace plumbline::fetch::oauth {
namespace {

constexpr std::size_t max_answer_bytes = std::size_t{1} << 20;
constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t margin = 300 * second;      ///< a token is not used in its last five minutes
constexpr std::int64_t longest_lifetime = 86'400;  ///< seconds; who says more is believed this much

}  // namespace

std::optional<std::string_view> TokenCache::usable(const Clock& clock) const {
  if (token_.value.empty() || token_.expires_boot_ns - clock.boot() <= margin) return std::nullopt;
  return token_.value.view();
}

std::string_view TokenCache::keep(Token token) {
  token_ = std::move(token);
  return token_.value.view();
}

Result<Token> read_token(const WebAnswer& answer, const std::string& what, const std::string& fix,
                         std::int64_t asked_boot_ns) {
  const auto document = SecretDocument::parse(answer.body);
  if (answer.status != 200) return refused(what, answer, document ? std::string(document->text({"error"})) : "", fix);
  const auto value = document ? document->text({"access_token"}) : std::string_view();
  const auto seconds = document ? document->number("expires_in") : std::nullopt;
  if (value.empty() || !is_header_text(value) || !seconds || *seconds <= 0)
    return invalid(what, "the answer holds no access token with a lifetime", "is this the token service?");
  return Token{Secret(value), asked_boot_ns + std::min(*seconds, longest_lifetime) * second};
}

Result<Token> request_token(WebRequest& request, const std::string& what, const std::string& fix, const Clock& clock) {
  request.max_bytes = max_answer_bytes;
  const std::int64_t asked = clock.boot();
  const auto answer = exchange(request);
  if (!answer) return within(what, answer.error());
  return read_token(*answer, what, fix, asked);
}

}  // namespace plumbline::fetch::oauth
