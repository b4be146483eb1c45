#include "collector/forward/read_ahead.hpp"

#include "collector/forward/event.hpp"

namespace plumbline::collector {
namespace {

// One look at the ledger, and all that may wait: enough for the fullest batch, bounded in memory.
constexpr std::size_t look_records = 512;
constexpr std::size_t look_bytes = std::size_t{1} << 20;
constexpr std::size_t max_bytes = std::size_t{8} << 20;
constexpr std::size_t look_held = 100;  // drifts with their bodies, which no bound of bytes cuts short

}  // namespace

void ReadAhead::push(LedgerRecord&& record) {
  bytes_ += record.body.size();
  waiting_.push_back(std::move(record));
}

Result<ReadAhead::Passed> ReadAhead::fill(const std::function<bool()>& keep_going) {
  Passed passed;
  // A row that is not for this sink costs no delivery, so whole stretches of them are passed at once.
  while (waiting_.size() < max_records_ && bytes_ < max_bytes && keep_going()) {
    const std::uint64_t before = read_position_;
    const auto done = telling_ ? tell_held() : read_ledger(passed);
    if (!done) return done.error();
    if (!telling_ && read_position_ == before) break;
  }
  return passed;
}

Result<void> ReadAhead::read_ledger(Passed& passed) {
  auto rows = store_.ledger_after(read_position_, look_records, look_bytes);
  if (!rows) return rows.error();
  if (rows->empty()) return {};
  SilenceSet silences;
  if (heeds_silences_) {
    // Asked after the rows were read: whatever began before one of them is known by now.
    auto over = store_.silences_over(rows->front().seq, rows->back().seq);
    if (!over) return over.error();
    silences = SilenceSet(std::move(*over));
  }
  for (auto& row : *rows) {
    if (heeds_silences_ && row.type == "alert_silence") {
      ++passed.filtered;
      if (const auto begun = begin_telling(row); !begun) return begun.error();
      if (telling_) return {};  // the rows behind it are read again
    } else if (!include_matches_ && !is_news(row)) {
      ++passed.filtered;
    } else if (!silences.empty() && silences.holds(row)) {
      ++passed.silenced;
    } else {
      read_position_ = row.seq;
      push(std::move(row));
      continue;
    }
    read_position_ = row.seq;
  }
  return {};
}

/// Where the row tells of a silence's end: what it held back is looked through before the ledger is read on.
Result<void> ReadAhead::begin_telling(const LedgerRecord& row) {
  auto over = store_.silences_over(row.seq - 1, row.seq);
  if (!over) return over.error();
  Telling telling;
  telling.end = row.seq;
  std::vector<AlertSilence> ended, others;
  for (auto& silence : *over) (silence.end_seq == row.seq ? ended : others).push_back(std::move(silence));
  if (ended.empty()) return {};  // it tells of a beginning
  telling.after = ended.front().begin_seq;
  telling.ended = SilenceSet(std::move(ended));
  telling.others = SilenceSet(std::move(others));
  telling_ = std::move(telling);
  return {};
}

/// One piece of what was held back and is open still. What changed behind the end is told by its own record; what
/// another silence holds too, by the end of that one.
Result<void> ReadAhead::tell_held() {
  auto rows = store_.open_drifts_between(telling_->after, telling_->end, look_held);
  if (!rows) return rows.error();
  for (const DriftRow& row : *rows) {
    telling_->after = row.seq;
    LedgerRecord record = record_of(row);
    if (!telling_->ended.holds(record) || telling_->others.holds(record)) continue;
    record.told_at = telling_->end;
    push(std::move(record));
  }
  if (rows->size() == look_held) return {};
  read_position_ = telling_->end;
  telling_.reset();
  return {};
}

std::vector<LedgerRecord> ReadAhead::take(std::size_t count) {
  count = std::min(count, waiting_.size());
  const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<LedgerRecord> records(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  for (const auto& record : records) bytes_ -= record.body.size();
  return records;
}

void ReadAhead::put_back(std::vector<LedgerRecord>&& records, const std::vector<bool>& keep) {
  for (std::size_t i = records.size(); i-- > 0;) {
    if (!keep[i]) continue;
    bytes_ += records[i].body.size();
    waiting_.push_front(std::move(records[i]));
  }
}

}  // namespace plumbline::collector
