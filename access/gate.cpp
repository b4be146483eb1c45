#include "access/gate.hpp"

#include <algorithm>

#include "access/bearer_jwt.hpp"
#include "access/certificate_names.hpp"
#include "include/util/glob.hpp"
#include "include/util/lower.hpp"

namespace plumbline::access {
namespace {

constexpr const char* retry_after = "5";
constexpr std::int64_t second = 1'000'000'000;

bool fits_one(const std::vector<std::string>& globs, const std::string& name) {
  return std::any_of(globs.begin(), globs.end(), [&](const auto& glob) { return text_glob_matches(glob, name); });
}

}  // namespace

Result<std::unique_ptr<Gate>> Gate::make(Policy policy, const Clock& clock, const TokenKeyring::Tell& tell) {
  std::unique_ptr<Gate> gate(new Gate(std::move(policy), clock));
  const auto within = [](const std::string& where, Error error) {
    error.what = where + ": " + error.what;
    return error;
  };
  const auto make_reviewer = [&](KubernetesConfig config) -> Result<std::unique_ptr<Reviewer>> {
    auto api = fetch::find_kubernetes_api(std::move(config.api));
    if (!api) return api.error();
    config.api = std::move(*api);
    return std::make_unique<Reviewer>(std::move(config), clock, Reviewer::Options());
  };
  for (const auto& config : gate->policy_.people) {
    Rule rule{config, nullptr, nullptr, nullptr};
    const std::string where = "access, " + config.name;
    if (!config.token_file.empty()) {
      auto file = TokenFile::load(config.token_file, shortest_token);
      if (!file) return within(where, file.error());
      rule.token_file = std::move(*file);
    }
    if (config.jwt) {
      auto keyring = TokenKeyring::make({config.jwt->keys}, where, tell);
      if (!keyring) return keyring.error();
      rule.keyring = std::move(*keyring);
    }
    if (config.kubernetes) {
      auto reviewer = make_reviewer(*config.kubernetes);
      if (!reviewer) return within(where, reviewer.error());
      rule.reviewer = std::move(*reviewer);
    }
    gate->rules_.push_back(std::move(rule));
  }
  if (const auto& path = gate->policy_.agents.token_file; !path.empty()) {
    auto file = TokenFile::load(path, 1);
    if (!file) return file.error();
    gate->agents_token_ = std::move(*file);
  }
  if (const auto& kubernetes = gate->policy_.agents.kubernetes) {
    auto reviewer = make_reviewer(*kubernetes);
    if (!reviewer) return within("agents", reviewer.error());
    gate->agents_reviewer_ = std::move(*reviewer);
  }
  return gate;
}

void Gate::start() {
  for (const auto& rule : rules_) {
    if (rule.keyring) rule.keyring->start();
    if (rule.reviewer) rule.reviewer->start();
  }
  if (agents_reviewer_) agents_reviewer_->start();
}

void Gate::stop() {
  for (const auto& rule : rules_)
    if (rule.reviewer) rule.reviewer->stop();
  if (agents_reviewer_) agents_reviewer_->stop();
}

http::Guard Gate::guard() {
  return [this](const http::Request& request, http::Need need, const Admit& admit) { check(request, need, admit); };
}

void Gate::check(const http::Request& request, http::Need need, const Admit& admit) {
  if (request.peer_process) return let_in({"the socket's " + request.peer, true, {}}, admit);
  if (need == http::Need::report)
    return policy_.asks_agents ? check_agent(request, request.bearer(), admit)
                               : let_in({"anybody at " + request.peer, true, {}}, admit);
  if (!policy_.asks_people) return let_in({"anybody at " + request.peer, true, {}}, admit);
  check_person(request, need, request.bearer(), admit);
}

/// A certificate that an entry of `access` takes is no agent's: who reads must not be a node by the way.
bool Gate::is_persons(const http::ClientCertificate& certificate) const {
  const auto names = names_of(certificate);
  return std::any_of(rules_.begin(), rules_.end(), [&](const Rule& rule) {
    return std::any_of(names.begin(), names.end(),
                       [&](const auto& name) { return fits_one(rule.config.certificates, name); });
  });
}

void Gate::check_agent(const http::Request& request, const std::string& bearer, const Admit& admit) {
  Refusal refusal;
  if (request.certificate && !is_persons(*request.certificate)) {
    auto nodes = nodes_of(*request.certificate);
    if (nodes.empty()) {
      refusal = {403, "the certificate names no node",
                 "issue one with a DNS name, a common name, or a URI …/node/NAME"};
    } else if (is_revoked(*request.certificate)) {
      ++revoked_;
      refusal = {
          403, "the certificates of " + nodes.front() + " that were issued before now were revoked",
          "enrol the node anew, with a key of its own: remove `identity` in its state_dir, then plumb token create"};
    } else {
      std::string name = "the certificate of " + nodes.front();
      return let_in({std::move(name), false, std::move(nodes)}, admit);
    }
  } else if (request.certificate) {
    refusal = {403, "the certificate is one of `access`, and so no agent's", "give the agent one of its own"};
  }
  if (agents_token_ && !bearer.empty()) {
    if (agents_token_->is(digest_of(bearer))) return let_in({"the agents' token", true, {}}, admit);
    if (refusal.status == 0)
      refusal = {401, "the bearer token is not the agents'", "give the agent the token of the collector's token_file"};
  }
  if (agents_reviewer_ && !bearer.empty()) {
    const auto& accounts = policy_.agents.kubernetes->service_accounts;
    return ask_cluster(
        *agents_reviewer_, request, bearer, {},
        [&accounts](const Reviewer::Answer& answer, Refusal& no) {
          const std::string node = answer.who->node();
          const bool is_agent = std::any_of(accounts.begin(), accounts.end(), [&](const std::string& account) {
            const auto slash = account.find('/');
            return answer.who->user ==
                   "system:serviceaccount:" + account.substr(0, slash) + ":" + account.substr(slash + 1);
          });
          if (!is_agent)
            no = {403, "the token is of " + answer.who->user + ", which is no agent's account",
                  "name it in agents.kubernetes.service_accounts, where it is one"};
          else if (node.empty())
            no = {403, "the token says of no node: it is bound to no pod, or the cluster is older than Kubernetes 1.30",
                  "give the agent a projected token of its own pod"};
          return http::Caller{"pod " + answer.who->pod() + " on " + node, false, {node}};
        },
        admit);
  }
  if (refusal.status == 0)
    refusal = {401, "it comes with no credential that agents have here",
               policy_.takes_certificates ? "give the agent collector.certificate_file and key_file, or token_file"
                                          : "give the agent collector.token_file"};
  turn_away(request.peer, refusal, admit);
}

void Gate::check_person(const http::Request& request, http::Need need, const std::string& bearer, const Admit& admit) {
  Refusal refusal;
  const auto known = [&](const Rule& rule, const std::string& who) {
    if (need == http::Need::admin && !rule.config.admin) {
      refusal = {403, who + " may only read (access, " + rule.config.name + ")", "ask whoever has `role: admin`"};
      return false;
    }
    let_in({who + " (" + rule.config.name + ")", true, {}}, admit);
    return true;
  };
  if (request.certificate)
    for (const auto& name : names_of(*request.certificate))
      for (const auto& rule : rules_)
        if (fits_one(rule.config.certificates, name) && known(rule, "the certificate of " + name)) return;
  Reviewer* reviewer = nullptr;
  if (!bearer.empty()) {
    const TokenDigest digest = digest_of(bearer);
    for (const auto& rule : rules_) {
      if (rule.token_file && rule.token_file->is(digest) && known(rule, "the token")) return;
      if (rule.reviewer) reviewer = rule.reviewer.get();
      if (!rule.keyring) continue;
      const auto keys = rule.keyring->keys();
      if (!keys) {
        if (refusal.status == 0)
          refusal = {503, "the keys of " + rule.config.jwt->keys.from + " could not be had yet", "try again"};
        continue;
      }
      const auto subject = prove_jwt(bearer, *keys, *rule.config.jwt, clock_.wall() / second);
      if (subject && known(rule, *subject)) return;
      if (!subject && refusal.status != 403) {
        const bool is_expired = subject.error().why == expired_token;
        if (!refusal.is_expired) refusal = {401, subject.error().why, subject.error().fix, is_expired};
      }
    }
  }
  // Last, as it is somebody else who is asked.
  if (reviewer != nullptr && refusal.status != 403)
    return ask_cluster(
        *reviewer, request, bearer, {lower(request.method), request.path},
        [method = lower(request.method), path = request.path](const Reviewer::Answer& answer, Refusal& no) {
          if (!answer.is_allowed)
            no = {403, "the cluster does not let " + answer.who->user + " " + method + " " + path,
                  "bind it a ClusterRole with these nonResourceURLs and verbs"};
          return http::Caller{answer.who->user, true, {}};
        },
        admit);
  if (refusal.status == 0)
    refusal = {401, bearer.empty() ? "it comes with no credential" : "nobody here knows its bearer token",
               "give a token (plumb --token-file) or a certificate (plumb --cert, --key) that `access` knows"};
  turn_away(request.peer, refusal, admit);
}

/// `judge` fills its Refusal where the user that the cluster knows may not.
void Gate::ask_cluster(Reviewer& reviewer, const http::Request& request, const std::string& bearer,
                       Reviewer::Access access,
                       const std::function<http::Caller(const Reviewer::Answer&, Refusal&)>& judge,
                       const Admit& admit) {
  // What can be seen to be none is not asked about: everybody may send us nonsense.
  const auto said = is_bearer_token(bearer) ? said_by(bearer, reviewer.audience()) : std::nullopt;
  if (!said || !said->is_for_audience)
    return turn_away(
        request.peer,
        {401, said ? "the bearer token is for another audience (aud)" : "the bearer token is none of a cluster's",
         "get one for the audience " + reviewer.audience()},
        admit);
  if (said->until != 0 && said->until * second <= clock_.wall())
    return turn_away(request.peer, {401, expired_token, "get a fresh one", true}, admit);
  reviewer.ask(bearer, std::move(access),
               [this, judge, admit, peer = request.peer](const Result<Reviewer::Answer>& answer) {
                 Refusal refusal;
                 if (!answer) {
                   const bool is_known = answer.error().code == ErrorCode::permission;
                   refusal = {is_known ? 401 : 503, answer.error().why, answer.error().fix};
                   return turn_away(peer, refusal, admit);
                 }
                 http::Caller caller = judge(*answer, refusal);
                 if (refusal.status != 0) return turn_away(peer, refusal, admit);
                 let_in(std::move(caller), admit);
               });
}

void Gate::let_in(http::Caller caller, const Admit& admit) {
  ++admitted_;
  admit({std::make_shared<const http::Caller>(std::move(caller)), {}});
}

void Gate::turn_away(const std::string& peer, const Refusal& refusal, const Admit& admit) {
  ++(refusal.status == 401 ? unauthenticated_ : refusal.status == 403 ? forbidden_ : unavailable_);
  if (refusal.is_expired) ++expired_;
  note(peer, refusal.why);
  http::Fields headers;
  if (refusal.status == 401) headers.emplace_back("WWW-Authenticate", "Bearer");
  if (refusal.status == 503) headers.emplace_back("Retry-After", retry_after);
  admit({nullptr, http::problem(refusal.status,
                                {refusal.status == 503 ? ErrorCode::unavailable : ErrorCode::permission,
                                 "let the request in", refusal.why, refusal.fix},
                                std::move(headers))});
}

http::Response Gate::refuse_node(const http::Request& request, const std::string& what, const std::string& why) {
  ++forbidden_;
  ++wrong_node_;
  note(request.peer, what + ": " + why);
  return http::problem(
      403, {ErrorCode::permission, what, why, "a node reports as itself alone: give it a credential of its own"});
}

void Gate::refuse_older(std::map<std::string, std::int64_t> nodes) {
  const std::lock_guard lock(mutex_);
  oldest_taken_ = std::move(nodes);
}

std::int64_t Gate::oldest_taken(const std::string& node) const {
  const std::lock_guard lock(mutex_);
  const auto said = oldest_taken_.find(node);
  return said == oldest_taken_.end() ? 0 : said->second;
}

bool Gate::is_revoked(const http::ClientCertificate& certificate) const {
  const auto nodes = nodes_of(certificate);
  return std::any_of(nodes.begin(), nodes.end(),
                     [&](const std::string& node) { return certificate.not_before < oldest_taken(node); });
}

void Gate::note(const std::string& peer, const std::string& why) {
  const std::lock_guard lock(mutex_);
  last_refusal_ = {clock_.wall(), peer, why};
}

Gate::Stats Gate::stats() const {
  return {admitted_, unauthenticated_, expired_, forbidden_, wrong_node_, revoked_, unavailable_};
}

}  // namespace plumbline::access
