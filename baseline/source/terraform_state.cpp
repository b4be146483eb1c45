#include "baseline/source/terraform_state.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "baseline/source/json_text.hpp"
#include "baseline/source/terraform_common.hpp"
#include "baseline/source/terraform_marks.hpp"
#include "baseline/source/terraform_repeat.hpp"
#include "baseline/value/json_keys.hpp"
#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

/// What relative file names are relative to; "" where that is a folder of somebody else's machine.
std::string folder_of(const std::string& path) {
  return is_location(path) ? "" : path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
}

using simdjson::dom::element;
using simdjson::dom::object;

static_assert(JsonStream::padding >= simdjson::SIMDJSON_PADDING);

constexpr std::size_t max_json_depth = 256;
constexpr std::size_t max_instance = std::size_t{256} << 20;
constexpr std::size_t max_head_value = 4096;
constexpr const char* half_written = "a writer may be in the middle of it; it is read again when it changes";

/// What of a resource stands beside its instances.
struct Head {
  std::string mode, type, name, module, provider;
  bool complete() const { return !mode.empty() && !type.empty() && !name.empty() && !provider.empty(); }
};

/// What is kept of a type between its instances.
struct Type {
  Type(const Head& head, const SourceSpec& spec, const Keys& keys, Builder& out, const std::string& base,
       WipedParser& parser)
      : name(head.type), provider(head.provider), emitter(spec, keys, out, base), repeat(emitter, parser) {}
  const std::string name, provider;
  TerraformEmitter emitter;
  TerraformRepeat repeat;

  /// Whether it pays to remember the instance that was just parsed whole: not the only one of its type, and of those
  /// that are never alike only some.
  bool is_worth_it() {
    constexpr unsigned patience = 4, once_in = 16;
    ++parsed;
    return parsed > 1 && (unlike < patience || parsed % once_in == 0);
  }
  /// Of what the walk keeps: a long key stands in the path of each member below it.
  std::size_t path_bytes() const {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < emitter.walk().steps(); ++i) bytes += emitter.walk().step(i).path.size();
    return bytes;
  }
  unsigned parsed = 0;  ///< instances
  unsigned unlike = 0;  ///< in a row: what was remembered was of no use
};
constexpr std::size_t most_types = 32;
constexpr std::size_t most_path_bytes = std::size_t{256} << 10;  // of one type

JsonStream::Read from_memory(std::string_view bytes) {
  return [bytes](char* to, std::size_t size) mutable -> Result<std::size_t> {
    const std::size_t part = std::min(size, bytes.size());
    std::memcpy(to, bytes.data(), part);
    bytes.remove_prefix(part);
    return part;
  };
}

class StateReader {
 public:
  StateReader(const SourceSpec& spec, const Keys& keys, Builder& out)
      : spec_(spec), keys_(keys), out_(out), base_(folder_of(spec.path)) {}

  Result<void> read(JsonStream& stream) {
    if (stream.peek() == '[') return refuse("", "not an object: not a state");
    stream.enter('{');
    while (auto key = stream.next_key()) {
      if (auto fine = take_key(*key, "", seen_); !fine) return fine;
      if (*key == "resources") {
        has_resources_ = true;
        if (auto done = read_resources(stream); !done) return done;
        continue;
      }
      std::string_view value;
      element parsed;
      if (auto fine = parse_next(stream, "/" + config::shown(*key), value, parsed); !fine) return fine;
      note_head(*key, value);
    }
    stream.end();
    if (stream.failed()) return stream.error();
    return check_head();
  }

 private:
  Error refuse(const std::string& pointer, const std::string& why,
               const std::string& fix = "is this a state file, written whole?") const {
    return invalid(spec_.path + "#" + pointer, why, fix);
  }

