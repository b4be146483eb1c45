#include <string.h>

#include "baseline/source/digest_text.hpp"
#include "baseline/source/json_members.hpp"
#include "baseline/source/json_text.hpp"
#include "baseline/source/puppet.hpp"
#include "baseline/source/puppet_file.hpp"
#include "baseline/value/attributes.hpp"
#include "baseline/value/iam_policy.hpp"
#include "baseline/value/sensitive.hpp"
#include "baseline/value/yaml_json.hpp"
#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::size_t longest_id = 512;

/// A Ruby symbol as Psych writes it, ":present", without its colon.
std::string_view without_colon(std::string_view text) {
  const bool symbol = text.size() > 1 && text[0] == ':' && text.find_first_of(" :/", 1) == std::string_view::npos;
  return symbol ? text.substr(1) : text;
}

class StateReader {
 public:
  StateReader(const SourceSpec& spec, const Keys& keys, Builder& out) : spec_(spec), keys_(keys), out_(out) {}

  Result<void> read(element top) {
    object store, resources;
    if (!is_object(top, store)) return refuse("", "not a map");
    if (!is_object(store["resources"], resources)) return refuse("/resources", "missing, or not a map");
    if (resources.begin() == resources.end())
      out_.skip("puppet:" + spec_.name, "the store names no resource: nothing was applied yet");
    for (const auto member : resources)
      if (auto fine = read_resource(member.key, member.value); !fine) return fine;
    return {};
  }

 private:
  Error refuse(const std::string& pointer, const std::string& why) const {
    return invalid(spec_.path + "#" + pointer, why,
                   "is this Puppet's transactionstore.yaml, written whole? (state.yaml is another file)");
  }

  Result<void> read_resource(std::string_view reference, element value) {
    const auto bracket = reference.find('[');
    if (bracket == 0 || bracket == std::string_view::npos || !reference.ends_with(']'))
      return refuse("/resources", "a key is no reference to a resource, as in File[/etc/app.conf]");
    const auto type = reference.substr(0, bracket);
    const auto title = reference.substr(bracket + 1, reference.size() - bracket - 2);
    const auto address = puppet_address(spec_, type, title);
    if (!address) {
      out_.skip("puppet:" + spec_.name + "/" + config::shown(type) + "[?]",
                "its title looks like a secret, so it cannot be named: give it another title");
      return {};
    }
    object resource, parameters;
    const std::string pointer = "/resources/" + address->substr(address->find('/') + 1);
    if (!is_object(value, resource)) return refuse(pointer, "not a map");
    if (!is_object(resource["parameters"], parameters)) return refuse(pointer + "/parameters", "missing, or not a map");

    resource_.address = *address;
    resource_.provider = "puppet";
    resource_.type = config::shown(type);
    resource_.ids.clear();
    resource_.attributes.clear();
    const auto path = type == "File" ? puppet_path(title) : std::nullopt;
    if (path && path->size() <= longest_id) resource_.ids.push_back(*path);
    if (title.size() <= longest_id && is_printable_name(title) && (!path || *path != title))
      resource_.ids.emplace_back(title);
    for (const auto parameter : parameters) {
      object members;
      if (!is_object(parameter.value, members))
        return refuse(pointer + "/parameters/" + config::shown(parameter.key), "not a map");
      if (element last; !parameter.key.empty() && members["system_value"].get(last) == simdjson::SUCCESS)
        add_attribute(parameter.key, last);
    }
    out_.resource(resource_);
    if (type != "File") return {};
    if (!path) {
      out_.skip(*address, "its title is no path, and the store has no other (the catalog does)");
      return {};
    }
    PuppetFile file;
    file.address = *address;
    file.path = *path;
    read_file(parameters, file);
    return {};
  }

  /// Values are lists, mostly of one.
  static element only(element value) {
    array items;
    element inner;
    if (value.get_array().get(items) == simdjson::SUCCESS && items.size() == 1 &&
        items.at(0).get(inner) == simdjson::SUCCESS)
      return inner;
    return value;
  }

  void add_attribute(std::string_view name, element last) {
    const element value = only(last);
    object members;
    std::string_view text;
    if (value.get_object().get(members) == simdjson::SUCCESS && members.size() != 0 && !is_policy(members)) {
      AttributeRules rules;
      rules.lists = Lists::ordered;
      rules.all_sensitive = sounds_sensitive(name);
      append_attributes(members, rules, keys_.attributes, resource_.attributes, path_part(name));
      return;
    }
    Attribute& attribute = resource_.attributes.emplace_back();
    attribute.path = path_part(name);
    Canonical plain = value.get_string().get(text) == simdjson::SUCCESS ? canonical_text(without_colon(text))
                                                                        : canonical(value, Lists::ordered);
    attribute.hash = keys_.attributes.of(plain.text);
    attribute.sensitive = sounds_sensitive(name) || plain.secret;
    if (attribute.sensitive)
      explicit_bzero(plain.text.data(), plain.text.size());
    else if (plain.text.size() <= max_shown)
      attribute.value = std::move(plain.text);
  }

  /// The last value of a property as text; "" where it has none.
  static std::string text_of(const object& parameters, std::string_view name) {
    element value;
    if (parameters[name]["system_value"].get(value) != simdjson::SUCCESS) return "";
    value = only(value);
    std::string_view text;
    std::int64_t number = 0;
    if (value.get_string().get(text) == simdjson::SUCCESS) return std::string(text);
    if (value.get_int64().get(number) == simdjson::SUCCESS) return std::to_string(number);
    return "";
  }

  void read_file(const object& parameters, PuppetFile& file) {
    file.ensure = without_colon(text_of(parameters, "ensure"));
    file.target = text_of(parameters, "target");
    if (file.target == ":notlink" || file.target == ":nochange" || file.target == ":absent") file.target.clear();
    file.mode = text_of(parameters, "mode");
    file.mode_is_final = true;
    file.owner = text_of(parameters, "owner");
    file.group = text_of(parameters, "group");
    for (std::string* text : {&file.mode, &file.owner, &file.group})
      if (*text == ":absent") text->clear();  // found so, when the resource could not be applied
    const auto content = text_of(parameters, "content");
    file.has_content = (!content.empty() && content != ":absent") || has_member(parameters, "checksum_value");
    if (content.starts_with("{sha256}")) file.content = sha256_of_hex(std::string_view(content).substr(8));
    if (file.has_content && !file.content && file.ensure != "absent")
      out_.skip(file.address,
                "the store has no SHA-256 of its content (digest_algorithm, checksum): only the rest is compared");
    emit_puppet_file(file, keys_, out_);
  }

  const SourceSpec& spec_;
  const Keys& keys_;
  Builder& out_;
  Resource resource_;  ///< the last one
};

}  // namespace

Result<void> read_puppet_state(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out) {
  auto documents = yaml_documents(spec.path, bytes);
  if (!documents) return documents.error();
  const auto clear = [&] {
    for (auto& document : *documents) explicit_bzero(document.json.data(), document.json.size());
  };
  if (documents->size() != 1) {
    clear();
    return invalid("read Puppet's transaction store " + spec.path,
                   documents->empty() ? "it is empty" : "it holds more than one document",
                   "is this transactionstore.yaml, written whole?");
  }
  JsonText text;
  const auto top = text.parse("read Puppet's transaction store " + spec.path, documents->front().json);
  clear();
  if (!top) return top.error();
  out.revision("content", keys.files.of_digest(sha256(bytes)));
  return StateReader(spec, keys, out).read(*top);
}

}  // namespace plumbline::baseline
