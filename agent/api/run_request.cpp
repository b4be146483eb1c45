#include "agent/api/run_request.hpp"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "include/util/nearest.hpp"
#include "include/wire/json.hpp"

namespace plumbline::agent {
namespace {

using nlohmann::json;
constexpr std::int64_t longest_seconds = 86'400;
constexpr std::size_t longest_id = 128;

bool is_plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; });
}

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= longest_id && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("._:/@+-").find(c) != std::string_view::npos;
  });
}

/// Fills one request; keeps the first complaint.
class Reader {
 public:
  void complain(const std::string& key, const std::string& why, const std::string& fix = "") {
    if (!error_) error_ = invalid("read the run", (key.empty() ? "the body " : "`" + key + "` ") + why, fix);
  }
  void read(const json& body, RunRequest& out) {
    static const std::vector<std::string> known{"id",    "principal",  "baselines", "resources",
                                                "paths", "expires_in", "token"};
    for (const auto& [key, value] : body.items()) {
      if (key == "id")
        text(key, value, out.id, longest_id);
      else if (key == "principal")
        text(key, value, out.principal, RunRequest::longest_name);
      else if (key == "token")
        text(key, value, out.token, RunRequest::longest_token);
      else if (key == "expires_in")
        seconds(key, value, out.expires_in);
      else if (key == "baselines")
        globs(key, value, out.baselines);
      else if (key == "resources")
        globs(key, value, out.resources);
      else if (key == "paths")
        globs(key, value, out.paths);
      else
        unknown(key, known);
    }
    for (const char* key : {"id", "expires_in"})
      if (!body.contains(key)) complain(key, "is missing");
    if (!error_ && !is_id(out.id)) complain("id", "has other characters than A-Z a-z 0-9 . _ : / @ + -");
    for (const auto& path : out.paths)
      if (!path.starts_with('/') && !path.starts_with("**"))
        complain("paths", "has what is no absolute path", "begin each with / or **");
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  void unknown(const std::string& key, const std::vector<std::string>& known) {
    const std::string near(nearest(key, known));
    complain("", "has a key that is not known" + (is_plain(key) ? ": " + wire::escape_bytes(key.substr(0, 64)) : ""),
             near.empty() ? "known: id, principal, baselines, resources, paths, expires_in, token"
                          : "did you mean " + near + "?");
  }
  void text(const std::string& key, const json& value, std::string& out, std::size_t longest) {
    if (!value.is_string()) return complain(key, "must be a string");
    const auto& given = value.get_ref<const std::string&>();
    if (given.empty() || given.size() > longest)
      return complain(key, "must have 1 to " + std::to_string(longest) + " bytes");
    if (!is_plain(given)) return complain(key, "has control characters");
    out = given;
  }
  void seconds(const std::string& key, const json& value, std::chrono::seconds& out) {
    const bool fits = value.is_number_integer() && value >= 1 && value <= longest_seconds;
    if (!fits) return complain(key, "must be a whole number of seconds, 1 to 86400");
    out = std::chrono::seconds(value.get<std::int64_t>());
  }
  void globs(const std::string& key, const json& value, std::vector<std::string>& out) {
    if (!value.is_array() || value.empty() || value.size() > RunRequest::most_globs)
      return complain(key, "must be a list of 1 to " + std::to_string(RunRequest::most_globs) + " texts",
                      "leave it out where nothing is meant");
    for (const auto& item : value) text(key, item, out.emplace_back(), RunRequest::longest_glob);
  }

  std::optional<Error> error_;
};

}  // namespace

Result<RunRequest> parse_run_request(std::string_view body) {
  Reader reader;
  RunRequest request;
  if (body.size() > RunRequest::longest_body) reader.complain("", "is longer than 64 KiB");
  if (reader.error()) return *reader.error();
  // A key that is there twice would be read in two ways by two readers.
  std::set<std::string> keys;
  const json parsed = json::parse(
      body,
      [&](int depth, json::parse_event_t event, json& value) {
        if (depth == 1 && event == json::parse_event_t::key && !keys.insert(value.get<std::string>()).second)
          reader.complain("", "has a key twice");
        return true;
      },
      /*allow_exceptions=*/false);
  if (parsed.is_discarded() || !parsed.is_object()) reader.complain("", "is no JSON object");
  if (reader.error()) return *reader.error();
  reader.read(parsed, request);
  if (reader.error()) return *reader.error();
  return request;
}

}  // namespace plumbline::agent
