#include "baseline/source/terraform_json.hpp"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "baseline/source/json_text.hpp"
#include "baseline/source/terraform_common.hpp"
#include "baseline/source/terraform_marks.hpp"
#include "baseline/source/terraform_provider.hpp"
#include "baseline/value/json_keys.hpp"
#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::key_value_pair;
using simdjson::dom::object;

constexpr std::size_t names_shown = 8;

std::string_view text(const object& of, std::string_view key) {
  std::string_view value;
  return of[key].get_string().get(value) == simdjson::SUCCESS ? value : std::string_view{};
}

bool flag(const object& of, std::string_view key, bool absent) {
  bool value = absent;
  return of[key].get_bool().get(value) == simdjson::SUCCESS ? value : absent;
}

bool has(const object& of, std::string_view key) {
  element value;
  return of[key].get(value) == simdjson::SUCCESS && !value.is_null();
}

/// "a, b, c and 4 more"
std::string listed(const std::vector<std::string>& names) {
  std::string result;
  for (std::size_t i = 0; i < names.size() && i < names_shown; ++i)
    result += (i == 0 ? "" : ", ") + config::shown(names[i]);
  if (names.size() > names_shown) result += " and " + std::to_string(names.size() - names_shown) + " more";
  return result;
}

/// Names of `before`'s members that `after` has not, or with another value.
std::vector<std::string> changed_names(const object& before, const object& after) {
  std::unordered_map<std::string_view, element> values;
  for (const key_value_pair member : after) values.emplace(member.key, member.value);
  std::vector<std::string> names;
  std::string old_text, new_text;
  for (const key_value_pair member : before) {
    old_text.clear();
    new_text.clear();
    (void)append_canonical(member.value, Lists::unordered, old_text);
    if (const auto now = values.find(member.key); now != values.end())
      (void)append_canonical(now->second, Lists::unordered, new_text);
    if (old_text != new_text) names.emplace_back(member.key);
    explicit_bzero(old_text.data(), old_text.size());
    explicit_bzero(new_text.data(), new_text.size());
  }
  return names;
}

/// A planned change, of which only what the planned values lack is kept.
struct Change {
  element after_unknown;
  element after_sensitive;
  bool has_unknown = false;
  bool has_sensitive = false;
};

class ShowReader {
 public:
  ShowReader(const SourceSpec& spec, const Keys& keys, Builder& out)
      : spec_(spec), out_(out), emitter_(spec, keys, out, "") {}

  Result<void> read(const object& top) {
    if (auto ok = check_head(top); !ok) return ok;
    const bool is_plan = has(top, "planned_values") || has(top, "resource_changes");
    if (auto ok = is_plan ? read_plan(top) : read_state(top); !ok) return ok;
    if (seen_.empty() && changes_.empty()) out_.skip("tofu:" + spec_.name, "no managed resource in it");
    return {};
  }

 private:
  Error refuse(const std::string& pointer, const std::string& why,
               const std::string& fix = "is this the output of `show -json`, written whole?") const {
    return invalid(spec_.path + "#" + pointer, why, fix);
  }

  std::string whole(std::string_view address) const { return "tofu:" + spec_.name + "/" + std::string(address); }

  Result<void> check_head(const object& top) {
    if (is_encrypted_by_tofu(top))
      return Error{ErrorCode::unsupported, "read " + spec_.path,
                   "it is encrypted by OpenTofu: no output of `show -json`",
                   "read a state as kind terraform_state; of a plan, save what `tofu show -json PLAN` prints"};
    const auto version = text(top, "format_version");
    if (version.empty())
      return refuse("/format_version",
                    has(top, "lineage") ? "missing: this is a raw state, not `show -json` output"
                                        : "missing: not the output of `show -json`",
                    "read a raw state as kind terraform_state");
    if (!version.starts_with("1."))
      return Error{ErrorCode::unsupported, spec_.path + "#/format_version",
                   config::shown(version) + " is another format, this agent reads 1.x",
                   "use a current terraform or tofu"};
    return {};
  }

  Result<void> read_state(const object& top) {
    object values;
    if (top["values"].get_object().get(values) != simdjson::SUCCESS)
      return refuse("/values", "missing: no state and no plan",
                    "`show -json` prints this where there is no state: run it in the folder of the configuration");
    return read_root(values, "/values");
  }

  Result<void> read_plan(const object& top) {
    if (flag(top, "errored", false))
      return refuse("/errored", "planning failed, so the plan is not whole", "mend the configuration and plan again");
    if (const auto timestamp = text(top, "timestamp"); !timestamp.empty())
      out_.revision("timestamp", config::shown(timestamp));
    if (auto ok = read_changes(top); !ok) return ok;
    object values;
    if (top["planned_values"].get_object().get(values) != simdjson::SUCCESS)
      return refuse("/planned_values", "missing, or not an object");
    if (auto ok = read_root(values, "/planned_values"); !ok) return ok;
    if (auto ok = skip_unplanned(top); !ok) return ok;
    skip_drifted(top);
    if (!flag(top, "complete", true))
      out_.skip("tofu:" + spec_.name, "the plan says that it is not complete (-target?)");
    return {};
  }

