#include "agent/spool/recovery.hpp"

#include <algorithm>
#include <array>

#include "agent/spool/segment.hpp"

namespace plumbline::agent {
namespace {

constexpr std::string_view corrupt_suffix = ".corrupt";

/// What a whole read of one segment found.
struct Scan {
  std::uint64_t size = 0;
  bool header_good = false;
  bool unreadable = false;
  std::uint64_t last = 0;  ///< of the last committed record; 0 = none
  std::uint64_t committed_end = segment_header_bytes;
  std::uint64_t damaged = 0;  ///< places, the tail not counted
};

/// `below`: the next segment's first sequence. Records from there on are leftovers of an append that failed here and
/// was repeated there. `known`: every record up to this one was committed, the cursor file says so.
Result<Scan> scan(const File& file, std::uint64_t below, std::uint64_t known) {
  Scan result;
  auto size = file.size();
  if (!size) return size.error();
  result.size = *size;
  std::array<std::byte, segment_header_bytes> bytes{};
  const auto read = file.read_at(0, bytes);
  const auto header = read ? decode_segment_header(std::span(bytes).first(*read)) : std::nullopt;
  if (header && header->version > segment_version) return result;  // a later version's: not ours to read
  result.header_good = header.has_value();

  SegmentReader reader(file, segment_header_bytes, result.size, /*skip_unreadable=*/true);
  std::uint64_t group = 0;  // its first sequence
  std::uint64_t present = 0;
  for (;;) {
    const auto frame = reader.next();
    if (!frame) return frame.error();
    if (!*frame || (*frame)->record.sequence >= below) break;
    const std::uint64_t first = (*frame)->record.sequence - (*frame)->place;
    present = first == group ? present + 1 : 1;
    group = first;
    // A part of the last group is what a crash left of an append that never returned. A part of an earlier one is
    // damage to what was promised; the rest of it stays, since the end of a later group lies behind it.
    const bool whole = (*frame)->commit && present == (*frame)->place + std::uint64_t{1};
    if (!whole && (*frame)->record.sequence > known) continue;
    result.last = (*frame)->record.sequence;
    result.committed_end = (*frame)->end;
  }
  result.unreadable = reader.met_unreadable();
  for (const Damage& damage : reader.damage())
    if (damage.offset < result.committed_end) ++result.damaged;
  return result;
}

class Recovery {
 public:
  Recovery(FileLayer& files, const std::string& directory, const CursorFile& cursor)
      : files_(files), directory_(directory), cursor_(cursor) {}

  Result<Recovered> run();

 private:
  Result<void> take(std::uint64_t first, std::uint64_t below, bool newest);
  void set_aside(const std::string& path, std::uint64_t bytes);
  bool cut_tail(File& file, const Segment& segment, std::uint64_t size);
  void keep_tail(const File& file, const Segment& segment, std::uint64_t size);
  void forget_old_quarantine();
  void choose_next_sequence();

