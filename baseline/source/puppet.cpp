#include "baseline/source/puppet.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "baseline/source/digest_text.hpp"
#include "baseline/source/json_members.hpp"
#include "baseline/source/json_text.hpp"
#include "baseline/source/puppet_data.hpp"
#include "baseline/source/puppet_file.hpp"
#include "baseline/value/attributes.hpp"
#include "baseline/value/json_keys.hpp"
#include "baseline/value/sensitive.hpp"
#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::size_t max_depth = 256;
constexpr std::size_t longest_id = 512;
constexpr std::size_t longest_text = 4096;  ///< PATH_MAX, of a link's target
constexpr std::size_t max_sensitive = 256;  ///< names in one sensitive_parameters
constexpr std::size_t max_below = 20000;    ///< files out of recursive metadata; Puppet itself warns beyond 1000

/// Parameters that order and report, and say nothing of what there should be (lib/puppet/type.rb, newmetaparam).
const std::vector<std::string> metaparameters = {"alias",   "audit",    "before", "loglevel",  "noop", "notify",
                                                 "require", "schedule", "stage",  "subscribe", "tag"};

class CatalogReader {
 public:
  CatalogReader(const SourceSpec& spec, const Keys& keys, Builder& out) : spec_(spec), keys_(keys), out_(out) {}

  Result<void> read(element top, std::string_view bytes) {
    object catalog;
    array resources;
    if (!is_object(top, catalog)) return refuse("", "not an object");
    if (text_member(catalog, "document_type") == "Catalog") {
      if (!is_object(catalog["data"], catalog)) return refuse("/data", "missing, or not an object");
      base_ = "/data";
    }
    if (text_member(catalog, "name").empty()) return refuse("/name", "missing, or not text");
    if (!is_list(catalog["resources"], resources) || resources.begin() == resources.end())
      return refuse("/resources", "missing, or not a list of resources");
    read_revision(catalog, bytes);
    index("metadata", catalog, metadata_);
    index("recursive_metadata", catalog, below_);
    for (const element item : resources) note_path(item);
    std::size_t i = 0;
    for (const element item : resources)
      if (auto fine = read_resource(item, i++); !fine) return fine;
    return {};
  }

 private:
  Error refuse(const std::string& pointer, const std::string& why) const {
    return invalid(
        spec_.path + "#" + base_ + pointer, why,
        "is this a Puppet catalog in JSON, as the agent caches it ($client_datadir/catalog/<certname>.json)?");
  }

  using ByTitle = std::unordered_map<std::string_view, object>;

  /// A search through the object for each file would take hours of a hostile one.
  static void index(const char* name, const object& catalog, ByTitle& by_title) {
    object all, one;
    if (!is_object(catalog[name], all)) return;
    for (const auto member : all)
      if (is_object(member.value, one)) by_title.emplace(member.key, one);
  }

  void read_revision(const object& catalog, std::string_view bytes) {
    bool any = false;
    for (const char* name : {"catalog_uuid", "version", "environment"})
      if (const auto value = puppet_scalar(catalog[name]); !value.empty()) {
        out_.revision(name, config::shown(value));
        any = true;
      }
    if (!any) out_.revision("content", keys_.files.of_digest(sha256(bytes)));
  }

  static std::optional<std::string> path_of(const object& parameters, std::string_view title) {
    if (has_member(parameters, "path")) title = text_member(parameters, "path");
    return puppet_path(title);
  }

  /// Files that have a resource of their own are not made again out of a recursive one.
  void note_path(element item) {
    object resource, parameters;
    if (!is_object(item, resource) || text_member(resource, "type") != "File") return;
    if (!is_object(resource["parameters"], parameters)) return;
    if (auto path = path_of(parameters, text_member(resource, "title"))) paths_.insert(std::move(*path));
  }

  Result<void> read_resource(element item, std::size_t index) {
    const std::string pointer = "/resources/" + std::to_string(index);
    object resource, parameters;
    if (!is_object(item, resource)) return refuse(pointer, "not an object");
    const auto type = text_member(resource, "type");
    std::string_view title;
    if (type.empty()) return refuse(pointer + "/type", "missing, or not text");
    if (resource["title"].get_string().get(title) != simdjson::SUCCESS)
      return refuse(pointer + "/title", "missing, or not text");
    const auto address = puppet_address(spec_, type, title);
    if (!address) {
      out_.skip("puppet:" + spec_.name + "/" + config::shown(type) + "[" + std::to_string(index) + "]",
                "its title looks like a secret, so it cannot be named: give it another title");
      return {};
    }
    if (flag_member(resource, "exported") || flag_member(resource, "virtual")) {
      out_.skip(*address, "exported or virtual: not applied on this node");
      return {};
    }
    if (!addresses_.insert(*address).second) return refuse(pointer, "stands twice");

    const bool has_parameters = is_object(resource["parameters"], parameters);
    prepare_rules(resource, type);
    PuppetFile file;
    file.address = *address;
    const bool is_file = type == "File" && has_parameters;
    if (is_file && has_secret_content(parameters)) {
      file.sensitive = true;
      rules_.sensitive.emplace_back("content");
    }
    resource_.address = *address;
    resource_.provider = "puppet";
    resource_.type = config::shown(type);
    resource_.ids.clear();
    resource_.attributes.clear();
    if (has_parameters) append_attributes(parameters, rules_, keys_.attributes, resource_.attributes);
    std::erase_if(resource_.attributes, [](const Attribute& attribute) { return attribute.path.empty(); });
    const auto path = is_file && !is_marked("path") ? path_of(parameters, title) : std::nullopt;
    if (path) add_id(*path);
    add_id(title);
    if (has_parameters && !is_marked("name")) add_id(text_member(parameters, "name"));
    out_.resource(resource_);
    if (!is_file) return {};
    if (!path) {
      out_.skip(*address, "its path is not known, or no absolute path of a Unix node");
      return {};
    }
    file.path = *path;
    return read_file(parameters, title, std::move(file));
  }

