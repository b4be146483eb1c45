#include "baseline/source/systemd.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "baseline/paths.hpp"
#include "baseline/source/json_text.hpp"
#include "baseline/source/systemd_syntax.hpp"
#include "baseline/value/attributes.hpp"
#include "baseline/value/sensitive.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::baseline {
namespace {

constexpr std::string_view unit_types[] = {"service", "socket", "target", "device", "mount", "automount",
                                           "swap",    "timer",  "path",   "slice",  "scope"};
// Where systemd reads units; the longer ones first, since one may be the end of another.
constexpr std::string_view roots[] = {"/usr/local/lib/systemd/", "/usr/lib/systemd/", "/lib/systemd/", "/etc/systemd/",
                                      "/run/systemd/"};
constexpr std::string_view folders[] = {
    "system/",          "user/",      "system.control/",  "user.control/",  "transient/",
    "system.attached/", "generator/", "generator.early/", "generator.late/"};
constexpr std::string_view homes[] = {"/.config/systemd/user/", "/.local/share/systemd/user/"};
constexpr std::size_t longest_name = 255;
constexpr std::size_t max_secrets = 512;

/// What a path says of a file of systemd's.
struct UnitFile {
  std::string unit;     ///< "nginx.service"; for a drop-in of a whole type "service"
  std::string drop_in;  ///< "override.conf"; "" for the unit itself
  std::string type;     ///< "service"
  std::string target;   ///< where systemd reads it
};

bool is_unit_type(std::string_view name) {
  return std::find(std::begin(unit_types), std::end(unit_types), name) != std::end(unit_types);
}

/// unit_name_is_valid(): the characters that systemd allows.
bool is_unit_name(std::string_view name) {
  return !name.empty() && name.size() <= longest_name && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(":-_.\\@").find(c) != std::string_view::npos;
  });
}

