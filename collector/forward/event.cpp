#include "collector/forward/event.hpp"

#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

/// Of two JSON objects one: the second's members follow the first's.
std::string with_members_of(std::string first, const std::string& second) {
  const auto begin = second.find_first_not_of(" \t", 1);
  const auto end = second.rfind('}');
  if (begin == std::string::npos || end == std::string::npos || begin >= end) return first;
  first.back() = ',';
  first.append(second, begin, end - begin);
  first += '}';
  return first;
}

}  // namespace

bool is_news(const LedgerRecord& record) {
  return record.type != "finding" || record.comparison != "match" || !record.drift_id.empty();
}

std::string cloud_event(const LedgerRecord& record, const std::string& data) {
  wire::JsonObject event;
  event.text("specversion", "1.0").text("id", record.id).text("source", "/nodes/" + record.node_id);
  event.text("type", "dev.plumbline." + record.type);
  if (!record.resource.empty()) event.text("subject", record.resource);
  event.text("time", rfc3339(record.at)).text("datacontenttype", "application/json");
  event.text("ledgerseq", std::to_string(record.seq)).text("nodename", record.node);
  return event.raw("data", data).str();
}

std::string ndjson_line(const LedgerRecord& record) {
  wire::JsonObject line;
  line.number("ledger_seq", record.seq).text("type", record.type).text("id", record.id);
  line.text("node_id", record.node_id).text("node", record.node);
  line.text("at", rfc3339(record.at)).text("received_at", rfc3339(record.received_at));
  return with_members_of(line.str(), record.body) + '\n';
}

std::string ndjson_line(const LedgerRecord& record, const std::string& document) {
  return with_members_of(wire::JsonObject().number("ledger_seq", record.seq).str(), document) + '\n';
}

}  // namespace plumbline::collector
