#include "baseline/source/kubelet_volumes.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "baseline/paths.hpp"
#include "baseline/source/base64.hpp"
#include "baseline/source/json_members.hpp"
#include "baseline/source/kubernetes_owners.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::string_view no_content = "the source does not tell it";

/// A path as kubelet takes it: relative, without "..". nullopt for any other.
std::optional<std::string> path_in_volume(std::string_view text) {
  constexpr std::size_t longest = 4096;
  if (text.empty() || text.size() > longest || text[0] == '/') return std::nullopt;
  for (std::string_view rest = text; !rest.empty();) {
    const auto part = rest.substr(0, rest.find('/'));
    if (part == "..") return std::nullopt;
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  }
  auto normal = normal_path(text, "/");
  if (!normal || *normal == "/") return std::nullopt;
  return normal->substr(1);
}

/// strconv.Quote, of printable ASCII; false for anything else, for which Go's tables would be needed.
bool append_go_quoted(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || c == '\t' || c == '\r') {
      out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r";
      continue;
    }
    if (byte < 0x20 || byte >= 0x7F) return false;
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
  return true;
}

/// Labels or annotations as kubelet writes them (fieldpath.FormatMap).
std::optional<std::string> formatted(object notes) {
  std::map<std::string_view, std::string_view> sorted;
  for (const auto [key, value] : notes) {
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS) return std::nullopt;
    sorted[key] = text;
  }
  std::string out;
  for (const auto& [key, value] : sorted) {
    if (!out.empty()) out += '\n';
    out.append(key).append("=");
    if (!append_go_quoted(value, out)) return std::nullopt;
  }
  return out;
}

/// A field of a pod as text (fieldpath.ExtractFieldPathAsString). nullopt for what the pod does not tell.
std::optional<std::string> field_of(object metadata, std::string_view field) {
  for (const std::string_view notes : {"labels", "annotations"}) {
    const std::string path = "metadata." + std::string(notes);
    object map;
    if (!field.starts_with(path)) continue;
    const bool there = is_object(metadata[notes], map);
    if (field == path) return there ? formatted(map) : std::string();
    if (!field.substr(path.size()).starts_with("['") || !field.ends_with("']") || field.size() < path.size() + 4)
      return std::nullopt;
    const auto key = field.substr(path.size() + 2, field.size() - path.size() - 4);
    return there ? std::string(text_member(map, key)) : std::string();
  }
  for (const std::string_view name : {"name", "namespace", "uid"})
    if (field == "metadata." + std::string(name)) return std::string(text_member(metadata, name));
  return std::nullopt;
}

std::optional<std::uint32_t> mode_member(object of, std::string_view name, std::uint32_t otherwise) {
  std::int64_t mode = 0;
  if (!has_member(of, name)) return otherwise;
  if (of[name].get_int64().get(mode) != simdjson::SUCCESS || mode < 0 || mode > 0777) return std::nullopt;
  return static_cast<std::uint32_t>(mode);
}

}  // namespace

std::optional<PodTemplate> pod_template_of(const KubernetesObject& of) {
  PodTemplate pod{{}, {}, of.ns, false};
  object spec, holder;
  if (!is_object(of.json["spec"], spec)) return std::nullopt;
  if (of.group.empty() && of.kind == "Pod") {
    pod.metadata = of.metadata;
    pod.spec = spec;
    pod.live = !of.uid.empty() && !text_member(spec, "nodeName").empty();
    return pod;
  }
  const bool workload = of.group == "apps" || of.group == "batch" || of.kind == "ReplicationController";
  if (!workload) return std::nullopt;
  if (of.kind == "CronJob" && (!is_object(spec["jobTemplate"], holder) || !is_object(holder["spec"], spec)))
    return std::nullopt;
  if (!is_object(spec["template"], holder) || !is_object(holder["spec"], pod.spec)) return std::nullopt;
  object metadata;
  if (is_object(holder["metadata"], metadata)) pod.metadata = metadata;
  return pod;
}