  Result<void> read_changes(const object& top) {
    array changes;
    if (!has(top, "resource_changes")) return {};
    if (top["resource_changes"].get_array().get(changes) != simdjson::SUCCESS)
      return refuse("/resource_changes", "not a list");
    std::size_t i = 0;
    for (const element item : changes) {
      const std::string pointer = "/resource_changes/" + std::to_string(i++);
      object resource, change;
      if (item.get_object().get(resource) != simdjson::SUCCESS ||
          resource["change"].get_object().get(change) != simdjson::SUCCESS)
        return refuse(pointer, "not a change of a resource");
      const auto address = text(resource, "address");
      if (address.empty()) return refuse(pointer + "/address", "missing, or not text");
      if (text(resource, "mode") != "managed") continue;
      if (has(resource, "deposed")) {
        out_.skip(whole(config::shown(address)), "deposed: waits to be destroyed, another instance stands for it");
        continue;
      }
      Change kept;
      kept.has_unknown = change["after_unknown"].get(kept.after_unknown) == simdjson::SUCCESS;
      kept.has_sensitive = change["after_sensitive"].get(kept.after_sensitive) == simdjson::SUCCESS;
      if (!changes_.emplace(address, kept).second) return refuse(pointer + "/address", "stands twice in the plan");
      if (const auto why = gone(change); !why.empty()) out_.skip(whole(config::shown(address)), why);
    }
    return {};
  }

  /// Why nothing is wanted of a resource any more; "" where it is.
  static std::string gone(const object& change) {
    array actions;
    if (change["actions"].get_array().get(actions) != simdjson::SUCCESS || actions.size() != 1) return "";
    std::string_view action;
    if (actions.at(0).get_string().get(action) != simdjson::SUCCESS) return "";
    if (action == "delete") return "the plan destroys it";
    return action == "forget" ? "the plan forgets it: it stays, and nobody manages it" : "";
  }

  Result<void> read_root(const object& values, const std::string& pointer) {
    object root;
    if (values["root_module"].get_object().get(root) != simdjson::SUCCESS)
      return refuse(pointer + "/root_module", "missing, or not an object");
    return read_module(root, pointer + "/root_module");
  }

  /// Recursive: two levels of JSON for each level of modules, and JsonText allows 256 of the former.
  Result<void> read_module(const object& module, const std::string& pointer) {
    array items;
    if (has(module, "resources")) {
      if (module["resources"].get_array().get(items) != simdjson::SUCCESS)
        return refuse(pointer + "/resources", "not a list");
      std::size_t i = 0;
      for (const element item : items) {
        const std::string at = pointer + "/resources/" + std::to_string(i++);
        object resource;
        if (item.get_object().get(resource) != simdjson::SUCCESS) return refuse(at, "not an object");
        if (auto ok = read_resource(resource, at); !ok) return ok;
      }
    }
    if (!has(module, "child_modules")) return {};
    if (module["child_modules"].get_array().get(items) != simdjson::SUCCESS)
      return refuse(pointer + "/child_modules", "not a list");
    std::size_t i = 0;
    for (const element item : items) {
      const std::string at = pointer + "/child_modules/" + std::to_string(i++);
      object child;
      if (item.get_object().get(child) != simdjson::SUCCESS) return refuse(at, "not an object");
      if (auto ok = read_module(child, at); !ok) return ok;
    }
    return {};
  }

