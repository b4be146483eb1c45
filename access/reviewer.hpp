// An API server that is asked whose a token is, and what he may.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "access/access_config.hpp"
#include "access/review.hpp"
#include "access/token_file.hpp"
#include "fetch/secret.hpp"
#include "fetch/web.hpp"
#include "include/util/clock.hpp"

namespace plumbline::access {

/// Asks on a thread of its own, over one kept connection. Answers are remembered by the token's SHA-256, at most a
/// minute and never longer than the token lasts. All public functions are for any thread.
class Reviewer {
 public:
  struct Options {
    std::chrono::seconds keep{60};  ///< an answer, at most
    std::chrono::seconds keep_refusal{10};
    std::chrono::milliseconds pause{1'000};  ///< after a question that came to nothing; those that wait fail with it
    std::size_t most_tokens = 4096;          ///< remembered; the oldest one makes room, counted in `forgotten`
    std::size_t most_paths = 256;            ///< remembered of one token; all of its make room
    std::size_t most_waiting = 1024;         ///< past it: `unavailable`, counted in `refused`
    fetch::FetchLimits limits{std::chrono::milliseconds(3'000), std::chrono::milliseconds(5'000), {}};
  };
  struct Stats {
    std::uint64_t asked = 0;       ///< questions to the API server
    std::uint64_t failed = 0;      ///< of them: no answer, or none of use
    std::uint64_t remembered = 0;  ///< answered without a question
    std::uint64_t forgotten = 0;
    std::uint64_t refused = 0;
    std::string trouble;  ///< of the last question; "" = it was answered
  };
  /// What is to be allowed; empty verb = nothing, only whose token it is.
  struct Access {
    std::string verb, path;
  };
  struct Answer {
    std::shared_ptr<const Reviewed> who;
    bool is_allowed = false;  ///< the Access
  };
  /// `permission`: the token is nobody's. `unavailable`: nobody could say.
  using Done = std::function<void(const Result<Answer>& answer)>;

  /// `config.api` as find_kubernetes_api() gives it. `clock` outlives this.
  Reviewer(KubernetesConfig config, const Clock& clock, Options options);
  ~Reviewer() { stop(); }
  Reviewer(const Reviewer&) = delete;
  Reviewer& operator=(const Reviewer&) = delete;

  void start();
  /// Cuts what is under way; what waits is `unavailable`. Repeatable.
  void stop();
  /// `token`: is_bearer_token(). Calls `done` once: at once where the answer is remembered, else on the thread.
  void ask(std::string_view token, Access access, Done done);
  Stats stats() const;
  const std::string& audience() const { return config_.audience; }

 private:
  struct Remembered {
    TokenDigest token{};
    Result<std::shared_ptr<const Reviewed>> who;
    std::int64_t until = 0;                                        ///< Clock::boot()
    std::map<std::string, std::pair<bool, std::int64_t>> allowed;  ///< "get /v1/drift" → whether, and until when
  };
  struct Question {
    fetch::Secret token;
    TokenDigest digest{};
    Access access;
    Done done;
  };
  void run();
  Result<Answer> answer(const Question& question);
  std::optional<Result<Answer>> recall(const TokenDigest& digest, const Access& access);
  Result<std::string> post(const std::string& path, std::string body);
  Result<std::shared_ptr<const Reviewed>> review(const Question& question);
  Result<bool> may(const Reviewed& who, const Access& access);
  void remember(const Question& question, const Result<std::shared_ptr<const Reviewed>>& who);
  void remember(const Question& question, bool is_allowed);
  Remembered* find(const TokenDigest& digest);

  const KubernetesConfig config_;
  const Clock& clock_;
  Options options_;
  std::unique_ptr<fetch::WebConnection> connection_;  // the thread's; a fresh one reads its CA again
  std::stop_source stopping_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Question> waiting_;
  std::list<Remembered> remembered_;  // the oldest first
  std::map<TokenDigest, std::list<Remembered>::iterator> by_token_;
  std::int64_t failing_until_ = 0;  // Clock::boot()
  Stats stats_;
  std::thread thread_;
};

}  // namespace plumbline::access
