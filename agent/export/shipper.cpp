#include "agent/export/shipper.hpp"

#include <algorithm>

#include "include/wire/batch.hpp"

namespace plumbline::agent {
namespace {

constexpr std::uint32_t tries_before_setting_aside = 3;
constexpr std::uint32_t max_set_aside_in_a_row = 16;
constexpr std::chrono::nanoseconds max_retry_after = std::chrono::hours(1);
constexpr std::size_t excerpt_bytes = 200;

/// The start of what the collector said, in one line of printable ASCII.
std::string excerpt(const std::string& body) {
  std::string out;
  for (const char c : body.substr(0, excerpt_bytes)) out += c >= ' ' && c < '\x7f' ? c : ' ';
  return out;
}

bool calls_the_batch_bad(int status) {
  return status == 400 || status == 413 || status == 422;
}

}  // namespace

Shipper::Shipper(const ExporterOptions& options, Spool& spool, const Clock& clock, Transport& transport)
    : options_(options),
      spool_(spool),
      clock_(clock),
      transport_(transport),
      backoff_(options.backoff_first, options.backoff_cap, options.random),
      dead_letters_(options.dead_letter_file),
      accepted_(spool.status().acknowledged),
      limit_(std::max<std::uint64_t>(1, options.batch_records)) {}

NextStep Shipper::step() {
  auto records = next_records();
  if (!records) return failed(records.error().message());
  const std::int64_t now = clock_.boot();
  if (records->empty() && now < heartbeat_due_)
    return {std::min(options_.interval, std::chrono::nanoseconds(heartbeat_due_ - now)), true};

  const std::vector<wire::Record> sent = *records;
  const Exchange result = exchange(std::move(*records));
  if (result.nonsense) count([](ExporterStatus& s) { ++s.protocol_errors; });
  if (result.outcome == Outcome::done) return succeeded(sent, result.accepted_through);
  if (result.outcome == Outcome::refused && !sent.empty()) return refused(sent.front(), sent.size(), result);
  return failed(result.why, result.retry_after);
}

/// What comes next: contiguous, as a batch must be. Empty = everything is acknowledged.
Result<std::vector<wire::Record>> Shipper::next_records() {
  const SpoolStatus spool = spool_.status();
  if (accepted_ > spool.acknowledged)  // the cursor could not be written last time
    if (auto moved = spool_.acknowledge(accepted_); !moved) return moved.error();
  const std::uint64_t last = spool.next_sequence - 1;
  if (last <= accepted_) return std::vector<wire::Record>{};
  auto records =
      spool_.read(accepted_, static_cast<std::size_t>(limit_), static_cast<std::size_t>(options_.batch_bytes));
  if (!records) return records.error();
  const std::uint64_t next = records->empty() ? last + 1 : records->front().sequence;
  if (next > accepted_ + 1) {  // damaged on disk: gone, counted there and here, and no reason to wait for ever
    const std::uint64_t skipped = next - accepted_ - 1;
    accept(next - 1);
    count([&](ExporterStatus& s) { s.skipped += skipped; });
  }
  std::size_t contiguous = 0;
  while (contiguous < records->size() && (*records)[contiguous].sequence == next + contiguous) ++contiguous;
  records->resize(contiguous);
  return records;
}

Shipper::Exchange Shipper::exchange(std::vector<wire::Record> records) {
  const std::uint64_t first = records.empty() ? 0 : records.front().sequence;
  const std::uint64_t last = records.empty() ? 0 : records.back().sequence;
  const std::size_t size = records.size();
  wire::Batch batch;
  batch.node_id = options_.node_id;
  batch.node = options_.node;
  batch.labels_json = options_.labels_json;
  batch.boot_id = options_.boot_id;
  batch.agent_version = options_.agent_version;
  batch.sent_at = clock_.wall();
  batch.records = std::move(records);
  batch.oldest_unsent = spool_.status().next_sequence > accepted_ + 1 ? accepted_ + 1 : 0;
  if (options_.health) batch.health_json = options_.health();
  const auto body = wire::zstd_compress(wire::encode_batch(batch));
  if (!body) return {Outcome::failed, 0, body.error().message(), {}, false};
  count([&](ExporterStatus& s) { s.sent += size; });
  return judge(transport_.post(*body), first, last);
}

/// What an answer means for a batch of `first` to `last`; both 0 for a heartbeat.
Shipper::Exchange Shipper::judge(const Answer& answer, std::uint64_t first, std::uint64_t last) const {
  if (answer.status == 0) return {Outcome::failed, 0, answer.error, {}, false};
  if (answer.status != 200) {
    const std::string why = "HTTP " + std::to_string(answer.status) + " " + excerpt(answer.body);
    return {calls_the_batch_bad(answer.status) ? Outcome::refused : Outcome::failed, 0, why, answer.retry_after, false};
  }
  const auto ack = wire::decode_ack(answer.body);
  if (!ack) return {Outcome::failed, 0, ack.error().message(), {}, true};
  if (last == 0) return {Outcome::done, 0, "", {}, false};  // a heartbeat's answer acknowledges nothing
  if (ack->accepted_through > last)
    return {Outcome::failed,
            0,
            "the collector acknowledged up to " + std::to_string(ack->accepted_through) + ", but was sent only up to " +
                std::to_string(last),
            {},
            true};
  if (ack->accepted_through < first)
    return {Outcome::failed, 0, "the collector accepted nothing of the batch", answer.retry_after, false};
  return {Outcome::done, ack->accepted_through, "", {}, false};
}

NextStep Shipper::succeeded(const std::vector<wire::Record>& records, std::uint64_t accepted_through) {
  backoff_.reset();
  heartbeat_due_ = clock_.boot() + options_.heartbeat.count();
  const WallNs now = clock_.wall();
  const std::uint64_t before = accepted_;
  count([&](ExporterStatus& s) {
    ++s.batches;
    s.failures = 0;
    s.last_success_at = now;
    if (!records.empty()) s.acked += accepted_through - before;
  });
  if (records.empty()) return {};
  set_aside_in_a_row_ = 0;
  const bool full = records.size() >= limit_;
  limit_ = std::min(limit_ * 2, std::max<std::uint64_t>(1, options_.batch_records));
  accept(accepted_through);
  // The first of a burst goes out at once, the rest together: a batch of one costs both sides as much as one of fifty.
  return full ? NextStep{} : NextStep{options_.pace, false};
}

NextStep Shipper::refused(const wire::Record& first, std::size_t size, const Exchange& result) {
  count([](ExporterStatus& s) { ++s.refusals; });
  if (size > 1) {
    limit_ = size / 2;
    count([](ExporterStatus& s) { ++s.retries; });
    return {};
  }
  if (refused_sequence_ != first.sequence) refused_times_ = 0;
  refused_sequence_ = first.sequence;
  if (++refused_times_ < tries_before_setting_aside) return failed(result.why, result.retry_after);
  if (set_aside_in_a_row_ >= max_set_aside_in_a_row) return failed("the collector refuses every record: " + result.why);

  const Exchange heartbeat = exchange({});
  if (heartbeat.outcome != Outcome::done) return failed("the collector refuses this agent: " + heartbeat.why);
  if (auto added = dead_letters_.add(first, result.why, clock_.wall()); !added) return failed(added.error().message());
  ++set_aside_in_a_row_;
  const WallNs now = clock_.wall();
  count([&](ExporterStatus& s) {
    ++s.dead_letters;
    s.dead_letters_forgotten = dead_letters_.forgotten();
    s.last_error = "record " + std::to_string(first.sequence) + " was refused and set aside in " +
                   options_.dead_letter_file + ": " + result.why;
    s.last_error_at = now;
  });
  accept(first.sequence);
  return {};
}

NextStep Shipper::failed(const std::string& why, std::optional<std::chrono::nanoseconds> retry_after) {
  const auto wait =
      std::max(backoff_.next(), std::min(retry_after.value_or(std::chrono::nanoseconds(0)), max_retry_after));
  const WallNs now = clock_.wall();
  count([&](ExporterStatus& s) {
    ++s.retries;
    ++s.failures;
    s.last_error = why;
    s.last_error_at = now;
  });
  return {wait, false};
}

/// A cursor that cannot be written now is written at the next step; the records are not sent again meanwhile.
void Shipper::accept(std::uint64_t sequence) {
  accepted_ = sequence;
  (void)spool_.acknowledge(sequence);
}

ExporterStatus Shipper::status() const {
  const SpoolStatus spool = spool_.status();
  const std::lock_guard lock(mutex_);
  ExporterStatus now = status_;
  now.lag_records = spool.next_sequence - 1 - std::min(spool.acknowledged, spool.next_sequence - 1);
  now.oldest_unsent = now.lag_records == 0 ? 0 : spool.acknowledged + 1;
  return now;
}

}  // namespace plumbline::agent
