// From HTTP exchanges to calls of cloud APIs: what of an exchange is worth keeping, and which call it was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/decode/http_connections.hpp"
#include "cloud/aws/metadata.hpp"
#include "cloud/operation.hpp"
#include "fetch/state_requests.hpp"

namespace plumbline::agent {

/// Which tool a client says to be, and what its plaintext tells of that.
struct ToolClaim {
  std::string_view name;   ///< cloud::tool_of(); "" = none
  bool is_forged = false;  ///< that tool is written in Go, and what encrypted this is not
};

/// One call, as one of its tries tells it.
struct ReadCall {
  mark_actor actor{};  ///< at_boot_ns: when the request's head was whole
  cloud::Operation operation;
  std::string host;                     ///< as the client named it, bounded
  std::string host_by{};                ///< of an unseen one: "sni", "dns"
  int status = 0;                       ///< of the answer; 0 = none was seen
  std::int64_t seen_at = 0;             ///< boot ns of the last byte
  std::uint64_t tries = 1;              ///< CallTries counts them
  bool is_cut = false;                  ///< of the request's body or of its ids less was kept than came
  bool unseen = false;                  ///< a connection of which nothing is known but whom it is with
  std::vector<fetch::StateUse> states;  ///< baselines whose state it was about, where it worked
  std::string version;                  ///< then: of the state, by the answer's ETag or object; "" = it has none
  bool lock_held = false;               ///< by the sender afterwards, where `states` has a lock
  /// Whom its access key was handed out to on this node, and who that came from, nearest first (correlate/principals).
  std::string principal_arn;
  std::vector<std::string> principal_chain;
  cloud::TokenProof chain_token;  ///< of the token at its end
  ToolClaim tool;
};

/// Only calls that may change something, or hand out credentials, are wanted, each with as much of its bodies as names
/// what it changes.
HttpConnections::Interest interest_of(const HttpMessage& head);

/// As above, of a request to an endpoint that hands out credentials: of all else there nothing is wanted.
HttpConnections::Interest interest_of(const HttpMessage& head, cloud::aws::MetadataService service);

/// Whose credentials such an endpoint handed out, where it did. Nothing secret of the exchange is in it.
std::optional<cloud::Grant> read_grant(const HttpExchange& exchange, cloud::aws::MetadataService service,
                                       const cloud::TokenCheck* tokens = nullptr);

/// Whether the tables know it as one that may change what IaC describes.
bool may_change(const cloud::Operation& operation);

/// Names the call. Nothing secret of the exchange is in it.
/// `prints`, `tokens`: cloud::Request's.
ReadCall read_call(const HttpExchange& exchange, const mark_actor& actor, const cloud::SecretPrints* prints = nullptr,
                   const cloud::TokenCheck* tokens = nullptr);

}  // namespace plumbline::agent
