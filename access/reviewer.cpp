#include "access/reviewer.hpp"

#include <algorithm>

#include "access/bearer_jwt.hpp"
#include "include/util/thread.hpp"

namespace plumbline::access {
namespace {

constexpr std::int64_t second = 1'000'000'000;

Error nobody_to_ask(const std::string& why) {
  return {ErrorCode::unavailable, "ask the cluster about a token", why, "try again"};
}

}  // namespace

Reviewer::Reviewer(KubernetesConfig config, const Clock& clock, Options options)
    : config_(std::move(config)), clock_(clock), options_(std::move(options)) {
  options_.limits.stop = stopping_.get_token();
}

void Reviewer::start() {
  thread_ = start_thread("plumb-review", [this] { run(); });
}

void Reviewer::stop() {
  stopping_.request_stop();
  {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  std::deque<Question> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(waiting_);
  }
  for (const auto& question : left) question.done(nobody_to_ask("this server is stopping"));
}

Reviewer::Stats Reviewer::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

/// With the lock held.
Reviewer::Remembered* Reviewer::find(const TokenDigest& digest) {
  const auto at = by_token_.find(digest);
  return at == by_token_.end() || at->second->until <= clock_.boot() ? nullptr : &*at->second;
}

/// With the lock held.
std::optional<Result<Reviewer::Answer>> Reviewer::recall(const TokenDigest& digest, const Access& access) {
  const Remembered* known = find(digest);
  if (known == nullptr) return std::nullopt;
  if (!known->who) return Result<Answer>(known->who.error());
  if (access.verb.empty()) return Result<Answer>(Answer{*known->who, true});
  const auto allowed = known->allowed.find(access.verb + " " + access.path);
  if (allowed == known->allowed.end() || allowed->second.second <= clock_.boot()) return std::nullopt;
  return Result<Answer>(Answer{*known->who, allowed->second.first});
}

void Reviewer::ask(std::string_view token, Access access, Done done) {
  const TokenDigest digest = digest_of(token);
  std::optional<Result<Answer>> at_once;
  {
    const std::lock_guard lock(mutex_);
    at_once = recall(digest, access);
    if (at_once) {
      ++stats_.remembered;
    } else if (stopping_.stop_requested()) {
      at_once = nobody_to_ask("this server is stopping");
    } else if (waiting_.size() >= options_.most_waiting) {
      ++stats_.refused;
      at_once = nobody_to_ask("too many others wait for its answer");
    } else {
      waiting_.push_back({fetch::Secret(token), digest, std::move(access), std::move(done)});
      changed_.notify_all();
      return;
    }
  }
  done(*at_once);
}

void Reviewer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_.stop_requested() || !waiting_.empty(); });
    if (stopping_.stop_requested()) return;
    const Question question = std::move(waiting_.front());
    waiting_.pop_front();
    auto known = recall(question.digest, question.access);  // one before it may have asked the same
    if (known) ++stats_.remembered;
    // One that does not answer must not be waited for by each that asks.
    if (!known && clock_.boot() < failing_until_) known = nobody_to_ask(stats_.trouble);
    lock.unlock();
    question.done(known ? *known : answer(question));
    lock.lock();
  }
}

Result<Reviewer::Answer> Reviewer::answer(const Question& question) {
  Result<std::shared_ptr<const Reviewed>> who = nobody_to_ask("");
  bool is_known = false;
  {
    const std::lock_guard lock(mutex_);
    if (const Remembered* known = find(question.digest); known != nullptr) {
      who = known->who;
      is_known = true;
    }
  }
  if (!is_known) {
    who = review(question);
    if (who || who.error().code == ErrorCode::permission) remember(question, who);
  }
  if (!who) return who.error();
  if (question.access.verb.empty()) return Answer{*who, true};
  const auto allowed = may(**who, question.access);
  if (!allowed) return allowed.error();
  remember(question, *allowed);
  return Answer{*who, *allowed};
}

