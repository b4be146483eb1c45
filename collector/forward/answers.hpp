// What destinations answer, read without trust: their bodies come from elsewhere. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace plumbline::collector {

/// One item of an answer to Elasticsearch's or OpenSearch's `_bulk`.
struct BulkItem {
  int status = 0;
  std::string reason;  ///< "type: reason" of its error; "" = none
};
/// In the order of what was sent: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
/// nullopt: it is no such answer, so nothing is known of any item.
std::optional<std::vector<BulkItem>> read_bulk_answer(const std::string& body);

/// An answer of Splunk's HTTP Event Collector: {"text": "Success", "code": 0, "ackId": 7}
struct HecAnswer {
  int code = -1;  ///< of Splunk's own list ("Troubleshoot HTTP Event Collector"); -1 = none was given
  std::optional<std::uint64_t> ack_id;
};
HecAnswer read_hec_answer(const std::string& body);
/// Whether each of `ids` is acknowledged by {"acks": {"7": true, "8": false}}; one that is not named is not.
std::vector<bool> read_hec_acks(const std::string& body, const std::vector<std::uint64_t>& ids);

/// ExportLogsServiceResponse of OTLP/HTTP: how many log records were rejected for good, and why.
struct PartialSuccess {
  std::uint64_t rejected = 0;
  std::string message;
};
PartialSuccess read_otlp_answer(const std::string& body);

// Of a 400: whether it is for what is configured, and not for what was sent.

/// Slack's texts of a hook, channel or workspace that is not there any more or takes nothing ("Sending messages using
/// incoming webhooks", handling errors).
bool blames_slack_hook(const std::string& body);
/// {"error": {"code": "WorkflowTriggerIsNotEnabled"}} and the like of the workflows behind Teams' URLs.
bool blames_teams_workflow(const std::string& body);
/// PagerDuty's "Invalid routing key", or {"errors": ["Length of 'routing_key' is incorrect …"]}.
bool blames_routing_key(const std::string& body);

}  // namespace plumbline::collector
