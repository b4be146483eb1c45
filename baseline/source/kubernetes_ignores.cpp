#include "baseline/source/kubernetes_ignores.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "baseline/source/json_members.hpp"
#include "baseline/source/kubernetes_paths.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

/// A Flux selector's regular expression where it is a plain one: names between "|", ".*" at the end of one. Flux
/// anchors it. Empty: anything.
class Pattern {
 public:
  /// nullopt for any other expression.
  static std::optional<Pattern> of(std::string_view text) {
    Pattern pattern;
    if (text.starts_with('^')) text.remove_prefix(1);
    if (text.ends_with('$')) text.remove_suffix(1);
    if (text.starts_with('(') && text.ends_with(')')) text = text.substr(1, text.size() - 2);
    while (!text.empty()) {
      auto name = text.substr(0, text.find('|'));
      text.remove_prefix(std::min(name.size() + 1, text.size()));
      const bool open = name.ends_with(".*");
      if (open) name.remove_suffix(2);
      if (name.find_first_of("\\^$*+?()[]{}") != std::string_view::npos) return std::nullopt;
      pattern.names_.push_back({name, open});
    }
    return pattern;
  }

  bool matches(std::string_view text) const {
    return names_.empty() || std::any_of(names_.begin(), names_.end(), [&](const Name& name) {
             return name.open ? text.starts_with(name.text) : text == name.text;
           });
  }
  bool is_open() const { return names_.empty(); }

 private:
  struct Name {
    std::string_view text;
    bool open;
  };
  std::vector<Name> names_;
};

constexpr std::size_t a_look = 32;  ///< at an object by a rule, in the units of the budget

/// Labels or annotations of an object.
std::string_view note(const KubernetesObject& of, std::string_view where, std::string_view name) {
  object notes;
  return is_object(of.metadata[where], notes) ? text_member(notes, name) : std::string_view{};
}

/// Which rule, said so that its author finds it.
std::string rule_at(const char* list, std::size_t i) {
  return std::string(list) + "[" + std::to_string(i) + "]";
}

class Ignores {
 public:
  Ignores(const KubernetesObjects& objects, WorkBudget& budget, Builder& out)
      : objects_(objects), budget_(budget), out_(out), result_(objects.all().size()) {
    for (std::size_t i = 0; i < result_.size(); ++i)
      if (!at(i).superseded) by_kind_[at(i).kind].push_back(i);
  }

  Result<std::vector<std::vector<std::string>>> run() {
    for (std::size_t i = 0; i < result_.size() && !spent_; ++i) {
      const KubernetesObject& of = at(i);
      object spec;
      if (of.superseded || !is_object(of.json["spec"], spec)) continue;
      if (is_scalable(of) && !has_member(spec, "replicas")) result_[i].emplace_back("spec.replicas");
      if (of.kind == "HorizontalPodAutoscaler" && of.group == "autoscaling") scaled(of, spec);
      if (of.kind == "ScaledObject" && of.group == "keda.sh") scaled(of, spec);
      if (of.kind == "Application" && of.group == "argoproj.io") argo(of, spec);
      if (object detection; of.kind == "HelmRelease" && of.group == "helm.toolkit.fluxcd.io" &&
                            is_object(spec["driftDetection"], detection))
        flux(of, detection, "spec.driftDetection.ignore");
      if (of.kind == "Kustomization" && of.group == "kustomize.toolkit.fluxcd.io") flux(of, spec, "spec.ignore");
    }
    if (spent_) return too_much_work(objects_.text().origin);
    for (auto& paths : result_) {
      std::sort(paths.begin(), paths.end());
      paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
    }
    return std::move(result_);
  }

 private:
  const KubernetesObject& at(std::size_t i) const { return objects_.all()[i]; }
  std::size_t place_of(const KubernetesObject& object) const {
    return static_cast<std::size_t>(&object - objects_.all().data());
  }
  static bool is_scalable(const KubernetesObject& of) {
    return (of.group == "apps" && (of.kind == "Deployment" || of.kind == "StatefulSet" || of.kind == "ReplicaSet")) ||
           (of.group.empty() && of.kind == "ReplicationController");
  }
  bool spend(std::size_t amount) {
    spent_ = spent_ || !budget_.spend(amount);
    return !spent_;
  }

  void scaled(const KubernetesObject& of, object spec) {
    object target;
    if (!is_object(spec["scaleTargetRef"], target)) return;
    const bool keda = of.group == "keda.sh";  // which has defaults
    const auto api = text_member(target, "apiVersion");
    const auto kind = text_member(target, "kind");
    const auto* found = objects_.find(api.empty() && keda ? "apps" : group_of(api),
                                      kind.empty() && keda ? "Deployment" : kind, of.ns, text_member(target, "name"));
    if (found != nullptr && spend(16)) result_[place_of(*found)].emplace_back("spec.replicas");
  }

  /// Adds what `path` means in the object.
  void ignore(std::size_t i, const FieldPath& path) {
    if (!spent_ && !append_field_paths(at(i).json, path, budget_, result_[i])) spent_ = true;
  }

