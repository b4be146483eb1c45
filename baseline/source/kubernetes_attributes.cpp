#include "baseline/source/kubernetes_attributes.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_set>

#include "baseline/source/base64.hpp"
#include "baseline/source/json_members.hpp"
#include "baseline/source/kubernetes_lists.hpp"
#include "baseline/source/kubernetes_quantity.hpp"
#include "baseline/value/attributes.hpp"
#include "baseline/value/canonical.hpp"
#include "baseline/value/kubernetes_facts.hpp"
#include "baseline/value/named_values.hpp"
#include "baseline/value/sensitive.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::key_value_pair;
using simdjson::dom::object;

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// What Kubernetes calls the places of secrets, not secrets; below any other name of the kind, all is secret.
constexpr std::array<std::string_view, 5> places_of_secrets = {"secret", "secrets", "imagePullSecrets",
                                                               "serviceAccountToken", "tokenRequests"};
/// Maps of quantities, and quantities.
constexpr std::array<std::string_view, 5> quantity_maps = {"limits", "requests", "hard", "capacity", "overhead"};
constexpr std::array<std::string_view, 5> quantity_maps_of_limit_ranges = {"default", "defaultRequest", "max", "min",
                                                                           "maxLimitRequestRatio"};
constexpr std::array<std::string_view, 3> quantities = {"sizeLimit", "averageValue", "divisor"};