  /// `key` as it is written becomes what it says.
  Result<void> take_key(std::string& key, const std::string& pointer, SeenKeys& seen) {
    if (key.find('\\') != std::string::npos) {
      std::string quoted = "\"" + key + "\"";
      quoted.reserve(quoted.size() + JsonStream::padding);
      element parsed;
      if (auto fine = parse(quoted, pointer + "/" + config::shown(key), parsed); !fine) return fine;
      key = parsed.get_string().value_unsafe();
    }
    if (!seen.add(key)) return key_twice(spec_, pointer + "/" + config::shown(key));
    return {};
  }

  /// `text` has padding behind it.
  Result<void> parse(std::string_view text, const std::string& pointer, element& parsed) {
    const auto error = parser_.parse(text, parsed);
    if (error == simdjson::MEMALLOC)
      return Error{ErrorCode::unavailable, "read the state " + spec_.path, "not enough memory", ""};
    if (error == simdjson::SUCCESS) return {};
    const auto trouble = json_trouble(error);
    return refuse(pointer, trouble.why, trouble.fix.empty() ? half_written : trouble.fix);
  }

  /// The stream's next value. A number may be one of which the end is not written yet.
  Result<void> parse_next(JsonStream& stream, const std::string& pointer, std::string_view& value, element& parsed) {
    value = stream.value();
    return parse_value(stream, pointer, value, parsed);
  }
  Result<void> parse_value(JsonStream& stream, const std::string& pointer, std::string_view value, element& parsed) {
    if (stream.failed()) return stream.error();
    auto fine = parse(value, pointer, parsed);
    if (!fine && stream.peek() == '\0' && !stream.failed())
      return refuse(pointer, "the text ends within it", half_written);
    return fine ? refuse_key_twice(parsed, pointer) : fine;
  }

  /// The same of the member `key` of a resource: `text` where it is one, as most are, and those need no parser.
  Result<void> next_text(JsonStream& stream, const std::string& pointer, const std::string& key,
                         std::optional<std::string_view>& text) {
    std::string_view value = stream.value();
    text = stream.failed() ? std::nullopt : plain_text(value);
    if (text) return {};
    element parsed;
    if (auto fine = parse_value(stream, pointer + "/" + config::shown(key), value, parsed); !fine) return fine;
    if (parsed.get_string().get(value) == simdjson::SUCCESS) text = value;
    return {};
  }

  Result<void> refuse_key_twice(element within, const std::string& pointer) const {
    if (const auto duplicate = duplicate_key(within)) return key_twice(spec_, pointer + *duplicate);
    return {};
  }

  void note_head(const std::string& key, std::string_view value) {
    for (const std::string_view known :
         {"version", "serial", "lineage", "encryption_version", "encrypted_data", "format_version"}) {
      if (key != known) continue;
      head_ += (head_.empty() ? "" : ",") + ("\"" + key + "\":");
      head_ += value.size() <= max_head_value ? value : std::string_view("\"long\"");
    }
  }

  Result<void> check_head() {
    element parsed;
    object top;
    std::string text = "{" + head_ + "}";
    text.reserve(text.size() + JsonStream::padding);
    if (auto fine = parse(text, "", parsed); !fine) return fine;
    if (parsed.get_object().get(top) != simdjson::SUCCESS) return refuse("", "not an object");
    if (is_encrypted_by_tofu(top)) return read_encrypted_state(spec_, top, out_);
    std::int64_t version = 0;
    if (top["version"].get_int64().get(version) != simdjson::SUCCESS)
      return top["format_version"].error() == simdjson::SUCCESS
                 ? refuse("/version", "this is `show -json` output or a plan, not a state",
                          "give it as terraform_json instead of terraform_state")
                 : refuse("/version", "missing, or no whole number: not a Terraform or OpenTofu state");
    if (version != 4)
      return refuse("/version", "state version " + std::to_string(version) + ", this agent reads version 4",
                    "upgrade the state with a current terraform or tofu");
    std::int64_t serial = 0;
    std::string_view lineage;
    if (top["serial"].get_int64().get(serial) != simdjson::SUCCESS)
      return refuse("/serial", "missing, or no whole number", "was it edited by hand? Let the tool write it again");
    if (top["lineage"].get_string().get(lineage) != simdjson::SUCCESS)
      return refuse("/lineage", "missing, or no text", "was it edited by hand? Let the tool write it again");
    if (!has_resources_) return refuse("/resources", "missing, or not a list");
    out_.revision("serial", std::to_string(serial));
    out_.revision("lineage", std::string(lineage));
    return {};
  }

