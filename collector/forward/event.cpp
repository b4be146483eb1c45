#include "collector/forward/event.hpp"

#include "include/wire/json_write.hpp"

namespace plumbline::collector {

bool is_news(const LedgerRecord& record) {
  return record.type != "finding" || record.comparison != "match" || !record.drift_id.empty();
}

std::string cloud_event(const LedgerRecord& record) {
  wire::JsonObject event;
  event.text("specversion", "1.0").text("id", record.id).text("source", "/nodes/" + record.node_id);
  event.text("type", "dev.plumbline." + record.type);
  if (!record.resource.empty()) event.text("subject", record.resource);
  event.text("time", rfc3339(record.at)).text("datacontenttype", "application/json");
  event.text("ledgerseq", std::to_string(record.seq)).text("nodename", record.node);
  return event.raw("data", record.body).str();
}

std::string ndjson_line(const LedgerRecord& record) {
  wire::JsonObject line;
  line.number("ledger_seq", record.seq).text("type", record.type).text("id", record.id);
  line.text("node_id", record.node_id).text("node", record.node);
  line.text("at", rfc3339(record.at)).text("received_at", rfc3339(record.received_at));
  std::string text = line.str();
  // The body is one JSON object: its members follow ours.
  const auto begin = record.body.find_first_not_of(" \t", 1);
  const auto end = record.body.rfind('}');
  if (begin != std::string::npos && end != std::string::npos && begin < end) {
    text.back() = ',';
    text.append(record.body, begin, end - begin);
    text += '}';
  }
  text += '\n';
  return text;
}

}  // namespace plumbline::collector
