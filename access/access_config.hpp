// Who may what, as the configurations of agent and collector say it. Plain data.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fetch/kubernetes_origin.hpp"
#include "http/server_tls.hpp"
#include "include/config/strict_yaml.hpp"

namespace plumbline::access {

/// Where the keys are by which an issuer signs its tokens: a JWK set.
struct TokenKeysConfig {
  std::string from;        ///< an absolute path, an https:// URL, or "kubernetes": the cluster that we run in
  std::string token_file;  ///< as of a baseline
  std::string ca_file;
  std::string issuer;    ///< as its tokens say it (iss); "" = not looked at
  bool cluster = false;  ///< it is a cluster of Kubernetes, whose tokens may be of its accounts and pods
};

/// Tokens of an OIDC issuer.
struct JwtConfig {
  TokenKeysConfig keys;
  std::string audience = "plumbline";         ///< whom a token is for (aud)
  std::vector<std::string> subjects;          ///< globs of whom it is of (sub); empty = whoever the issuer knows
  std::map<std::string, std::string> claims;  ///< globs; a claim is a text that fits, or a list with one that does
};

/// An API server that is asked about tokens (TokenReview).
struct KubernetesConfig {
  fetch::KubernetesApi api;
  std::string audience = "plumbline";         ///< that a token has to be for
  std::vector<std::string> service_accounts;  ///< "NAMESPACE/NAME"; of agents alone, people are the cluster's to judge
};

/// One way in for people and scrapers; exactly one of the four ways.
struct RuleConfig {
  std::string name;  ///< unique, for messages
  bool admin = false;
  std::vector<std::string> certificates;  ///< globs of a certificate's names
  std::string token_file;
  std::optional<JwtConfig> jwt;
  std::optional<KubernetesConfig> kubernetes;  ///< by SubjectAccessReview, so without a role
};

/// Hosts that get their certificate here, by a token that is used once.
struct EnrolmentConfig {
  std::chrono::milliseconds certificate_lasts = std::chrono::hours(30 * 24);
};

/// A server's certificate that it makes for itself, by an authority of its own.
struct OwnCertificateConfig {
  std::vector<std::string> names;  ///< DNS names
  std::string folder;              ///< of keys and certificates; "" = the program's choice
  /// Of who signs it; "" = an authority in `folder`, made where it is missing.
  std::string authority_key{}, authority_certificate{};
  std::string config_map;    ///< "NAMESPACE/NAME" of who tells clients of the authority; "" = nobody
  fetch::KubernetesApi api;  ///< that keeps it
  std::chrono::seconds lasts = std::chrono::hours(30 * 24);
};

/// How agents show whose node they are of.
struct AgentsConfig {
  std::string token_file;  ///< one token for all nodes, which tells none of them apart; "" = none
  std::optional<KubernetesConfig> kubernetes;
  std::optional<EnrolmentConfig> enrolment;
};

/// Reads one entry of the list `token_keys` and its like; where it is `kubernetes`, `cluster` is true.
void read_token_keys(config::Map& map, TokenKeysConfig& keys);

/// The key `tls` of a server. nullopt: it is not there. `own`: for a server that may make its certificate itself; with
/// it the files are the OwnCertificate's to say.
void read_tls(config::Map& map, std::optional<http::TlsFiles>& out, std::optional<OwnCertificateConfig>* own = nullptr);

/// The key `access`: a list.
void read_rules(config::Map& map, std::vector<RuleConfig>& out);

/// The key `kubernetes` of agents, whose service accounts have to be named.
void read_agents_kubernetes(config::Map& map, std::optional<KubernetesConfig>& out);

/// The key `enrolment` of agents.
void read_enrolment(config::Map& map, std::optional<EnrolmentConfig>& out);

/// Why tokens shorter than this are refused: they could be guessed.
inline constexpr std::size_t shortest_token = 16;

}  // namespace plumbline::access
