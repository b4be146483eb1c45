#include "baseline/source/cloud_init_parts.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include "baseline/source/base64.hpp"
#include "baseline/source/gunzip.hpp"
#include "baseline/source/json_text.hpp"
#include "baseline/source/mime.hpp"
#include "baseline/value/yaml_json.hpp"
#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

constexpr std::size_t max_unpacked = std::size_t{64} << 20;
constexpr std::size_t mime_is_looked_for_in = 4096;

struct Beginning {
  std::string_view text;
  std::string_view type;
};

// INCLUSION_TYPES_MAP, the longest first.
constexpr Beginning beginnings[] = {
    {"#cloud-config-archive", "text/cloud-config-archive"},
    {"#cloud-config-jsonp", "text/cloud-config-jsonp"},
    {"## template: jinja", "text/jinja2"},
    {"#cloud-boothook", "text/cloud-boothook"},
    {"#include-once", "text/x-include-once-url"},
    {"#cloud-config", "text/cloud-config"},
    {"#part-handler", "text/part-handler"},
    {"#include", "text/x-include-url"},
    {"#!", "text/x-shellscript"},
};

constexpr std::string_view gzip_types[] = {
    "application/gzip",         "application/gzip-compressed", "application/gzipped", "application/x-compress",
    "application/x-compressed", "application/x-gunzip",        "application/x-gzip",  "application/x-gzip-compressed",
};

/// Text that is cleared at its end.
struct Cleared {
  ~Cleared() { explicit_bzero(text.data(), text.size()); }
  std::string text;
};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool starts_with_lower(std::string_view text, std::string_view lower_start) {
  return text.size() >= lower_start.size() &&
         std::equal(lower_start.begin(), lower_start.end(), text.begin(), [](char a, char b) { return a == lower(b); });
}

bool holds_mime_version(std::string_view text) {
  constexpr std::string_view wanted = "mime-version:";
  text = text.substr(0, mime_is_looked_for_in);
  return std::search(text.begin(), text.end(), wanted.begin(), wanted.end(),
                     [](char a, char b) { return lower(a) == b; }) != text.end();
}

/// type_from_starts_with(); "" where nothing fits.
std::string_view type_by_beginning(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n\v\f"), text.size()));
  for (const auto& beginning : beginnings)
    if (starts_with_lower(text, beginning.text)) return beginning.type;
  return {};
}

std::string_view text_of(simdjson::dom::element element) {
  std::string_view text;
  return element.get_string().get(text) == simdjson::SUCCESS ? text : std::string_view{};
}

class Parts {
 public:
  Parts(const std::string& what, const std::string& source, Builder& out) : what_(what), source_(source), out_(out) {}

  Result<void> message(std::string_view bytes) {
    Cleared unpacked;
    if (is_gzip(bytes)) {
      if (auto ok = unpack(bytes, unpacked.text); !ok) return ok;
      bytes = unpacked.text;
    }
    if (holds_mime_version(bytes)) return mime(bytes);
    const auto type = type_by_beginning(bytes);
    if (!type.empty()) return processed(std::string(type), bytes, {});
    if (!in_base64_) {
      in_base64_ = true;  // once: base64 in base64 is nobody's user data
      Cleared decoded;
      if (auto text = decode_base64(bytes, Base64::strict); text && !text->empty()) {
        decoded.text = std::move(*text);
        return message(decoded.text);
      }
    }
    return invalid(what_, "it is not user data: it begins with none of #cloud-config, #!, #include, a MIME header, …",
                   "give user-data.txt or cloud-config.txt of the instance's folder");
  }

  std::vector<CloudConfigPart> take() { return std::move(parts_); }

 private:
  struct Headers {
    std::string merge_type;
    std::string launch_index;
  };

  Result<void> unpack(std::string_view bytes, std::string& text) {
    auto content = gunzip(bytes, max_unpacked - unpacked_);
    if (!content) return invalid(what_, "its gzip cannot be read: " + content.error().why, "is it whole?");
    unpacked_ += content->size();
    text = std::move(*content);
    return {};
  }

  std::string part_name() {
    char name[32];
    std::snprintf(name, sizeof name, "part-%03zu", ++count_);
    return name;
  }

  void skip(const std::string& name, std::string why) {
    out_.skip("cloud-init:" + source_ + "/" + name, std::move(why));
  }

  Result<void> mime(std::string_view message) {
    auto parts = mime_parts(what_, message);
    if (!parts) return parts.error();
    Result<void> ok{};
    for (auto& part : *parts) {
      if (ok) ok = mime_part(part);
      explicit_bzero(part.body.data(), part.body.size());
    }
    return ok;
  }

