#include "cloud/kubernetes/decode.hpp"
#include "cloud/aws/effect.hpp"
#include "cloud/aws/grant.hpp"
#include "cloud/aws/outcome.hpp"
#include "cloud/aws/parameters.hpp"
#include "cloud/aws/router.hpp"
#include "cloud/aws/signature.hpp"
#include "cloud/azure/decode.hpp"
#include "cloud/bearer.hpp"
#include "cloud/client_tool.hpp"
#include "cloud/gcp/decode.hpp"
#include "cloud/kubernetes/router.hpp"
#include "cloud/operation.hpp"

namespace plumbline::cloud {
namespace {

std::string bounded(std::string_view text) {
  return std::string(text.substr(0, 256));
}

/// By the head, then by the body, then by the answer.
Route route_of(const Request& request, const Response& response) {
  Route route = cloud::route(request.head);
  if (route.unmapped == Unmapped::needs_body) {
    route = cloud::route(request.head, request.body);
    if (route.provider == Provider::kubernetes && route.unmapped == Unmapped::needs_body)
      route = aws::route(request.head, request.body);  // nothing says that it is Kubernetes'
    // The head may name an operation, one that reads, though no body came.
    if (route.unmapped == Unmapped::needs_body)
      route.unmapped = route.operation == table::no_row ? Unmapped::unknown_operation : Unmapped::no;
  }
  // What is Kubernetes' in spite of a signature: stores number their answers, API servers do not so.
  if (route.provider == Provider::kubernetes && !header(response.headers, "x-amz-request-id").empty()) {
    const Route store = aws::route(request.head, request.body);
    if (store.unmapped == Unmapped::no) return store;
  }
  // Host and signature are the client's word. The answer is an API server's own: no service of AWS answers like one.
  if (route.unmapped != Unmapped::not_cloud && route.provider != Provider::aws) return route;
  const Route answered = kubernetes::route_answered(request.head, response);
  return answered.unmapped == Unmapped::no && (route.provider == Provider::none || may_change(answered.level()))
             ? answered
             : route;
}

void decode_aws(const Request& request, const Response& response, const Route& route, Operation& operation) {
  operation.access_key_id = route.access_key_id;
  operation.invocation = bounded(header(request.head.headers, "amz-sdk-invocation-id"));
  aws::Parameters parameters = aws::parameters_of(request, route);
  operation.parameters = std::move(parameters.value);
  operation.parameters_cut = parameters.cut;
  operation.principal_account = aws::account_of(route.access_key_id);
  if (auto named = aws::account_named(request, route, operation.parameters))
    operation.account = std::move(*named);
  else if (operation.account = operation.principal_account; operation.account.empty())
    operation.account = aws::account_of_unsigned(request, operation.parameters);
  aws::add_outcome(response, route, parameters.asks_dry_run, operation);
  operation.grant = aws::grant_of(request, response, route);
  aws::add_effect(response, route, request.prints, operation);
}

/// What a hostile path or body names by nothing.
void drop_nameless(Operation& operation) {
  for (auto& touched : operation.touched) {
    std::erase_if(touched.ids, [](const std::string& id) { return id.empty(); });
    for (auto& candidate : touched.candidates)
      std::erase_if(candidate.settings, [](const Setting& setting) { return setting.attribute.empty(); });
  }
}

void add_claims(const Request& request, Operation& operation) {
  Claims claims = claims_of(request.head.headers, request.tokens);
  operation.principal = std::move(claims.principal);
  operation.token = std::move(claims.proof);
  operation.access_key_id = std::move(claims.access_key_id);
}

}  // namespace

Operation decode(const Request& sent, const Response& response) {
  const std::string target = plain_target(sent.head.target);
  Request request = sent;
  request.head.target = target;
  const Route route = route_of(request, response);
  Operation operation;
  operation.provider = route.provider;
  operation.unmapped = route.unmapped;
  if (route.provider == Provider::none) return operation;
  operation.service = route.service_name();
  operation.operation = route.operation_name();
  operation.level = route.level();
  operation.level_guessed = route.level_guessed();
  operation.data_plane = route.data_plane();
  operation.region = bounded(route.region);
  operation.partition = route.partition;
  operation.tool = tool_of(request.head.headers);
  if (route.provider == Provider::aws)
    decode_aws(request, response, route, operation);
  else
    add_claims(request, operation);
  if (route.provider == Provider::azure) azure::decode(request, response, route, operation);
  if (route.provider == Provider::gcp) gcp::decode(request, response, route, operation);
  if (route.provider == Provider::kubernetes) kubernetes::decode(request, response, route, operation);
  drop_nameless(operation);
  return operation;
}

std::string_view word(Provider provider) {
  constexpr std::array<std::string_view, 5> words = {"", "aws", "gcp", "azure", "kubernetes"};
  return words[static_cast<std::size_t>(provider)];
}

std::string_view word(Level level) {
  constexpr std::array<std::string_view, 5> words = {"read", "list", "write", "tagging", "permissions"};
  return words[static_cast<std::size_t>(level)];
}

std::string_view word(Outcome outcome) {
  constexpr std::array<std::string_view, 5> words = {"unknown", "succeeded", "denied", "failed", "dry_run"};
  return words[static_cast<std::size_t>(outcome)];
}

std::string_view word(Semantics semantics) {
  constexpr std::array<std::string_view, 6> words = {"", "create", "replace", "merge", "delta", "remove"};
  return words[static_cast<std::size_t>(semantics)];
}

std::string_view word(Unmapped unmapped) {
  constexpr std::array<std::string_view, 5> words = {"", "neither host nor signature is that of a known cloud",
                                                     "the operation is named in a body that is not there",
                                                     "no known service has this signing name or host",
                                                     "the service has no operation with this path, target or action"};
  return words[static_cast<std::size_t>(unmapped)];
}

}  // namespace plumbline::cloud
