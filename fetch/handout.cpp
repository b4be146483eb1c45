#include "fetch/handout.hpp"

#include <openssl/crypto.h>
#include <simdjson.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "baseline/kinds.hpp"
#include "baseline/source/base64.hpp"
#include "fetch/encoding.hpp"
#include "fetch/secret.hpp"
#include "include/util/own_folder.hpp"
#include "include/util/replace_file.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::fetch {
namespace {

constexpr std::string_view format = "plumbline-handout";
constexpr std::string_view first_line = "plumbline node key 1";
constexpr std::size_t max_key_file = 1024;
constexpr std::int64_t latest_time = 9'000'000'000;  // s, in 2255: its ns are still a number of 64 bits

bool is_digest(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Error broken(const std::string& pointer, const char* why) {
  return {ErrorCode::corrupt, "read what the collector hands out", pointer + ": " + why,
          "do agent and collector have one version?"};
}

Result<HandedEntry> entry_of(simdjson::dom::element item, const std::string& pointer) {
  HandedEntry entry;
  std::string_view name, kind, path, kubelet_dir, digest, error, text;
  std::int64_t stale = 0;
  if (item["name"].get_string().get(name) != simdjson::SUCCESS || name.empty() || name.size() > 4096 ||
      name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos || name.starts_with('.'))
    return broken(pointer + "/name", "missing, or no name of a baseline");
  if (item["kind"].get_string().get(kind) != simdjson::SUCCESS || kind.empty())
    return broken(pointer + "/kind", "missing, or not text");
  if (item["path"].get_string().get(path) != simdjson::SUCCESS)
    return broken(pointer + "/path", "missing, or not text");
  if (item["sha256"].get_string().get(digest) != simdjson::SUCCESS || !is_digest(digest))
    return broken(pointer + "/sha256", "missing, or no digest");
  if (item["size"].get_uint64().get(entry.size) != simdjson::SUCCESS || entry.size > max_index_bytes)
    return broken(pointer + "/size", "missing, or larger than any index");
  if (item["stale_after_s"].get_int64().get(stale) != simdjson::SUCCESS || stale < 0)
    return broken(pointer + "/stale_after_s", "missing, or no time");
  entry.spec = {std::string(name), std::string(kind), std::string(path), std::chrono::seconds(stale)};
  if (item["error"].get_string().get(error) != simdjson::SUCCESS)
    return broken(pointer + "/error", "missing, or not text");
  if (item["kubelet_dir"].get_string().get(kubelet_dir) != simdjson::SUCCESS)
    return broken(pointer + "/kubelet_dir", "missing, or not text");
  entry.spec.kubelet_dir = kubelet_dir;
  for (const auto& [member, to] : {std::pair("endpoint", &entry.endpoint),
                                   {"region", &entry.region},
                                   {"etag", &entry.etag},
                                   {"cluster", &entry.spec.cluster}}) {
    const auto found = item[member].get_string().get(text);  // of an earlier version: not there
    if (found != simdjson::SUCCESS && found != simdjson::NO_SUCH_FIELD)
      return broken(pointer + "/" + member, "not text");
    if (found == simdjson::SUCCESS) *to = text;
  }
  entry.sha256 = digest;
  entry.error = error;
  return entry;
}

/// The 32 bytes behind `word` on its line.
bool read_key_line(std::string_view text, std::string_view word, std::array<std::byte, 32>& out) {
  const auto at = text.find("\n" + std::string(word) + " ");
  if (at == std::string_view::npos) return false;
  const auto begin = at + word.size() + 2;
  auto bytes = baseline::decode_base64(text.substr(begin, text.find('\n', begin) - begin), baseline::Base64::strict);
  const bool fine = bytes && bytes->size() == out.size();
  if (fine) std::memcpy(out.data(), bytes->data(), out.size());
  if (bytes) wipe(*bytes);
  return fine;
}

std::string base64_of(const std::array<std::byte, 32>& bytes) {
  return base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

std::string handout_json(const Handout& handout) {
  std::vector<std::string> entries;
  entries.reserve(handout.baselines.size());
  for (const auto& entry : handout.baselines)
    entries.push_back(wire::JsonObject()
                          .text("name", entry.spec.name)
                          .text("kind", entry.spec.kind)
                          .text("path", entry.spec.path)
                          .text("kubelet_dir", entry.spec.kubelet_dir)
                          .number("stale_after_s", entry.spec.stale_after.count())
                          .text("sha256", entry.sha256)
                          .number("size", entry.size)
                          .text("error", entry.error)
                          .text("endpoint", entry.endpoint)
                          .text("region", entry.region)
                          .text("etag", entry.etag)
                          .text("cluster", entry.spec.cluster)
                          .str());
  std::vector<std::string> missing;
  for (const auto& name : handout.missing) wire::append_json_string(missing.emplace_back(), name);
  return wire::JsonObject()
      .text("format", format)
      .number("version", 1)
      .text("node", handout.node)
      .number("sequence", handout.sequence)
      .number("issued_at", handout.issued_at)
      .raw("baselines", wire::json_array(entries))
      .raw("missing", wire::json_array(missing))
      .str();
}

Result<Handout> parse_handout(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element top;
  std::string_view said, node;
  std::int64_t version = 0;
  simdjson::dom::array items, missing;
  Handout handout;
  if (parser.parse(simdjson::padded_string(json)).get(top) != simdjson::SUCCESS ||
      top["format"].get_string().get(said) != simdjson::SUCCESS || said != format)
    return broken("/format", "it is no handout");
  if (top["version"].get_int64().get(version) != simdjson::SUCCESS || version != 1)
    return broken("/version", "not version 1");
  if (top["node"].get_string().get(node) != simdjson::SUCCESS) return broken("/node", "missing, or not text");
  if (top["sequence"].get_uint64().get(handout.sequence) != simdjson::SUCCESS)
    return broken("/sequence", "missing, or no number");
  if (top["issued_at"].get_int64().get(handout.issued_at) != simdjson::SUCCESS || handout.issued_at < 0 ||
      handout.issued_at > latest_time)
    return broken("/issued_at", "missing, or no time");
  if (top["baselines"].get_array().get(items) != simdjson::SUCCESS) return broken("/baselines", "missing, or no list");
  if (top["missing"].get_array().get(missing) != simdjson::SUCCESS) return broken("/missing", "missing, or no list");
  if (items.size() > max_handed || missing.size() > max_handed) return broken("/baselines", "more than any node has");
  handout.node = node;
  std::vector<std::string> names;
  for (const auto item : items) {
    auto entry = entry_of(item, "/baselines/" + std::to_string(names.size()));
    if (!entry) return entry.error();
    names.push_back(entry->spec.name);
    if (baseline::find_kind(entry->spec.kind) == nullptr)
      handout.unknown.push_back(entry->spec.name);  // a newer collector's; the others are good
    else
      handout.baselines.push_back(std::move(*entry));
  }
  for (const auto item : missing) {
    std::string_view name;
    if (item.get_string().get(name) != simdjson::SUCCESS) return broken("/missing", "not a list of names");
    handout.missing.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  if (std::adjacent_find(names.begin(), names.end()) != names.end()) return broken("/baselines", "two have one name");
  return handout;
}

bool is_missing(const std::vector<std::string>& missing, std::string_view name) {
  return std::any_of(missing.begin(), missing.end(), [&](const std::string& each) {
    return name == each || (name.size() > each.size() && name.starts_with(each) && name[each.size()] == '.');
  });
}

NodeKey::~NodeKey() {
  OPENSSL_cleanse(hash.data(), hash.size());
}

Result<NodeKey> read_node_key(const std::string& path) {
  const std::string what = "read the node key " + path;
  const auto text = read_secret_file(what, path, max_key_file);
  if (!text) return text.error();
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return io_error(what, errno);
  if (!is_own(status))
    return Error{ErrorCode::permission, what, "it belongs to uid " + std::to_string(status.st_uid), "chown 0 " + path};
  if ((status.st_mode & 077) != 0) return Error{ErrorCode::permission, what, "others may read it", "chmod 600 " + path};
  NodeKey key;
  if (!text->view().starts_with(first_line) || !read_key_line(text->view(), "verify", key.verify) ||
      !read_key_line(text->view(), "hash", key.hash))
    return invalid(what, "it is no node key", "copy it from the collector: node.key in its baselines folder");
  return key;
}

Result<void> write_node_key(const std::string& path, const NodeKey& key) {
  if (const auto known = read_node_key(path); known && known->verify == key.verify && known->hash == key.hash)
    return {};
  std::string hash = base64_of(key.hash);
  std::string text;
  text.reserve(256);  // the one buffer that the key is ever in
  text.append(first_line).append("\nverify ").append(base64_of(key.verify)).append("\nhash ").append(hash).append("\n");
  wipe(hash);
  auto written = replace_file(path, text);
  wipe(text);
  return written;
}

}  // namespace plumbline::fetch
