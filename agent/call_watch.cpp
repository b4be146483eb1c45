#include "agent/call_watch.hpp"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <utility>

#include "agent/source/return_probes.hpp"
#include "agent/state_calls.hpp"
#include "include/util/log_text.hpp"
#include "include/util/thread.hpp"

namespace plumbline::agent {
namespace {

constexpr int turn_ms = 1000;  // what waits is looked at so often
constexpr std::int64_t rest_ns = CAPTURE_REST_NS;

}  // namespace

Result<std::unique_ptr<CallWatch>> CallWatch::open(Options options, const Clock& clock) {
  options.capture.has_scope = !options.excluded.empty();
  auto capture = open_capture(options.capture);
  if (!capture) return capture.error();
  options.files.why_no_return_probes = why_no_return_probes(**capture);
  auto hellos = open_hellos(options.capture.processes_fd, (*capture)->scopes_fd());
  if (!hellos) options.why_no_hellos = hellos.error().message();
  auto answers = open_dns_answers();
  if (!answers) options.why_no_dns = answers.error().message();
  auto plain = open_plain_http(options.capture.processes_fd, (*capture)->scopes_fd());
  if (!plain) options.plain.why_not = plain.error().message();
  auto mapped = open_mapped_files((*capture)->scopes_fd());
  if (!mapped) options.why_no_mapped = mapped.error().message();
  auto watch =
      std::make_unique<CallWatch>(std::move(*capture), std::move(options), clock, hellos ? std::move(*hellos) : nullptr,
                                  plain ? std::move(*plain) : nullptr, answers ? std::move(*answers) : nullptr,
                                  mapped ? std::move(*mapped) : nullptr);
  watch->open_gate();
  return watch;
}

void CallWatch::open_gate() {
  if (options_.gate_limit.count() == 0) return;
  ExecGate::Options options;
  options.limit = options_.gate_limit;
  options.proc_root = options_.scanner.proc_root;
  auto gate = ExecGate::open(std::move(options), [this](Fd exe, std::uint32_t tgid, ExecGate::Done done) {
    scanner_.on_executing(std::move(exe), tgid, std::move(done));
  });
  if (gate)
    gate_ = std::move(*gate);
  else
    why_no_gate_ = gate.error().message();
  if (!gate) spdlog::error("event=executions_not_held why=\"{}\"", why_no_gate_);
}

CallWatch::CallWatch(std::unique_ptr<Capture> capture, Options options, const Clock& clock,
                     std::unique_ptr<Hellos> hellos, std::unique_ptr<PlainHttp> plain,
                     std::unique_ptr<DnsAnswers> answers, std::unique_ptr<MappedFiles> mapped)
    : options_(std::move(options)),
      clock_(clock),
      capture_(std::move(capture)),
      mapped_(std::move(mapped)),
      files_(*capture_, options_.files, clock_),
      scanner_(files_, options_.scanner),
      warmer_([this] { capture_->warm(); }),
      connections_(options_.connections,
                   {[this](const HttpMessage& head, std::uint64_t connection) { return want(head, connection); },
                    [this](HttpExchange&& exchange, const mark_actor& actor, std::uint64_t connection) {
                      deliver(exchange, actor, connection);
                    },
                    [this](const capture_connection_key& key) {
                      if (PlainStreams::is_plain(key.connection)) return plain_.ignore(key.connection);
                      capture_->decide(key, CAPTURE_IGNORED);
                    },
                    [this](const capture_connection_key& key) {
                      if (!PlainStreams::is_plain(key.connection)) capture_->decide(key, CAPTURE_NEW);
                    },
                    [this](const mark_actor& actor) { return begun_.has_asked(actor); }}),
      plain_(std::move(plain), options_.plain,
             [this](const capture_record& record, std::span<const char> data) {
               if (record.direction == CAPTURE_OUT && is_out_of_scope(record.actor))
                 return plain_.ignore(record.connection);
               connections_.take(record, data);
             }),
      tries_(options_.tries, [this](ReadCall&& call) { queue(std::move(call)); }),
      begun_(
          std::move(hellos), std::move(answers), options_.begun,
          [this](const mark_actor& actor, const UnseenHost& unseen) { tell_unseen(actor, unseen); }, clock_),
      principals_(options_.principals),
      scope_(options_.excluded, options_.scanner.proc_root),
      wake_up_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  capture_->on_executed([this](const executed_record& record) { on_executed(record); });
  scanner_.set_mapped(mapped_.get());
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
  if (gate_) gate_->stop();
  scanner_.stop();
  files_.end_written();
  warmer_.stop();
  if (thread_.joinable()) thread_.join();
}

