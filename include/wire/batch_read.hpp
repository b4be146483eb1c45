// Reading side of POST /v1/batches (format: record.hpp). Bodies stay raw text: no DOM a record. Users link libsimdjson
// and nlohmann_json.
#pragma once

#include <simdjson.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "include/util/result.hpp"
#include "include/wire/record.hpp"

namespace plumbline::wire {

/// Bounds of one batch; a batch over one of them is refused whole with `unsupported` (HTTP: 413).
struct BatchLimits {
  std::size_t max_records = 5000;
  std::size_t max_record_bytes = wire::max_record_bytes;
  std::size_t max_header_bytes = std::size_t{64} << 10;
  int max_depth = 16;  ///< of labels and health
};

namespace detail {

namespace od = simdjson::ondemand;

inline Error batch_error(std::size_t line, const std::string& why) {
  return invalid("read a batch at line " + std::to_string(line), why,
                 "send NDJSON: one header line, then one line a record");
}

/// Reads the text, number or raw object at a key; `problem` keeps the first wrong type.
struct LineReader {
  std::size_t line;
  std::string problem;

  void fail(std::string_view key, const char* why) {
    if (problem.empty()) problem = "/" + std::string(key) + " is " + why;
  }
  void text(std::string_view key, od::value value, std::string& out, std::size_t max = 1024) {
    std::string_view view;
    if (value.get_string().get(view) != simdjson::SUCCESS) return fail(key, "not a string");
    if (view.size() > max) return fail(key, "too long");
    out = view;
  }
  void number(std::string_view key, od::value value, std::uint64_t& out) {
    if (value.get_uint64().get(out) != simdjson::SUCCESS) fail(key, "not a whole number");
  }
  void time(std::string_view key, od::value value, WallNs& out) {
    std::string_view view;
    const auto parsed = value.get_string().get(view) == simdjson::SUCCESS ? parse_rfc3339(view) : std::nullopt;
    if (!parsed) return fail(key, "not an RFC 3339 time");
    out = *parsed;
  }
  /// An id goes into headers, logs and URLs as it is.
  void id(std::string_view key, od::value value, std::string& out, std::size_t max) {
    text(key, value, out, max);
    if (!std::all_of(out.begin(), out.end(), [](char c) { return c > ' ' && c < '\x7f'; }))
      fail(key, "not of printable ASCII without spaces");
  }
  /// An object that is shown as it is, inside of others: all of it is parsed, where object() only finds its end.
  void whole_object(std::string_view key, od::value value, std::string& out, int max_depth) {
    object(key, value, out);
    if (!problem.empty()) return;
    bool deep = false;
    const auto shallow = [&](int depth, nlohmann::json::parse_event_t, const nlohmann::json&) {
      deep = deep || depth > max_depth;
      return !deep;
    };
    const auto parsed = nlohmann::json::parse(out, shallow, /*allow_exceptions=*/false);
    if (deep) return fail(key, "nested too deeply");
    if (!parsed.is_object()) fail(key, "not an object");
  }
  void object(std::string_view key, od::value value, std::string& out) {
    od::object object;
    std::string_view raw;
    if (value.get_object().get(object) != simdjson::SUCCESS || object.raw_json().get(raw) != simdjson::SUCCESS)
      return fail(key, "not an object");
    while (!raw.empty() && (raw.back() == ' ' || raw.back() == '\t' || raw.back() == '\r')) raw.remove_suffix(1);
    out.reserve(raw.size() + simdjson::SIMDJSON_PADDING);  // so that the next parser need not copy it
    out = raw;
  }
};

/// Calls `visit(reader, key, value)` for every key of the one object that `line` is. `line` lies in a buffer with
/// SIMDJSON_PADDING readable bytes behind it.
template <class Visit>
Result<void> read_line(od::parser& parser, std::string_view line, std::size_t number, Visit visit) {
  od::document document;
  od::object object;
  const auto cut_off = [&](simdjson::error_code code) {
    return batch_error(number, std::string("not one whole JSON object (") + simdjson::error_message(code) + ")");
  };
  auto code = parser.iterate(line.data(), line.size(), line.size() + simdjson::SIMDJSON_PADDING).get(document);
  if (code == simdjson::SUCCESS) code = document.get_object().get(object);
  if (code != simdjson::SUCCESS) return cut_off(code);
  LineReader reader{number, {}};
  for (auto field : object) {
    std::string_view key;
    od::value value;
    code = field.unescaped_key().get(key);
    if (code == simdjson::SUCCESS) code = field.value().get(value);
    if (code != simdjson::SUCCESS) return cut_off(code);
    visit(reader, key, value);
    if (!reader.problem.empty()) return batch_error(number, reader.problem);
  }
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS)
    return batch_error(number, "something follows the object");
  return {};
}

}  // namespace detail