  Result<void> mime_part(const MimePart& part) {
    std::string_view body = part.body;
    std::string type = part.type;
    bool garbled = part.garbled;
    Cleared unpacked;
    if (std::find(std::begin(gzip_types), std::end(gzip_types), type) != std::end(gzip_types)) {
      if (auto ok = unpack(body, unpacked.text); !ok) return ok;
      body = unpacked.text;
      type = "text/plain";
      garbled = std::any_of(body.begin(), body.end(), [](char c) { return static_cast<signed char>(c) < 0; });
    }
    if (garbled) {
      skip(part_name(), "not ASCII and in no transfer encoding (or in gzip): cloud-init garbles it; send it in base64");
      return {};
    }
    if (type == "text/plain" || type == "text/x-not-multipart" || type == "text/x-shellscript")
      if (const auto found = type_by_beginning(body); !found.empty()) type = found;
    return processed(type, body, {part.merge_type, part.launch_index});
  }

  Result<void> processed(const std::string& type, std::string_view body, const Headers& headers) {
    if (type == "text/cloud-config-archive") return archive(body);
    if (type == "text/x-include-url" || type == "text/x-include-once-url") {
      skip(part_name(),
           "#include: what is behind its URLs is not known here; cloud-config.txt of the instance holds it");
      return {};
    }
    return attached(type, body, headers);
  }

  Result<void> archive(std::string_view yaml) {
    auto documents = yaml_documents(what_ + ", archive", yaml);
    if (!documents) return documents.error();
    JsonText json;
    simdjson::dom::array entries;
    for (auto& document : *documents) {
      const auto top = json.parse(what_ + ", archive", document.json);
      explicit_bzero(document.json.data(), document.json.size());
      if (!top) return top.error();
      if (documents->size() != 1 || top->get_array().get(entries) != simdjson::SUCCESS)
        return invalid(what_ + ", archive", "not one list of parts");
    }
    if (documents->empty()) return {};
    for (const auto entry : entries) {
      std::string_view body = text_of(entry);
      Headers headers;
      std::string type;
      if (simdjson::dom::object members; entry.get_object().get(members) == simdjson::SUCCESS) {
        simdjson::dom::element value;
        if (members["content"].get(value) == simdjson::SUCCESS) body = text_of(value);
        if (members["type"].get(value) == simdjson::SUCCESS) type = text_of(value);
        for (const auto member : members) {
          if (starts_with_lower(member.key, "merge-type") || starts_with_lower(member.key, "x-merge-type"))
            headers.merge_type = text_of(member.value);
          if (starts_with_lower(member.key, "launch-index")) headers.launch_index = simdjson::minify(member.value);
        }
      } else if (!entry.is_string()) {
        skip(part_name(), "an entry of an archive that is neither text nor a map: cloud-init ignores it");
        continue;
      }
      if (type.empty()) type = type_by_beginning(body);
      if (type.empty()) type = "text/cloud-config";
      if (auto ok = attached(type, body, headers); !ok) return ok;
    }
    return {};
  }

  /// What cloud-init's handlers make of a part.
  Result<void> attached(std::string_view type, std::string_view body, const Headers& headers) {
    const std::string name = part_name();
    if (!headers.launch_index.empty()) {
      skip(name, "only for one instance of a launch (launch-index), and which one this is is not known here");
      return {};
    }
    if (type == "text/jinja2") {
      if (body.find("{{") != std::string_view::npos || body.find("{%") != std::string_view::npos ||
          body.find("{#") != std::string_view::npos) {
        skip(name, "a template: its values are not known here; cloud-config.txt of the instance holds what came of it");
        return {};
      }
      body.remove_prefix(std::min(body.find('\n'), body.size()));
      type = type_by_beginning(body);
    }
    if (type == "text/cloud-config" || type == "text/cloud-config-jsonp") {
      CloudConfigPart part;
      part.name = name;
      part.yaml = body;
      part.merge_type = headers.merge_type;
      part.is_patch = type != "text/cloud-config";
      parts_.push_back(std::move(part));
    } else if (type == "text/x-shellscript" || type == "text/cloud-boothook" || type == "text/part-handler" ||
               type.starts_with("text/x-shellscript-per-")) {
      skip(name, std::string(type) + ": a program, and what files it writes cannot be told");
    } else {
      skip(name, (type.empty() ? "a template of nothing known" : config::shown(type)) + ": holds no files");
    }
    return {};
  }

  const std::string& what_;
  const std::string& source_;
  Builder& out_;
  std::vector<CloudConfigPart> parts_;
  std::size_t count_ = 0;
  std::size_t unpacked_ = 0;
  bool in_base64_ = false;
};

}  // namespace

CloudConfigPart::~CloudConfigPart() {
  explicit_bzero(yaml.data(), yaml.size());
}

Result<std::vector<CloudConfigPart>> cloud_config_parts(const std::string& what, const std::string& source,
                                                        std::string_view user_data, Builder& out) {
  Parts parts(what, source, out);
  if (auto ok = parts.message(user_data); !ok) return ok.error();
  return parts.take();
}

}  // namespace plumbline::baseline