/// One volume of one pod while its payload is put together; a later source wins over an earlier one, as in kubelet.
class KubeletVolumes::Volume {
 public:
  Volume(KubeletVolumes& all, const PodTemplate& pod, const std::string& own_address, std::string_view name,
         LeftOut& unknown)
      : all_(all), pod_(pod), own_address_(own_address), name_(name), unknown_(unknown) {}

  /// False where the budget is spent.
  bool read(object volume, std::vector<VolumeFile>& out) {
    object source;
    array sources;
    if (is_object(volume["configMap"], source)) {
      plugin_ = "kubernetes.io~configmap";
      if (set_default(source)) take_object("ConfigMap", text_member(source, "name"), source);
    } else if (is_object(volume["secret"], source)) {
      plugin_ = "kubernetes.io~secret";
      if (set_default(source)) take_object("Secret", text_member(source, "secretName"), source);
    } else if (is_object(volume["downwardAPI"], source)) {
      plugin_ = "kubernetes.io~downward-api";
      if (set_default(source)) take_fields(source);
    } else if (is_object(volume["projected"], source) && is_list(source["sources"], sources)) {
      plugin_ = "kubernetes.io~projected";
      if (set_default(source))
        for (const element item : sources) project(item);
    }
    for (auto& [path, file] : files_) out.push_back(std::move(file));
    return !spent_;
  }

 private:
  bool set_default(object source) {
    const auto mode = mode_member(source, "defaultMode", 0644);
    if (!mode) return leave({}, "defaultMode is no mode");
    mode_ = *mode;
    return true;
  }

  bool leave(std::string_view path, std::string_view why) {
    unknown_.add(std::string(name_) + (path.empty() ? "" : "/" + std::string(path)), why);
    return false;
  }

  void project(element item) {
    object source, inner;
    if (!is_object(item, source)) return;
    if (is_object(source["configMap"], inner)) return take_object("ConfigMap", text_member(inner, "name"), inner);
    if (is_object(source["secret"], inner)) return take_object("Secret", text_member(inner, "name"), inner);
    if (is_object(source["downwardAPI"], inner)) return take_fields(inner);
    if (is_object(source["serviceAccountToken"], inner))
      leave(text_member(inner, "path"), "a token that the cluster renews");
    else
      leave({}, "a source that only the cluster has");
  }

  void take_object(std::string_view kind, std::string_view name, object source) {
    const KubernetesObject* found = all_.objects_.find({}, kind, pod_.ns, name);
    if (found == nullptr || !why_unmanaged(*found).empty()) {
      std::string why = "its ";
      why.append(kind);
      if (found != nullptr)
        why += ": " + why_unmanaged(*found);
      else if (all_.objects_.text().of_node)
        why += " is not there, or the agent may not get it";
      else
        why += " is not in this source";
      leave({}, why);
      return;
    }
    const Contents& contents = all_.contents_of(*found);
    array items;
    if (!is_list(source["items"], items) || items.begin() == items.end()) {
      for (const auto& [key, content] : contents) add(key, mode_, found->address, content);
      return;
    }
    for (const element entry : items) {
      object item;
      if (!is_object(entry, item)) continue;
      const auto content = contents.find(text_member(item, "key"));
      if (content != contents.end())
        add(text_member(item, "path"), mode_member(item, "mode", mode_), found->address, content->second);
      else if (!flag_member(source, "optional"))
        leave(text_member(item, "path"), "its key is not there");
    }
  }

  void take_fields(object source) {
    array items;
    if (!is_list(source["items"], items)) return;
    for (const element entry : items) {
      object item, reference;
      if (!is_object(entry, item)) continue;
      const auto path = text_member(item, "path");
      if (own_address_.empty()) {
        leave(path, "the pod's owner is not in this source");
        continue;
      }
      std::optional<std::string> text;
      if (pod_.live && pod_.metadata && is_object(item["fieldRef"], reference))
        text = field_of(*pod_.metadata, text_member(reference, "fieldPath"));
      if (!text) {
        add(path, mode_member(item, "mode", mode_), own_address_, {});
        continue;
      }
      const bool secret = holds_secret({}, *text);
      add(path, mode_member(item, "mode", mode_), own_address_, all_.content_of(*text, secret));
    }
  }

