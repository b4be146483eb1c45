#include "baseline/value/sensitive.hpp"
#include "cloud/body/members.hpp"
#include "cloud/body/secret_prints.hpp"
#include "cloud/table/tables.hpp"

namespace plumbline::cloud {
namespace {

bool ends_with_word(std::string_view name, std::string_view word) {
  return name.size() >= word.size() && equal_ignoring_case(name.substr(name.size() - word.size()), word);
}

/// {"Key": "DB_PASSWORD", "Value": "…"}: one member names what another one holds.
bool is_named_secret(const Value& map) {
  for (const auto& [name, value] : map.members)
    if ((ends_with_word(name, "key") || ends_with_word(name, "name")) && has_text(&value, baseline::sounds_sensitive))
      return true;
  return false;
}

class Hider {
 public:
  Hider(std::uint32_t service, const SecretPrints* prints) : service_(service), prints_(prints) {}

  /// `place`: the member that `value` is, or the operation.
  void map(Value& value, std::string_view place) {
    const bool named = is_named_secret(value);
    for (auto& [name, child] : value.members) {
      if (is_secret(name, place) || (named && ends_with_word(name, "value")))
        hide(child);
      else
        any(child, name);
    }
  }

 private:
  bool is_secret(std::string_view name, std::string_view place) {
    if (baseline::sounds_sensitive(name)) return true;
    if (service_ == table::no_row) return false;
    const auto& service = table::service(service_);
    if (service.secrets.count == 0 && service.binaries.count == 0) return false;
    if (table::has(service.secrets, name) || table::has(service.binaries, name)) return true;
    path_.assign(place).append(1, '.').append(name);
    return table::has(service.secrets, path_) || table::has(service.binaries, path_);
  }
  void hide(Value& value) const {
    // Whether something is there at all is no secret.
    if (value.kind == Value::Kind::null || value.kind == Value::Kind::secret) return;
    hide_each_value(value, prints_);
  }
  void any(Value& value, std::string_view place) {
    if (value.kind == Value::Kind::text && baseline::looks_sensitive(value.text)) return hide(value);
    if (value.kind == Value::Kind::several)
      for (auto& item : value.items) any(item, place);
    else if (value.kind == Value::Kind::list)
      hide_in_list(value, prints_, [&](Value& item) { any(item, place); });
    else
      map(value, place);
  }

  std::uint32_t service_;
  const SecretPrints* prints_;
  std::string path_;
};

}  // namespace

void hide_secrets(Value& tree, const Route& route, const SecretPrints* prints) {
  const auto operation =
      route.operation == table::no_row ? std::string_view() : table::text(table::operation(route.operation).name);
  Hider(route.service, prints).map(tree, operation);
}

}  // namespace plumbline::cloud
