#include "agent/spool/spool.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>

#include "agent/spool/cursor.hpp"
#include "agent/spool/file_layer.hpp"
#include "agent/spool/recovery.hpp"
#include "agent/spool/segment.hpp"

namespace plumbline::agent {
namespace {

constexpr std::uint64_t reserve_bytes = std::uint64_t{1} << 20;
constexpr std::uint64_t min_budget = 4096;
/// Sequences that one segment may give out; what is skipped where a newest segment is lost.
constexpr std::uint64_t sequences_per_segment = std::uint64_t{1} << 20;
constexpr std::size_t max_drafts = std::size_t{1} << 16;
constexpr std::uint64_t hint_distance = std::uint64_t{64} << 10;
/// Reads of a page that the disk refused before it counts as damaged. The exporter backs off in between, so that this
/// is minutes, not moments.
constexpr std::uint32_t reads_before_skipping = 10;

/// What reading taught about one segment: where to begin next time.
struct ReadHints {
  std::map<std::uint64_t, std::uint64_t> after;  ///< sequence → offset behind its frame, one each hint_distance
  std::uint64_t last_sequence = 0;               ///< where the last read ended
  std::uint64_t last_offset = segment_header_bytes;
  std::set<std::uint64_t> damaged;  ///< offsets already counted
  std::uint32_t failed_reads = 0;

  std::uint64_t begin(std::uint64_t sequence) const {
    std::uint64_t offset = last_sequence != 0 && last_sequence <= sequence ? last_offset : segment_header_bytes;
    const auto above = after.upper_bound(sequence);
    return above == after.begin() ? offset : std::max(offset, std::prev(above)->second);
  }
  void passed(const Frame& frame) {
    last_sequence = frame.record.sequence;
    last_offset = frame.end;
    const std::uint64_t known = after.empty() ? segment_header_bytes : after.rbegin()->second;
    if (frame.end >= known + hint_distance) after.emplace(frame.record.sequence, frame.end);
  }
};

/// Locks, always taken in this order: appending_ (one append at a time), cursor_mutex_ (the cursor file, removals),
/// mutex_ (what readers see; never held during I/O). reading_ is a reader's own and is taken before mutex_.
class SegmentSpool final : public Spool {
 public:
  SegmentSpool(SpoolOptions options, const Clock& clock, FileLayer& files, std::unique_ptr<FileLock> lock,
               CursorFile cursor)
      : options_(std::move(options)),
        clock_(clock),
        files_(files),
        lock_(std::move(lock)),
        cursor_(std::move(cursor)) {}

  Result<void> start(Recovered recovered);

  Result<std::vector<wire::Record>> append(std::vector<Draft> drafts) override;
  Result<std::vector<wire::Record>> read(std::uint64_t after, std::size_t max_records,
                                         std::size_t max_bytes) const override;
  Result<void> acknowledge(std::uint64_t sequence) override {
    return move_cursor(&SpoolStatus::acknowledged, sequence);
  }
  Result<void> checkpoint(std::uint64_t sequence) override { return move_cursor(&SpoolStatus::checkpoint, sequence); }
  SpoolStatus status() const override;
  void on_append(std::function<void()> wake) override { wake_ = std::move(wake); }

 private:
  Result<std::vector<wire::Record>> append_locked(std::vector<Draft>& drafts);
  Result<void> make_room(std::size_t size, std::uint64_t count);
  Result<void> begin_segment();
  Result<void> write_group(const std::string& bytes);
  void seal();
  void publish(std::uint64_t last, std::size_t bytes);
  Result<void> move_cursor(std::uint64_t SpoolStatus::* position, std::uint64_t sequence);
  Result<void> write_cursor(const Cursor& cursor);
  Cursor cursor_now() const;
  void drop_passed();
  void fill_reserve();
  void empty_reserve();
  Result<bool> read_segment(const Segment& segment, std::uint64_t after, std::size_t max_records, std::size_t max_bytes,
                            std::size_t& bytes, std::vector<wire::Record>& records) const;

  const SpoolOptions options_;
  const Clock& clock_;
  FileLayer& files_;
  const std::unique_ptr<FileLock> lock_;
  std::function<void()> wake_;

  std::mutex appending_;
  std::unique_ptr<File> active_;  ///< the segment that is written on; null = begin one first
  Segment active_segment_;        ///< its copy of segments_.back()
  bool registered_ = false;       ///< the cursor file names the active segment as the newest
  std::uint64_t reserved_through_ = 0;

  std::mutex cursor_mutex_;
  CursorFile cursor_;
  std::uint64_t newest_segment_ = 0;
  bool reserve_full_ = false;
  std::vector<std::string> doomed_;  ///< files that no one needs any more and that could not be removed yet