  void add(std::string_view given, std::optional<std::uint32_t> mode, const std::string& address,
           const Content& content) {
    const auto path = path_in_volume(given);
    if (!path || !mode) {
      leave({}, !path ? "a path that kubelet does not take" : "a mode that kubelet does not take");
      return;
    }
    if (pod_.live && content.digest.empty()) leave(*path, no_content);
    spent_ = spent_ || !all_.budget_.spend(path->size() + address.size() + 128);
    if (spent_) return;
    VolumeFile file{std::string(name_), plugin_, *path, address, {}, *mode, "0", content.sensitive};
    if (!content.digest.empty()) file.content = content.digest;
    object context;
    std::int64_t group = 0;
    const bool grouped = is_object(pod_.spec["securityContext"], context) &&
                         context["fsGroup"].get_int64().get(group) == simdjson::SUCCESS && group >= 0;
    if (grouped) {
      file.group = std::to_string(group);
      file.mode |= 0440;  // what the group may, where the volume is read-only
    }
    bool host_users = true;
    if (pod_.spec["hostUsers"].get_bool().get(host_users) == simdjson::SUCCESS && !host_users) file.group.reset();
    files_.insert_or_assign(*path, std::move(file));
  }

  KubeletVolumes& all_;
  const PodTemplate& pod_;
  const std::string& own_address_;
  std::string_view name_;
  LeftOut& unknown_;
  std::string_view plugin_;
  std::uint32_t mode_ = 0644;
  std::map<std::string, VolumeFile> files_;
  bool spent_ = false;
};

Result<void> KubeletVolumes::append_files(const PodTemplate& pod, const std::string& own_address,
                                          std::vector<VolumeFile>& out, LeftOut& unknown) {
  array volumes;
  object os;
  if (!is_list(pod.spec["volumes"], volumes)) return {};
  if (is_object(pod.spec["os"], os) && text_member(os, "name") == "windows") return {};
  for (const element item : volumes) {
    object volume;
    if (!is_object(item, volume)) continue;
    const auto name = text_member(volume, "name");
    if (!is_printable_name(name) || name.find('/') != std::string_view::npos || name == "." || name == "..") continue;
    if (!Volume(*this, pod, own_address, name, unknown).read(volume, out)) return too_much_work(objects_.text().origin);
  }
  return {};
}

KubeletVolumes::Content KubeletVolumes::content_of(std::string_view bytes, bool sensitive) const {
  const auto digest = sha256(bytes);
  return {sensitive ? keys_.files.of_digest(digest) : "sha256:" + to_hex(digest), sensitive};
}

/// Once for each object, however many pods mount it. A key of which the content is not known has none.
const KubeletVolumes::Contents& KubeletVolumes::contents_of(const KubernetesObject& of) {
  const auto [it, fresh] = known_.try_emplace(&of);
  Contents& contents = it->second;
  if (!fresh) return contents;
  const bool secret = of.kind == "Secret";
  const auto take_texts = [&](std::string_view map) {
    object texts;
    if (!is_object(of.json[map], texts)) return;
    for (const auto [key, value] : texts) {
      std::string_view text;
      if (value.get_string().get(text) != simdjson::SUCCESS || text.starts_with("ENC["))
        contents[key] = {{}, secret};
      else
        contents[key] = content_of(text, secret || holds_secret(key, text));
    }
  };
  const auto take_bytes = [&](std::string_view map) {
    object texts;
    if (!is_object(of.json[map], texts)) return;
    for (const auto [key, value] : texts) {
      std::string_view text;
      auto bytes =
          value.get_string().get(text) == simdjson::SUCCESS ? decode_base64(text, Base64::strict) : std::nullopt;
      contents[key] = bytes ? content_of(*bytes, secret || holds_secret(key, *bytes)) : Content{{}, secret};
      if (bytes) explicit_bzero(bytes->data(), bytes->size());
    }
  };
  if (secret) {
    take_bytes("data");
    take_texts("stringData");
  } else {
    take_texts("data");
    take_bytes("binaryData");
  }
  return contents;
}

}  // namespace plumbline::baseline
