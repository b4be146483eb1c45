#include "cloud/aws/grant.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "cloud/bearer.hpp"
#include "cloud/table/tables.hpp"

namespace plumbline::cloud::aws {
namespace {

using Kind = Value::Kind;

constexpr std::int64_t latest = 253'402'300'799;  // the year 9999's last second

/// What holds the credentials: the answer itself, or what <AssumeRoleResponse><AssumeRoleResult> (in JSON, too) wraps.
const Value* holder_of(const Value& tree, int depth) {
  if (const auto* credentials = member(&tree, "Credentials"); member(credentials, "AccessKeyId") != nullptr)
    return &tree;
  if (depth < 2)
    for (const auto& one : tree.members)
      if (const auto* found = holder_of(one.value, depth + 1)) return found;
  return nullptr;
}

Decoded answer_tree(const Response& response, Wire wire) {
  const auto first = response.body.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first == std::string_view::npos) return {};
  if (response.body[first] == '<') return decode_xml(response.body, response.body_cut);
  return wire == Wire::cbor ? decode_cbor(response.body, response.body_cut)
                            : decode_json(response.body, response.body_cut);
}

/// "system:serviceaccount:shop:deployer" of EKS Pod Identity's subject, as tokens of Kubernetes say it.
std::string account_of_pod(const Value* subject) {
  const auto space = short_text(member(subject, "namespace")), name = short_text(member(subject, "serviceAccount"));
  return space.empty() || name.empty() || space.size() + name.size() > 200
             ? std::string()
             : "system:serviceaccount:" + space + ":" + name;
}

/// The form has the token; only who it is of leaves here.
Claims claims_in_form(const Request& request) {
  Decoded form = decode_form(request.body, request.body_cut);
  const Value* token = form.value.find("WebIdentityToken");
  Claims claims = token != nullptr ? claims_of_token(token->text, request.tokens) : Claims();
  wipe(form.value);
  return claims;
}

/// Digits at `at`, which moves behind them; -1 where there are not as many.
int digits(std::string_view text, std::size_t& at, std::size_t count) {
  int value = -1;
  if (at + count > text.size()) return -1;
  const auto [end, bad] = std::from_chars(text.data() + at, text.data() + at + count, value);
  if (bad != std::errc() || end != text.data() + at + count || value < 0) return -1;
  at += count;
  return value;
}

std::int64_t seconds_of_time(std::string_view text) {
  constexpr std::string_view form = "0-0-0T0:0:0";  // a 0 is a number
  std::array<int, 6> part{};
  std::size_t at = 0, next = 0;
  for (const char c : form) {
    if (c != '0') {
      if (at >= text.size() || text[at] != c) return 0;
      ++at;
      continue;
    }
    part[next] = digits(text, at, next == 0 ? 4 : 2);
    if (part[next] < 0) return 0;
    ++next;
  }
  if (at < text.size() && text[at] == '.') at = text.find_first_not_of("0123456789", at + 1);
  if (at >= text.size() || text.substr(at) != "Z") return 0;
  const std::chrono::year_month_day day{std::chrono::year(part[0]), std::chrono::month(static_cast<unsigned>(part[1])),
                                        std::chrono::day(static_cast<unsigned>(part[2]))};
  if (!day.ok() || part[3] > 23 || part[4] > 59 || part[5] > 60) return 0;
  const auto time = std::chrono::sys_days(day) + std::chrono::hours(part[3]) + std::chrono::minutes(part[4]) +
                    std::chrono::seconds(part[5]);
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

const Value* member(const Value* map, std::string_view name) {
  if (map == nullptr) return nullptr;
  for (const auto& [is, value] : map->members)
    if (equal_ignoring_case(is, name)) return &value;
  return nullptr;
}

std::string short_text(const Value* value) {
  const bool good = value != nullptr && value->kind == Kind::text && value->text.size() <= 256 &&
                    std::none_of(value->text.begin(), value->text.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; });
  return good ? value->text : std::string();
}

bool is_access_key_id(std::string_view id) {
  return id.size() >= 16 && id.size() <= 128 && std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

std::int64_t expiry_of(const Value& value) {
  if (value.kind == Kind::text) {
    if (const auto time = seconds_of_time(value.text); time > 0) return time;
  } else if (value.kind != Kind::number) {
    return 0;
  }
  double number = 0;
  const char* end = value.text.data() + value.text.size();
  if (const auto [at, bad] = std::from_chars(value.text.data(), end, number); bad != std::errc() || at != end) return 0;
  if (number > 1e11) number /= 1'000;  // milliseconds
  return number > 0 && number < static_cast<double>(latest) ? static_cast<std::int64_t>(number) : 0;
}

bool grants_credentials(const Route& route) {
  if (route.provider != Provider::aws || route.operation == table::no_row) return false;
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> all = {{
      {"sts", "AssumeRole"},
      {"sts", "AssumeRoleWithSAML"},
      {"sts", "AssumeRoleWithWebIdentity"},
      {"sts", "AssumeRoot"},
      {"sts", "GetFederationToken"},
      {"sts", "GetSessionToken"},
      {"eks-auth", "AssumeRoleForPodIdentity"},
      {"cognito-identity", "GetCredentialsForIdentity"},
      {"s3", "CreateSession"},
  }};
  const auto& operation = table::operation(table::operation(route.operation).canonical);
  const auto name = table::text(operation.name), service = table::text(table::service(operation.service).name);
  return std::any_of(all.begin(), all.end(),
                     [&](const auto& one) { return one.second == name && one.first == service; });
}

std::optional<Grant> grant_of(const Request& request, const Response& response, const Route& route) {
  if (response.status < 200 || response.status > 299 || !grants_credentials(route)) return std::nullopt;
  Decoded answer = answer_tree(response, route.wire);
  Grant grant;
  // A key whose end is missing is somebody else's.
  if (const Value* holder = answer.cut ? nullptr : holder_of(answer.value, 0)) {
    const Value* credentials = member(holder, "Credentials");
    grant.access_key_id = short_text(member(credentials, "AccessKeyId"));
    if (const auto* expiry = member(credentials, "Expiration")) grant.expires = expiry_of(*expiry);
    for (const std::string_view user : {"AssumedRoleUser", "FederatedUser"})
      if (grant.arn.empty()) grant.arn = short_text(member(member(holder, user), "Arn"));
    for (const std::string_view name : {"SubjectFromWebIdentityToken", "Subject", "IdentityId"})
      if (grant.subject.empty()) grant.subject = short_text(member(holder, name));
    if (grant.subject.empty()) grant.subject = account_of_pod(member(holder, "subject"));
  }
  wipe(answer.value);
  if (!is_access_key_id(grant.access_key_id)) return std::nullopt;
  if (!grant.arn.starts_with("arn:")) grant.arn.clear();
  if (route.wire == Wire::query) {
    Claims claims = claims_in_form(request);
    if (grant.subject.empty()) grant.subject = claims.principal;
    if (grant.subject == claims.principal) grant.token = std::move(claims.proof);  // else it is of somebody else
  }
  return grant;
}

}  // namespace plumbline::cloud::aws
