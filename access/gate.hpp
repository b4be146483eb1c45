// Who is at a server's door, and whether he may.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "access/access_config.hpp"
#include "access/reviewer.hpp"
#include "access/token_file.hpp"
#include "access/token_keyring.hpp"
#include "http/message.hpp"
#include "include/util/clock.hpp"

namespace plumbline::access {

/// For one server. What is not asked of somebody, whoever reaches the server may: which is for loopback alone.
struct Policy {
  std::vector<RuleConfig> people;
  AgentsConfig agents;
  bool asks_people = false, asks_agents = false;
  bool takes_certificates = false;  ///< there is an authority that signs clients'
};

/// A server's Guard. A Unix socket's peers are let in: the kernel has looked at them. All public functions are for any
/// thread, and what guard() gave out may be called as long as this lives.
class Gate {
 public:
  /// Counted since the start.
  struct Stats {
    std::uint64_t admitted = 0;
    std::uint64_t unauthenticated = 0;  ///< 401: no credential, or one that nobody knows
    std::uint64_t expired = 0;          ///< of them: a token that was somebody's once
    std::uint64_t forbidden = 0;        ///< 403: known, and may not
    std::uint64_t wrong_node = 0;       ///< of them: spoke for another node
    std::uint64_t revoked = 0;          ///< of them: by a certificate that was taken back
    std::uint64_t unavailable = 0;      ///< 503: who could say did not answer
  };

  /// Reads the token files; asks nobody yet. Errors name the entry. `clock` outlives this.
  static Result<std::unique_ptr<Gate>> make(Policy policy, const Clock& clock, const TokenKeyring::Tell& tell);
  ~Gate() { stop(); }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  void start();
  /// Before the server ends; what still asks is 503. Repeatable.
  void stop();
  http::Guard guard();

  /// The answer (403, counted) to a caller that speaks for a node which is not his. `what` he wanted.
  http::Response refuse_node(const http::Request& request, const std::string& what, const std::string& why);

  /// Certificates of these nodes that began before (Unix seconds) are no agents' from now on. Replaces what was said.
  void refuse_older(std::map<std::string, std::int64_t> nodes);
  /// Whether that is said of one.
  bool is_revoked(const http::ClientCertificate& certificate) const;
  /// When a certificate of the node has to begin, at least; 0 = nothing was said of it.
  std::int64_t oldest_taken(const std::string& node) const;

  Stats stats() const;
  std::string status_json() const;
  /// Prometheus text, every name beginning with `prefix`.
  std::string metrics_text(const std::string& prefix) const;

 private:
  struct Rule {
    RuleConfig config;
    std::unique_ptr<TokenFile> token_file;
    std::unique_ptr<TokenKeyring> keyring;
    std::unique_ptr<Reviewer> reviewer;
  };
  using Admit = std::function<void(http::Admission)>;
  /// Why somebody is not let in; `status` 0 = nothing was said yet.
  struct Refusal {
    int status = 0;
    std::string why, fix;
    bool is_expired = false;
  };

  Gate(Policy policy, const Clock& clock) : policy_(std::move(policy)), clock_(clock) {}
  void check(const http::Request& request, http::Need need, const Admit& admit);
  void check_agent(const http::Request& request, const std::string& bearer, const Admit& admit);
  void check_person(const http::Request& request, http::Need need, const std::string& bearer, const Admit& admit);
  bool is_persons(const http::ClientCertificate& certificate) const;
  void ask_cluster(Reviewer& reviewer, const http::Request& request, const std::string& bearer, Reviewer::Access access,
                   const std::function<http::Caller(const Reviewer::Answer&, Refusal&)>& judge, const Admit& admit);
  void let_in(http::Caller caller, const Admit& admit);
  void turn_away(const std::string& peer, const Refusal& refusal, const Admit& admit);
  void note(const std::string& peer, const std::string& why);

  const Policy policy_;
  const Clock& clock_;
  std::vector<Rule> rules_;
  std::unique_ptr<TokenFile> agents_token_;
  std::unique_ptr<Reviewer> agents_reviewer_;
  std::atomic<std::uint64_t> admitted_{0}, unauthenticated_{0}, expired_{0}, forbidden_{0}, wrong_node_{0}, revoked_{0},
      unavailable_{0};
  mutable std::mutex mutex_;
  std::map<std::string, std::int64_t> oldest_taken_;
  struct {
    WallNs at = 0;  ///< 0 = there was none
    std::string peer, why;
  } last_refusal_;
};

}  // namespace plumbline::access