  Result<void> read_resources(JsonStream& stream) {
    if (const char first = stream.peek(); first != '[' && first != '\0')
      return refuse("/resources", "missing, or not a list");
    stream.enter('[');
    for (std::size_t i = 0; stream.next_element(); ++i)
      if (auto done = read_resource(stream, "/resources/" + std::to_string(i)); !done) return done;
    if (stream.failed()) return stream.error();
    return {};
  }

  Result<void> read_resource(JsonStream& stream, const std::string& pointer) {
    if (const char first = stream.peek(); first != '{' && first != '\0') return refuse(pointer, "not an object");
    stream.enter('{');
    Head head;
    bool has_instances = false, streamed = false;
    std::string kept;  // instances that stand before what names them, as in a state that was sorted by its keys
    seen_of_resource_.clear();
    while (auto key = stream.next_key()) {
      if (auto fine = take_key(*key, pointer, seen_of_resource_); !fine) return fine;
      if (*key == "instances") {
        has_instances = true;
        if (head.complete() && head.mode == "managed") {
          streamed = true;
          if (auto done = read_instances(stream, head, pointer); !done) return done;
        } else {
          kept = stream.value();
        }
        continue;
      }
      std::optional<std::string_view> text;
      if (auto fine = next_text(stream, pointer, *key, text); !fine) return fine;
      if (!text) continue;
      const auto part = *key == "mode"       ? &Head::mode
                        : *key == "type"     ? &Head::type
                        : *key == "name"     ? &Head::name
                        : *key == "module"   ? &Head::module
                        : *key == "provider" ? &Head::provider
                                             : nullptr;
      if (part == nullptr) continue;
      if (streamed) return refuse(pointer + "/" + *key, "stands behind the instances and the rest before them");
      head.*part = *text;
    }
    if (stream.failed()) return stream.error();
    if (head.mode.empty() || head.type.empty() || head.name.empty())
      return refuse(pointer, "mode, type or name is missing");
    if (!has_instances) return refuse(pointer + "/instances", "missing, or not a list");
    if (streamed || head.mode != "managed") return {};
    JsonStream inner("read the state " + spec_.path, from_memory(kept), max_instance);
    const auto done = read_instances(inner, head, pointer);
    ::explicit_bzero(kept.data(), kept.size());
    return done;
  }

  Result<void> read_instances(JsonStream& stream, const Head& head, const std::string& pointer) {
    const std::string list = pointer + "/instances";
    if (const char first = stream.peek(); first != '[' && first != '\0') return refuse(list, "missing, or not a list");
    const std::string base =
        "tofu:" + spec_.name + "/" + (head.module.empty() ? "" : head.module + ".") + head.type + "." + head.name;
    stream.enter('[');
    Type& type = type_of(head);
    for (std::size_t i = 0; stream.next_element(); ++i) {
      if (type.repeat.knows_one()) {
        const std::size_t size = type.repeat.follow(stream.ahead(), base);
        type.unlike = size != 0 ? 0 : type.unlike + 1;
        stream.pass(size);
        if (size != 0) continue;
      }
      const std::string_view text = stream.value();
      if (stream.failed()) break;
      instance_.pointer.assign(list).append("/").append(std::to_string(i));
      if (auto done = read_instance(text, head, base, type); !done) return done;
    }
    if (stream.failed()) return stream.error();
    return {};
  }

