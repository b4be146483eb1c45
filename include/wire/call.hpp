// A cloud API call as findings tell of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace plumbline::wire {

/// A call of a cloud's API, as its client made it. Texts of the vendor's own models; "" = not known.
struct Call {
  std::string provider;     ///< "aws", "gcp", "azure", "kubernetes"
  std::string service;      ///< "ec2"
  std::string operation;    ///< "AuthorizeSecurityGroupIngress"; "" = not known, see `why_unknown`
  std::string why_unknown;  ///< "unknown_operation", "no_plaintext", …
  std::string level;        ///< IAM's: read, list, write, tagging, permissions
  std::string semantics;    ///< create, replace, merge, delta, remove
  std::string outcome;      ///< succeeded, denied, failed, dry_run, unknown
  std::string region;
  std::string account;  ///< whose the thing is, as far as the request says so; else the caller's
  std::string host;
  std::string host_by;            ///< of operation "unknown": "sni", the client asked for it; "dns", it has its address
  std::string principal;          ///< access key id or what else names the caller
  std::string principal_account;  ///< the caller's own, by the letters of its access key
  std::string principal_arn;      ///< whom its access key was handed out to, as this node saw it: an assumed role
  std::vector<std::string> principal_chain;  ///< whom that came from, nearest first: ARNs, key ids, a token's subject
  /// "claimed": the client says so; "observed": this node saw the answer that handed the key out; "verified".
  std::string principal_proof;
  std::string request_id;         ///< of the answer: what the cloud's own log calls it
  std::string invocation;         ///< of the client: its tries have one
  std::vector<std::string> ids;   ///< of what it touches, as the call names them
  std::vector<std::string> sets;  ///< attributes of the resource that it sets, as the baseline names them
  std::uint64_t tries = 1;        ///< requests that were one call
};

}  // namespace plumbline::wire
