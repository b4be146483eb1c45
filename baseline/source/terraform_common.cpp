#include "baseline/source/terraform_common.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "baseline/source/terraform_file.hpp"
#include "baseline/source/terraform_provider.hpp"
#include "baseline/value/byte_classes.hpp"
#include "baseline/value/canonical_writer.hpp"
#include "baseline/value/iam_policy.hpp"
#include "baseline/value/json_keys.hpp"
#include "baseline/value/sensitive.hpp"
#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

// Bounds on what is compared with each attribute. No provider comes near; beyond them, less is told of the resource.
constexpr std::size_t max_marks = 512;     ///< then all of it is taken for secret
constexpr std::size_t max_dynamic = 64;    ///< ditto
constexpr std::size_t max_unknown = 1024;  ///< then no attribute is taken for known

/// Whether it is a type as cty writes it: "string", ["list", …].
bool is_cty_type(element type) {
  std::string_view name;
  if (type.get_string().get(name) == simdjson::SUCCESS)
    return name == "string" || name == "number" || name == "bool" || name == "dynamic";
  array parts;
  if (type.get_array().get(parts) != simdjson::SUCCESS || parts.at(0).get_string().get(name) != simdjson::SUCCESS)
    return false;
  return name == "object" || name == "map" || name == "list" || name == "set" || name == "tuple";
}

/// The value within {"value": …, "type": …}, as states write attributes of which the schema leaves the type open
/// (terraform_data.input, kubernetes_manifest.manifest).
bool is_dynamic(element wrapper, element& value) {
  object members;
  element type;
  if (wrapper.get_object().get(members) != simdjson::SUCCESS || members.size() != 2) return false;
  return members["value"].get(value) == simdjson::SUCCESS && members["type"].get(type) == simdjson::SUCCESS &&
         is_cty_type(type);
}

/// Marks do not know of such wrapping. At the top it is taken off, and they fit; one further down is marked as a whole,
/// and so is what has no members (a set, of which a mark names the element).
std::string fitting_mark(object attributes, const std::string& mark) {
  std::string name;
  for (std::size_t i = 0, level = 0; i <= mark.size(); ++i) {
    if (i < mark.size() && mark[i] != '.') {
      if (mark[i] == '\\' && i + 1 < mark.size()) ++i;
      name += mark[i];
      continue;
    }
    element member, inner;
    if (attributes[name].get(member) != simdjson::SUCCESS) return mark;
    if (is_dynamic(member, inner)) {
      if (level != 0) return mark.substr(0, i);
      member = inner;
    }
    if (member.get_object().get(attributes) != simdjson::SUCCESS) return mark.substr(0, i);
    name.clear();
    ++level;
  }
  return mark;
}

}  // namespace

TerraformEmitter::TerraformEmitter(const SourceSpec& spec, const Keys& keys, Builder& out, std::string base)
    : spec_(spec), keys_(keys), out_(out), base_(std::move(base)), walk_(keys.attributes) {}

void TerraformEmitter::prepare_rules(const TerraformInstance& instance) {
  if (type_ != instance.type || provider_ != resource_.provider || type_.empty()) {
    type_ = instance.type;
    provider_ = resource_.provider;
    is_of_type_ = false;
    id_names_without_.clear();
    rules_.computed.clear();
    rules_.sensitive.clear();
    append_computed(provider_, type_, rules_.computed);
    append_always_sensitive(type_, rules_.sensitive);
    computed_of_type_ = rules_.computed.size();
    sensitive_of_type_ = rules_.sensitive.size();
  }
  rules_.computed.resize(computed_of_type_);
  rules_.computed.insert(rules_.computed.end(), instance.unknown.begin(), instance.unknown.end());
  rules_.sensitive.resize(sensitive_of_type_);
  rules_.sensitive.insert(rules_.sensitive.end(), instance.sensitive.begin(), instance.sensitive.end());
  const auto marks = rules_.sensitive.begin() + static_cast<std::ptrdiff_t>(sensitive_of_type_);
  std::sort(marks, rules_.sensitive.end());
  rules_.sensitive.erase(std::unique(marks, rules_.sensitive.end()), rules_.sensitive.end());
  const std::size_t count = rules_.sensitive.size() - sensitive_of_type_;
  rules_.all_sensitive = instance.all_sensitive || count > max_marks || (count > 0 && marks->empty());
  if (rules_.all_sensitive) {
    rules_.sensitive.resize(sensitive_of_type_);
  } else {
    std::transform(marks, rules_.sensitive.end(), marks,
                   [&](const std::string& mark) { return fitting_mark(instance.attributes, mark); });
  }
  merge_tags(instance);
}

