// A ledger row as the text that sinks send. Pure.
#pragma once

#include <string>

#include "collector/store/store.hpp"

namespace plumbline::collector {

/// What sinks get by default: everything but findings that match their baseline and touch no drift. Gaps, silence and
/// holes are always for them.
bool is_news(const LedgerRecord& record);

/// CloudEvents 1.0, structured JSON. id: the record's; type: "dev.plumbline.<record type>"; source:
/// "/nodes/<node id>"; subject: the resource; data: `data`, which is JSON (the record's body, or format.hpp's);
/// extensions ledgerseq (text: CloudEvents integers have 32 bits) and nodename.
std::string cloud_event(const LedgerRecord& record, const std::string& data);

/// One line of NDJSON with its newline: {"ledger_seq": …, "type", "id", "node_id", "node", "at", "received_at"} and
/// then the body's own members. "ledger_seq" is always first: recovery reads it.
std::string ndjson_line(const LedgerRecord& record);
/// The same of another format's document: {"ledger_seq": …} and then its members.
std::string ndjson_line(const LedgerRecord& record, const std::string& document);

}  // namespace plumbline::collector