std::string_view last_part(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::string_view parent_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

/// Where a file at `path` is to be installed; `below_unit_folder` is its name, for a drop-in with its folder.
std::string target_of(const std::string& path, const std::string& below_unit_folder, std::string_view unit_folder) {
  for (const auto root : roots)
    for (std::size_t at = path.rfind(root); at != std::string::npos;) {
      const auto rest = std::string_view(path).substr(at + root.size());
      if (std::any_of(std::begin(folders), std::end(folders), [&](auto folder) { return rest.starts_with(folder); }))
        return path.substr(at);
      at = at == 0 ? std::string::npos : path.rfind(root, at - 1);
    }
  for (const auto home : homes)
    if (path.find(home) != std::string::npos) return path;
  return (unit_folder.ends_with("systemd/user") ? "/etc/systemd/user/" : "/etc/systemd/system/") + below_unit_folder;
}

Result<UnitFile> unit_file(const std::string& given) {
  const auto path = normal_path(given, "/");
  if (!path) return invalid("read " + given, path.error().why);
  UnitFile file;
  const auto name = last_part(*path);
  auto folder = parent_of(*path);
  std::string below(name);
  if (const auto dir = last_part(folder); name.ends_with(".conf") && dir.ends_with(".d")) {
    file.unit = dir.substr(0, dir.size() - 2);
    file.drop_in = name;
    below = std::string(dir) + "/" + below;
    folder = parent_of(folder);
  } else {
    file.unit = name;
  }
  const auto dot = file.unit.rfind('.');
  file.type = dot == std::string::npos ? file.unit : file.unit.substr(dot + 1);
  const bool named = dot != std::string::npos && dot != 0;
  const bool of_a_type = dot == std::string::npos && !file.drop_in.empty();  // service.d/x.conf: of every service
  const bool good = is_unit_type(file.type) && is_unit_name(file.unit) && (named || of_a_type);
  if (!good)
    return invalid("read " + given,
                   "its name is neither a unit's (x.service, x.timer, …) nor a drop-in's (x.service.d/y.conf)",
                   "systemd goes by the name, so keep it");
  file.target = target_of(*path, below, folder);
  return file;
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// Names that are written as one word, such as PGPASSWORD and SSHPASS; sounds_sensitive() goes by words.
bool is_secret_variable(std::string_view name) {
  std::string lower(name);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower == "sshpass" || lower.ends_with("password") || lower.ends_with("passwd") || lower.ends_with("secret") ||
         lower.ends_with("token");
}

/// Whether a command is given a secret: "--password=…", "--token …", "API_KEY=…".
bool is_given_a_secret(std::string_view command) {
  while (true) {
    command.remove_prefix(std::min(command.find_first_not_of(" \t\"'"), command.size()));
    if (command.empty()) return false;
    const auto word = command.substr(0, command.find_first_of(" \t\"'"));
    command.remove_prefix(word.size());
    auto name = word.substr(0, word.find('='));
    if (name.size() == word.size() && !word.starts_with('-')) continue;
    name.remove_prefix(std::min(name.find_first_not_of('-'), name.size()));
    if (sounds_sensitive(name)) return true;
  }
}

void forget(std::string& text) {
  explicit_bzero(text.data(), text.size());
}

/// The assignments of a file, by section and key.
class Assignments {
 public:
  ~Assignments() {
    for (auto& [section, keys] : sections_)
      for (auto& [key, values] : keys) forget_all(values);
    for (auto& [section, variables] : environment_)
      for (auto& [name, value] : variables) forget(value);
  }

  /// false: a variable that systemd ignores.
  bool take(const UnitAssignment& line) {
    any_ = true;
    const std::string section(line.section);
    if (line.value.empty()) resets_.push_back(section + "." + std::string(line.key));
    if (line.key == "Environment") return take_environment(section, line.value);
    auto& values = sections_[section][std::string(line.key)];
    if (line.value.empty()) {
      forget_all(values);
    } else {
      values.emplace_back(line.value);
    }
    if (line.key.starts_with("SetCredential") || (line.key.starts_with("Exec") && is_given_a_secret(line.value)))
      sensitive_.insert(path_part(section) + "." + path_part(line.key));
    return true;
  }

  bool any() const { return any_; }
  const std::set<std::string>& sensitive() const { return sensitive_; }
  const std::vector<std::string>& resets() const { return resets_; }

  /// {"Service": {"ExecStart": ["…"], "Environment": {"PORT": "80"}}}
  std::string json() const {
    std::string text = "{";
    std::map<std::string, int> names;
    for (const auto& [section, keys] : sections_) names[section];
    for (const auto& [section, variables] : environment_) names[section];
    for (const auto& [section, unused] : names) {
      begin(text, section);
      text += '{';
      if (const auto keys = sections_.find(section); keys != sections_.end())
        for (const auto& [key, values] : keys->second) {
          begin(text, key);
          append_values(text, values);
        }
      if (const auto variables = environment_.find(section); variables != environment_.end()) {
        begin(text, "Environment");
        text += '{';
        for (const auto& [name, value] : variables->second) {
          begin(text, name);
          wire::append_json_string(text, value);
        }
        text += '}';
      }
      text += '}';
    }
    return text + '}';
  }

 private:
  using Variables = std::map<std::string, std::string>;

  static void forget_all(std::vector<std::string>& values) {
    for (auto& value : values) forget(value);
    values.clear();
  }

  /// config_parse_environ(): what is no assignment of a variable is ignored, and so is the rest after broken quotes.
  bool take_environment(const std::string& section, std::string_view rest) {
    Variables& variables = environment_[section];
    if (rest.empty()) {
      for (auto& [name, value] : variables) forget(value);
      variables.clear();
    }
    bool all = true;
    while (auto word = take_unit_word(rest)) {
      const auto equals = word->find('=');
      if (equals != std::string::npos && is_variable_name(std::string_view(*word).substr(0, equals))) {
        const std::string name = word->substr(0, equals);
        if (is_secret_variable(name)) sensitive_.insert(path_part(section) + ".Environment." + name);
        std::string& value = variables[name];
        forget(value);
        value = word->substr(equals + 1);
      } else {
        all = false;
      }
      forget(*word);
    }
    return all && rest.empty();
  }

  static void begin(std::string& text, const std::string& key) {
    if (!text.ends_with('{')) text += ',';
    wire::append_json_string(text, key);
    text += ':';
  }

  static void append_values(std::string& text, const std::vector<std::string>& values) {
    if (values.size() == 1) return wire::append_json_string(text, values[0]);
    text += '[';
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i != 0) text += ',';
      wire::append_json_string(text, values[i]);
    }
    text += ']';
  }

  bool any_ = false;
  std::map<std::string, std::map<std::string, std::vector<std::string>>> sections_;
  std::map<std::string, Variables> environment_;
  std::set<std::string> sensitive_;
  std::vector<std::string> resets_;
};

