#include "collector/forward/forwarder.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "collector/forward/rate_limit.hpp"
#include "collector/forward/read_ahead.hpp"
#include "collector/forward/settlement.hpp"
#include "collector/telemetry/log.hpp"

namespace plumbline::collector {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t replay_records = 64;
constexpr auto stop_within = std::chrono::milliseconds(900);
constexpr auto between_turns = std::chrono::seconds(1);

}  // namespace

// Shared by the Forwarder and its thread, so that a thread that is stuck in a delivery can be left behind.
class Forwarder::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(ForwarderOptions options, std::unique_ptr<Sink> sink, Store& store, const Clock& clock)
      : options_(std::move(options)),
        sink_(std::move(sink)),
        pace_(sink_->pace()),
        store_(store),
        clock_(clock),
        max_records_(std::max(pace_.max_records, std::size_t{1})),
        ahead_(store, max_records_, options_.include_matches, options_.heeds_silences),
        rate_(options_.rate_limit, Steady::now()),
        retry_(options_.retry, options_.random) {
    status_.name = options_.name;
    status_.kind = options_.kind;
    status_.state = "starting";
  }

  void start() {
    subscription_ = store_.subscribe([weak = weak_from_this()] {
      if (const auto core = weak.lock()) core->wake();
    });
    thread_ = std::thread([self = shared_from_this()] {
      self->run();
      const std::lock_guard lock(self->mutex_);
      self->finished_ = true;
      self->changed_.notify_all();
    });
  }

  void stop() {
    subscription_.reset();
    std::unique_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    if (!thread_.joinable()) return;
    sink_->cancel();
    changed_.wait_for(lock, stop_within, [this] { return finished_; });
    // Only inside a delivery may the thread be left: everywhere else it uses the store, and ends soon.
    abandoned_ = delivering_;
    if (!abandoned_) changed_.wait(lock, [this] { return finished_; });
    lock.unlock();
    if (!abandoned_) return thread_.join();
    thread_.detach();
    log(LogLevel::warning, "a delivery could not be interrupted and is left behind", {{"sink", options_.name}});
  }

  Result<std::size_t> replay() {
    return store_.request_replay(origin());  // and wake() hears of it
  }

  SinkStatus status() const {
    const std::uint64_t end = store_.stats().last_seq;
    const std::lock_guard lock(mutex_);
    SinkStatus status = status_;
    status.breaker = text_of(retry_.breaker(status.state == "delivering"));
    status.failures = retry_.failures();
    status.lag_records = end > status.cursor ? end - status.cursor : 0;
    return status;
  }

 private:
  std::string origin() const { return "sink:" + options_.name; }

  void wake() {
    const std::uint64_t replays = store_.replays_requested();
    const std::lock_guard lock(mutex_);
    news_ = true;
    // Whoever asked may have asked another collector.
    if (replays != std::exchange(replays_, replays)) replay_ = retry_now_ = true;
    changed_.notify_all();
  }

  bool stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }

  void run() {
    bool opened = false;
    while (!stopping()) {
      // Another collector may have taken it, where this one could not reach the store for a while.
      opened = opened && store_.has_sink(options_.name);
      if (!opened) {
        opened = open();
        continue;
      }
      if (!deliver_replays() || !refresh() || !fill()) continue;
      if (ahead_.empty()) {
        wait_for_news();
        continue;
      }
      if (!linger()) continue;
      deliver_ahead();
    }
    set_state("stopped");
  }

  /// Takes the sink and finds where to go on. False: it failed, or another collector has it; and this has waited.
  bool open() {
    const auto turn = store_.take_sink(options_.name);
    if (!turn) return failed(Delivery::again(turn.error().message()));
    if (!turn->ours) return stand_by(*turn);
    const std::uint64_t end = store_.stats().last_seq;
    // What this one has delivered is delivered, also where the store has not heard of it yet.
    const std::uint64_t known = std::max(turn->cursor.value_or(0), status().cursor);
    const std::uint64_t cursor = !turn->cursor && known == 0 && options_.from_now ? end : known;
    auto begin = sink_->open(cursor, end);
    if (!begin) return failed(Delivery::again(begin.error().message()));
    ahead_.begin(*begin);
    move_cursor(*begin);
    const std::lock_guard lock(mutex_);
    retry_.succeeded();
    status_.last_error.clear();
    return true;
  }

  bool stand_by(const SinkTurn& turn) {
    std::unique_lock lock(mutex_);
    retry_.succeeded();
    status_.last_error.clear();
    status_.state = "standby";
    status_.cursor = std::max(status_.cursor, turn.cursor.value_or(0));
    status_.oldest_undelivered_at = 0;
    changed_.wait_for(lock, between_turns, [this] { return stopping_; });
    replay_ = true;  // what was asked for meanwhile
    return false;
  }

  /// Reads on in the ledger while there is room. False: the store failed, and this has waited.
  bool fill() {
    {
      const std::lock_guard lock(mutex_);
      news_ = false;
    }
    const auto passed = ahead_.fill([this] { return !stopping(); });
    if (!passed) return failed(Delivery::again(passed.error().message()));
    if (ahead_.empty()) move_cursor(ahead_.cursor());
    const std::lock_guard lock(mutex_);
    status_.filtered += passed->filtered;
    status_.silenced += passed->silenced;
    status_.oldest_undelivered_at = ahead_.oldest_at();
    return true;
  }

  /// False: it failed, and this has waited.
  bool refresh() {
    if (pace_.refresh == std::chrono::nanoseconds(0) || Steady::now() < next_refresh_) return true;
    const auto delivery = attempt([this] { return sink_->refresh(); });
    if (!delivery) return false;
    if (delivery->outcome != Delivery::Outcome::delivered) return failed(*delivery);
    next_refresh_ = Steady::now() + pace_.refresh;
    return true;
  }

  /// Waits for company and for the least interval. False: something came or stop was asked; look again.
  bool linger() {
    if (!first_waiting_) first_waiting_ = Steady::now();
    auto until = std::max(last_delivery_ + pace_.interval, rate_.next(Steady::now()));
    if (ahead_.size() < pace_.max_records) until = std::max(until, *first_waiting_ + pace_.linger);
    std::unique_lock lock(mutex_);
    if (Steady::now() >= until) return true;
    status_.state = "idle";
    const bool woken = changed_.wait_until(
        lock, until, [&] { return stopping_ || replay_ || (news_ && ahead_.size() < pace_.max_records); });
    return !woken;
  }

  void wait_until(Steady::time_point until) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, until, [this] { return stopping_; });
  }

  void wait_for_news() {
    std::unique_lock lock(mutex_);
    status_.state = "idle";
    const auto something = [this] { return stopping_ || news_ || replay_; };
    if (pace_.refresh == std::chrono::nanoseconds(0)) return changed_.wait(lock, something);
    changed_.wait_until(lock, next_refresh_, something);
  }

  void deliver_ahead() {
    const std::size_t wanted = std::min(ahead_.size(), batch_limit_);
    const std::size_t allowed = rate_.allowed(wanted, Steady::now());
    if (allowed == 0) return;  // linger() waits for it
    std::vector<LedgerRecord> records = ahead_.take(allowed);
    rate_.took(records.size());
    const auto attempted = attempt([&] { return sink_->deliver(records); });
    if (!attempted) return put_back(std::move(records));
    after(*attempted, std::move(records));
  }

  void put_back(std::vector<LedgerRecord>&& records) {
    const std::vector<bool> all(records.size(), true);
    ahead_.put_back(std::move(records), all);
  }

  /// What is neither delivered nor a dead letter goes back; the cursor stands before it.
  void after(const Delivery& delivery, std::vector<LedgerRecord>&& records) {
    if (delivery.outcome == Delivery::Outcome::retry || delivery.outcome == Delivery::Outcome::paused) {
      put_back(std::move(records));
      failed(delivery);
      return;
    }
    auto settlement = settle(delivery, records.size());
    if (settlement.fewer) batch_limit_ = std::max<std::size_t>(records.size() / 2, 1);
    std::vector<bool> stays(records.size(), false);
    for (std::size_t i = 0; i < records.size(); ++i) {
      const auto& [fate, why] = settlement.records[i];
      stays[i] = fate == Settlement::Fate::stays;
      if (fate != Settlement::Fate::dead) continue;
      const auto kept = set_aside(records[i], why);
      if (kept) continue;
      stays[i] = true;
      settlement.trouble = kept.error().message();
    }
    ahead_.put_back(std::move(records), stays);
    const std::size_t delivered = settlement.delivered();
    if (delivered > 0) batch_limit_ = std::min(max_records_, batch_limit_ * 2);
    if (delivered > 0 || settlement.trouble.empty()) passed(delivered);
    move_cursor(ahead_.cursor());
    if (settlement.trouble.empty()) return;
    Delivery trouble = Delivery::again(settlement.trouble);
    trouble.retry_after = delivery.retry_after;
    failed(trouble);
  }

  /// nullopt: stop was asked, or came first, and nothing was delivered as far as anybody knows.
  template <class Deliver>
  std::optional<Delivery> attempt(const Deliver& deliver) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || !store_.has_sink(options_.name)) return std::nullopt;
      status_.state = "delivering";
      delivering_ = true;
    }
    const auto began = Steady::now();
    Delivery delivery = deliver();
    const std::lock_guard lock(mutex_);
    delivering_ = false;
    if (abandoned_ || (stopping_ && delivery.outcome != Delivery::Outcome::delivered)) return std::nullopt;
    last_delivery_ = Steady::now();
    first_waiting_.reset();
    ++status_.attempts;
    status_.delivery_seconds += std::chrono::duration<double>(last_delivery_ - began).count();
    return delivery;
  }

  /// Dead letters that somebody asked to send again. False: one failed, and this has waited.
  bool deliver_replays() {
    {
      const std::lock_guard lock(mutex_);
      if (!replay_) return true;
    }
    auto letters = store_.replays(origin(), replay_records);
    if (!letters) return failed(Delivery::again(letters.error().message()));
    if (letters->empty()) {
      const std::lock_guard lock(mutex_);
      replay_ = false;
      return true;
    }
    for (const DeadLetter& letter : *letters) {
      auto rows = store_.ledger_after(letter.seq - 1, 1, 1);
      if (!rows) return failed(Delivery::again(rows.error().message()));
      if (rows->empty() || rows->front().seq != letter.seq) {
        const auto ended = store_.end_replay(letter.id, "the ledger no longer holds this record");
        if (!ended) return failed(Delivery::again(ended.error().message()));
        continue;
      }
      wait_until(std::max(last_delivery_ + pace_.interval, rate_.next(Steady::now())));
      rate_.took(1);
      const auto delivery = attempt([&] { return sink_->deliver(*rows); });
      if (!delivery) return false;
      if (delivery->outcome == Delivery::Outcome::retry || delivery->outcome == Delivery::Outcome::paused)
        return failed(*delivery);
      const auto settlement = settle(*delivery, 1);
      const auto& [fate, why] = settlement.records.front();
      if (fate == Settlement::Fate::stays) return failed(Delivery::again(why));
      const bool refused = fate == Settlement::Fate::dead;
      const auto ended = store_.end_replay(letter.id, why);
      if (!ended) return failed(Delivery::again(ended.error().message()));
      const std::lock_guard lock(mutex_);
      retry_.succeeded();
      if (!refused) ++status_.replayed;
    }
    return true;
  }

  Result<void> set_aside(const LedgerRecord& record, const std::string& why) {
    DeadLetter letter;
    letter.origin = origin();
    letter.seq = record.seq;
    letter.node_id = record.node_id;
    letter.sequence = record.sequence;
    letter.record_id = record.id;
    letter.why = why;
    letter.at = clock_.wall();
    auto added = store_.add_dead_letter(std::move(letter));
    if (!added) return added;
    log(LogLevel::error, "a sink refused a record for good; it is kept as a dead letter",
        {{"sink", options_.name}, {"record", record.id}, {"why", why}});
    const std::lock_guard lock(mutex_);
    ++status_.dead_letters;
    return {};
  }

  /// The destination took what it was offered, or said for good that it will not; `delivered` went out.
  void passed(std::size_t delivered) {
    bool recovered = false;
    {
      const std::lock_guard lock(mutex_);
      recovered = retry_.failures() > 0;
      retry_.succeeded();
      status_.delivered += delivered;
      if (delivered > 0) status_.last_delivered_at = clock_.wall();
      status_.last_error.clear();
      status_.oldest_undelivered_at = ahead_.oldest_at();
    }
    if (recovered) log(LogLevel::info, "a sink works again", {{"sink", options_.name}});
  }

  void move_cursor(std::uint64_t seq) {
    store_.move_sink_cursor(options_.name, seq);
    const std::lock_guard lock(mutex_);
    status_.cursor = std::max(status_.cursor, seq);
  }

  /// Waits out a failure; always false, for the callers' sake.
  bool failed(const Delivery& delivery) {
    std::unique_lock lock(mutex_);
    if (stopping_) return false;
    const bool paused = delivery.outcome == Delivery::Outcome::paused;
    const bool first = retry_.failures() == 0;
    const auto wait = paused ? retry_.paused() : retry_.failed(delivery.retry_after);
    ++status_.retries;
    const bool news = first || status_.last_error != delivery.why;
    status_.last_error = delivery.why;
    status_.state = paused ? "paused" : "waiting";
    status_.next_try_at = clock_.wall() + wait.count();
    if (news)
      log(paused ? LogLevel::error : LogLevel::warning,
          paused ? "a sink is paused until a person acts; it is probed now and then"
                 : "a sink fails; it is tried again",
          {{"sink", options_.name}, {"why", delivery.why}});
    changed_.wait_for(lock, wait, [this] { return stopping_ || retry_now_; });
    retry_now_ = false;
    status_.next_try_at = 0;
    return false;
  }

  void set_state(const char* state) {
    const std::lock_guard lock(mutex_);
    status_.state = state;
  }

  const ForwarderOptions options_;
  const std::unique_ptr<Sink> sink_;
  const SinkPace pace_;
  Store& store_;
  const Clock& clock_;

  const std::size_t max_records_;

  // The sink's thread only:
  ReadAhead ahead_;
  RateLimit rate_;
  std::size_t batch_limit_ = max_records_;  // smaller while a batch is tried in parts
  Steady::time_point next_refresh_;
  Steady::time_point last_delivery_;
  std::optional<Steady::time_point> first_waiting_;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  RetryPolicy retry_;
  SinkStatus status_;
  bool news_ = false;
  bool replay_ = true;  // what was asked for before a restart
  std::uint64_t replays_ = 0;
  bool retry_now_ = false;
  bool stopping_ = false;
  bool delivering_ = false;
  bool abandoned_ = false;
  bool finished_ = false;
  std::shared_ptr<void> subscription_;
  std::thread thread_;
};

Forwarder::Forwarder(ForwarderOptions options, std::unique_ptr<Sink> sink, Store& store, const Clock& clock)
    : core_(std::make_shared<Core>(std::move(options), std::move(sink), store, clock)) {}
Forwarder::~Forwarder() {
  stop();
}
void Forwarder::start() {
  core_->start();
}
void Forwarder::stop() {
  core_->stop();
}
Result<std::size_t> Forwarder::replay() {
  return core_->replay();
}
SinkStatus Forwarder::status() const {
  return core_->status();
}

}  // namespace plumbline::collector
