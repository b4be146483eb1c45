#include "collector/forward/forwarder.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "collector/forward/event.hpp"
#include "collector/telemetry/log.hpp"

namespace plumbline::collector {
namespace {

using Steady = std::chrono::steady_clock;

// What a sink reads ahead of its delivery: enough for the fullest digest, bounded in memory.
constexpr std::size_t read_ahead_records = 512;
constexpr std::size_t read_ahead_bytes = std::size_t{1} << 20;
constexpr std::size_t replay_records = 64;
constexpr auto stop_within = std::chrono::milliseconds(900);

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
    auto marked = store_.request_replay(origin());
    if (!marked) return marked;
    const std::lock_guard lock(mutex_);
    replay_ = true;
    retry_now_ = true;
    changed_.notify_all();
    return marked;
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
    const std::lock_guard lock(mutex_);
    news_ = true;
    changed_.notify_all();
  }

  bool stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }

  void run() {
    while (!stopping() && !open()) {
    }
    while (!stopping()) {
      if (!deliver_replays()) continue;
      if (!fill()) continue;
      if (ahead_.empty()) {
        wait_for_news();
        continue;
      }
      if (!linger()) continue;
      deliver_ahead();
    }
    set_state("stopped");
  }

  /// Finds where to go on. False: it failed and has waited.
  bool open() {
    auto known = store_.sink_cursor(options_.name);
    if (!known) return failed(Delivery::again(known.error().message()));
    const std::uint64_t end = store_.stats().last_seq;
    const std::uint64_t cursor = known->value_or(options_.from_now ? end : 0);
    auto begin = sink_->open(cursor, end);
    if (!begin) return failed(Delivery::again(begin.error().message()));
    read_position_ = *begin;
    move_cursor(*begin);
    const std::lock_guard lock(mutex_);
    retry_.succeeded();
    status_.last_error.clear();
    return true;
  }

  /// Reads on in the ledger while there is room. False: the store failed, and this has waited.
  bool fill() {
    {
      const std::lock_guard lock(mutex_);
      news_ = false;
    }
    // A row that is not for this sink costs no delivery, so whole stretches of them are passed at once.
    while (ahead_.size() < std::max(pace_.max_records, std::size_t{1}) && !stopping()) {
      auto rows = store_.ledger_after(read_position_, read_ahead_records, read_ahead_bytes);
      if (!rows) return failed(Delivery::again(rows.error().message()));
      if (rows->empty()) break;
      read_position_ = rows->back().seq;
      std::uint64_t filtered = 0;
      for (auto& row : *rows) {
        if (options_.include_matches || is_news(row))
          ahead_.push_back(std::move(row));
        else
          ++filtered;
      }
      if (ahead_.empty()) move_cursor(read_position_);
      const std::lock_guard lock(mutex_);
      status_.filtered += filtered;
    }
    const std::lock_guard lock(mutex_);
    status_.oldest_undelivered_at = ahead_.empty() ? 0 : ahead_.front().received_at;
    return true;
  }

  /// Waits for company and for the least interval. False: something came or stop was asked; look again.
  bool linger() {
    if (!first_waiting_) first_waiting_ = Steady::now();
    auto until = last_delivery_ + pace_.interval;
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
    changed_.wait(lock, [this] { return stopping_ || news_ || replay_; });
  }

  void deliver_ahead() {
    const std::size_t count = std::min(ahead_.size(), std::max(pace_.max_records, std::size_t{1}));
    // A deque is not contiguous; the common case is one record.
    std::vector<LedgerRecord> records(std::make_move_iterator(ahead_.begin()),
                                      std::make_move_iterator(ahead_.begin() + static_cast<std::ptrdiff_t>(count)));
    const auto put_back = [&](std::size_t from) {
      for (std::size_t i = from; i < count; ++i) ahead_[i] = std::move(records[i]);
      ahead_.erase(ahead_.begin(), ahead_.begin() + static_cast<std::ptrdiff_t>(from));
    };
    const auto attempted = attempt(records);
    if (!attempted) return;
    const Delivery& delivery = *attempted;
    switch (delivery.outcome) {
      case Delivery::Outcome::delivered: {
        const std::size_t done = std::min(delivery.count, count);
        const std::uint64_t last = done == 0 ? 0 : records[done - 1].seq;
        put_back(done);
        passed(done == 0 ? 0 : (ahead_.empty() ? read_position_ : last), done);
        return;
      }
      case Delivery::Outcome::refused: {
        for (std::size_t i = 0; i < count; ++i) {
          const auto kept = set_aside(records[i], delivery.why);
          if (kept) continue;
          put_back(i);
          failed(Delivery::again(kept.error().message()));
          return;
        }
        const std::uint64_t last = records.back().seq;
        put_back(count);
        passed(ahead_.empty() ? read_position_ : last, 0);
        return;
      }
      case Delivery::Outcome::retry:
      case Delivery::Outcome::paused:
        break;
    }
    put_back(0);
    failed(delivery);
  }

  /// nullopt: stop was asked, or came first, and nothing was delivered as far as anybody knows.
  std::optional<Delivery> attempt(std::span<const LedgerRecord> records) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return std::nullopt;
      status_.state = "delivering";
      delivering_ = true;
    }
    const auto began = Steady::now();
    Delivery delivery = sink_->deliver(records);
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
      wait_until(last_delivery_ + pace_.interval);
      const auto delivery = attempt(*rows);
      if (!delivery) return false;
      if (delivery->outcome == Delivery::Outcome::retry || delivery->outcome == Delivery::Outcome::paused)
        return failed(*delivery);
      const bool refused = delivery->outcome == Delivery::Outcome::refused;
      const auto ended = store_.end_replay(letter.id, refused ? delivery->why : "");
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

  /// Everything up to `through` (0 = nothing more) is done with; `delivered` of it went out.
  void passed(std::uint64_t through, std::size_t delivered) {
    if (through != 0) move_cursor(through);
    bool recovered = false;
    {
      const std::lock_guard lock(mutex_);
      recovered = retry_.failures() > 0;
      retry_.succeeded();
      status_.delivered += delivered;
      if (delivered > 0) status_.last_delivered_at = clock_.wall();
      status_.last_error.clear();
      status_.oldest_undelivered_at = ahead_.empty() ? 0 : ahead_.front().received_at;
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

  // The sink's thread only:
  std::deque<LedgerRecord> ahead_;
  std::uint64_t read_position_ = 0;
  Steady::time_point last_delivery_;
  std::optional<Steady::time_point> first_waiting_;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  RetryPolicy retry_;
  SinkStatus status_;
  bool news_ = false;
  bool replay_ = true;  // what was asked for before a restart
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
