#include "access/access_config.hpp"

#include <algorithm>

#include "access/certificate_names.hpp"

namespace plumbline::access {
namespace {

using config::Map;

void require_paths(const Map& map, std::initializer_list<std::pair<const char*, const std::string&>> paths) {
  for (const auto& [key, path] : paths)
    if (!path.empty()) map.require_absolute(key, path);
}

void read_jwt(Map& map, JwtConfig& jwt) {
  read_token_keys(map, jwt.keys);
  map.read("audience", jwt.audience, "whom a token is for (aud)");
  map.read("subjects", jwt.subjects, "whom it is of (sub), * stands for anything; default: whoever the issuer knows");
  map.read("claims", jwt.claims, "what it must say besides, for example {groups: \"sre-*\"}");
  if (map.describing()) return;
  if (jwt.audience.empty()) map.refuse("audience", "is empty: any token of the issuer would do");
  if (jwt.keys.issuer.empty() && !jwt.keys.cluster)
    map.refuse("issuer", "is not given, so anybody's tokens that these keys sign would do",
               "write it as tokens say it (iss)");
}

void read_api(Map& map, KubernetesConfig& kubernetes) {
  auto& api = kubernetes.api;
  map.read("endpoint", api.server, "https://HOST:PORT of an API server; default: the cluster that this pod runs in");
  map.read("token_file", api.token_file, "what opens it; default: the pod's own token");
  map.read("ca_file", api.ca_file, "PEM of who signed its certificate; default: the pod's own");
  map.read("audience", kubernetes.audience, "that a token has to be for");
  if (map.describing()) return;
  if (kubernetes.audience.empty()) map.refuse("audience", "is empty: any token of the cluster would do");
  require_paths(map, {{"token_file", api.token_file}, {"ca_file", api.ca_file}});
}

/// "NAMESPACE/NAME".
bool is_namespaced_name(const std::string& text) {
  const auto slash = text.find('/');
  return slash != std::string::npos && fetch::is_kubernetes_name(text.substr(0, slash)) &&
         fetch::is_kubernetes_name(text.substr(slash + 1));
}

void read_own(Map& map, std::optional<OwnCertificateConfig>& out) {
  OwnCertificateConfig own;
  const bool is_there = map.optional_object(
      "own", "instead of files: a certificate that is made and renewed here, by an authority of its own", [&](Map& m) {
        m.read("names", own.names, "DNS names that clients know this server by");
        m.require("names");
        m.read("folder", own.folder, "of keys and certificates; default: tls/ beside the store");
        m.read("config_map", own.config_map,
               "NAMESPACE/NAME of a ConfigMap of this pod's cluster, whose ca.crt is kept to be the authority's");
        if (m.describing()) return;
        if (own.names.empty()) m.refuse("names", "names none");
        for (const auto& name : own.names)
          if (!is_dns_name(name))
            m.refuse("names", "`" + config::shown(name) + "` is no DNS name", "write for example collector.example");
        require_paths(m, {{"folder", own.folder}});
        if (!own.config_map.empty() && !is_namespaced_name(own.config_map))
          m.refuse("config_map", "`" + config::shown(own.config_map) + "` is no NAMESPACE/NAME",
                   "write for example plumbline/plumbline-ca");
      });
  if (is_there) out = std::move(own);
}

void check_rule(Map& map, const RuleConfig& rule, const std::vector<RuleConfig>& others) {
  const int ways = (rule.certificates.empty() ? 0 : 1) + (rule.token_file.empty() ? 0 : 1) +
                   (rule.jwt.has_value() ? 1 : 0) + (rule.kubernetes.has_value() ? 1 : 0);
  if (ways != 1)
    map.refuse("", "an entry of `access` names exactly one way in",
               "give it one of certificates, token_file, jwt and kubernetes");
  if (std::any_of(others.begin(), others.end(), [&](const RuleConfig& other) { return other.name == rule.name; }))
    map.refuse("name", "is another entry's, too", "give each a name of its own");
  if (rule.name.empty()) map.refuse("name", "is empty");
  if (std::count(rule.certificates.begin(), rule.certificates.end(), "") > 0)
    map.refuse("certificates", "has an empty name");
  require_paths(map, {{"token_file", rule.token_file}});
  if (rule.kubernetes && map.has("role"))
    map.refuse("role", "is the cluster's to say: RBAC on the paths of this API (nonResourceURLs)", "take it out");
  if (rule.kubernetes &&
      std::any_of(others.begin(), others.end(), [](const auto& o) { return o.kubernetes.has_value(); }))
    map.refuse("kubernetes", "is there twice", "one cluster can be asked about people");
}

}  // namespace

void read_token_keys(Map& map, TokenKeysConfig& keys) {
  map.require("from");
  map.read("from", keys.from,
           "a JWK set (RFC 7517): an absolute path, an https:// URL, or `kubernetes`, the cluster that this runs in");
  map.read("token_file", keys.token_file, "bearer token that opens the URL; of kubernetes: default, the pod's own");
  map.read("ca_file", keys.ca_file,
           "PEM of who signed the server's certificate; default: the system's, or the pod's own");
  map.read("issuer", keys.issuer, "as its tokens say it (iss); others' are not proven by these keys");
  map.read(
      "cluster", keys.cluster,
      "true: of a cluster of Kubernetes, whose tokens may be of its own accounts and pods; default: of `kubernetes`");
  if (map.describing()) return;
  if (keys.from == "kubernetes") keys.cluster = true;
  const bool is_path = keys.from.starts_with('/');
  if (!is_path && !keys.from.starts_with("https://") && keys.from != "kubernetes")
    map.refuse("from", "`" + config::shown(keys.from) + "` is no place that keys may come from",
               "write an absolute path, an https:// URL or kubernetes");
  if (is_path && !(keys.token_file.empty() && keys.ca_file.empty()))
    map.refuse("from", "a file needs neither token_file nor ca_file");
  require_paths(map, {{"token_file", keys.token_file}, {"ca_file", keys.ca_file}});
}

void read_tls(Map& map, std::optional<http::TlsFiles>& out, std::optional<OwnCertificateConfig>* own) {
  http::TlsFiles files;
  const bool is_there =
      map.optional_object("tls", "serve by TLS alone; files that are replaced are read again", [&](Map& tls) {
        tls.read("certificate_file", files.certificate_file,
                 "PEM of the server's certificate and those up to its root");
        tls.read("key_file", files.key_file, "PEM of its key");
        tls.read("client_ca_file", files.client_ca_file,
                 "PEM of who signs clients' certificates; default: none is asked for");
        if (own != nullptr) read_own(tls, *own);
        const bool is_own = own != nullptr && own->has_value();
        if (!is_own) tls.require("certificate_file");
        if (!is_own) tls.require("key_file");
        if (tls.describing()) return;
        if (is_own && !(files.certificate_file.empty() && files.key_file.empty()))
          tls.refuse("own", "contradicts `certificate_file` and `key_file`", "give one or the other");
        if (is_own) return require_paths(tls, {{"client_ca_file", files.client_ca_file}});
        for (const auto& [key, path] :
             {std::pair<const char*, const std::string&>{"certificate_file", files.certificate_file},
              {"key_file", files.key_file}})
          tls.require_absolute(key, path);
        require_paths(tls, {{"client_ca_file", files.client_ca_file}});
      });
  if (is_there) out = std::move(files);
}

void read_rules(Map& map, std::vector<RuleConfig>& out) {
  map.list("access", "who may read, and who may change something; each entry is one way in", [&](Map& entry) {
    RuleConfig rule;
    std::string role = "read";
    entry.require("name");
    entry.read("name", rule.name, "of this entry, for messages");
    entry.read_word("role", role, {"read", "admin"},
                    "read: all that GET shows; admin: the calls that change something, too");
    entry.read("certificates", rule.certificates,
               "names of clients' certificates (DNS, URI or CN), * stands for anything; those are no agents'");
    entry.read("token_file", rule.token_file, "file with a bearer token; read again where it was replaced");
    JwtConfig jwt;
    if (entry.optional_object("jwt", "tokens of an OIDC issuer", [&](Map& m) { read_jwt(m, jwt); })) rule.jwt = jwt;
    KubernetesConfig kubernetes;
    if (entry.optional_object("kubernetes", "tokens of a cluster (TokenReview), for whom it lets (SubjectAccessReview)",
                              [&](Map& m) { read_api(m, kubernetes); }))
      rule.kubernetes = kubernetes;
    if (entry.describing()) return;
    rule.admin = role == "admin";
    check_rule(entry, rule, out);
    out.push_back(std::move(rule));
  });
}

void read_agents_kubernetes(Map& map, std::optional<KubernetesConfig>& out) {
  KubernetesConfig kubernetes;
  const bool is_there = map.optional_object(
      "kubernetes", "agents show their pod's token, and are of the node that it runs on (TokenReview)", [&](Map& m) {
        read_api(m, kubernetes);
        m.read("service_accounts", kubernetes.service_accounts, "NAMESPACE/NAME of the agents' accounts");
        m.require("service_accounts");
        if (m.describing()) return;
        if (kubernetes.service_accounts.empty()) m.refuse("service_accounts", "names none");
        for (const auto& account : kubernetes.service_accounts)
          if (!is_namespaced_name(account))
            m.refuse("service_accounts", "`" + config::shown(account) + "` is no NAMESPACE/NAME",
                     "write for example plumbline/plumbline-agent");
      });
  if (is_there) out = std::move(kubernetes);
}

void read_enrolment(Map& map, std::optional<EnrolmentConfig>& out) {
  EnrolmentConfig enrolment;
  const bool is_there = map.optional_object(
      "enrolment", "hosts get a certificate here by a token that is made for them (plumb token create)", [&](Map& m) {
        m.read("certificate_lasts", enrolment.certificate_lasts, "agents renew theirs when two thirds of it are over",
               {.least = std::chrono::minutes(10), .most = std::chrono::hours(24 * 365)});
      });
  if (is_there) out = enrolment;
}

}  // namespace plumbline::access
