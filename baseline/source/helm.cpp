#include "baseline/source/helm.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>

#include "baseline/source/base64.hpp"
#include "baseline/source/gunzip.hpp"
#include "baseline/source/json_members.hpp"
#include "baseline/source/json_text.hpp"
#include "baseline/source/kubernetes.hpp"
#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::object;

constexpr std::size_t max_release = std::size_t{64} << 20;
constexpr std::size_t max_ratio = 100;  // of manifests it is 5 to 20
constexpr std::string_view record_prefix = "sh.helm.release.v1.";

/// Text that is cleared at the end: releases hold secrets.
struct Cleared {
  explicit Cleared(std::string given) : text(std::move(given)) {}
  ~Cleared() { explicit_bzero(text.data(), text.size()); }
  Cleared(const Cleared&) = delete;
  Cleared& operator=(const Cleared&) = delete;

  std::string text;
};

/// One version of a release, by what its record's name and labels say.
struct Record {
  const KubernetesObject* object = nullptr;
  std::string_view release;
  std::string_view status;
  std::int64_t version = 0;
};

bool is_record(const KubernetesObject& of) {
  object labels;
  if (!of.group.empty()) return false;
  if (of.kind == "Secret") return text_member(of.json, "type") == "helm.sh/release.v1";
  return of.kind == "ConfigMap" && is_object(of.metadata["labels"], labels) && text_member(labels, "owner") == "helm";
}

/// nullopt where the record is not called as Helm calls it: "sh.helm.release.v1.<release>.v<version>".
std::optional<Record> record_of(const KubernetesObject& of) {
  Record record{&of, {}, {}, 0};
  object labels;
  if (!of.name.starts_with(record_prefix)) return std::nullopt;
  const auto rest = of.name.substr(record_prefix.size());
  const auto dot = rest.rfind(".v");
  if (dot == std::string_view::npos || dot == 0) return std::nullopt;
  record.release = rest.substr(0, dot);
  const auto digits = rest.substr(dot + 2);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), record.version);
  if (error != std::errc() || end != digits.data() + digits.size() || record.version < 1) return std::nullopt;
  if (is_object(of.metadata["labels"], labels)) record.status = text_member(labels, "status");
  return record;
}

/// The JSON of a record. Errors hold nothing of it.
Result<std::string> unpacked(const KubernetesObject& of) {
  const std::string what = "unpack a release";
  object data;
  std::string_view text;
  if (!is_object(of.json["data"], data) || (text = text_member(data, "release")).empty())
    return invalid(what, "data.release is missing or empty");
  Cleared inner{std::string()};
  if (of.kind == "Secret") {
    auto bytes = decode_base64(text, Base64::strict);
    if (!bytes) return invalid(what, "data.release is not base64");
    inner.text = std::move(*bytes);
    text = inner.text;
  }
  auto bytes = decode_base64(text, Base64::strict);
  if (!bytes) return invalid(what, "data.release is not what Helm writes: no base64 within");
  // Helm itself takes records from before it packed them.
  if (!is_gzip(*bytes)) return std::move(*bytes);
  const Cleared packed(std::move(*bytes));
  auto json = gunzip(packed.text, std::min(max_release, (std::size_t{1} << 20) + max_ratio * packed.text.size()));
  if (!json) return invalid(what, "data.release cannot be unpacked: " + json.error().why);
  return json;
}

class HelmReader {
 public:
  HelmReader(const SourceSpec& spec, const Keys& keys, Builder& out) : spec_(spec), keys_(keys), out_(out) {}

  Result<void> read(std::string_view bytes) {
    const auto objects = KubernetesObjects::read({spec_.path, "helm:" + spec_.name + "/", {}}, bytes, out_);
    if (!objects) return objects.error();
    bool any = false;
    for (const KubernetesObject& of : objects->all()) {
      if (of.superseded) continue;
      const auto record = is_record(of) ? record_of(of) : std::nullopt;
      any = any || record;
      if (record)
        records_[{of.ns, record->release}].push_back(*record);
      else
        out_.skip(of.address, is_record(of) ? "a record of Helm under a name that Helm does not give"
                                            : "no record of a Helm release");
    }
    if (!any)
      return invalid("read the Helm releases " + spec_.path, "it holds no record of Helm",
                     "give `kubectl get secrets -A -l owner=helm -o yaml`, or use the kind kubernetes for manifests");
    for (const auto& [name, records] : records_) ++names_[name.second];
    for (auto& [name, records] : records_)
      if (auto ok = release(name, records); !ok) return ok.error();
    if (taken_ == 0)
      return invalid("read the Helm releases " + spec_.path, "no release could be taken: " + first_trouble_,
                     "give the records of releases that are deployed");
    return {};
  }

