#include "agent/decode/call_reader.hpp"

#include <vector>

#include "cloud/kubernetes/router.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t answer_bytes = 16 * 1024;  // as much as the kernel side copies of one
constexpr std::size_t longest_host = 256;
constexpr std::size_t most_of_maybe = 16 * 1024;  // of a body that is most likely nobody's

std::vector<cloud::HeaderField> fields_of(const HttpMessage& message) {
  std::vector<cloud::HeaderField> fields;
  fields.reserve(message.headers.size());
  for (const auto& [name, value] : message.headers) fields.push_back({name, value});
  return fields;
}

cloud::Head head_of(const HttpMessage& message, const std::vector<cloud::HeaderField>& fields) {
  return {message.method, message.host, message.target, fields};
}

}  // namespace

HttpConnections::Interest interest_of(const HttpMessage& head) {
  const auto fields = fields_of(head);
  const auto route = cloud::route(head_of(head, fields));
  if (route.unmapped == cloud::Unmapped::not_cloud && cloud::kubernetes::may_be_answered(head_of(head, fields)))
    return {{false, most_of_maybe, answer_bytes}, false};
  if (route.unmapped == cloud::Unmapped::not_cloud) return {{true, 0, 0}, false};
  if (route.grants_credentials()) return {{false, cloud::max_body, answer_bytes}, true};
  if (route.unmapped == cloud::Unmapped::no && !cloud::may_change(route.level())) return {{true, 0, 0}, true};
  // Who moves data says so in the head; its answer tells whether it worked in its status.
  return {{false, route.keep, route.data_plane() ? 0 : answer_bytes}, true};
}

HttpConnections::Interest interest_of(const HttpMessage& head, cloud::aws::MetadataService service) {
  const auto fields = fields_of(head);
  if (!cloud::aws::asks_for_credentials(service, head_of(head, fields))) return {{true, 0, 0}, true};
  return {{false, 0, answer_bytes}, true};
}

std::optional<cloud::Grant> read_grant(const HttpExchange& exchange, cloud::aws::MetadataService service,
                                       const cloud::TokenCheck* tokens) {
  if (!exchange.response) return std::nullopt;
  const auto fields = fields_of(exchange.request), answer_fields = fields_of(*exchange.response);
  cloud::Request request{head_of(exchange.request, fields), {}};
  request.tokens = tokens;
  return cloud::aws::metadata_grant(
      service, request,
      {exchange.response->status, answer_fields, exchange.response->body, exchange.response->body_cut});
}

bool may_change(const cloud::Operation& operation) {
  if (operation.unmapped != cloud::Unmapped::no || !cloud::may_change(operation.level)) return false;
  return !operation.data_plane || !operation.touched.empty();  // of users' data no IaC knows anything
}

ReadCall read_call(const HttpExchange& exchange, const mark_actor& actor, const cloud::SecretPrints* prints,
                   const cloud::TokenCheck* tokens) {
  const auto fields = fields_of(exchange.request);
  const cloud::Request request{head_of(exchange.request, fields), exchange.request.body, exchange.request.body_cut,
                               prints, tokens};
  cloud::Response response;
  std::vector<cloud::HeaderField> answer_fields;
  if (exchange.response) {
    answer_fields = fields_of(*exchange.response);
    response = {exchange.response->status, answer_fields, exchange.response->body, exchange.response->body_cut};
  }
  ReadCall call;
  call.actor = actor;
  call.operation = cloud::decode(request, response);
  call.host = exchange.request.host.substr(0, longest_host);
  call.status = response.status;
  call.is_cut = exchange.request.body_cut ||
                (call.operation.parameters_cut && call.operation.touched.size() >= cloud::max_touched);
  call.seen_at = exchange.last_seen;
  call.tool = {call.operation.tool,
               !call.operation.tool.empty() && exchange.taken_by != 0 && exchange.taken_by != CAPTURE_GO};
  return call;
}

}  // namespace plumbline::agent
