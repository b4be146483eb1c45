#include "cloud/gcp/secrets.hpp"

#include <algorithm>
#include <array>

#include "cloud/body/members.hpp"

namespace plumbline::cloud::gcp {
namespace {

/// Marked as sensitive in Terraform's provider, without a name that says so by itself.
constexpr std::array<std::string_view, 9> names = {"rawKey",   "rsaEncryptedKey", "b64MacKey",
                                                   "keyValue", "plaintext",       "wrappedKey",
                                                   "payload",  "service_key",     "sensitiveQueryString"};

void walk(Value& value) {
  for (auto& item : value.items) walk(item);
  for (auto& [name, member] : value.members) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      walk(member);
    } else if (member.kind != Value::Kind::null) {
      wipe(member);
      member.kind = Value::Kind::secret;
    }
  }
}

}  // namespace

void hide_secrets(Value& body) {
  cloud::hide_secrets(body, Route{});
  walk(body);
}

}  // namespace plumbline::cloud::gcp
