#include "collector/api/silences.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "collector/api/principal.hpp"
#include "collector/api/same_site.hpp"
#include "http/page.hpp"
#include "include/util/nearest.hpp"
#include "include/wire/json.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

using wire::Json;

constexpr WallNs longest = WallNs{90} * 86'400 * 1'000'000'000;
constexpr std::array<std::string_view, 2> states = {"active", "ended"};
constexpr std::array<std::string_view, 8> keys = {"resource", "node",   "baseline", "max_severity",
                                                  "until",    "reason", "by",       "all"};

std::string silence_json(const AlertSilence& silence) {
  wire::JsonObject json;
  json.number("id", silence.id).text("state", silence.end_seq == 0 ? "active" : "ended");
  json.text("resource", silence.resource).text("node", silence.node).text("baseline", silence.baseline);
  json.text("max_severity", silence.max_severity).text("until", rfc3339(silence.until));
  json.text("reason", silence.reason).text("created_by", silence.created_by).text("by", silence.by);
  json.text("created_at", rfc3339(silence.created_at));
  if (silence.end_seq == 0)
    json.null("ended_at").null("ended_by");
  else
    json.text("ended_at", rfc3339(silence.ended_at)).text("ended_by", silence.ended_by);
  return json.str();
}

/// Reads one request's keys; the first thing that is wrong is kept.
class SilenceReader {
 public:
  explicit SilenceReader(const Json& json) : json_(json) {
    if (!json.is_object()) {
      fail("", "it is no JSON object", R"(send {"resource": …, "until": …, "reason": …})");
      return;
    }
    for (const auto& [key, value] : json.items()) {
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      const std::string near(nearest(key, keys));
      fail(key.substr(0, 100), "no such key is known",
           near.empty() ? "see GET /openapi.json" : "did you mean " + near + "?");
    }
  }
  void text(const char* key, std::string& out, std::size_t max) {
    const auto at = json_.is_object() ? json_.find(key) : json_.end();
    if (at == json_.end()) return;
    if (!at->is_string()) return fail(key, "it is no text", "");
    out = at->get<std::string>();
    if (out.size() > max) fail(key, "it is longer than " + std::to_string(max) + " bytes", "");
  }
  bool flag(const char* key) {
    const auto at = json_.is_object() ? json_.find(key) : json_.end();
    if (at == json_.end()) return false;
    if (!at->is_boolean()) fail(key, "it is neither true nor false", "");
    return at->is_boolean() && at->get<bool>();
  }
  void fail(const std::string& key, std::string why, std::string fix) {
    if (!error_) error_ = invalid("add a silence: /" + key, std::move(why), std::move(fix));
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  const Json& json_;
  std::optional<Error> error_;
};

bool is_any(const std::string& pattern) {
  return pattern.find_first_not_of('*') == std::string::npos;
}

Result<AlertSilence> read_silence(const http::Request& request, WallNs now) {
  const Json json = Json::parse(request.body, nullptr, false);
  SilenceReader reader(json);
  AlertSilence silence;
  std::string until;
  reader.text("resource", silence.resource, 1024);
  reader.text("node", silence.node, 200);
  reader.text("baseline", silence.baseline, 200);
  reader.text("max_severity", silence.max_severity, 20);
  reader.text("until", until, 100);
  reader.text("reason", silence.reason, 1000);
  reader.text("by", silence.by, 200);
  const bool all = reader.flag("all");
  if (!silence.max_severity.empty() && !wire::severity_of(silence.max_severity))
    reader.fail("max_severity", "it is no severity", "give info, low, medium, high or critical");
  const bool holds_all = is_any(silence.resource) && is_any(silence.node) && is_any(silence.baseline);
  if (holds_all && !all)
    reader.fail("resource", "without resource, node and baseline it holds back whatever drifts",
                R"(name one of them, or say "all": true)");
  if (!holds_all && all)
    reader.fail("all", "it contradicts resource, node or baseline, which narrow it", "leave it out");
  if (silence.reason.find_first_not_of(" \t\n") == std::string::npos)
    reader.fail("reason", "it is missing", "say why nobody is to be told");
  const auto end = parse_rfc3339(until);
  if (!end)
    reader.fail("until", until.empty() ? "it is missing" : "it is no time of RFC 3339",
                "write it as 2026-11-28T06:00:00Z");
  else if (*end <= now)
    reader.fail("until", "it is over", "give a time that comes");
  else if (*end - now > longest)
    reader.fail("until", "it is more than 90 days away", "silence it for less and look again then");
  if (reader.error()) return *reader.error();
  silence.until = *end;
  silence.created_by = principal_of(request);
  silence.created_at = now;
  return silence;
}

std::optional<std::uint64_t> number_of(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

http::Response list_silences(const ApiParts& parts, const http::Request& request) {
  if (const auto checked = http::check_query(request.query, {"state", "limit", "cursor"}); !checked)
    return http::problem(checked.error());
  Query query;
  const auto limit = http::parse_limit(request.query);
  if (!limit) return http::problem(limit.error());
  query.limit = *limit;
  const auto cursor = http::parse_cursor(request.query, "silences");
  if (!cursor) return http::problem(cursor.error());
  if (*cursor) query.before = number_of(**cursor).value_or(0);
  if (const std::string* state = http::find_field(request.query, "state")) {
    if (const auto word = http::check_word("state", *state, states); !word) return http::problem(word.error());
    query.state = *state;
  }
  const auto page = parts.store.silences(query);
  if (!page) return http::problem(page.error());
  http::PageWriter writer;
  for (const AlertSilence& silence : page->items) writer.add(silence_json(silence));
  return std::move(writer).finish(page->next == 0 ? "" : http::encode_cursor("silences", std::to_string(page->next)));
}

http::Response add_silence(const ApiParts& parts, const http::Request& request) {
  if (auto refused = refuse_other_sites(request, "add a silence")) return std::move(*refused);
  if (const auto checked = http::check_query(request.query, {}); !checked) return http::problem(checked.error());
  auto silence = read_silence(request, parts.clock.wall());
  if (!silence) return http::problem(silence.error());
  const auto added = parts.store.add_silence(std::move(*silence));
  // What was asked is right; there is no room for it.
  if (!added && added.error().code == ErrorCode::invalid_argument) return http::problem(409, added.error());
  if (!added) return http::problem(added.error());
  return http::json_response(silence_json(*added), 201);
}

http::Response end_silence(const ApiParts& parts, const http::Request& request) {
  if (auto refused = refuse_other_sites(request, "end a silence")) return std::move(*refused);
  if (const auto checked = http::check_query(request.query, {"by"}); !checked) return http::problem(checked.error());
  const std::string* by = http::find_field(request.query, "by");
  const std::string& id = request.params.at("id");
  const auto number = number_of(id);
  if (!number || (by != nullptr && by->size() > 200))
    return http::problem(invalid("end silence " + id.substr(0, 100),
                                 number ? "`by` is longer than 200 bytes" : "its id is no number",
                                 "list GET /v1/silences"));
  const std::string who = principal_of(request, by == nullptr ? "" : *by);
  const auto ended = parts.store.end_silence(*number, who, parts.clock.wall());
  if (!ended) return http::problem(ended.error());
  return http::json_response(silence_json(*ended));
}

}  // namespace plumbline::collector
