#include "cloud/kubernetes/secrets.hpp"

#include <algorithm>
#include <array>

#include "baseline/value/sensitive.hpp"

namespace plumbline::cloud::kubernetes {
namespace {

constexpr std::string_view applied = "kubectl.kubernetes.io/last-applied-configuration";

/// What Kubernetes calls places of secrets, not secrets.
bool is_reference(std::string_view name) {
  constexpr std::array<std::string_view, 8> names = {"secret",           "secrets",
                                                     "imagePullSecrets", "secretRef",
                                                     "secretKeyRef",     "serviceAccountToken",
                                                     "tokenRequests",    "automountServiceAccountToken"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// {name: DB_PASSWORD, value: x}
bool is_named_secret(const Value& map) {
  const Value* name = map.find("name");
  return has_text(name, baseline::sounds_sensitive);
}

bool is_secret_pointer(std::string_view text, bool of_secret) {
  if (text.find("last-applied-configuration") != std::string_view::npos) return true;
  if (of_secret && (text.empty() || text.starts_with("/data") || text.starts_with("/stringData"))) return true;
  while (!text.empty()) {
    const auto slash = text.rfind('/');
    const auto part = text.substr(slash + 1);  // npos + 1 is 0
    if (baseline::sounds_sensitive(part) && !is_reference(part)) return true;
    text = text.substr(0, slash == std::string_view::npos ? 0 : slash);
  }
  return false;
}

/// {op: replace, path: /data/password, value: x}
bool is_secret_change(const Value& map, bool of_secret) {
  return map.find("op") != nullptr &&
         has_text(map.find("path"), [&](std::string_view text) { return is_secret_pointer(text, of_secret); });
}

class Hider {
 public:
  Hider(bool of_secret, const SecretPrints* prints) : of_secret_(of_secret), prints_(prints) {}

  void any(Value& value) {
    if (value.kind == Value::Kind::text && baseline::looks_sensitive(value.text)) return hide(value);
    if (value.kind == Value::Kind::several)
      for (auto& item : value.items) any(item);
    if (value.kind == Value::Kind::list) hide_in_list(value, prints_, [this](Value& item) { any(item); });
    if (value.kind == Value::Kind::map) map(value);
  }

 private:
  void hide(Value& value) const { hide_each_value(value, prints_); }
  /// Each value by itself, so that its key is still told.
  void hide_each(Value& value) const {
    if (value.kind == Value::Kind::several)
      for (auto& item : value.items) hide_each(item);
    if (value.kind != Value::Kind::map) return hide(value);
    for (auto& [name, member] : value.members) hide(member);
  }
  void map(Value& value) {
    const Value* kind = value.find("kind");
    const bool secret = of_secret_ || has_text(kind, [](std::string_view text) { return text == "Secret"; });
    const bool named = is_named_secret(value), change = is_secret_change(value, of_secret_);
    for (auto& [name, member] : value.members) {
      if (secret && (name == "data" || name == "stringData"))
        hide_each(member);
      else if (name == applied || ((named || change) && name == "value") ||
               (baseline::sounds_sensitive(name) && !is_reference(name)))
        hide(member);
      else
        any(member);
    }
  }

  bool of_secret_;
  const SecretPrints* prints_;
};

}  // namespace

void hide_secrets(Value& body, std::string_view plural, const SecretPrints* prints) {
  Hider(plural == "secrets", prints).any(body);
}

}  // namespace plumbline::cloud::kubernetes
