// The endpoints on a node that hand its programs temporary credentials, without TLS and without a signature.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "cloud/http.hpp"
#include "cloud/operation.hpp"

namespace plumbline::cloud::aws {

/// Who hands them out: EC2's instance metadata service, ECS' agent, EKS' Pod Identity agent.
enum class MetadataService : std::uint8_t { imds, ecs, pod_identity };

/// IPv6, or IPv4 as ::ffff:a.b.c.d.
using Address = std::array<std::uint8_t, 16>;
struct MetadataEndpoint {
  Address address;
  MetadataService service;
};
inline constexpr std::uint16_t metadata_port = 80;

/// All of them: 169.254.169.254 and fd00:ec2::254
/// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html), 169.254.170.2
/// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html), 169.254.170.23 and fd00:ec2::23
/// (https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html).
std::span<const MetadataEndpoint> metadata_endpoints();
/// nullopt: it is none of them.
std::optional<MetadataService> metadata_service_at(const Address& address, std::uint16_t port);

/// "imds", "ecs" and "eks-pod-identity", as principal_chain ends with them.
std::string_view word(MetadataService service);

/// Whether a request to it asks for credentials, by its head.
bool asks_for_credentials(MetadataService service, const Head& head);

/// Whom the credentials in an answer belong to: of IMDS the role's name, from the path; of ECS the role's ARN; of Pod
/// Identity the service account, from the token that was sent. Neither secret key nor token is in it. nullopt where the
/// answer has no access key id, is not whole, or names another account than the key id's. The caller vouches for where
/// it came from.
std::optional<Grant> metadata_grant(MetadataService service, const Request& request, const Response& response);

}  // namespace plumbline::cloud::aws
