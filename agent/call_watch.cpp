#include "agent/call_watch.hpp"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

#include <array>
#include <chrono>
#include <utility>

#include "agent/source/return_probes.hpp"
#include "include/util/thread.hpp"

namespace plumbline::agent {
namespace {

constexpr int turn_ms = 1000;  // what waits is looked at so often

}  // namespace

Result<std::unique_ptr<CallWatch>> CallWatch::open(Options options, const Clock& clock) {
  auto capture = open_capture(options.capture);
  if (!capture) return capture.error();
  options.files.why_no_return_probes = why_no_return_probes(**capture);
  return std::make_unique<CallWatch>(std::move(*capture), std::move(options), clock);
}

CallWatch::CallWatch(std::unique_ptr<Capture> capture, Options options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      capture_(std::move(capture)),
      files_(*capture_, options_.files),
      scanner_(files_, options_.scanner),
      connections_(
          options_.connections,
          {interest_of,
           [this](HttpExchange&& exchange, const mark_actor& actor) { tries_.take(read_call(exchange, actor)); },
           [this](const capture_connection_key& key) { capture_->decide(key, CAPTURE_IGNORED); }}),
      tries_(options_.tries, [this](ReadCall&& call) { queue(std::move(call)); }),
      principals_(options_.principals),
      wake_up_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  capture_->on_executed([this](const executed_record& record) { scanner_.on_executed(record.tgid, record.mount_ns); });
}

CallWatch::~CallWatch() {
  stop();
  files_.unhook_all();
}

void CallWatch::stop() {
  stopping_.request_stop();
  {
    const std::lock_guard lock(mutex_);
    room_.notify_all();
  }
  ::eventfd_write(wake_up_.get(), 1);
  scanner_.stop();
  if (thread_.joinable()) thread_.join();
}

void CallWatch::start(std::function<void()> wake) {
  wake_ = std::move(wake);
  counted_at_ = clock_.wall();
  thread_ = start_thread("plumb-calls", [this] { listen(); });
  scanner_.start();
}

void CallWatch::listen() {
  const Capture::Sample sample = [this](const capture_record& record, std::span<const char> data) {
    connections_.take(record, data);
  };
  std::array<pollfd, 3> waiting = {pollfd{capture_->ring_fd(), POLLIN, 0}, pollfd{wake_up_.get(), POLLIN, 0},
                                   pollfd{files_.changed_fd(), POLLIN, 0}};
  std::int64_t next_turn = 0;
  while (!stopping_.stop_requested()) {
    ::poll(waiting.data(), waiting.size(), turn_ms);
    if (waiting[2].revents != 0)
      for (const auto& change : files_.read_changes()) scanner_.on_changed(change);
    capture_->consume(sample);
    const std::int64_t now = clock_.boot();
    if (now < next_turn) continue;
    next_turn = now + std::int64_t{turn_ms} * 1'000'000;
    connections_.expire(now);
    tries_.expire(now);
    tell_counts();
  }
  capture_->consume(sample);
  connections_.end_all(clock_.boot());
  tries_.tell_all();
  tell_counts();
}

void CallWatch::tell_counts() {
  counts_.kernel = capture_->read_counters();
  counts_.http = connections_.counters();
  counts_.folded = tries_.folded();
  counts_.crowded = tries_.crowded();
  const std::uint64_t lost = counts_.kernel.lost + counts_.kernel.unreadable;
  const WallNs now = clock_.wall();
  const std::lock_guard lock(mutex_);
  if (const std::uint64_t before = told_.kernel.lost + told_.kernel.unreadable; lost != before) {
    if (lost_.pieces == 0) lost_.from = counted_at_;
    lost_.pieces += lost - before;
    lost_.until = now;
  }
  told_ = counts_;
  counted_at_ = now;
}

void CallWatch::queue(ReadCall&& call) {
  const auto& operation = call.operation;
  if (operation.unmapped != cloud::Unmapped::no) {
    ++counts_.unmapped;
    spdlog::debug("event=call_unmapped host=\"{}\" why=\"{}\"", call.host, cloud::word(operation.unmapped));
    return;
  }
  const std::int64_t now = clock_.wall() / 1'000'000'000;
  principals_.learn(operation, now);
  if (!cloud::may_change(operation.level)) return;
  if (operation.data_plane && operation.touched.empty()) return;  // of users' data no IaC knows anything
  if (const auto* known = principals_.look_up(operation.access_key_id, now)) {
    call.principal_arn = known->arn;
    call.principal_chain = known->chain;
  }
  ++counts_.writes;
  spdlog::debug("event=call pid={} provider={} call=\"{}:{}\" outcome={} tries={} host=\"{}\"", call.actor.tgid,
                cloud::word(operation.provider), operation.service, operation.operation, cloud::word(operation.outcome),
                call.tries, call.host);
  std::unique_lock lock(mutex_);
  const auto has_room = [this] { return queued_.size() < options_.max_queued || stopping_.stop_requested(); };
  while (!room_.wait_for(lock, std::chrono::milliseconds(turn_ms), has_room)) {
    ++counts_.waits;
    lock.unlock();
    tell_counts();
    lock.lock();
  }
  queued_.push_back(std::move(call));
  const bool is_first = queued_.size() == 1;
  lock.unlock();
  if (is_first) wake_();
}

bool CallWatch::take(ReadCall& call) {
  const std::lock_guard lock(mutex_);
  if (queued_.empty()) return false;
  call = std::move(queued_.front());
  queued_.pop_front();
  room_.notify_one();
  return true;
}

CallWatch::Lost CallWatch::take_lost() {
  const std::lock_guard lock(mutex_);
  return std::exchange(lost_, {});
}

CallWatch::Counts CallWatch::counts() const {
  const std::lock_guard lock(mutex_);
  return told_;
}

}  // namespace plumbline::agent
