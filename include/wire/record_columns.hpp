// What a store indexes of a record's body, and the parts of a body as raw text. Users link libsimdjson.
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

#include "include/util/result.hpp"
#include "include/wire/record.hpp"

namespace plumbline::wire {

/// The columns that filters and state need. Empty = not there. Words are kept as text, so that a newer agent's verdict
/// is stored and shown, not refused.
struct RecordColumns {
  std::string resource;
  std::string verdict;
  std::string comparison;
  std::string severity;
  WallNs at = 0;  ///< finding.at; for other types the record's own time
  bool has_drift = false;
  std::string drift_id;  ///< of the drift in the body, or the one that the finding names
  std::string drift_state;
  std::string drift_resource;
  std::string drift_verdict;
  std::string drift_comparison;
  std::string drift_severity;
  std::string drift_baseline;
  std::int64_t drift_live = 0;  ///< a hash of its diff's attributes and live values; 0 = there is no diff
  WallNs drift_updated_at = 0;  ///< drift.updated_at, else `at`
};

/// Checks a whole body (all of it is parsed: what passes is valid JSON) and takes its columns. Not thread-safe: one
/// reader a thread, it keeps the parser's memory.
class ColumnReader {
 public:
  Result<RecordColumns> read(const Record& record) {
    // Other types are the collector's own to make (silence, …): from elsewhere they would be taken for its word.
    if (record.type != "finding" && record.type != "drift" && record.type != "gap")
      return refuse(record, "/type is none that agents send: finding, drift, gap");
    simdjson::dom::element body;
    const auto code = parser_.parse(record.body).get(body);
    if (code != simdjson::SUCCESS) return refuse(record, simdjson::error_message(code));
    if (!body.is_object()) return refuse(record, "/body is not an object");

    RecordColumns columns;
    columns.at = record.at;
    std::string id;
    simdjson::dom::element part;
    if (record.type == "finding") {
      if (body["finding"].get(part) != simdjson::SUCCESS || !part.is_object())
        return refuse(record, "/body/finding is not an object");
      take(part, "id", id);
      take(part, "resource", columns.resource);
      take(part, "verdict", columns.verdict);
      take(part, "comparison", columns.comparison);
      take(part, "severity", columns.severity);
      take(part, "drift_id", columns.drift_id);
      std::string at;
      take(part, "at", at);
      if (const auto parsed = parse_rfc3339(at)) columns.at = *parsed;
      if (id != record.id) return refuse(record, "/body/finding/id differs from /id");
      if (columns.resource.empty()) return refuse(record, "/body/finding/resource is missing");
    }
    if (record.type == "finding" || record.type == "drift") {
      const bool there = body["drift"].get(part) == simdjson::SUCCESS && !part.is_null();
      if (there && !part.is_object()) return refuse(record, "/body/drift is not an object");
      if (!there && record.type == "drift") return refuse(record, "/body/drift is missing");
      if (there) {
        columns.has_drift = true;
        take(part, "id", columns.drift_id);
        take(part, "state", columns.drift_state);
        take(part, "resource", columns.drift_resource);
        take(part, "verdict", columns.drift_verdict);
        take(part, "comparison", columns.drift_comparison);
        take(part, "severity", columns.drift_severity);
        take(part, "baseline", columns.drift_baseline);
        columns.drift_live = hash_of_live(part);
        std::string updated;
        take(part, "updated_at", updated);
        columns.drift_updated_at = parse_rfc3339(updated).value_or(columns.at);
        if (columns.drift_id.empty()) return refuse(record, "/body/drift/id is missing");
        if (record.type == "drift" && record.id != columns.drift_id + "@" + std::to_string(record.sequence))
          return refuse(record, "/id is not /body/drift/id and /sequence");
        if (columns.drift_state.empty()) return refuse(record, "/body/drift/state is missing");
        if (columns.drift_resource.empty()) return refuse(record, "/body/drift/resource is missing");
      }
    }
    if (record.type == "drift") {
      columns.resource = columns.drift_resource;
      columns.verdict = columns.drift_verdict;
      columns.comparison = columns.drift_comparison;
      columns.severity = columns.drift_severity;
    }
    if (record.type == "gap" && (body["gap"].get(part) != simdjson::SUCCESS || !part.is_object()))
      return refuse(record, "/body/gap is not an object");
    return columns;
  }

 private:
  static void take(simdjson::dom::element object, const char* key, std::string& out) {
    std::string_view text;
    if (object[key].get(text) == simdjson::SUCCESS) out = text;
  }
  /// FNV-1a (Fowler, Noll, Vo), 64 bits: it only counts how many different changes a page tells of.
  static std::int64_t hash_of_live(simdjson::dom::element drift) {
    simdjson::dom::array diff;
    if (drift["diff"].get(diff) != simdjson::SUCCESS || diff.size() == 0) return 0;
    std::uint64_t hash = 0xCBF29CE484222325;
    const auto add = [&](simdjson::dom::element one, const char* key) {
      std::string_view text;
      if (one[key].get(text) != simdjson::SUCCESS) text = {};
      for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
      hash = (hash ^ 0xFF) * 0x100000001B3;  // no byte of UTF-8: ends the text
    };
    for (const auto one : diff) {
      add(one, "attribute");
      add(one, "live");
    }
    return static_cast<std::int64_t>(hash);
  }
  static Error refuse(const Record& record, std::string why) {
    return invalid("read record " + record.id, std::move(why));
  }

  simdjson::dom::parser parser_;
};

/// The raw text of the object at `key` of a body that ColumnReader passed; nullopt where there is none, or null.
inline std::optional<std::string> body_part(const std::string& body, std::string_view key) {
  const simdjson::padded_string padded(body);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  std::string_view raw;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return std::nullopt;
  if (document.find_field_unordered(key).get_object().get(object) != simdjson::SUCCESS) return std::nullopt;
  if (object.raw_json().get(raw) != simdjson::SUCCESS) return std::nullopt;
  return std::string(raw.substr(0, raw.rfind('}') + 1));
}

}  // namespace plumbline::wire