bool is_text(element value, std::string_view& text) {
  return value.get_string().get(text) == simdjson::SUCCESS;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

/// Of a canonical value, which is in quotes.
void write_quantity(std::string& text) {
  if (text.size() < 3 || text.front() != '"') return;
  if (const auto quantity = canonical_quantity(std::string_view(text).substr(1, text.size() - 2)))
    text = '"' + *quantity + '"';
}

class Walk {
 public:
  Walk(const KubernetesObject& of, const Fingerprinter& fingerprints, WorkBudget& budget, std::vector<Attribute>& out,
       LeftOut& left_out)
      : of_(of), fingerprints_(fingerprints), budget_(budget), out_(out), left_out_(left_out) {}

  /// False where the budget is spent.
  bool run() {
    const bool secret = of_.kind == "Secret" && of_.group.empty();
    for (const auto [name, value] : of_.json) {
      if (name == "apiVersion" || name == "kind" || name == "status") continue;
      if (name == "metadata") {
        metadata();
      } else if (secret && (name == "data" || name == "stringData")) {
        continue;
      } else if (object sops; name == "sops" && value.get_object().get(sops) == simdjson::SUCCESS) {
        left_out_.add(name, "for SOPS, not part of the object");
      } else {
        member(name, value, {});
      }
    }
    if (secret) secret_data();
    return !spent_;
  }

 private:
  /// What an attribute's surroundings say of it.
  struct Inside {
    bool sensitive = false;
    bool quantities = false;
    std::string_view list;  ///< of whose item this is a member
  };

  void metadata() {
    path_ = "metadata";
    for (const auto [name, value] : of_.metadata) {
      if (is_one_of(name, kubernetes::of_the_server)) continue;
      object annotations;
      if (name == "annotations" && value.get_object().get(annotations) == simdjson::SUCCESS && annotations.size() != 0)
        annotate(annotations);
      else
        member(name, value, {});
    }
    path_.clear();
  }

  void annotate(object annotations) {
    const auto size = push("annotations");
    for (const auto [name, value] : annotations) {
      if (is_one_of(name, kubernetes::annotations_of_others)) continue;
      if (std::string_view id; name == tracking_annotation && is_text(value, id) && !is_tracked_as(of_, id))
        left_out_.add(path_ + "." + path_part(name), "copied, names another object");
      else
        member(name, value, {});
    }
    path_.resize(size);
  }

  std::size_t push(std::string_view name) {
    const std::size_t size = path_.size();
    if (size != 0) path_ += '.';
    path_ += path_part(name);
    return size;
  }

  void member(std::string_view name, element value, const Inside& inside) {
    if (spent_) return;
    if (name.empty() && path_.empty()) return left_out_.add("\"\"", "an empty name");
    // `kubectl create` writes it into templates: null, which no live object has.
    if (name == "creationTimestamp" && value.is_null()) return;
    if (inside.list == "volumeClaimTemplates" && name == "status") return;
    const std::size_t size = push(name);
    object members;
    array items;
    const bool is_map = value.get_object().get(members) == simdjson::SUCCESS;
    if (is_map && members.size() == 0) {
      std::string there = "{}";
      if (!is_one_of(name, kubernetes::nothing_if_empty)) add(path_, fingerprints_.of(there), false, there);
    } else if (is_map && name != "openAPIV3Schema") {
      const bool secret = sounds_sensitive(name) && !is_one_of(name, places_of_secrets);
      walk(members, {inside.sensitive || secret, holds_quantities(name), {}});
    } else if (value.get_array().get(items) == simdjson::SUCCESS) {
      list(name, items, value, inside);
    } else {
      leaf(name, value, inside);
    }
    path_.resize(size);
  }

  void walk(object members, const Inside& inside) {
    constexpr unsigned pair = name_of_pair_name | name_of_pair_value;
    unsigned met = 0;
    for (auto at = members.begin(); at != members.end(); ++at) met |= known_facts_of(at.key());
    const bool secret = (met & pair) == pair && names_a_secret(members);
    for (const auto [name, value] : members) {
      Inside here = inside;
      here.sensitive = here.sensitive || (secret && (known_facts_of(name) & name_of_pair_value) != 0);
      member(name, value, here);
    }
  }

  bool holds_quantities(std::string_view name) const {
    return is_one_of(name, quantity_maps) ||
           (of_.kind == "LimitRange" && is_one_of(name, quantity_maps_of_limit_ranges));
  }

  void list(std::string_view name, array items, element value, const Inside& inside) {
    const bool sensitive = inside.sensitive || (sounds_sensitive(name) && !is_one_of(name, places_of_secrets));
    if (!has_parts(items)) {
      leaf(name, value, {inside.sensitive, false, {}});
      return;
    }
    const auto key = merge_key(name, items);
    std::vector<std::string> keys;
    std::size_t place = 0;
    for (const element item : items) {
      const std::size_t size = path_.size();
      path_ += item_part(key, item, place++);
      walk(item.get_object(), {sensitive, false, name});
      path_.resize(size);
      if (key) keys.push_back(key_of_item(*key, item));
    }
    if (!grows_in_cluster()) which_items(keys, place);
  }

  /// Admission adds volumes and tolerations to pods, controllers add secrets to service accounts and finalizers to all.
  bool grows_in_cluster() const {
    return (of_.group.empty() && (of_.kind == "Pod" || of_.kind == "ServiceAccount")) || path_.starts_with("metadata.");
  }

  /// That no item came or went: "containers[]" is the keys of all, or their number where they have no keys.
  void which_items(std::vector<std::string>& keys, std::size_t count) {
    std::string text;
    if (keys.empty()) {
      text = '"' + std::to_string(count) + '"';
    } else {
      std::sort(keys.begin(), keys.end());
      for (const auto& key : keys) wire::append_json_string(text += text.empty() ? '[' : ',', key);
      text += ']';
    }
    add(path_ + "[]", fingerprints_.of(text), false, text);
  }

  void leaf(std::string_view name, element value, const Inside& inside) {
    std::string_view raw;
    const bool is_string = is_text(value, raw);
    if (is_string && raw.starts_with("ENC[AES256_GCM,")) return left_out_.add(path_, "encrypted by SOPS");
    auto [text, secret] = canonical(value, Lists::ordered);
    if (inside.quantities || is_one_of(name, quantities)) write_quantity(text);
    const bool sensitive =
        inside.sensitive || secret ||
        (!text.empty() && !value.is_bool() && sounds_sensitive(name) && !is_one_of(name, places_of_secrets)) ||
        holds_secret({}, is_string ? raw : std::string_view(text));
    add(path_, fingerprints_.of(text), sensitive, text);
  }

  /// Clears `text` where it is secret.
  void add(const std::string& path, Fingerprint hash, bool sensitive, std::string& text) {
    spent_ = spent_ || !budget_.spend(path.size());
    if (spent_) return;
    Attribute attribute{path, hash, {}, sensitive};
    if (sensitive)
      explicit_bzero(text.data(), text.size());
    else if (text.size() <= max_shown)
      attribute.value = text;
    out_.push_back(std::move(attribute));
  }

  /// stringData wins over data, as the server has it.
  void secret_data() {
    object data, plain;
    const bool has_plain = is_object(of_.json["stringData"], plain);
    std::unordered_set<std::string_view> keys;
    if (has_plain)
      for (const auto [key, value] : plain) {
        keys.insert(key);
        std::string_view text;
        if (is_text(value, text))
          secret(key, std::string(text));
        else
          left_out_.add("stringData." + path_part(key), "not text");
      }
    if (!is_object(of_.json["data"], data)) return;
    for (const auto [key, value] : data) {
      if (keys.contains(key)) continue;
      std::string_view text;
      if (value.is_null()) {
        secret(key, {});
      } else if (!is_text(value, text)) {
        left_out_.add("data." + path_part(key), "not text");
      } else if (auto bytes = decode_base64(text, Base64::strict)) {
        secret(key, std::move(*bytes));
      } else {
        left_out_.add("data." + path_part(key), text.starts_with("ENC[") ? "encrypted by SOPS" : "not base64");
      }
    }
  }

  void secret(std::string_view key, std::string bytes) {
    if (std::string_view(bytes).starts_with("ENC[AES256_GCM,"))
      left_out_.add("data." + path_part(key), "encrypted by SOPS");
    else
      add_secret("data." + path_part(key), bytes);
    explicit_bzero(bytes.data(), bytes.size());
  }

  void add_secret(const std::string& path, std::string_view bytes) {
    std::string text = canonical_text(bytes).text;  // secret whatever it is
    add(path, fingerprints_.of(text), true, text);
  }

  const KubernetesObject& of_;
  const Fingerprinter& fingerprints_;
  WorkBudget& budget_;
  std::vector<Attribute>& out_;
  LeftOut& left_out_;
  std::string path_;
  bool spent_ = false;
};

}  // namespace