  Result<void> read_resource(const object& resource, const std::string& pointer) {
    const auto address = text(resource, "address"), mode = text(resource, "mode"), type = text(resource, "type");
    if (address.empty() || mode.empty() || type.empty()) return refuse(pointer, "address, mode or type is missing");
    if (mode != "managed") return {};  // data sources are looked up, not managed
    // The tools quote what is not printable in an address.
    if (std::any_of(address.begin(), address.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }))
      return refuse(pointer + "/address", "holds control characters, which no tool writes");
    instance_.address = whole(address);
    if (has(resource, "deposed_key")) {
      out_.skip(instance_.address, "deposed: waits to be destroyed, another instance stands for it");
      return {};
    }
    if (!seen_.insert(address).second) return refuse(pointer + "/address", "stands twice");
    if (resource["values"].get_object().get(instance_.attributes) != simdjson::SUCCESS) {
      if (!changes_.contains(address)) out_.skip(instance_.address, "it has no values");
      return {};
    }
    instance_.type = type;
    instance_.provider = text(resource, "provider_name");
    instance_.pointer = pointer + "/values";
    instance_.sensitive.clear();
    instance_.unknown.clear();
    element marks;
    if (resource["sensitive_values"].get(marks) == simdjson::SUCCESS) append_marked_paths(marks, instance_.sensitive);
    if (const auto change = changes_.find(address); change != changes_.end()) {
      if (change->second.has_sensitive) append_marked_paths(change->second.after_sensitive, instance_.sensitive);
      if (change->second.has_unknown) append_marked_paths(change->second.after_unknown, instance_.unknown);
      skip_unknown();
    }
    return emitter_.emit(instance_);
  }

  /// Names what is not simply computed, since the wish for it is not known yet.
  void skip_unknown() {
    if (instance_.unknown.empty()) return;
    std::vector<std::string> computed, names;
    append_computed(terraform_provider_name(instance_.provider), instance_.type, computed);
    for (const auto& path : instance_.unknown)
      if (std::none_of(computed.begin(), computed.end(), [&](const auto& of) { return is_within(path, of); }))
        names.push_back(path);
    if (!names.empty()) out_.skip(instance_.address, "known only after the apply: " + listed(names));
  }

  Result<void> skip_unplanned(const object& top) {
    object prior, values, root;
    if (top["prior_state"].get_object().get(prior) == simdjson::SUCCESS &&
        prior["values"].get_object().get(values) == simdjson::SUCCESS &&
        values["root_module"].get_object().get(root) == simdjson::SUCCESS) {
      std::vector<std::string_view> unplanned;
      collect_unplanned(root, unplanned);
      if (!unplanned.empty() && seen_.empty() && changes_.empty())
        return refuse("/planned_values",
                      "no resource in it, though there are some: a plan of -refresh-only plans nothing",
                      "give the state, or `show -json` of the state");
      for (const auto address : unplanned)
        out_.skip(whole(config::shown(address)), "in the prior state, but not in this plan (-target or -exclude?)");
    }
    array deferred;
    if (top["deferred_changes"].get_array().get(deferred) != simdjson::SUCCESS) return {};
    for (const element item : deferred) {
      std::string_view address;
      if (item["resource_change"]["address"].get_string().get(address) == simdjson::SUCCESS)
        out_.skip(whole(config::shown(address)), "deferred: the plan leaves it to a later one");
    }
    return {};
  }

  void collect_unplanned(const object& module, std::vector<std::string_view>& unplanned) const {
    array items;
    if (module["resources"].get_array().get(items) == simdjson::SUCCESS)
      for (const element item : items) {
        object resource;
        if (item.get_object().get(resource) != simdjson::SUCCESS || text(resource, "mode") != "managed") continue;
        const auto address = text(resource, "address");
        if (!address.empty() && !has(resource, "deposed_key") && !seen_.contains(address) &&
            !changes_.contains(address))
          unplanned.push_back(address);
      }
    if (module["child_modules"].get_array().get(items) != simdjson::SUCCESS) return;
    for (const element item : items) {
      object child;
      if (item.get_object().get(child) == simdjson::SUCCESS) collect_unplanned(child, unplanned);
    }
  }

  void skip_drifted(const object& top) {
    array drifted;
    if (top["resource_drift"].get_array().get(drifted) != simdjson::SUCCESS) return;
    for (const element item : drifted) {
      object resource, before, after;
      if (item.get_object().get(resource) != simdjson::SUCCESS || text(resource, "mode") != "managed") continue;
      std::vector<std::string> names;
      if (resource["change"]["before"].get_object().get(before) == simdjson::SUCCESS &&
          resource["change"]["after"].get_object().get(after) == simdjson::SUCCESS) {
        names = changed_names(before, after);
        if (names.empty()) continue;  // moved, or written in another way
      }
      out_.skip(whole(config::shown(text(resource, "address"))),
                (names.empty() ? "gone or made outside the tool when the plan was made"
                               : "changed outside the tool when the plan was made: " + listed(names)) +
                    ". This is a finding of that run, not what is wanted");
    }
  }

  const SourceSpec& spec_;
  Builder& out_;
  TerraformEmitter emitter_;
  TerraformInstance instance_;                            ///< reused
  std::unordered_set<std::string_view> seen_;             ///< addresses with or without values
  std::unordered_map<std::string_view, Change> changes_;  ///< of managed resources
};

}  // namespace

Result<void> read_terraform_json(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out) {
  const bool good = is_json_without_duplicates(bytes, 256);  // before the tree is there, which is large
  JsonText json;
  const auto top = json.parse("read " + spec.path, bytes,
                              "save what `show -json` prints, and nothing else; a writer may be in the middle of it");
  if (!top) return top.error();
  if (!good)
    return invalid(spec.path + "#", "an object in it has a key twice, which no tool writes", "was it edited by hand?");
  object root;
  if (top->get_object().get(root) != simdjson::SUCCESS)
    return invalid(spec.path + "#", "not an object: not the output of `show -json`");
  out.revision("content", keys.files.of_digest(sha256(bytes)));
  return ShowReader(spec, keys, out).read(root);
}

}  // namespace plumbline::baseline
