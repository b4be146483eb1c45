#include "baseline/source/cloud_init.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "baseline/source/cloud_init_files.hpp"
#include "baseline/source/cloud_init_merge.hpp"
#include "baseline/source/cloud_init_parts.hpp"
#include "baseline/source/json_text.hpp"
#include "baseline/value/yaml_json.hpp"
#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::size_t keys_shown = 20;

/// The YAML without the tag !!binary at `content`, which the key tells from then on: the reader of YAML keeps no tags.
/// One within a text is replaced too; emit_write_files() sees that.
std::string with_binary_named(std::string_view yaml) {
  constexpr std::string_view tag = "!!binary";
  std::string result;
  result.reserve(yaml.size() + 64);
  std::size_t from = 0;
  for (std::size_t at = 0; (at = yaml.find(tag, at)) != std::string_view::npos; at += tag.size()) {
    auto before = yaml.substr(from, at - from);
    const auto colon = before.find_last_not_of(' ');
    if (colon == std::string_view::npos || before[colon] != ':' || colon + 1 == before.size()) continue;
    const auto key = before.substr(0, colon);
    const bool quoted = key.ends_with('"') || key.ends_with('\'');
    const auto name = key.substr(0, key.size() - (quoted ? 1 : 0));
    if (!name.ends_with("content")) continue;
    result.append(name).append(tag);
    if (quoted) result += key.back();
    result += ':';
    from = at + tag.size();
  }
  result.append(yaml.substr(from));
  return result;
}

class ConfigReader {
 public:
  ConfigReader(const SourceSpec& spec, const std::string& what, const Keys& keys, Builder& out)
      : spec_(spec), what_(what), keys_(keys), out_(out) {}

  Result<void> read(std::string_view bytes) {
    auto parts = cloud_config_parts(what_, spec_.name, bytes, out_);
    if (!parts) return parts.error();
    for (const auto& part : *parts)
      if (auto ok = merge(part); !ok) return ok;
    if (!other_keys_.empty()) skip_others();
    if (!unfollowed_.empty()) {
      out_.skip("cloud-init:" + spec_.name + "/write_files", unfollowed_);
    } else if (files_.empty()) {
      out_.skip("cloud-init:" + spec_.name, "no part of it that is read here has write_files");
    } else {
      emit_write_files(spec_, files_, keys_, out_);
    }
    return {};
  }

 private:
  void skip(const CloudConfigPart& part, const std::string& why) {
    out_.skip("cloud-init:" + spec_.name + "/" + part.name, why);
  }

  Result<void> merge(const CloudConfigPart& part) {
    if (part.is_patch) {
      if (part.yaml.find("write_files") == std::string::npos) {
        skip(part, "a JSON patch that does not touch write_files");
      } else {
        unfollowed_ = part.name + " patches it, which is not followed: no file of this source is known";
      }
      return {};
    }
    const std::string what = what_ + ", " + part.name;
    std::string yaml = with_binary_named(part.yaml);
    auto documents = yaml_documents(what, yaml);
    const bool binary_elsewhere =
        yaml.find(": !!binary") != std::string::npos || yaml.find("yaml.org,2002:binary") != std::string::npos;
    explicit_bzero(yaml.data(), yaml.size());
    if (!documents) return documents.error();
    trees_.push_back(std::make_unique<JsonText>());
    const auto top = trees_.back()->parse(what, documents->empty() ? "null" : documents->front().json);
    const bool several = documents->size() > 1;
    for (auto& document : *documents) explicit_bzero(document.json.data(), document.json.size());
    if (several) return invalid(what, "more than one YAML document: cloud-init reads none of them");
    if (!top) return top.error();
    if (top->is_null()) {
      skip(part, "an empty cloud-config");
      return {};
    }
    object config;
    if (top->get_object().get(config) != simdjson::SUCCESS) return invalid(what, "not a map: no cloud-config");
    return merge_config(part, config, binary_elsewhere);
  }

  Result<void> merge_config(const CloudConfigPart& part, const object& config, bool binary_elsewhere) {
    element value;
    if (config["launch-index"].get(value) == simdjson::SUCCESS) {
      skip(part, "only for one instance of a launch (launch-index), and which one this is is not known here");
      return {};
    }
    const auto mergers = mergers_of(config, part.merge_type);
    if (!mergers || !mergers->dict) {
      skip(part, "cloud-init leaves it out: its way of merging cannot be read, or has no dict(…)");
      return {};
    }
    for (const auto member : config)
      if (member.key != "write_files" && member.key != "merge_how" && member.key != "merge_type")
        other_keys_.emplace(member.key);
    if (config["write_files"].get(value) != simdjson::SUCCESS) return {};
    array items;
    if (value.get_array().get(items) != simdjson::SUCCESS)
      return invalid(what_ + ", " + part.name + ", write_files", "not a list: cloud-init cannot read it");
    std::deque<WriteFilesEntry> added;
    for (const element item : items) added.push_back({item, binary_elsewhere});
    if (!has_files_) {
      files_ = std::move(added);
    } else if (mergers->dict_replace) {
      skip(part, "its write_files replaces that of the parts before it, as is cloud-init's rule without merge_how");
      files_ = std::move(added);
      unfollowed_.clear();
    } else if (!mergers->recurse_list || !mergers->has_list) {
      skip(part, "its write_files is left out: its merge_how lets the parts before it win");
    } else if (mergers->other) {
      unfollowed_ = part.name + " merges it in a way that is not followed: no file of this source is known";
    } else {
      files_ = merged_list(std::move(files_), added, mergers->list);
    }
    has_files_ = true;
    return {};
  }

  void skip_others() {
    std::string names;
    std::size_t count = 0;
    for (const auto& key : other_keys_)
      if (count++ < keys_shown) names += (names.empty() ? "" : ", ") + config::shown(key);
    if (count > keys_shown) names += " and " + std::to_string(count - keys_shown) + " more";
    out_.skip("cloud-init:" + spec_.name, "other keys of cloud-config are not files, and not compared: " + names);
  }

  const SourceSpec& spec_;
  const std::string& what_;
  const Keys& keys_;
  Builder& out_;
  std::vector<std::unique_ptr<JsonText>> trees_;  ///< what files_ points into
  std::deque<WriteFilesEntry> files_;
  bool has_files_ = false;
  std::set<std::string> other_keys_;
  std::string unfollowed_;  ///< why write_files cannot be told
};

/// The part of `path` behind "/instances/"; "" where it is not there.
std::string instance_of(std::string_view path) {
  constexpr std::string_view folder = "/instances/";
  const auto at = path.rfind(folder);
  if (at == std::string_view::npos) return "";
  const auto rest = path.substr(at + folder.size());
  const auto end = rest.find('/');
  return end == std::string_view::npos ? "" : std::string(rest.substr(0, end));
}

}  // namespace

Result<void> read_cloud_init(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out) {
  const std::string what = "read " + spec.path;
  out.revision("content", keys.files.of_digest(sha256(bytes)));
  if (const auto instance = instance_of(spec.path); !instance.empty()) out.revision("instance_id", instance);
  return ConfigReader(spec, what, keys, out).read(bytes);
}

}  // namespace plumbline::baseline