  FileLayer& files_;
  const std::string& directory_;
  const CursorFile& cursor_;
  Recovered result_;
  bool newest_lost_ = false;
  bool directory_changed_ = false;
};

Result<Recovered> Recovery::run() {
  auto names = files_.list(directory_);
  if (!names) return names.error();
  std::vector<std::uint64_t> firsts;
  for (const auto& name : *names)
    if (const auto first = parse_segment_name(name)) firsts.push_back(*first);

  const auto& cursor = cursor_.present();
  if (cursor) {
    result_.acknowledged = cursor->acknowledged;
    result_.checkpoint = cursor->checkpoint;
    newest_lost_ =
        cursor->newest_segment != 0 && std::find(firsts.begin(), firsts.end(), cursor->newest_segment) == firsts.end();
  }
  if (cursor_.damaged()) ++result_.corrupt_records;
  for (std::size_t i = 0; i < firsts.size(); ++i) {
    const bool newest = i + 1 == firsts.size();
    const std::uint64_t below = newest ? std::numeric_limits<std::uint64_t>::max() : firsts[i + 1];
    if (auto taken = take(firsts[i], below, newest); !taken) return taken.error();
  }
  forget_old_quarantine();
  if (directory_changed_)
    if (auto synced = files_.sync_directory(directory_); !synced) return synced.error();
  choose_next_sequence();
  return std::move(result_);
}

Result<void> Recovery::take(std::uint64_t first, std::uint64_t below, bool newest) {
  Segment segment{directory_ + "/" + segment_name(first), first, first - 1, segment_header_bytes};
  auto file = files_.open(segment.path, OpenMode::existing);
  if (!file) return file.error();
  const std::uint64_t known = cursor_.present() ? cursor_.present()->next_sequence - 1 : 0;
  const auto scanned = scan(**file, below, known);
  if (!scanned) return scanned.error();
  result_.corrupt_records += scanned->damaged;
  if (scanned->last != 0) segment.last = scanned->last;
  segment.bytes = scanned->committed_end;
  bool clean = scanned->header_good && !scanned->unreadable;
  if (newest && clean && scanned->size > segment.bytes) clean = cut_tail(**file, segment, scanned->size);

  const bool has_records = scanned->last != 0;
  if (!has_records && !(newest && clean)) {
    // Nothing to read in it. What a crash left empty is simply gone; anything else is kept for a person to see.
    const bool empty = scanned->size == 0 || (clean && scanned->size == segment_header_bytes);
    if (empty) {
      (void)files_.remove(segment.path);  // one that stays is met again at the next start
    } else {
      ++result_.corrupt_records;
      set_aside(segment.path, scanned->size);
    }
    if (cursor_.present() && cursor_.present()->newest_segment == first) newest_lost_ = true;
    directory_changed_ = true;
    return {};
  }
  const std::uint64_t covered = std::min(result_.acknowledged, result_.checkpoint);
  if (!newest && segment.last <= covered && files_.remove(segment.path)) {
    directory_changed_ = true;  // a crash came between moving the cursor and removing the file
    return {};
  }
  if (newest) {
    // A process that was killed between write and fdatasync left frames that are whole, but not yet durable.
    if (auto synced = (*file)->sync(); !synced) return synced;
    result_.appendable = clean;
  }
  result_.segments.push_back(std::move(segment));
  return {};
}

void Recovery::set_aside(const std::string& path, std::uint64_t bytes) {
  if (files_.rename(path, path + std::string(corrupt_suffix))) result_.quarantined_bytes += bytes;
}

/// False where the tail stays: the segment is then not written on any more.
bool Recovery::cut_tail(File& file, const Segment& segment, std::uint64_t size) {
  ++result_.corrupt_records;
  result_.quarantined_bytes += size - segment.bytes;
  keep_tail(file, segment, size);
  return file.truncate(segment.bytes).has_value();
}

/// A copy of what is cut off, for whoever looks for the reason. Best effort: a full disk must not stop a start.
void Recovery::keep_tail(const File& file, const Segment& segment, std::uint64_t size) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(std::min(size - segment.bytes, max_quarantine_bytes)));
  const auto read = file.read_at(segment.bytes, bytes);
  if (!read) return;
  const std::string path = segment.path + ".tail-" + std::to_string(segment.bytes) + std::string(corrupt_suffix);
  auto copy = files_.open(path, OpenMode::create);
  if (!copy) return;
  directory_changed_ = true;
  const bool kept = (*copy)->write_at(0, std::span(bytes).first(*read)).has_value() && (*copy)->sync().has_value();
  copy->reset();
  if (!kept) (void)files_.remove(path);
}

void Recovery::forget_old_quarantine() {
  auto names = files_.list(directory_);
  if (!names) return;
  std::uint64_t kept = 0;
  for (auto name = names->rbegin(); name != names->rend(); ++name) {  // names sort by age: newest first
    if (!name->ends_with(corrupt_suffix)) continue;
    const std::string path = directory_ + "/" + *name;
    auto file = files_.open(path, OpenMode::existing);
    const auto size = file ? (*file)->size() : Result<std::uint64_t>(file.error());
    kept += size ? *size : 0;
    if (kept > max_quarantine_bytes && files_.remove(path)) directory_changed_ = true;
  }
}

void Recovery::choose_next_sequence() {
  const auto& cursor = cursor_.present();
  if (!cursor && !result_.segments.empty())  // all that is kept goes out again; the collector knows its duplicates
    result_.acknowledged = result_.checkpoint = result_.segments.front().first - 1;
  std::uint64_t next = std::max(result_.acknowledged, result_.checkpoint) + 1;
  if (!result_.segments.empty()) next = std::max(next, result_.segments.back().last + 1);
  if (cursor) next = std::max(next, cursor->next_sequence);
  // The newest segment is gone, and with it the knowledge of what it gave out: go past all that it may have.
  if (newest_lost_) next = std::max(next, cursor->reserved_through + 1);
  result_.next_sequence = next;
}

}  // namespace

Result<Recovered> recover(FileLayer& files, const std::string& directory, const CursorFile& cursor) {
  return Recovery(files, directory, cursor).run();
}

}  // namespace plumbline::agent
