#include "cloud/aws/router.hpp"

#include <algorithm>
#include <optional>

#include "cloud/aws/host.hpp"
#include "cloud/aws/rest.hpp"
#include "cloud/aws/signature.hpp"
#include "cloud/table/tables.hpp"

namespace plumbline::cloud::aws {
namespace {

using table::Protocol;
using Ids = std::span<const std::uint32_t>;

constexpr std::size_t max_candidates = 16;
constexpr std::uint32_t forms = static_cast<std::uint32_t>(Protocol::query) | static_cast<std::uint32_t>(Protocol::ec2);
constexpr std::uint32_t by_header =
    static_cast<std::uint32_t>(Protocol::json) | static_cast<std::uint32_t>(Protocol::cbor);

bool has_protocol(std::uint32_t service, std::uint32_t protocols) {
  return (table::service(service).protocols & protocols) != 0;
}
bool has_protocol(std::uint32_t service, Protocol protocol) {
  return has_protocol(service, static_cast<std::uint32_t>(protocol));
}
bool contains(Ids ids, std::uint32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

/// Services that a request may be for.
struct Candidates {
  std::array<std::uint32_t, max_candidates> ids;
  std::size_t count = 0;

  void add(std::uint32_t id) {
    if (count < ids.size()) ids[count++] = id;
  }
  Ids all() const { return {ids.data(), count}; }
};

/// The headers that matter, found in one pass. Of several alike the first counts, as with most servers.
struct Fields {
  std::string_view authorization, old_authorization, target, smithy_protocol, content_type, host, region_set;

  explicit Fields(std::span<const HeaderField> headers) {
    for (const auto& [name, value] : headers) {
      switch (name.size()) {
        case 4:
          set(host, name, "host", value);
          break;
        case 12:
          set(target, name, "x-amz-target", value);
          set(content_type, name, "content-type", value);
          break;
        case 13:
          set(authorization, name, "authorization", value);
          break;
        case 15:
          set(smithy_protocol, name, "smithy-protocol", value);
          break;
        case 16:
          set(region_set, name, "x-amz-region-set", value);
          break;
        case 20:  // what SigV3 was
          set(old_authorization, name, "x-amzn-authorization", value);
          break;
        default:
          break;
      }
    }
    if (authorization.data() == nullptr) authorization = old_authorization;
  }

 private:
  static void set(std::string_view& field, std::string_view name, std::string_view wanted, std::string_view value) {
    if (field.data() == nullptr && equal_ignoring_case(name, wanted)) field = value;
  }
};

class Router {
 public:
  Router(const Head& head, std::string_view form)
      : head_(head), form_(form), fields_(head.headers), target_(split_target(head.target)) {}

  Route route() {
    host_ = without_port(head_.host.empty() ? fields_.host : head_.host);
    endpoint_ = endpoint_of(host_);
    signature_ = signature_of(fields_.authorization, fields_.region_set, target_.query);
    choose_candidates();
    choose_operation();
    if (named_.unmapped == Unmapped::not_cloud && is_ours()) {
      named_.unmapped = candidates_.count == 0 ? Unmapped::unknown_service : Unmapped::unknown_operation;
      if (candidates_.count == 1) named_.service = candidates_.ids[0];
    }
    if (named_.unmapped == Unmapped::not_cloud) return {};
    fill();
    return route_;
  }

 private:
  /// What one way of naming an operation comes to: small, as there are several for each request.
  struct Named {
    Unmapped unmapped = Unmapped::not_cloud;
    Wire wire = Wire::none;
    std::uint32_t service = table::no_row, operation = table::no_row;

    bool may_change() const {
      return operation != table::no_row &&
             cloud::may_change(table::operation(table::operation(operation).canonical).level);
    }
  };

  /// How much a route says: which of several ways of naming an operation the service goes by is not known where a
  /// request has more than one, so that a change goes before what reads, and a body that may name one too.
  static int weight(const Named& named) {
    if (named.unmapped == Unmapped::needs_body) return 3;
    if (named.unmapped != Unmapped::no) return named.unmapped == Unmapped::not_cloud ? 0 : 1;
    return named.may_change() ? 4 : 2;
  }

  void choose_operation() {
    Named best;
    for (const auto way : {&Router::by_cbor, &Router::by_target, &Router::by_form, &Router::by_path}) {
      named_ = {};
      if (!(this->*way)() || weight(named_) <= weight(best)) continue;
      if (named_.unmapped == Unmapped::needs_body && named_.operation == table::no_row && best.unmapped == Unmapped::no)
        best.unmapped = Unmapped::needs_body;  // it stays what it is unless the body says more
      else
        best = named_;
      if (weight(best) >= 3) break;
    }
    named_ = {};
    if (weight(best) >= 2 || !by_form_of_another_type()) named_ = best;
  }

  bool is_ours() const { return endpoint_.known || signature_.present; }

  /// Those of the scope's signing name that the host may mean too; where the two disagree (a custom host), the scope
  /// counts.
  void choose_candidates() {
    const auto signing = table::ids_of(table::signing, signature_.service);
    for (const auto id : endpoint_.services)
      if (contains(signing, id)) candidates_.add(id);
    if (candidates_.count > 0) return;
    for (const auto id : signing.empty() ? endpoint_.services : signing) candidates_.add(id);
    // SigV2 outside a known host: S3's and the forms' own.
    if (candidates_.count == 0 && signature_.present && signature_.service.empty() && !endpoint_.known)
      for (const auto id : table::ids_of(table::signing, "s3")) candidates_.add(id);
  }

  bool take(std::uint32_t service, std::uint32_t operation, Wire wire) {
    named_ = {Unmapped::no, wire, service, operation};
    return true;
  }

  /// An operation by its name, of the services that are meant; of others only where host and scope mean none: a header
  /// alone makes no call another service's. `services`: those of its prefix, which count where one of them is meant.
  bool by_name(Ids services, std::string_view name, Wire wire) {
    const auto all = candidates_.all();
    const bool meant = std::any_of(services.begin(), services.end(), [all](auto id) { return contains(all, id); });
    const bool prefixed = !services.empty() && (meant || all.empty());
    if (!prefixed) services = all;
    for (const auto id : services) {
      if (prefixed ? meant && !contains(all, id) : !has_protocol(id, by_header)) continue;
      if (const auto operation = table::operation_of(id, name); operation != table::no_row)
        return take(id, operation, wire);
    }
    if (services.size() == 1) named_.service = services[0];
    return false;
  }

  /// https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html: /service/{Shape}/operation/{Op} at the path's
  /// end; the shape is called like the target prefix of JSON 1.0.
  bool by_cbor() {
    if (!equal_ignoring_case(fields_.smithy_protocol, "rpc-v2-cbor")) return false;
    const auto operation = target_.path.rfind("/operation/");
    if (operation == std::string_view::npos) return refuse();
    const auto service = target_.path.rfind("/service/", operation);
    if (service == std::string_view::npos) return refuse();
    const auto shape = target_.path.substr(service + 9, operation - service - 9);
    const auto name = target_.path.substr(operation + 11);
    const auto services = table::ids_of(table::targets, shape);
    return by_name(services, name, Wire::cbor) || refuse();
  }

  /// Of several such headers, the one that changes something.
  bool by_target() {
    if (fields_.target.empty()) return false;
    Named best;
    for (const auto& [name, value] : head_.headers) {
      if (!equal_ignoring_case(name, "x-amz-target") || value.empty()) continue;
      named_ = {};
      if (by_one_target(value) && weight(named_) > weight(best)) best = named_;
    }
    named_ = best;
    return weight(best) > 0;
  }

  /// The name behind the last dot: prefixes have dots of their own
  /// (com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101).
  bool by_one_target(std::string_view target) {
    const auto dot = target.rfind('.');
    const auto name = dot == std::string_view::npos ? target : target.substr(dot + 1);
    const auto services = dot == std::string_view::npos ? Ids() : table::ids_of(table::targets, target.substr(0, dot));
    return by_name(services, name, Wire::json) || refuse();
  }

  /// Of the query and of the body: where they say two things, what changes goes first.
  bool by_form() {
    const bool form = equal_ignoring_case(fields_.content_type.substr(0, fields_.content_type.find(';')),
                                          "application/x-www-form-urlencoded");
    bool named = by_actions(target_.query);
    if (named && named_.may_change()) return true;
    // A REST service's body may happen to be a form.
    if (!form || (candidates_.count == 0 ? endpoint_.known : !speak_forms())) return named;
    return by_body() || named;
  }

  /// Services read a form under another type, and under none: where nothing else names an operation, the body may.
  bool by_form_of_another_type() { return is_ours() && speak_forms() && by_body(); }

  bool by_body() {
    if (head_.method != "POST") return false;
    if (!form_.empty()) return by_actions(form_);
    if (!is_ours()) return false;
    named_.unmapped = Unmapped::needs_body;
    if (candidates_.count == 1) named_.service = candidates_.ids[0];
    return true;
  }

  bool speak_forms() const {
    const auto all = candidates_.all();
    return std::any_of(all.begin(), all.end(), [](auto id) { return has_protocol(id, forms); });
  }

  /// By each Action of a form; by the first that changes something, else by the first.
  bool by_actions(std::string_view form) {
    std::optional<std::string> version;  // looked for where there is an action
    QueryWalk walk(form);
    bool named = false;
    for (QueryPair pair; walk.next(pair);) {
      if (!percent_equal(pair.key, "Action")) continue;
      const Named before = named_;
      if (!version) version = percent_decoded(query_value(form, "Version").value_or(""), true);
      if (!by_action(percent_decoded(pair.value, true), *version)) continue;
      if (named_.may_change()) return true;
      if (named || before.unmapped == Unmapped::no) named_ = before;
      named = true;
    }
    return named;
  }

  static bool has_version(std::uint32_t service, std::string_view version) {
    for (const auto at : table::rows<table::Text>(table::texts, table::service(service).versions))
      if (table::text(at) == version) return true;
    return false;
  }

  /// Action and Version name an operation also where nobody signed (AssumeRoleWithWebIdentity) or the host says
  /// nothing.
  bool by_action(std::string_view action, std::string_view version) {
    std::uint32_t best = table::no_row;
    int best_rank = 0;
    for (const auto operation : table::ids_of(table::actions, action)) {
      const auto service = table::operation(operation).service;
      const bool meant = contains(candidates_.all(), service), known = has_version(service, version);
      if (!meant && (candidates_.count > 0 || !known)) continue;
      // Versions of tomorrow are taken where the service is certain; a name that is the canonical one goes first.
      const int rank = (meant ? 4 : 0) + (known ? 2 : 0) + (table::operation(operation).canonical == operation ? 1 : 0);
      if (rank > best_rank) best = operation, best_rank = rank;
    }
    if (best == table::no_row) return false;
    const auto service = table::operation(best).service;
    return take(service, best, has_protocol(service, Protocol::ec2) ? Wire::ec2 : Wire::query);
  }

  bool by_path() {
    RestRequest request{};
    request.method = method_of(head_.method);
    request.path = target_.path;
    request.query = target_.query;
    request.headers = head_.headers;
    request.known_host = endpoint_.known;
    request.host = host_;
    request.host_left = endpoint_.left;
    RestMatch best;
    for (const auto id : candidates_.all()) {
      if (!has_protocol(
              id, static_cast<std::uint32_t>(Protocol::rest_json) | static_cast<std::uint32_t>(Protocol::rest_xml)))
        continue;
      request.is_s3 = table::text(table::service(id).name) == "s3";
      request.bucket =
          request.is_s3 && target_.path != "/WriteGetObjectResponse" ? bucket_of(host_, endpoint_) : std::string_view();
      request.own_host = endpoint_.stem != 0 && endpoint_.stem == table::service(id).stem;
      match_rest(id, request, best);
    }
    if (best.operation == table::no_row) return false;
    const auto service = table::operation(best.operation).service;
    std::copy_n(best.labels.begin(), best.label_count, route_.labels.begin());
    route_.label_count = best.label_count;
    return take(service, best.operation, has_protocol(service, Protocol::rest_xml) ? Wire::rest_xml : Wire::rest_json);
  }

  /// It says that it is a call of ours, but not which.
  bool refuse() {
    if (!is_ours() && named_.service == table::no_row) return false;
    named_.unmapped = named_.service == table::no_row && candidates_.count == 0 ? Unmapped::unknown_service
                                                                                : Unmapped::unknown_operation;
    return true;
  }

  void fill() {
    route_.provider = Provider::aws;
    route_.unmapped = named_.unmapped;
    route_.wire = named_.wire;
    route_.service = named_.service;
    route_.operation = named_.operation;
    // The path's labels are of its own operation.
    if (route_.wire != Wire::rest_json && route_.wire != Wire::rest_xml) route_.label_count = 0;
    route_.at_own_host = endpoint_.known;
    route_.signing_name = signature_.service;
    route_.access_key_id = signature_.access_key_id;
    route_.region = signature_.region.empty() ? endpoint_.region : signature_.region;
    route_.partition = table::text(table::rows<table::PartitionRow>(table::partitions)[partition()].id);
    route_.keep = keep();
  }

  std::uint32_t partition() const { return endpoint_.known ? endpoint_.partition : partition_of(route_.region); }

  std::uint32_t keep() const {
    if (named_.unmapped == Unmapped::needs_body) return max_body;
    if (named_.operation == table::no_row) return 0;
    const auto& operation = table::operation(named_.operation);
    if (operation.body == table::Body::none || operation.body == table::Body::blob ||
        operation.body == table::Body::stream)
      return 0;
    const bool users = route_.data_plane() && (operation.flags & table::names_data) == 0;
    return !named_.may_change() || users ? 0 : max_body;
  }

  const Head& head_;
  std::string_view form_;
  Fields fields_;
  Target target_;
  std::string_view host_;
  Endpoint endpoint_;
  Signature signature_;
  Candidates candidates_;
  Named named_;
  Route route_;
};

}  // namespace

Route route(const Head& head, std::string_view form) {
  return Router(head, form).route();
}

}  // namespace plumbline::cloud::aws