/// The API server's answer, whole. `unavailable` whatever else it says: who asks us is not to blame for it.
Result<std::string> Reviewer::post(const std::string& path, std::string body) {
  fetch::WebRequest request;
  request.method = "POST";
  request.url = config_.api.server + path;
  request.ca_file = config_.api.ca_file;
  request.limits = options_.limits;
  request.max_bytes = longest_review;
  request.body = std::move(body);
  request.headers.emplace_back("Content-Type", "application/json");
  request.headers.emplace_back("Accept", "application/json");
  const auto ours = fetch::read_secret_line(config_.api.token_file);
  std::string trouble = ours ? "" : ours.error().message();
  std::string answered;
  if (ours) {
    request.headers.emplace_back("Authorization", fetch::bearer(ours->view()));
    if (!connection_) connection_ = std::make_unique<fetch::WebConnection>();
    const auto answer = connection_->exchange(request);
    if (!answer) connection_.reset();
    if (!answer)
      trouble = answer.error().message();
    else if (answer->status == 401 || answer->status == 403)
      trouble = "it answers " + std::to_string(answer->status) +
                " to ourselves: bind the ClusterRole system:auth-delegator to this pod's service account";
    else if (answer->status != 200 && answer->status != 201)
      trouble = "it answers " + std::to_string(answer->status);
    else
      answered = answer->body;
  }
  const std::lock_guard lock(mutex_);
  ++stats_.asked;
  stats_.trouble = trouble;
  if (trouble.empty()) return answered;
  ++stats_.failed;
  failing_until_ = clock_.boot() + std::chrono::nanoseconds(options_.pause).count();
  return nobody_to_ask(trouble);
}

Result<std::shared_ptr<const Reviewed>> Reviewer::review(const Question& question) {
  const auto answered = post(token_review_path, token_review(question.token.view(), config_.audience));
  if (!answered) return answered.error();
  auto who = read_token_review(*answered, config_.audience);
  if (who) return std::make_shared<const Reviewed>(std::move(*who));
  if (who.error().code == ErrorCode::permission) return who.error();
  const std::lock_guard lock(mutex_);
  ++stats_.failed;
  stats_.trouble = who.error().message();
  return nobody_to_ask(stats_.trouble);
}

Result<bool> Reviewer::may(const Reviewed& who, const Access& access) {
  const auto answered = post(access_review_path, access_review(who, access.verb, access.path));
  if (!answered) return answered.error();
  const auto allowed = read_access_review(*answered);
  if (allowed) return *allowed;
  const std::lock_guard lock(mutex_);
  ++stats_.failed;
  stats_.trouble = allowed.error().message();
  return nobody_to_ask(stats_.trouble);
}

void Reviewer::remember(const Question& question, const Result<std::shared_ptr<const Reviewed>>& who) {
  std::int64_t keep = std::chrono::nanoseconds(who ? options_.keep : options_.keep_refusal).count();
  if (const auto said = said_by(question.token.view(), config_.audience); who && said && said->until != 0)
    keep = std::min(keep, said->until * second - clock_.wall());
  const std::lock_guard lock(mutex_);
  if (const auto old = by_token_.find(question.digest); old != by_token_.end()) {
    remembered_.erase(old->second);
    by_token_.erase(old);
  }
  while (remembered_.size() >= options_.most_tokens) {
    if (remembered_.front().until > clock_.boot()) ++stats_.forgotten;
    by_token_.erase(remembered_.front().token);
    remembered_.pop_front();
  }
  remembered_.push_back({question.digest, who, clock_.boot() + keep, {}});
  by_token_.emplace(question.digest, std::prev(remembered_.end()));
}

void Reviewer::remember(const Question& question, bool is_allowed) {
  const std::int64_t until =
      clock_.boot() + std::chrono::nanoseconds(is_allowed ? options_.keep : options_.keep_refusal).count();
  const std::lock_guard lock(mutex_);
  Remembered* known = find(question.digest);
  if (known == nullptr) return;
  if (known->allowed.size() >= options_.most_paths) {
    stats_.forgotten += known->allowed.size();
    known->allowed.clear();
  }
  known->allowed.insert_or_assign(question.access.verb + " " + question.access.path,
                                  std::pair(is_allowed, std::min(until, known->until)));
}

}  // namespace plumbline::access