/// One map that has every tag, so that another one is known to be new. Where some are known only after the apply, none
/// are compared.
void TerraformEmitter::merge_tags(const TerraformInstance& instance) {
  rules_.merged = merged_tags(provider_);
  const auto [part, whole] = rules_.merged;
  if (whole.empty()) return;
  const auto is_tag = [&](const std::string& path) { return is_within(path, part) || is_within(path, whole); };
  if (std::any_of(instance.unknown.begin(), instance.unknown.end(), is_tag)) {
    rules_.merged = {};
    rules_.computed.push_back(part);
    return;
  }
  object all;
  if (instance.attributes[whole].get(all) != simdjson::SUCCESS || all.size() == 0) {
    rules_.merged = {};
    return;
  }
  for (auto& mark : rules_.sensitive)
    if (is_within(mark, whole)) mark = part + mark.substr(whole.size());
}

/// Dynamic values without their wrapping, so that their paths are those of `show -json`.
void TerraformEmitter::append_dynamic(const TerraformInstance& instance) {
  const std::size_t known = rules_.computed.size();
  for (const auto [name, wrapped] : instance.attributes) {
    element value;
    object members;
    if (!is_dynamic(wrapped, value)) continue;
    if (rules_.computed.size() == known + max_dynamic) {
      rules_.all_sensitive = true;  // no provider has so many, and marks do not fit the rest of them
      return;
    }
    const std::string path = path_part(name);
    const auto covers = [&](const std::string& other) { return is_within(path, other); };
    if (std::any_of(rules_.computed.begin(), rules_.computed.begin() + static_cast<std::ptrdiff_t>(known), covers))
      continue;
    if (value.get_object().get(members) == simdjson::SUCCESS && members.size() != 0 && !is_policy(members)) {
      AttributeRules rules = rules_;
      rules.computed.resize(known);
      append_attributes(members, rules, keys_.attributes, resource_.attributes, path);
    } else {
      const auto is_marked = [&](const std::string& mark) { return is_within(path, mark) || is_within(mark, path); };
      auto [text, secret] = canonical(value, rules_.lists, name);
      Attribute attribute{path, keys_.attributes.of(text), std::move(text), false};
      attribute.sensitive = rules_.all_sensitive || secret || (sounds_sensitive(name) && !value.is_bool()) ||
                            std::any_of(rules_.sensitive.begin(), rules_.sensitive.end(), is_marked);
      if (attribute.sensitive) explicit_bzero(attribute.value.data(), attribute.value.size());
      if (attribute.sensitive || attribute.value.size() > max_shown) attribute.value.clear();
      resource_.attributes.push_back(std::move(attribute));
    }
    rules_.computed.push_back(path);
  }
}

/// Whether the walk goes by these rules already: those of the type are the same, and so are those of the instance.
bool TerraformEmitter::rules_in_use() const {
  const auto same_behind = [](const std::vector<std::string>& a, const std::vector<std::string>& b, std::size_t from) {
    const auto begin = static_cast<std::ptrdiff_t>(from);
    return a.size() == b.size() && std::equal(a.begin() + begin, a.end(), b.begin() + begin);
  };
  return is_of_type_ && rules_.all_sensitive == in_use_.all_sensitive && rules_.merged == in_use_.merged &&
         same_behind(rules_.computed, in_use_.computed, computed_of_type_) &&
         same_behind(rules_.sensitive, in_use_.sensitive, sensitive_of_type_);
}

/// False where a key stands twice in the attributes.
bool TerraformEmitter::flatten(const TerraformInstance& instance) {
  std::size_t dynamic = 0;  // attributes
  if (has_dynamic_) {
    resource_.attributes.clear();
    append_dynamic(instance);
    dynamic = resource_.attributes.size();
  }
  if (!rules_in_use()) {
    in_use_ = rules_;
    is_of_type_ = true;
    walk_.use(in_use_);
  }
  return walk_.replace(instance.attributes, resource_.attributes, dynamic);
}

/// Some providers make the id from the secret. A fingerprint that fits tells.
void TerraformEmitter::drop_ids_of_secrets() {
  if (std::none_of(resource_.attributes.begin(), resource_.attributes.end(),
                   [](const Attribute& attribute) { return attribute.sensitive; }))
    return;
  std::erase_if(resource_.ids, [&](const std::string& id) {
    canonical_.clear();
    if (is_plain_text(id, NameFacts{0}) && (byte_classes(id) & needs_escape) == 0)
      canonical_.append("\"").append(id).append("\"");  // as most are
    else
      (void)append_canonical_text(id, canonical_);  // ids that look like a secret were left out
    const auto print = keys_.attributes.of(canonical_);
    return std::any_of(resource_.attributes.begin(), resource_.attributes.end(),
                       [&](const Attribute& attribute) { return attribute.sensitive && attribute.hash == print; });
  });
}

/// One walk for all that is asked of single members.
void TerraformEmitter::look_at_members(const TerraformInstance& instance) {
  naming_.clear();
  has_dynamic_ = false;
  element wrapped;
  // Not by *member, which would make a pair of them.
  for (auto member = instance.attributes.begin(); member != instance.attributes.end(); ++member) {
    const element value = member.value();
    if (const std::string_view name = member.key(); NamingMembers::wants(name)) naming_.add(name, value);
    has_dynamic_ = has_dynamic_ || (value.is_object() && is_dynamic(value, wrapped));
  }
}