/// Reads a whole batch. The frame is checked here (every line one JSON object, as many records as the header says,
/// sequences contiguous from >= 1): `invalid_argument` names line and key, and nothing of the batch is used. Bodies
/// are only known to be one balanced JSON object; read_columns() checks them one by one.
inline Result<Batch> decode_batch(std::string ndjson, const BatchLimits& limits = {}) {
  const std::size_t size = ndjson.size();
  ndjson.reserve(size + simdjson::SIMDJSON_PADDING);
  Batch batch;
  std::uint64_t announced = 0;
  bool has_count = false;
  simdjson::ondemand::parser parser;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < size;) {
    std::size_t end = ndjson.find('\n', begin);
    if (end == std::string::npos) return detail::batch_error(number + 1, "the last line has no newline: cut off");
    const std::string_view line(ndjson.data() + begin, end - begin);
    begin = end + 1;
    ++number;
    if (number == 1) {
      if (line.size() > limits.max_header_bytes)
        return Error{ErrorCode::unsupported, "read a batch",
                     "its header is longer than " + std::to_string(limits.max_header_bytes) + " bytes",
                     "shorten labels and health"};
      auto read = detail::read_line(parser, line, number, [&](auto& r, std::string_view key, auto value) {
        if (key == "node_id") return r.id(key, value, batch.node_id, 64);
        if (key == "node") return r.text(key, value, batch.node);
        if (key == "boot_id") return r.text(key, value, batch.boot_id, 64);
        if (key == "agent_version") return r.text(key, value, batch.agent_version, 64);
        if (key == "sent_at") return r.time(key, value, batch.sent_at);
        if (key == "labels") return r.whole_object(key, value, batch.labels_json, limits.max_depth);
        if (key == "health") return r.whole_object(key, value, batch.health_json, limits.max_depth);
        if (key == "oldest_unsent") return r.number(key, value, batch.oldest_unsent);
        if (key == "records") {
          has_count = true;
          return r.number(key, value, announced);
        }
      });
      if (!read) return read.error();
      if (batch.node_id.size() < 8) return detail::batch_error(1, "/node_id is missing or shorter than 8 characters");
      if (!has_count) return detail::batch_error(1, "/records is missing");
      if (announced > limits.max_records)
        return Error{
            ErrorCode::unsupported, "read a batch",
            "it has " + std::to_string(announced) + " records, the limit is " + std::to_string(limits.max_records),
            "send fewer records in a batch"};
      batch.records.reserve(announced);
      continue;
    }
    if (batch.records.size() == announced)
      return detail::batch_error(number, "more lines than the " + std::to_string(announced) + " records of the header");
    if (line.size() > limits.max_record_bytes)
      return Error{ErrorCode::unsupported, "read a batch at line " + std::to_string(number),
                   "the record is longer than " + std::to_string(limits.max_record_bytes) + " bytes", ""};
    Record record;
    auto read = detail::read_line(parser, line, number, [&](auto& r, std::string_view key, auto value) {
      if (key == "sequence") return r.number(key, value, record.sequence);
      if (key == "type") return r.text(key, value, record.type, 32);
      if (key == "id") return r.id(key, value, record.id, 200);
      if (key == "at") return r.time(key, value, record.at);
      if (key == "body") return r.object(key, value, record.body);
    });
    if (!read) return read.error();
    if (record.sequence == 0 || record.sequence > INT64_MAX) return detail::batch_error(number, "no usable /sequence");
    if (record.type.empty()) return detail::batch_error(number, "no /type");
    if (record.id.empty()) return detail::batch_error(number, "no /id");
    if (record.body.empty()) return detail::batch_error(number, "no /body");
    if (!batch.records.empty() && record.sequence != batch.records.back().sequence + 1)
      return detail::batch_error(number, "sequence " + std::to_string(record.sequence) + " does not follow " +
                                             std::to_string(batch.records.back().sequence));
    batch.records.push_back(std::move(record));
  }
  if (number == 0) return detail::batch_error(1, "the batch is empty");
  if (batch.records.size() != announced)
    return detail::batch_error(number + 1, "cut off: " + std::to_string(batch.records.size()) + " of " +
                                               std::to_string(announced) + " records");
  return batch;
}

}  // namespace plumbline::wire