void CallWatch::start(std::function<void()> wake) {
  wake_ = std::move(wake);
  counted_at_ = clock_.wall();
  thread_ = start_thread("plumb-calls", [this] { listen(); });
  warmer_.start();
  scanner_.start();
  if (gate_) gate_->start();
}

void CallWatch::listen() {
  const Capture::Sample sample = [this](const capture_record& record, std::span<const char> data) {
    begun_.heard(record.actor.tgid, record.actor.at_boot_ns);
    // A request alone tells in which cgroup it was made.
    if (record.direction == CAPTURE_OUT && is_out_of_scope(record.actor)) return;
    connections_.take(record, data);
  };
  const MappedFiles::Sample on_mapped = [this](const mapped_record& record) { scanner_.on_mapped(record); };
  const int mapped_fd = mapped_ ? mapped_->ring_fd() : -1;
  // What may not wait for the end of a rest comes first.
  std::array<pollfd, 7> waiting = {pollfd{wake_up_.get(), POLLIN, 0},     pollfd{capture_->executed_fd(), POLLIN, 0},
                                   pollfd{mapped_fd, POLLIN, 0},          pollfd{capture_->ring_fd(), POLLIN, 0},
                                   pollfd{begun_.hellos_fd(), POLLIN, 0}, pollfd{begun_.answers_fd(), POLLIN, 0},
                                   pollfd{plain_.ring_fd(), POLLIN, 0}};
  constexpr std::size_t restless = 3;
  std::int64_t next_turn = 0, rested = 0;
  while (!stopping_.stop_requested()) {
    // Behind what was read something may come that wakes nobody.
    if (const std::int64_t left = rested - clock_.boot(); left > 0 && left <= rest_ns) {
      const timespec rest{0, left};
      ::ppoll(waiting.data(), restless, &rest, nullptr);
    } else {
      ::poll(waiting.data(), waiting.size(), turn_ms);
    }
    if (mapped_) mapped_->consume(on_mapped);
    begun_.take();     // first: a connection begins before anything is said on it
    plain_.consume();  // and credentials are handed out before they are used
    const int count = capture_->consume(sample);
    const bool is_read_through = count >= 0;
    const std::int64_t now = clock_.boot();
    if (count != 0) rested = now + rest_ns;
    if (counts_.writes != told_.writes) {  // who has just seen a finding looks for its call
      const std::lock_guard lock(mutex_);
      told_.writes = counts_.writes;
    }
    if (now < next_turn) continue;
    next_turn = now + std::int64_t{turn_ms} * 1'000'000;
    plain_.expire(now);
    connections_.expire(now);
    tries_.expire(now);
    if (is_read_through) begun_.expire(now);  // else their plaintext may still be there
    tell_counts();
  }
  plain_.consume();
  capture_->consume(sample);
  plain_.end_all(clock_.boot());
  connections_.end_all(clock_.boot());
  tries_.tell_all();
  tell_counts();
}

void CallWatch::on_executed(const executed_record& record) {
  if (record.is_new_cgroup || record.is_new_program) warmer_.begin();
  if (record.is_new_program) scanner_.on_executed(record.tgid, record.mount_ns);
  if (record.is_new_scope)
    capture_->set_scope(record.scope, scope_.excludes(record.scope, record.tgid, record.start_boot_ns));
}

/// For who came into a cgroup that nobody had been asked about, without executing anything there: the kernel side lets
/// the first request through, and nothing after it.
bool CallWatch::is_out_of_scope(const mark_actor& actor) {
  const capture_scope scope{actor.cgroup_id, actor.cgroup_v1_id};
  if (!scope_.excludes(scope, actor.tgid, actor.start_boot_ns).value_or(false)) return false;
  capture_->set_scope(scope, true);
  return true;
}

std::uint64_t CallWatch::lost_in(const Counts& counts) {
  const auto& tls = counts.kernel;
  const auto& plain = counts.plain.kernel;
  return tls.lost + tls.unreadable + tls.crowded + plain.lost + plain.unreadable + plain.untracked + counts.cut +
         counts.http.broken_off;
}