Result<void> TerraformEmitter::emit(const TerraformInstance& instance) {
  resource_.address = instance.address;
  if (raw_provider_ != instance.provider) {
    raw_provider_ = instance.provider;
    resource_.provider = terraform_provider_name(instance.provider);
  }
  resource_.type = instance.type;
  prepare_rules(instance);
  can_repeat_ = false;
  const bool is_file = is_terraform_file(instance.type);
  const bool secret_file = is_file && terraform_file_is_sensitive(instance);
  if (secret_file)
    for (const char* name : {"content", "sensitive_content", "content_base64"}) rules_.sensitive.emplace_back(name);
  look_at_members(instance);
  if (id_names_without_ != rules_.sensitive) {  // which is never empty
    id_names_without_ = rules_.sensitive;
    id_names_ = id_names_of(resource_, rules_.sensitive);
  }
  identify(naming_, id_names_, resource_);
  if (rules_.all_sensitive) resource_.ids.clear();
  const bool nothing_known =
      instance.unknown.size() > max_unknown || std::any_of(instance.unknown.begin(), instance.unknown.end(),
                                                           [](const std::string& path) { return path.empty(); });
  if (nothing_known)
    resource_.attributes.clear();
  else if (!flatten(instance))
    return key_twice(spec_, instance.pointer + duplicate_key(instance.attributes).value_or(""));
  drop_ids_of_secrets();
  out_.resource(resource_);
  // A mark that goes on below a member depends on what that is (fitting_mark()).
  const auto goes_on = [](const std::string& mark) { return mark.find('.') != std::string::npos; };
  can_repeat_ = !is_file && !has_dynamic_ && !rules_.all_sensitive && instance.unknown.empty() &&
                std::none_of(instance.sensitive.begin(), instance.sensitive.end(), goes_on);
  if (!is_file) return {};
  return emit_terraform_file(instance, secret_file, spec_, base_, keys_, out_);
}

void TerraformEmitter::emit_again(const std::string& address, const NamingMembers& members) {
  resource_.address = address;
  identify(members, id_names_, resource_);
  drop_ids_of_secrets();
  out_.resource(resource_);
}

void TerraformEmitter::forget() {
  resource_.attributes = {};
  walk_.use(in_use_);
  can_repeat_ = false;
}

bool append_terraform_index(element key, std::string& address) {
  if (key.is_null()) return true;
  std::int64_t index = 0;
  if (key.get_int64().get(index) == simdjson::SUCCESS) {
    address.append("[").append(std::to_string(index)).append("]");
    return true;
  }
  std::string_view name;
  if (key.get_string().get(name) != simdjson::SUCCESS) return false;
  address.append("[\"").append(hcl_quoted(name)).append("\"]");
  return true;
}

std::string hcl_quoted(std::string_view name) {
  std::string quoted;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\r') {
      quoted += "\\r";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (const auto byte = static_cast<unsigned char>(c); byte < 0x20 || byte == 0x7F) {
      char text[8];
      std::snprintf(text, sizeof text, "\\u%04x", byte);
      quoted += text;
    } else {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
      if ((c == '$' || c == '%') && i + 1 < name.size() && name[i + 1] == '{') quoted += c;
    }
  }
  return quoted;
}

Error key_twice(const SourceSpec& spec, const std::string& pointer) {
  return invalid(spec.path + "#" + pointer, "stands there twice, and readers disagree about which one counts",
                 "no tool writes that: find out who changed the file");
}

bool is_encrypted_by_tofu(object top) {
  std::string_view version;
  if (top["encryption_version"].get_string().get(version) == simdjson::SUCCESS && !version.empty()) return true;
  return top["encrypted_data"].error() == simdjson::SUCCESS;
}

Result<void> read_encrypted_state(const SourceSpec& spec, object top, Builder& out) {
  std::int64_t serial = 0;
  std::string_view lineage;
  if (top["serial"].get_int64().get(serial) != simdjson::SUCCESS ||
      top["lineage"].get_string().get(lineage) != simdjson::SUCCESS || lineage.empty())
    return Error{ErrorCode::unsupported, "read " + spec.path,
                 "it is encrypted by OpenTofu and shows no serial and lineage: a plan, or no state at all",
                 "give the state itself, or a manifest of the files (docs/reference/manifest.md)"};
  out.revision("serial", std::to_string(serial));
  out.revision("lineage", config::shown(lineage));
  out.opaque(
      "tofu:" + spec.name,
      "encrypted by OpenTofu, and there is no key here: only serial and lineage are known, so drift is coarse: a "
      "change of the state is seen, no resource in it");
  return {};
}

}  // namespace plumbline::baseline