  mutable std::mutex mutex_;
  mutable SpoolStatus status_;  ///< bytes and segments are computed
  std::vector<Segment> segments_;
  std::uint64_t active_first_ = 0;  ///< of the active segment, which is never dropped; 0 = none

  mutable std::mutex reading_;
  mutable std::map<std::uint64_t, ReadHints> hints_;  ///< by first sequence
};

Result<void> SegmentSpool::start(Recovered recovered) {
  status_.max_bytes = options_.max_bytes;
  status_.next_sequence = recovered.next_sequence;
  status_.acknowledged = recovered.acknowledged;
  status_.checkpoint = recovered.checkpoint;
  status_.corrupt_records = recovered.corrupt_records;
  status_.quarantined_bytes = recovered.quarantined_bytes;
  segments_ = std::move(recovered.segments);
  if (cursor_.present()) {
    newest_segment_ = cursor_.present()->newest_segment;
    reserved_through_ = cursor_.present()->reserved_through;
  }
  if (recovered.appendable) {
    auto file = files_.open(segments_.back().path, OpenMode::existing);
    if (!file) return file.error();
    active_ = std::move(*file);
    active_segment_ = segments_.back();
    active_first_ = active_segment_.first;
    registered_ = newest_segment_ == active_first_;
  }
  fill_reserve();
  const std::lock_guard appending(appending_);
  (void)make_room(0, 0);  // the first append then costs one fdatasync; what is wrong here, it meets again and reports
  return {};
}

Result<std::vector<wire::Record>> SegmentSpool::append(std::vector<Draft> drafts) {
  if (drafts.empty()) return std::vector<wire::Record>{};
  if (drafts.size() > max_drafts)
    return invalid("append " + std::to_string(drafts.size()) + " records to the spool at once",
                   "allowed are " + std::to_string(max_drafts), "append them in parts");
  auto records = [&] {
    const std::lock_guard appending(appending_);
    return append_locked(drafts);
  }();
  if (records) {
    if (wake_) wake_();
  } else {
    const std::lock_guard lock(mutex_);
    ++status_.append_failures;
  }
  return records;
}

Result<std::vector<wire::Record>> SegmentSpool::append_locked(std::vector<Draft>& drafts) {
  std::uint64_t sequence = status().next_sequence;
  std::vector<wire::Record> records;
  records.reserve(drafts.size());
  std::string bytes;
  for (auto& draft : drafts) {
    wire::Record& record = records.emplace_back();
    record.sequence = sequence++;
    record.type = draft.type;
    record.at = clock_.wall();
    draft.make(record.sequence, record);
    const auto place = static_cast<std::uint32_t>(records.size() - 1);
    const bool commit = records.size() == drafts.size();
    if (auto framed = append_frame(bytes, record, place, commit); !framed) return framed.error();
  }
  if (auto room = make_room(bytes.size(), records.size()); !room) return room.error();
  if (auto written = write_group(bytes); !written) return written.error();
  publish(records.back().sequence, bytes.size());
  return records;
}

/// Sees to it that the active segment may take `size` bytes and `count` sequences more.
Result<void> SegmentSpool::make_room(std::size_t size, std::uint64_t count) {
  const SpoolStatus now = status();
  const bool full =
      active_segment_.bytes > segment_header_bytes && active_segment_.bytes + size > options_.segment_bytes;
  if (active_ && (full || now.next_sequence + count > reserved_through_)) seal();

  const auto fits = [&] { return status().bytes + (active_ ? 0 : segment_header_bytes) + size <= options_.max_bytes; };
  if (!fits()) {
    if (active_ && active_segment_.last <= std::min(now.acknowledged, now.checkpoint)) seal();
    const std::lock_guard cursor(cursor_mutex_);
    drop_passed();
  }
  if (!fits())
    return Error{ErrorCode::unavailable, "append to the spool " + options_.directory,
                 "its budget of " + std::to_string(options_.max_bytes) + " bytes is used up",
                 "bring the collector back, which empties it, or raise the budget"};
  if (active_ && registered_) return {};

  const std::lock_guard cursor(cursor_mutex_);
  if (!active_)
    if (auto begun = begin_segment(); !begun) return begun;
  // Only now, with the file durable, may the cursor name it: a newest segment that is missing then means a loss.
  Cursor next = cursor_now();
  next.newest_segment = active_segment_.first;
  next.reserved_through = next.next_sequence - 1 + sequences_per_segment;
  if (auto written = write_cursor(next); !written) return written;
  newest_segment_ = next.newest_segment;
  reserved_through_ = next.reserved_through;
  registered_ = true;
  if (!reserve_full_) fill_reserve();
  drop_passed();
  return {};
}

/// Under cursor_mutex_, so that no removal of an older file of the same name can come after.
Result<void> SegmentSpool::begin_segment() {
  const std::uint64_t first = status().next_sequence;
  Segment segment{options_.directory + "/" + segment_name(first), first, first - 1, segment_header_bytes};
  std::erase(doomed_, segment.path);
  auto file = files_.open(segment.path, OpenMode::create);
  if (!file) return file.error();
  const std::string header = encode_segment_header({segment_version, first, clock_.wall()});
  const auto prepared = [&]() -> Result<void> {
    if (auto emptied = (*file)->truncate(0); !emptied) return emptied;  // one that failed before its first commit
    if (auto written = (*file)->write_at(0, std::as_bytes(std::span(header))); !written) return written;
    if (auto synced = (*file)->sync(); !synced) return synced;
    return files_.sync_directory(options_.directory);
  }();
  if (!prepared) {
    (void)files_.remove(segment.path);
    return prepared;
  }
  active_ = std::move(*file);
  active_segment_ = segment;
  const std::lock_guard lock(mutex_);
  if (!segments_.empty() && segments_.back().first == first) segments_.pop_back();
  segments_.push_back(std::move(segment));
  active_first_ = first;
  return {};
}

/// One write, one fdatasync. On an error the segment is as it was, or is not written on any more: a later segment then
/// begins with the same sequences, and readers stop there.
Result<void> SegmentSpool::write_group(const std::string& bytes) {
  const std::uint64_t end = active_segment_.bytes;
  auto written = active_->write_at(end, std::as_bytes(std::span(bytes)));
  const bool in_file = written.has_value();
  if (written) written = active_->sync();
  if (written) return {};
  const bool rolled_back = active_->truncate(end).has_value();
  if (in_file || !rolled_back) seal();  // after a failed fdatasync nothing about this file's cache can be trusted
  Error error = written.error();
  error.what = "append to the spool " + options_.directory + ": " + error.what;
  if (error.code == ErrorCode::unavailable) error.fix = "free space on that disk; nothing is lost meanwhile";
  return error;
}

void SegmentSpool::seal() {
  active_.reset();
  registered_ = false;
  const std::lock_guard lock(mutex_);
  active_first_ = 0;
}

void SegmentSpool::publish(std::uint64_t last, std::size_t bytes) {
  active_segment_.last = last;
  active_segment_.bytes += bytes;
  const std::lock_guard lock(mutex_);
  segments_.back() = active_segment_;
  status_.next_sequence = last + 1;
}

Result<void> SegmentSpool::move_cursor(std::uint64_t SpoolStatus::* position, std::uint64_t sequence) {
  const std::lock_guard cursor(cursor_mutex_);
  Cursor next = cursor_now();
  if (sequence >= next.next_sequence)
    return invalid("move a cursor of the spool " + options_.directory + " to " + std::to_string(sequence),
                   "the last record is " + std::to_string(next.next_sequence - 1));
  std::uint64_t& moved = position == &SpoolStatus::acknowledged ? next.acknowledged : next.checkpoint;
  if (sequence <= moved) return {};
  moved = sequence;
  if (auto written = write_cursor(next); !written) return written;
  {
    const std::lock_guard lock(mutex_);
    status_.*position = sequence;
  }
  drop_passed();
  return {};
}

Cursor SegmentSpool::cursor_now() const {
  const std::lock_guard lock(mutex_);
  Cursor cursor;
  cursor.acknowledged = status_.acknowledged;
  cursor.checkpoint = status_.checkpoint;
  cursor.next_sequence = status_.next_sequence;
  cursor.newest_segment = newest_segment_;
  cursor.reserved_through = cursor_.present() ? cursor_.present()->reserved_through : 0;
  return cursor;
}

Result<void> SegmentSpool::write_cursor(const Cursor& cursor) {
  auto written = cursor_.write(cursor);
  if (!written && written.error().code == ErrorCode::unavailable) {
    empty_reserve();
    written = cursor_.write(cursor);
  }
  return written;
}

/// Removes segments that both cursors passed. The active one stays. Under cursor_mutex_.
void SegmentSpool::drop_passed() {
  {
    const std::lock_guard lock(mutex_);
    const std::uint64_t covered = std::min(status_.acknowledged, status_.checkpoint);
    const auto kept = std::find_if(segments_.begin(), segments_.end(), [&](const Segment& segment) {
      return segment.first == active_first_ || segment.last > covered;
    });
    for (auto passed = segments_.begin(); passed != kept; ++passed) doomed_.push_back(passed->path);
    segments_.erase(segments_.begin(), kept);
  }
  if (doomed_.empty()) return;
  std::erase_if(doomed_, [&](const std::string& path) {
    auto removed = files_.remove(path);
    if (!removed && removed.error().code == ErrorCode::unavailable) {  // on btrfs, removing needs space too
      empty_reserve();
      removed = files_.remove(path);
    }
    return removed.has_value() || removed.error().code == ErrorCode::not_found;
  });
  (void)files_.sync_directory(
      options_.directory);  // a file that comes back after a crash is removed again at the start
  fill_reserve();
}

/// Best effort: without a reserve everything works until the disk is full.
void SegmentSpool::fill_reserve() {
  const auto file = files_.open(options_.directory + "/reserve", OpenMode::create);
  reserve_full_ = file.has_value() && (*file)->allocate(reserve_bytes).has_value();
}

void SegmentSpool::empty_reserve() {
  if (const auto file = files_.open(options_.directory + "/reserve", OpenMode::existing)) (void)(*file)->truncate(0);
  reserve_full_ = false;
}

SpoolStatus SegmentSpool::status() const {
  const std::lock_guard lock(mutex_);
  SpoolStatus now = status_;
  now.segments = segments_.size();
  for (const auto& segment : segments_) now.bytes += segment.bytes;
  return now;
}

Result<std::vector<wire::Record>> SegmentSpool::read(std::uint64_t after, std::size_t max_records,
                                                     std::size_t max_bytes) const {
  const std::lock_guard reading(reading_);
  std::vector<Segment> wanted;
  {
    const std::lock_guard lock(mutex_);
    const std::uint64_t oldest = segments_.empty() ? 0 : segments_.front().first;
    hints_.erase(hints_.begin(), hints_.lower_bound(oldest));
    for (const auto& segment : segments_)
      if (segment.last > after && segment.last >= segment.first) wanted.push_back(segment);
  }
  std::vector<wire::Record> records;
  std::size_t bytes = 0;
  for (const auto& segment : wanted) {
    auto more = read_segment(segment, after, max_records, max_bytes, bytes, records);
    if (!more && records.empty()) return more.error();
    if (!more || !*more) break;
  }
  return records;
}

/// False once a limit is reached.
Result<bool> SegmentSpool::read_segment(const Segment& segment, std::uint64_t after, std::size_t max_records,
                                        std::size_t max_bytes, std::size_t& bytes,
                                        std::vector<wire::Record>& records) const {
  const auto file = files_.open(segment.path, OpenMode::existing);
  if (!file && file.error().code == ErrorCode::not_found) return true;  // removed since, so both cursors passed it
  if (!file) return file.error();
  ReadHints& hints = hints_[segment.first];
  SegmentReader reader(**file, hints.begin(after), segment.bytes, hints.failed_reads >= reads_before_skipping);
  bool more = true;
  while (more) {
    auto frame = reader.next();
    if (!frame) {
      ++hints.failed_reads;
      return frame.error();
    }
    if (!*frame) break;
    wire::Record& record = (*frame)->record;
    if (record.sequence > after) {
      const bool fits = records.empty() || bytes + record.body.size() <= max_bytes;
      if (records.size() >= max_records || !fits) {
        more = false;
        break;
      }
      bytes += record.body.size();
      hints.passed(**frame);
      records.push_back(std::move(record));
      continue;
    }
    hints.passed(**frame);
  }
  std::uint64_t found = 0;
  for (const Damage& damage : reader.damage()) found += hints.damaged.insert(damage.offset).second ? 1 : 0;
  if (found != 0) {
    const std::lock_guard lock(mutex_);
    status_.corrupt_records += found;
  }
  return more;
}

}  // namespace

Result<std::unique_ptr<Spool>> open_spool(const SpoolOptions& options, const Clock& clock) {
  return open_spool(options, clock, real_files());
}

Result<std::unique_ptr<Spool>> open_spool(const SpoolOptions& options, const Clock& clock, FileLayer& files) {
  if (options.max_bytes < min_budget || options.segment_bytes == 0)
    return invalid("open the spool " + options.directory,
                   "its budget is below " + std::to_string(min_budget) + " bytes", "give it at least that much");
  if (auto made = files.make_directory(options.directory); !made) return made.error();
  auto lock = files.lock(options.directory + "/lock");
  if (!lock) return lock.error();
  auto cursor = CursorFile::open(files, options.directory);
  if (!cursor) return cursor.error();
  auto recovered = recover(files, options.directory, *cursor);
  if (!recovered) return recovered.error();
  auto spool = std::make_unique<SegmentSpool>(options, clock, files, std::move(*lock), std::move(*cursor));
  if (auto started = spool->start(std::move(*recovered)); !started) return started.error();
  return std::unique_ptr<Spool>(std::move(spool));
}

}  // namespace plumbline::agent
