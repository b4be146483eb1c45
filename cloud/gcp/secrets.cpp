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

void walk(Value& value, const SecretPrints* prints) {
  for (auto& item : value.items) walk(item, prints);
  for (auto& [name, member] : value.members) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      walk(member, prints);
    } else {
      hide_each_value(member, prints);
    }
  }
}

}  // namespace

void hide_secrets(Value& body, const SecretPrints* prints) {
  cloud::hide_secrets(body, Route{}, prints);
  walk(body, prints);
}

}  // namespace plumbline::cloud::gcp