  /// Calls `take(i)` for every object of a kind; of any where `kind` is "" or "*".
  template <class Take>
  void each(std::string_view kind, Take take) {
    if (kind.empty() || kind == "*") {
      for (std::size_t i = 0; i < result_.size() && spend(a_look); ++i)
        if (!at(i).superseded) take(i);
    } else if (const auto it = by_kind_.find(kind); it != by_kind_.end()) {
      for (const std::size_t i : it->second)
        if (spend(a_look)) take(i);
    }
  }

  /// The expressions of one list, those that cannot be read told.
  template <class Parse>
  void add_paths(object rule, const char* list, Parse parse, const std::string& place, const KubernetesObject& of,
                 std::vector<FieldPath>& paths) {
    array texts;
    if (!is_list(rule[list], texts)) return;
    std::size_t i = 0;
    for (const element item : texts) {
      std::string_view text;
      auto path = item.get_string().get(text) == simdjson::SUCCESS ? parse(text) : std::nullopt;
      if (path)
        paths.push_back(std::move(*path));
      else
        out_.skip(of.address, place + "." + rule_at(list, i) + " is no plain path: not ignored");
      ++i;
    }
  }

  void argo(const KubernetesObject& app, object spec) {
    array rules;
    if (!is_list(spec["ignoreDifferences"], rules)) return;
    std::size_t n = 0;
    for (const element item : rules) {
      const std::string place = rule_at("spec.ignoreDifferences", n++);
      object rule;
      if (!is_object(item, rule)) continue;
      if (has_member(rule, "managedFieldsManagers"))
        out_.skip(app.address, place + ".managedFieldsManagers: what a manager owns is known to the cluster only");
      std::vector<FieldPath> paths;
      add_paths(rule, "jsonPointers", parse_json_pointer, place, app, paths);
      add_paths(rule, "jqPathExpressions", parse_jq_path, place, app, paths);
      const auto group = text_member(rule, "group");
      const auto name = text_member(rule, "name");
      const auto ns = text_member(rule, "namespace");
      each(text_member(rule, "kind"), [&](std::size_t i) {
        const KubernetesObject& of = at(i);
        if ((group != "*" && of.group != group) || (!name.empty() && of.name != name) || (!ns.empty() && of.ns != ns) ||
            is_of_another_app(of, app))
          return;
        for (const auto& path : paths) ignore(i, path);
      });
    }
  }

  static bool is_of_another_app(const KubernetesObject& of, const KubernetesObject& app) {
    const auto id = note(of, "annotations", tracking_annotation);
    if (id.empty() || !is_tracked_as(of, id)) return false;
    // "namespace_name" for applications outside of Argo CD's own namespace.
    const auto tracked = id.substr(0, id.find(':'));
    return tracked != app.name && tracked != std::string(app.ns) + "_" + std::string(app.name);
  }

  void flux(const KubernetesObject& owner, object in, const char* list) {
    array rules;
    if (!is_list(in["ignore"], rules)) return;
    std::size_t n = 0;
    for (const element item : rules) {
      const std::string place = rule_at(list, n++);
      object rule, target;
      if (!is_object(item, rule)) continue;
      const bool has_target = is_object(rule["target"], target);
      const auto field = [&](const char* name) {
        return Pattern::of(has_target ? text_member(target, name) : std::string_view{});
      };
      const auto group = field("group"), version = field("version"), kind = field("kind"), name = field("name"),
                 ns = field("namespace");
      const bool selects = has_target && (!text_member(target, "labelSelector").empty() ||
                                          !text_member(target, "annotationSelector").empty());
      if (selects || !group || !version || !kind || !name || !ns) {
        out_.skip(owner.address, place + ".target: selectors and regular expressions are not evaluated: not ignored");
        continue;
      }
      std::vector<FieldPath> paths;
      add_paths(rule, "paths", parse_json_pointer, place, owner, paths);
      each({}, [&](std::size_t i) {
        const KubernetesObject& of = at(i);
        if (!group->matches(of.group) || !version->matches(of.version) || !kind->matches(of.kind) ||
            !name->matches(of.name) || !ns->matches(of.ns) || !is_of(of, owner, !kind->is_open()))
          return;
        for (const auto& path : paths) ignore(i, path);
      });
    }
  }

  /// By the labels that Flux puts on what it applies; without any, whether `by_default`.
  static bool is_of(const KubernetesObject& of, const KubernetesObject& owner, bool by_default) {
    const std::string group(owner.group);
    const auto name = note(of, "labels", group + "/name");
    return name.empty() ? by_default : name == owner.name && note(of, "labels", group + "/namespace") == owner.ns;
  }

  const KubernetesObjects& objects_;
  WorkBudget& budget_;
  Builder& out_;
  std::vector<std::vector<std::string>> result_;
  std::unordered_map<std::string_view, std::vector<std::size_t>> by_kind_;
  bool spent_ = false;
};

}  // namespace

Result<std::vector<std::vector<std::string>>> ignored_paths(const KubernetesObjects& objects, WorkBudget& budget,
                                                            Builder& out) {
  return Ignores(objects, budget, out).run();
}

}  // namespace plumbline::baseline