Result<void> append_unit_attributes(const Assignments& assignments, const std::string& what, const Keys& keys,
                                    Resource& resource) {
  AttributeRules rules;
  rules.lists = Lists::ordered;
  rules.sensitive.assign(assignments.sensitive().begin(), assignments.sensitive().end());
  // Each is compared with each attribute; no unit comes near.
  if (rules.sensitive.size() > max_secrets) rules.all_sensitive = true;
  std::string text = assignments.json();
  JsonText json;
  const auto top = json.parse(what, text);
  forget(text);
  if (!top) return top.error();
  append_attributes(top->get_object().value(), rules, keys.attributes, resource.attributes);
  return {};
}

void add_text(Resource& resource, const char* path, const std::string& value, const Keys& keys) {
  const auto [text, secret] = canonical_text(value);
  resource.attributes.push_back({path, keys.attributes.of(text), secret ? "" : text, secret});
}

}  // namespace

Result<void> read_systemd(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out) {
  const auto file = unit_file(spec.path);
  if (!file) return file.error();
  Resource resource;
  resource.address = "systemd:" + spec.name + "/" + file->unit + (file->drop_in.empty() ? "" : "/" + file->drop_in);
  resource.provider = "systemd";
  resource.type = file->type + (file->drop_in.empty() ? "" : ".d");
  if (file->unit != file->type) resource.ids.push_back(file->unit);
  resource.ids.push_back(file->target);
  Assignments assignments;
  bool ignored = false;
  const UnitHandlers handlers{
      [&](const UnitAssignment& line) {
        if (!assignments.take(line))
          out.skip(resource.address, "line " + std::to_string(line.line) + ": systemd ignores a part of Environment=");
      },
      [&](std::uint32_t line, const char* why) {
        ignored = true;
        out.skip(resource.address, "line " + std::to_string(line) + ": systemd ignores " + why);
      }};
  if (auto ok = parse_unit(spec.path, bytes, handlers); !ok) return ok;
  if (ignored && !assignments.any())
    return invalid("read " + spec.path, "no line of it is an assignment: not a file of systemd's",
                   "name a unit file or a drop-in");
  out.revision("content", keys.files.of_digest(sha256(bytes)));
  if (auto ok = append_unit_attributes(assignments, "read " + spec.path, keys, resource); !ok) return ok;
  if (!file->drop_in.empty()) {
    add_text(resource, "overrides", file->unit, keys);
    std::string resets;
    for (const auto& key : assignments.resets()) resets += (resets.empty() ? "" : " ") + key;
    if (!resets.empty() && resets.size() <= max_shown) add_text(resource, "resets", resets, keys);
  }
  out.resource(resource);
  FileExpectation expected;
  expected.address = resource.address;
  expected.path = file->target;
  expected.sensitive =
      looks_sensitive(bytes) || std::any_of(resource.attributes.begin(), resource.attributes.end(),
                                            [](const Attribute& attribute) { return attribute.sensitive; });
  const Sha256 digest = sha256(bytes);
  expected.content = expected.sensitive ? keys.files.of_digest(digest) : "sha256:" + to_hex(digest);
  if (expected.path == spec.path)
    out.skip(resource.address,
             "the source is the installed file itself: a change of it is seen, but the baseline moves along with it; "
             "keep the source elsewhere");
  out.file(std::move(expected));
  return {};
}

}  // namespace plumbline::baseline
