#include "cloud/gcp/secrets.hpp"

#include <algorithm>
#include <array>

#include "cloud/body/environment.hpp"
#include "cloud/body/members.hpp"

namespace plumbline::cloud::gcp {
namespace {

/// Google's discovery documents mark no secrets. Sensitive in Terraform's provider, or what lets somebody in, without a
/// name that says so by itself.
constexpr std::array<std::string_view, 16> names = {"rawKey",
                                                    "rsaEncryptedKey",
                                                    "b64MacKey",
                                                    "keyValue",
                                                    "plaintext",
                                                    "wrappedKey",
                                                    "payload",
                                                    "service_key",
                                                    "cak",
                                                    "keyString",
                                                    "authenticationKey",
                                                    "argument",
                                                    "hmacKey",
                                                    "sensitiveQueryString",
                                                    "sensitiveLabels",
                                                    "sharedSecretHash"};

/// Of requests that Google sends for its users (Scheduler, Tasks, Pub/Sub, uptime checks, webhooks): an API's key may
/// be in each.
constexpr std::array<std::string_view, 7> headers = {
    "headers", "requestHeaders", "customRequestHeaders", "webhookHeaders", "httpHeaders", "customHeaders", "header"};
constexpr std::array<std::string_view, 5> targets = {"httpTarget", "httpRequest", "appEngineHttpTarget",
                                                     "appEngineHttpRequest", "pubsubTarget"};
/// Lists of {name, key}.
constexpr std::array<std::string_view, 2> keys = {"md5AuthenticationKeys", "preSharedKeys"};

template <std::size_t N>
bool is_any_of(std::string_view name, const std::array<std::string_view, N>& all) {
  return std::find(all.begin(), all.end(), name) != all.end();
}

/// What an instance's metadata runs or is set up by, as user data of other clouds.
bool is_setup(std::string_view key) {
  constexpr std::array<std::string_view, 5> known = {"kube-env", "user-data", "configure-sh", "kubeconfig",
                                                     "gce-container-declaration"};
  const bool script = key.find("-script") != std::string_view::npos || key.find("_script") != std::string_view::npos;
  return is_any_of(key, known) || (script && !key.ends_with("-url") && !key.ends_with("_url"));
}

/// {"key": "startup-script", "value": "…"}
bool is_setup_item(const Value& map) {
  const Value* key = map.find("key");
  return has_text(key, is_setup);
}

/// Maps and texts, and lists of {name, value} or {key, value}.
void hide_headers(Value& value, const SecretPrints* prints) {
  if (value.kind == Value::Kind::several)
    for (auto& item : value.items) hide_headers(item, prints);
  if (value.kind != Value::Kind::list) return hide_each_value(value, prints);
  for (auto& item : value.items) {
    if (item.kind != Value::Kind::map) hide_value(item, prints);
    for (auto& [name, member] : item.members)
      if (name == "value" || name == "values") hide_each_value(member, prints);
  }
}

/// `place`: the member that `value` is, or is in the list of.
void walk(Value& value, std::string_view place, const SecretPrints* prints) {
  for (auto& item : value.items) walk(item, place, prints);
  const bool setup = is_setup_item(value), target = is_any_of(place, targets);
  for (auto& [name, member] : value.members) {
    const bool text = !texts_of(&member).empty();
    if (is_any_of(name, names) || is_setup(name) || (setup && name == "value") || (text && name == "body") ||
        (target && (name == "data" || name == "attributes")) || (name == "key" && is_any_of(place, keys)))
      hide_each_value(member, prints);
    else if (is_any_of(name, headers))
      hide_headers(member, prints);
    else if (!hide_environment(name, member, prints))
      walk(member, name, prints);
  }
}

}  // namespace

void hide_secrets(Value& body, const SecretPrints* prints) {
  cloud::hide_secrets(body, Route{}, prints);
  walk(body, "", prints);
}

}  // namespace plumbline::cloud::gcp