Result<void> append_kubernetes_attributes(const KubernetesObject& object, const Fingerprinter& fingerprints,
                                          WorkBudget& budget, const std::string& place, std::vector<Attribute>& out,
                                          LeftOut& left_out) {
  if (!Walk(object, fingerprints, budget, out, left_out).run()) return too_much_work(place);
  return {};
}

bool holds_secret(std::string_view name, std::string_view text) {
  if (text.empty()) return false;
  if (sounds_sensitive(name) || looks_sensitive(text)) return true;
  // The word before each "=" and ":" that something follows: "db.password = x", {"password":"x"}.
  constexpr std::size_t longest_word = 64;
  for (std::size_t at = text.find_first_of("=:"); at != std::string_view::npos; at = text.find_first_of("=:", at + 1)) {
    const auto value = text.find_first_not_of(" \t\"'", at + 1);
    if (value == std::string_view::npos || std::string_view("\r\n{[").find(text[value]) != std::string_view::npos)
      continue;
    std::size_t end = at;
    while (end > 0 && at - end < 4 && (text[end - 1] == ' ' || text[end - 1] == '"' || text[end - 1] == '\'')) --end;
    std::size_t start = end;
    while (start > 0 && end - start < longest_word && is_word(text[start - 1])) --start;
    if (start != end && sounds_sensitive(text.substr(start, end - start))) return true;
  }
  return false;
}

Error too_much_work(const std::string& place) {
  return invalid("read " + place, "its names and rules multiply to far more than its size",
                 "shorten what is very long, or split it");
}

/// ParseAppInstanceValue and UnstructuredToAppInstanceValue of argo-cd's util/argo/resource_tracking.go: outside of
/// namespaces, the id holds the application's own.
bool is_tracked_as(const KubernetesObject& object, std::string_view id) {
  const auto first = id.find(':');
  const auto last = first == std::string_view::npos ? first : id.find(':', first + 1);
  if (last == std::string_view::npos) return false;
  const auto kind = id.substr(first + 1, last - first - 1);
  const auto name = id.substr(last + 1);
  const auto slash = name.find('/');
  if (slash == std::string_view::npos || name.substr(slash + 1) != object.name) return false;
  if (!object.ns.empty() && name.substr(0, slash) != object.ns) return false;
  return kind == std::string(object.group) + "/" + std::string(object.kind);
}

}  // namespace plumbline::baseline
