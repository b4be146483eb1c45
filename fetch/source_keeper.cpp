#include "fetch/source_keeper.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "baseline/compile.hpp"
#include "baseline/path_glob.hpp"
#include "include/util/file_time.hpp"
#include "include/util/hex.hpp"

namespace plumbline::fetch {
namespace {

constexpr std::size_t longest_name = 200;  // of 255, with what is put behind it

/// A name that any file system takes; names of matches of a pattern can be as long as paths.
std::string file_name_of(const std::string& name) {
  if (name.size() <= longest_name) return name + ".index";
  const auto digest = baseline::sha256(name);
  return name.substr(0, longest_name - 32) + "-" + to_hex(std::span(digest).first(16)) + ".index";
}

void set_modified_at(const std::string& path, WallNs at) {
  const timespec times[2] = {{0, UTIME_OMIT}, {at / 1'000'000'000, at % 1'000'000'000}};
  (void)::utimensat(AT_FDCWD, path.c_str(), times, 0);  // it then seems to be new, which is told later than it could be
}

/// An index that cannot be opened makes way for the next one. A damaged one is kept for whoever wants to know why; one
/// of another version is not, as former rules may have let a secret into it.
void set_aside(const std::string& path, const Error& why) {
  if (why.code == ErrorCode::unsupported)
    ::unlink(path.c_str());
  else
    ::rename(path.c_str(), (path + ".damaged").c_str());
}

/// Where an index is made before it takes its place: a name of its own, as the same source may be taken out of the
/// configuration and put in again while it is read. Gone with this, where it did not take its place.
class FreshFile {
 public:
  explicit FreshFile(const std::string& kept) {
    static std::atomic<unsigned> number{0};
    path_ = kept + ".fresh" + std::to_string(number.fetch_add(1, std::memory_order_relaxed));
  }
  ~FreshFile() { ::unlink(path_.c_str()); }
  FreshFile(const FreshFile&) = delete;
  FreshFile& operator=(const FreshFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

SourceKeeper::SourceKeeper(baseline::SourceSpec spec, const std::string& folder, const baseline::KeyedHash& key,
                           Need need)
    : spec_(std::move(spec)), path_(folder + "/" + file_name_of(spec_.name)), key_(key), need_(need) {
  ::mkdir(folder.c_str(), 0700);
  auto kept = open_kept();
  if (kept) {
    taken_ = std::move(*kept);
    const auto source = taken_->source(0);
    revision_ = source.revision;
    if (source.spec.path != spec_.path) former_path_ = source.spec.path;
    since_ = modified_at(path_);
  } else if (kept.error().code != ErrorCode::not_found) {
    damage_ = kept.error().message();
    set_aside(path_, kept.error());
  }
}

Result<std::shared_ptr<const baseline::Index>> SourceKeeper::open_kept() const {
  auto index = baseline::Index::open(path_, baseline::Hold::apart);
  if (!index) return index.error();
  const auto source = index->source(0);
  const baseline::Fingerprinter attributes(key_);
  if (index->key_id() != baseline::key_id_of({key_, attributes}) || source.spec.kind != spec_.kind ||
      source.spec.name != spec_.name)
    return Error{ErrorCode::not_found, "use the index " + path_, "it is of another source or key", ""};
  return std::make_shared<const baseline::Index>(std::move(*index));
}

Result<SourceKeeper::Taken> SourceKeeper::load(bool any_revision, std::optional<std::string_view> bytes,
                                               const std::stop_token& stop) {
  const std::lock_guard one_at_a_time(loading_);
  const Error gone{ErrorCode::not_found, "read the baseline " + spec_.name, "it is no longer configured", ""};
  std::shared_ptr<const baseline::Index> before;
  std::optional<baseline::Revision> revision;
  std::string former_path;
  {
    const std::lock_guard lock(mutex_);
    last_move_ = baseline::Move::none;
    if (forgotten_) return gone;
    before = taken_;
    revision = revision_;
    former_path = former_path_;
  }
  const FreshFile fresh(path_);
  auto loaded = baseline::load_indexed(spec_, key_, fresh.path(), bytes, stop);
  if (!loaded) return loaded.error();
  const auto move = revision ? baseline::moved(*revision, loaded->baseline.revision) : baseline::Move::on;
  const bool refused = !any_revision && former_path.empty() && baseline::is_step_back(move);
  Taken taken;
  taken.baseline = std::move(loaded->baseline);
  taken.index = std::move(loaded->index);
  taken.why_no_index = std::move(loaded->why_no_index);
  if (taken.index) taken.resources = taken.index->resource_count();
  if (!taken.index && need_ == Need::index)
    return Error{ErrorCode::unavailable, "compile the baseline " + spec_.name, taken.why_no_index, "it is tried again"};
  taken.forked = before && taken.index && is_forked(*before, *taken.index);
  taken.seems_back = revision && baseline::seems_back(*revision, taken.baseline.revision);
  const std::lock_guard lock(mutex_);
  if (forgotten_) return gone;
  last_move_ = move;
  if (refused)
    return Error{ErrorCode::unsupported, "take the baseline " + spec_.name + " from " + spec_.path,
                 (move == baseline::Move::backwards ? "it went back: " : "it belongs to something else: ") +
                     baseline::text_of(taken.baseline.revision) + ", after " + baseline::text_of(*revision),
                 "the one before stays in force; if this one is meant, say so with SIGHUP (systemctl reload)"};
  if (!former_path.empty() && baseline::is_step_back(move)) {
    taken.stepped = move;
    taken.former_path = std::move(former_path);
  }
  // Since when it has been this revision is told by the file's time, over restarts too.
  if (move == baseline::Move::none && since_ != 0)
    set_modified_at(fresh.path(), since_);
  else if (taken.index)
    since_ = modified_at(fresh.path());
  taken.since = since_;
  if (taken.index && ::rename(fresh.path().c_str(), path_.c_str()) != 0)
    taken.why_no_index = io_error("keep the index " + path_, errno).message();
  former_path_.clear();
  taken_ = taken.index;
  revision_ = taken.baseline.revision;
  return taken;
}

baseline::Move SourceKeeper::last_move() const {
  const std::lock_guard lock(mutex_);
  return last_move_;
}

Result<SourceKeeper::Taken> SourceKeeper::remembered() const {
  const std::lock_guard lock(mutex_);
  if (!taken_)
    return Error{ErrorCode::not_found, "find what was last taken of the baseline " + spec_.name, "nothing was", ""};
  Taken taken;
  taken.baseline = baseline::baseline_of(*taken_);
  taken.index = taken_;
  taken.resources = taken_->resource_count();
  taken.since = since_;
  return taken;
}

KeptMatches kept_matches(const std::string& folder, const baseline::SourceSpec& pattern) {
  const std::string prefix = (pattern.name + ".").substr(0, longest_name - 32);  // as far as every file name goes
  KeptMatches found;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    if (!name.starts_with(prefix) || !name.ends_with(".index")) continue;
    const auto index = baseline::Index::open(at->path(), baseline::Hold::apart);
    if (!index) {  // it does not say whose it is: its name says that it is one of these
      found.damage = index.error().message();
      set_aside(at->path(), index.error());
      continue;
    }
    const auto spec = index->source(0).spec;
    auto match = baseline::match_of(pattern, spec.path);
    if (spec.kind != pattern.kind || !baseline::matches_pattern(pattern.path, spec.path) || spec.name != match.name)
      continue;
    found.matches.push_back(std::move(match));
  }
  return found;
}

bool is_forked(const baseline::Index& before, const baseline::Index& after) {
  const auto revision = after.source(0).revision;
  // Serials and versions name one content; where the name alone is the revision, nothing can be told.
  if (!revision.contains("serial") || baseline::moved(before.source(0).revision, revision) != baseline::Move::none)
    return false;
  const auto changes = baseline::compare_indexes(before, after);
  return changes && !changes->empty();
}

std::size_t remove_unwanted(const std::string& folder, const std::function<bool(const std::string& file)>& is_wanted) {
  std::vector<std::string> unwanted;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    const bool is_index = name.ends_with(".index") && !is_wanted(name);
    // What a load left behind whose process ended: nobody loads yet.
    if (is_index || name.find(".index.fresh") != std::string::npos) unwanted.push_back(at->path());
  }
  for (const auto& path : unwanted) ::unlink(path.c_str());
  return unwanted.size();
}

void SourceKeeper::forget() {
  retire();
  ::unlink(path_.c_str());
}

void SourceKeeper::retire() {
  const std::lock_guard lock(mutex_);
  forgotten_ = true;
  taken_.reset();
  revision_.reset();
}

std::string SourceKeeper::kept_file() const {
  return file_name_of(spec_.name);
}

}  // namespace plumbline::fetch
