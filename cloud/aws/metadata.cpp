#include "cloud/aws/metadata.hpp"

#include <algorithm>

#include "cloud/aws/grant.hpp"
#include "cloud/aws/signature.hpp"
#include "cloud/bearer.hpp"

namespace plumbline::cloud::aws {
namespace {

constexpr Address ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, a, b, c, d};
}
/// fd00:ec2::…
constexpr Address local(std::uint8_t before, std::uint8_t last) {
  return {0xFD, 0x00, 0x0E, 0xC2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, before, last};
}

constexpr std::array<MetadataEndpoint, 5> endpoints = {{
    {ipv4(169, 254, 169, 254), MetadataService::imds},
    {local(0x02, 0x54), MetadataService::imds},
    {ipv4(169, 254, 170, 2), MetadataService::ecs},
    {ipv4(169, 254, 170, 23), MetadataService::pod_identity},
    {local(0x00, 0x23), MetadataService::pod_identity},
}};

/// IAM's RoleNameType: 1 to 64 of these.
bool is_role_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("+=,.@_-").find(c) != std::string_view::npos;
  });
}

/// "web" of /latest/meta-data/iam/security-credentials/web, in whatever version; "" of other paths, and of that which
/// lists the role.
std::string_view role_in(std::string_view path) {
  const auto version = path.find('/', 1);
  if (!path.starts_with('/') || version == std::string_view::npos) return {};
  path.remove_prefix(version);
  for (const std::string_view before :
       {"/meta-data/iam/security-credentials/", "/meta-data/iam/security-credentials-extended/"})
    if (path.starts_with(before)) {
      const auto name = path.substr(before.size());
      return is_role_name(name) ? name : std::string_view();
    }
  return {};
}

}  // namespace

std::span<const MetadataEndpoint> metadata_endpoints() {
  return endpoints;
}

std::optional<MetadataService> metadata_service_at(const Address& address, std::uint16_t port) {
  const auto* const found =
      std::find_if(endpoints.begin(), endpoints.end(), [&](const auto& one) { return one.address == address; });
  if (port != metadata_port || found == endpoints.end()) return std::nullopt;
  return found->service;
}

std::string_view word(MetadataService service) {
  constexpr std::array<std::string_view, 3> words = {"imds", "ecs", "eks-pod-identity"};
  return words[static_cast<std::size_t>(service)];
}

bool asks_for_credentials(MetadataService service, const Head& head) {
  if (head.method != "GET") return false;
  const auto path = split_target(head.target).path;
  if (service == MetadataService::imds) return !role_in(path).empty();
  // AWS_CONTAINER_CREDENTIALS_RELATIVE_URI may be any path of ECS' agent.
  return service == MetadataService::ecs || path == "/v1/credentials";
}

std::optional<Grant> metadata_grant(MetadataService service, const Request& request, const Response& response) {
  if (response.status != 200 || response.body_cut || !asks_for_credentials(service, request.head)) return std::nullopt;
  Decoded answer = decode_json(response.body, response.body_cut);
  Grant grant;
  std::string account;
  if (!answer.cut) {
    grant.access_key_id = short_text(member(&answer.value, "AccessKeyId"));
    grant.arn = short_text(member(&answer.value, "RoleArn"));
    account = short_text(member(&answer.value, "AccountId"));
    if (const auto* expiry = member(&answer.value, "Expiration")) grant.expires = expiry_of(*expiry);
  }
  wipe(answer.value);
  if (!is_access_key_id(grant.access_key_id)) return std::nullopt;
  const std::string of_key = account_of(grant.access_key_id);
  if (!account.empty() && !of_key.empty() && account != of_key) return std::nullopt;
  if (service != MetadataService::ecs || !grant.arn.starts_with("arn:")) grant.arn.clear();
  if (service == MetadataService::imds)
    grant.subject = "role/" + std::string(role_in(split_target(request.head.target).path));
  if (service == MetadataService::pod_identity) {  // a token without "Bearer" before it
    Claims claims = claims_of_token(header(request.head.headers, "authorization"), request.tokens);
    grant.subject = std::move(claims.principal);
    grant.token = std::move(claims.proof);
  }
  grant.source = word(service);
  return grant;
}

}  // namespace plumbline::cloud::aws