  Type& type_of(const Head& head) {
    for (const auto& type : types_)
      if (type->name == head.type && type->provider == head.provider) return *type;
    auto fresh = std::make_unique<Type>(head, spec_, keys_, out_, base_, parser_);
    if (types_.size() < most_types) return *types_.emplace_back(std::move(fresh));
    auto& place = types_[next_out_++ % most_types];
    place = std::move(fresh);
    return *place;
  }

  /// instance_.pointer is the instance's own.
  Result<void> read_instance(std::string_view text, const Head& head, const std::string& base, Type& type) {
    type.repeat.forget();
    element parsed;
    if (auto fine = parse(text, instance_.pointer, parsed); !fine) return fine;
    object members;
    if (parsed.get_object().get(members) != simdjson::SUCCESS) return refuse(instance_.pointer, "not an object");
    instance_.address = base;
    instance_.type = head.type;
    instance_.provider = head.provider;
    instance_.all_sensitive = false;
    instance_.sensitive.clear();
    bool has_attributes = false, deposed = false;
    seen_of_instance_.clear();
    for (const auto member : members) {
      std::string_view value;
      if (!seen_of_instance_.add(member.key))
        return key_twice(spec_, instance_.pointer + "/" + config::shown(member.key));
      if (member.key == "index_key") {
        if (!append_terraform_index(member.value, instance_.address))
          return refuse(instance_.pointer + "/index_key", "neither a number nor text", "");
      } else if (member.key == "attributes") {
        has_attributes = member.value.get_object().get(instance_.attributes) == simdjson::SUCCESS;
      } else if (member.key == "sensitive_attributes") {
        if (has_key_twice_within(member.value))
          return refuse_key_twice(member.value, instance_.pointer + "/sensitive_attributes");
        add_sensitive_paths(member.value, instance_);
      } else if (member.key == "deposed") {
        deposed = member.value.get_string().get(value) == simdjson::SUCCESS && !value.empty();
      } else if (member.key == "provider" && member.value.get_string().get(value) == simdjson::SUCCESS) {
        instance_.provider = value;  // OpenTofu may keep it with the instance
      }
    }
    if (deposed) {
      out_.skip(instance_.address, "deposed: waits to be destroyed, another instance stands for it");
      return {};
    }
    if (!has_attributes) {
      out_.skip(instance_.address, "no attributes (a state of a very old version?)");
      return {};
    }
    instance_.pointer += "/attributes";
    if (auto done = type.emitter.emit(instance_); !done) return done;
    const auto index = std::string_view(instance_.address).substr(base.size());
    if (text.size() > JsonOutline::most_bytes || type.path_bytes() > most_path_bytes) {
      type.emitter.forget();
    } else if (type.is_worth_it()) {
      type.repeat.learn(text, index);
      if (!type.repeat.knows_one()) ++type.unlike;
    }
    return {};
  }

  const SourceSpec& spec_;
  const Keys& keys_;
  Builder& out_;
  const std::string base_;
  WipedParser parser_{max_json_depth};
  std::vector<std::unique_ptr<Type>> types_;  ///< those met lately
  std::size_t next_out_ = 0;                  ///< of types_, when a new one needs its place
  TerraformInstance instance_;
  std::string head_;  ///< the members of the state that are not resources, as JSON
  bool has_resources_ = false;
  SeenKeys seen_, seen_of_resource_, seen_of_instance_;
};

}  // namespace

Result<void> stream_terraform_state(const SourceSpec& spec, JsonStream::Read read, const Keys& keys, Builder& out) {
  JsonStream stream("read the state " + spec.path, std::move(read), max_instance);
  return StateReader(spec, keys, out).read(stream);
}

Result<void> read_terraform_state(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out) {
  return stream_terraform_state(spec, from_memory(bytes), keys, out);
}

}  // namespace plumbline::baseline