  void prepare_rules(const object& resource, std::string_view type) {
    rules_ = {};
    rules_.lists = Lists::ordered;
    rules_.computed = metaparameters;
    rules_.is_secret = is_puppet_secret;
    array names;
    if (is_list(resource["sensitive_parameters"], names))
      for (const element name : names)
        if (std::string_view text; name.get_string().get(text) == simdjson::SUCCESS)
          rules_.sensitive.push_back(path_part(text));
    if (rules_.sensitive.size() > max_sensitive) {  // each parameter is looked for in it
      rules_.sensitive.clear();
      rules_.all_sensitive = true;
    }
    if (type == "Exec") rules_.sensitive.emplace_back("environment");
  }

  void add_id(std::string_view id) {
    if (id.size() > longest_id || !is_printable_name(id) || looks_sensitive(id)) return;
    if (std::find(resource_.ids.begin(), resource_.ids.end(), id) == resource_.ids.end())
      resource_.ids.emplace_back(id);
  }

  bool is_marked(std::string_view name) const {
    return rules_.all_sensitive ||
           std::find(rules_.sensitive.begin(), rules_.sensitive.end(), name) != rules_.sensitive.end();
  }

  /// By mark, by wish (show_diff is for files that may hold passwords, says its documentation) and by look.
  bool has_secret_content(const object& parameters) const {
    for (const char* name : {"content", "source", "checksum_value"})
      if (is_marked(name)) return true;
    if (puppet_scalar(parameters["show_diff"]) == "false") return true;
    element content;
    return parameters["content"].get(content) == simdjson::SUCCESS && puppet_content(content).is_secret;
  }

  /// A parameter that is compared as text; says where it is there and cannot be.
  std::string parameter(const object& parameters, const char* name, const PuppetFile& file) {
    element value;
    if (parameters[name].get(value) != simdjson::SUCCESS || value.is_null()) return "";
    if (is_marked(name) || is_puppet_secret(value)) {
      out_.skip(file.address, std::string("its ") + name + " is marked as sensitive: it is not compared");
      return "";
    }
    auto text = puppet_scalar(parameters[name]);
    if (text.empty()) out_.skip(file.address, std::string("its ") + name + " is known only on the node");
    if (text.size() <= longest_text) return text;
    out_.skip(file.address, std::string("its ") + name + " is too long to be one: it is not compared");
    return "";
  }

  Result<void> read_file(const object& parameters, std::string_view title, PuppetFile file) {
    if (puppet_scalar(parameters["noop"]) == "true") {
      out_.skip(file.address, "noop => true: Puppet itself does not apply it");
      return {};
    }
    if (puppet_scalar(parameters["links"]) == "follow") {
      out_.skip(file.address, "links => follow: if it is a symlink, Puppet manages what that points to");
      return {};
    }
    element ensure;
    if (parameters["ensure"].get(ensure) == simdjson::SUCCESS && !ensure.is_null() &&
        puppet_scalar(parameters["ensure"]).empty()) {
      out_.skip(file.address, "its ensure is known only on the node");
      return {};
    }
    file.ensure = puppet_scalar(parameters["ensure"]);
    file.target = parameter(parameters, "target", file);
    file.mode = parameter(parameters, "mode", file);
    file.owner = parameter(parameters, "owner", file);
    file.group = parameter(parameters, "group", file);
    if (file.ensure != "absent" && file.ensure != "false") {
      read_content(parameters, title, file);
      if (const auto recurse = puppet_scalar(parameters["recurse"]); recurse == "true" || recurse == "remote")
        read_below(parameters, title, file);
    }
    emit_puppet_file(file, keys_, out_);
    return {};
  }

