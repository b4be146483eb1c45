#include "collector/forward/read_ahead.hpp"

#include "collector/forward/event.hpp"

namespace plumbline::collector {
namespace {

// One look at the ledger, and all that may wait: enough for the fullest batch, bounded in memory.
constexpr std::size_t look_records = 512;
constexpr std::size_t look_bytes = std::size_t{1} << 20;
constexpr std::size_t max_bytes = std::size_t{8} << 20;

}  // namespace

Result<std::uint64_t> ReadAhead::fill(const std::function<bool()>& keep_going) {
  std::uint64_t filtered = 0;
  // A row that is not for this sink costs no delivery, so whole stretches of them are passed at once.
  while (waiting_.size() < max_records_ && bytes_ < max_bytes && keep_going()) {
    auto rows = store_.ledger_after(read_position_, look_records, look_bytes);
    if (!rows) return rows.error();
    if (rows->empty()) break;
    read_position_ = rows->back().seq;
    for (auto& row : *rows) {
      if (!include_matches_ && !is_news(row)) {
        ++filtered;
        continue;
      }
      bytes_ += row.body.size();
      waiting_.push_back(std::move(row));
    }
  }
  return filtered;
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