 private:
  using Name = std::pair<std::string_view, std::string_view>;  ///< namespace, release

  std::string address(const Name& name) const {
    std::string text = "helm:" + spec_.name + "/";
    if (!name.first.empty()) text.append(name.first).append("/");
    return text.append(name.second);
  }

  void skip(const std::string& address, const std::string& why) {
    if (first_trouble_.empty()) first_trouble_ = address + ": " + why;
    out_.skip(address, why);
  }

  /// Takes the one that counts.
  Result<void> release(const Name& name, std::vector<Record>& records) {
    std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) { return a.version > b.version; });
    const auto current =
        std::find_if(records.begin(), records.end(), [](const Record& record) { return record.status == "deployed"; });
    for (auto it = records.begin(); it != records.end(); ++it) {
      if (it == current) continue;
      const std::string status = it->status.empty() ? "without a status" : config::shown(it->status);
      skip(address(name) + "/v" + std::to_string(it->version),
           it->status == "deployed" ? "an older one that is deployed, too: a newer version counts"
                                    : status + ": not what is deployed");
    }
    if (current == records.end()) {
      skip(address(name), "no version of it is deployed");
      return {};
    }
    return take(name, *current);
  }

  Result<void> take(const Name& name, const Record& record) {
    const std::string own = address(name);
    auto unpacked_json = unpacked(*record.object);
    if (!unpacked_json) {
      skip(own, unpacked_json.error().why);
      return {};
    }
    const Cleared json(std::move(*unpacked_json));
    JsonText text;
    object release, info;
    const auto top = text.parse("read a release", json.text);
    if (!top || !is_object(*top, release)) {
      skip(own, "what is packed in its record is not the JSON of a release");
      return {};
    }
    std::int64_t version = 0;
    const bool same = text_member(release, "name") == name.second &&
                      release["version"].get_int64().get(version) == simdjson::SUCCESS && version == record.version &&
                      is_object(release["info"], info) && text_member(info, "status") == record.status &&
                      (name.first.empty() || text_member(release, "namespace") == name.first);
    if (!same) {
      skip(own, "its record's name and labels contradict what is packed in it");
      return {};
    }
    if (array hooks; is_list(release["hooks"], hooks) && hooks.begin() != hooks.end())
      out_.skip(own, "its hooks (" + std::to_string(hooks.size()) + "): they exist only while Helm runs them");
    const std::string key = (names_[name.second] > 1 ? std::string(name.first) + "/" : "") + std::string(name.second);
    const auto manifest = text_member(release, "manifest");
    if (manifest.find_first_not_of(" \t\r\n") == std::string_view::npos) {
      out_.skip(own, "its manifest is empty");
    } else {
      const std::string origin = spec_.path + " (" + own + "/v" + std::to_string(version) + ", manifest)";
      const auto objects = KubernetesObjects::read({origin, own + "/", std::string(name.first)}, manifest, out_);
      if (!objects) {
        skip(own, objects.error().message());
        return {};
      }
      if (const auto ok = emit_kubernetes(*objects, manifest.size(), keys_, out_); !ok) return ok.error();
    }
    ++taken_;
    out_.revision(key, std::to_string(version));
    if (const auto since = text_member(info, "first_deployed"); !since.empty())
      out_.revision(key + " since", config::shown(since));
    return {};
  }

  const SourceSpec& spec_;
  const Keys& keys_;
  Builder& out_;
  std::map<Name, std::vector<Record>> records_;
  std::map<std::string_view, int> names_;  ///< how many releases are called so
  std::size_t taken_ = 0;
  std::string first_trouble_;
};

}  // namespace

Result<void> read_helm(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out) {
  return HelmReader(spec, keys, out).read(bytes);
}

}  // namespace plumbline::baseline