  void read_content(const object& parameters, std::string_view title, PuppetFile& file) {
    element content;
    std::string why;
    if (parameters["content"].get(content) == simdjson::SUCCESS && !content.is_null()) {
      file.has_content = true;
      auto found = puppet_content(content);
      file.content = found.digest;
      why = std::move(found.why_not);
    } else if (has_member(parameters, "source")) {
      read_source(parameters, title, file, why);
    }
    if (file.has_content && puppet_scalar(parameters["replace"]) == "false") {
      file.content.reset();
      why = "replace => false: Puppet lets its content be";
    }
    if (!why.empty()) out_.skip(file.address, why + ": only the rest is compared");
  }

  void read_source(const object& parameters, std::string_view title, PuppetFile& file, std::string& why) {
    if (const auto known = metadata_.find(title); known != metadata_.end()) {
      why = read_metadata(known->second, file);
      return;
    }
    if (file.ensure == "directory") return;
    file.has_content = true;
    const auto algorithm = puppet_scalar(parameters["checksum"]);
    if (algorithm.empty() || algorithm == "sha256")
      file.content = sha256_of_hex(puppet_scalar(parameters["checksum_value"]));
    if (!file.content) why = "the catalog has no SHA-256 of its source (static catalogs and transactionstore.yaml do)";
  }

  /// What a source is, as the server saw it; says why its content is not known.
  static std::string read_metadata(const object& metadata, PuppetFile& file) {
    const auto type = text_member(metadata, "type");
    if (type == "directory") {
      file.ensure = "directory";
      return "";
    }
    if (type == "link") {
      file.ensure = "link";
      file.target = text_member(metadata, "destination");
      return "";
    }
    file.ensure = "file";
    file.has_content = true;
    object checksum;
    if (!is_object(metadata["checksum"], checksum)) return "its metadata have no checksum";
    auto value = text_member(checksum, "value");
    if (!value.starts_with("{sha256}")) return "the checksum of its source is no SHA-256";
    value.remove_prefix(8);
    file.content = sha256_of_hex(value);
    return file.content ? "" : "the checksum of its source is no SHA-256";
  }

  /// The files of a source that is a folder: `sourceselect` is the first source that exists, or all of them, whereby
  /// the first with a file wins.
  void read_below(const object& parameters, std::string_view title, const PuppetFile& folder) {
    const auto sources = below_.find(title);
    if (sources == below_.end()) {
      out_.skip(folder.address, "recurse: the catalog does not list what lies below (transactionstore.yaml does)");
      return;
    }
    if (puppet_scalar(parameters["purge"]) == "true")
      out_.skip(folder.address, "purge: files below that nobody declares are not seen as such");
    std::unordered_set<std::string> done;
    for (const auto source : sources->second) {
      array entries;
      if (source.value.get_array().get(entries) != simdjson::SUCCESS) continue;
      for (const element entry : entries) {
        object metadata;
        if (!is_object(entry, metadata)) continue;
        const auto relative = text_member(metadata, "relative_path");
        if (relative.empty() || relative == ".") continue;
        PuppetFile file = folder;
        const auto path = puppet_path(folder.path + "/" + std::string(relative));
        if (!path || !path->starts_with(folder.path == "/" ? "/" : folder.path + "/")) {
          out_.skip(folder.address, "a path below it leads out of it, or is too long");
          continue;
        }
        if (paths_.contains(*path) || !done.insert(*path).second) continue;
        if (++below_count_ > max_below) {
          out_.skip(folder.address,
                    "more than " + std::to_string(max_below) + " files in folders: the rest is left out");
          return;
        }
        file.path = *path;
        file.target.clear();
        file.content.reset();
        if (const auto why = read_metadata(metadata, file); !why.empty())
          out_.skip(folder.address, config::shown(relative) + ": " + why + ": only the rest is compared");
        emit_puppet_file(file, keys_, out_);
      }
      if (puppet_scalar(parameters["sourceselect"]) != "all") return;
    }
  }

  const SourceSpec& spec_;
  const Keys& keys_;
  Builder& out_;
  std::string base_;  ///< pointer of the catalog within the document
  ByTitle metadata_, below_;
  std::size_t below_count_ = 0;
  std::unordered_set<std::string> paths_, addresses_;
  AttributeRules rules_;  ///< of the last resource
  Resource resource_;     ///< ditto
};

}  // namespace

Result<void> read_puppet_catalog(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out) {
  JsonText text;
  const std::string what = "read the Puppet catalog " + spec.path;
  if (!simdjson::validate_utf8(bytes.data(), bytes.size()))
    return invalid(what, "not UTF-8, as PSON catalogs may be", "let Puppet's rich_data be on, which makes it JSON");
  const auto top = text.parse(what, bytes, "is this a catalog of Puppet, written whole?");
  if (!top) return top.error();
  if (!is_json_without_duplicates(bytes, max_depth))
    return invalid(what, "an object has a key twice", "let Puppet write it again");
  return CatalogReader(spec, keys, out).read(*top, bytes);
}

}  // namespace plumbline::baseline