void CallWatch::tell_counts() {
  counts_.kernel = capture_->read_counters();
  if (mapped_) counts_.mapped = mapped_->read_counters();
  counts_.http = connections_.counters();
  counts_.folded = tries_.folded();
  counts_.crowded = tries_.crowded();
  counts_.begun = begun_.counts();
  counts_.plain = plain_.counts();
  counts_.scope = scope_.counts();
  const std::uint64_t lost = lost_in(counts_);
  const WallNs now = clock_.wall();
  const std::lock_guard lock(mutex_);
  if (const std::uint64_t before = lost_in(told_); lost != before) {
    if (lost_.pieces == 0) lost_.from = counted_at_;
    lost_.pieces += lost - before;
    lost_.until = now;
  }
  told_ = counts_;
  counted_at_ = now;
}

void CallWatch::tell_unseen(const mark_actor& actor, const UnseenHost& unseen) {
  if (is_out_of_scope(actor)) return;
  constexpr std::size_t most_rows = 64;
  ReadCall call;
  call.actor = actor;
  call.unseen = true;
  call.operation.provider = unseen.named.provider;
  call.operation.service = unseen.named.service;
  call.operation.operation = "unknown";
  call.operation.region = unseen.named.region;
  const std::string& host = call.host = unseen.host;
  call.host_by = unseen.by == HostBy::dns ? "dns" : "sni";
  {
    const std::string program(actor.comm, ::strnlen(actor.comm, sizeof actor.comm));
    const std::lock_guard lock(mutex_);
    if (unseen_rows_.size() < most_rows || unseen_rows_.contains({program, host})) ++unseen_rows_[{program, host}];
  }
  queue(std::move(call));
}

void CallWatch::set_states(std::shared_ptr<const fetch::StateRequests> states) {
  const std::lock_guard lock(mutex_);
  states_ = std::move(states);
}

std::shared_ptr<const fetch::StateRequests> CallWatch::states() const {
  const std::lock_guard lock(mutex_);
  return states_;
}

HttpConnections::Interest CallWatch::want(const HttpMessage& head, std::uint64_t connection) const {
  if (const auto service = plain_.metadata_service_of(connection)) return interest_of(head, *service);
  return with_states(*states(), head, interest_of(head));
}

void CallWatch::deliver(const HttpExchange& exchange, const mark_actor& actor, std::uint64_t connection) {
  const auto keys = options_.keyring ? options_.keyring->keys() : nullptr;
  const auto check = keys ? std::optional<cloud::TokenCheck>({*keys, clock_.wall() / 1'000'000'000}) : std::nullopt;
  if (const auto service = plain_.metadata_service_of(connection)) {
    cloud::Operation handed_out;
    handed_out.grant = read_grant(exchange, *service, check ? &*check : nullptr);
    counts_.handed_out += handed_out.grant ? 1 : 0;
    principals_.learn(handed_out, clock_.wall() / 1'000'000'000);
    return;
  }
  ReadCall call = read_call(exchange, actor, options_.prints.get(), check ? &*check : nullptr);
  add_states(*states(), exchange, call);
  tries_.take(std::move(call));
}

void CallWatch::queue(ReadCall&& call) {
  const auto& operation = call.operation;
  // Its answer showed what was kept for it to be nobody's after all.
  if (!call.unseen && operation.unmapped == cloud::Unmapped::not_cloud && call.states.empty()) return;
  if (!call.unseen && operation.unmapped != cloud::Unmapped::no && call.states.empty()) {
    ++counts_.unmapped;
    counts_.cut += call.is_cut ? 1 : 0;
    spdlog::debug("event=call_unmapped host=\"{}\" why=\"{}\"", log_text(call.host), cloud::word(operation.unmapped));
    return;
  }
  const std::int64_t now = clock_.wall() / 1'000'000'000;
  principals_.learn(operation, now);
  const bool is_write = !call.unseen && may_change(operation);
  if (!is_write && !call.unseen && call.states.empty()) return;
  if (const auto* known = principals_.look_up(operation.access_key_id, now)) {
    call.principal_arn = known->arn;
    call.principal_chain = known->chain;
    call.chain_token = known->token;
  }
  counts_.writes += is_write ? 1 : 0;
  counts_.states += call.states.empty() ? 0 : 1;
  spdlog::debug("event=call pid={} provider={} call=\"{}:{}\" outcome={} tries={} host=\"{}\"", call.actor.tgid,
                cloud::word(operation.provider), operation.service, operation.operation, cloud::word(operation.outcome),
                call.tries, log_text(call.host));
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

std::vector<UnhookedFile> CallWatch::take_unhooked() {
  auto all = files_.take_unhooked();
  for (auto& each : all) each.path = host_path(each.path);
  return all;
}

CallWatch::Counts CallWatch::counts() const {
  const std::lock_guard lock(mutex_);
  return told_;
}

}  // namespace plumbline::agent
