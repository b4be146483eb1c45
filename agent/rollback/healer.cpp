#include "agent/rollback/healer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "agent/rollback/run_command.hpp"
#include "agent/rollback/show_rollback.hpp"
#include "include/util/thread.hpp"

namespace plumbline::agent {
namespace {

using Kind = FileImage::Kind;
using Outcome = PutBackOutcome;

constexpr std::size_t most_jobs = 256;

/// Of where it really is: what was kept of one place is never written at another.
std::string image_id(const HealTarget& target) {
  return target.file + "\n" + target.path;
}
std::string overwritten_id(const HealTarget& target, const std::string& drift) {
  return drift + "\n" + image_id(target);
}

Result<Place> place_of(const HealTarget& target) {
  const Fd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return io_error("open /", errno);
  return Place::open(root.get(), target.path);
}

/// By kind and content; owner and mode are set as the baseline says, whatever they were.
bool is_as_expected(const HealTarget& target, const FileImage& image) {
  const auto& expected = target.expected;
  if (expected.absent) return image.kind == Kind::missing;
  if (expected.symlink_target) return image.kind == Kind::symlink && image.target == *expected.symlink_target;
  if (image.kind != Kind::regular) return false;
  if (!expected.content) return true;
  const auto digest = baseline::sha256(image.content);
  return *expected.content == "sha256:" + baseline::to_hex(digest) ||
         *expected.content == target.key->of_digest(digest);
}

/// Whether the image is what the observing thread read: the finding was about that, and nothing else is undone.
bool is_what_was_found(const FileImage& image, const LiveFile& found) {
  switch (found.kind) {
    case LiveFile::Kind::missing:
      return image.kind == Kind::missing;
    case LiveFile::Kind::symlink:
      return image.kind == Kind::symlink && image.target == found.target && image.uid == found.uid &&
             image.gid == found.gid;
    case LiveFile::Kind::regular:
      return image.kind == Kind::regular && image.mode == found.mode && image.uid == found.uid &&
             image.gid == found.gid && image.content.size() == found.size &&
             (!found.digest || *found.digest == baseline::sha256(image.content));
    default:
      return false;
  }
}

PutBackResult refused(const Error& error) {
  return {error.code == ErrorCode::unsupported ? Outcome::unsafe : Outcome::failed, error.message()};
}

}  // namespace

Result<std::unique_ptr<Healer>> Healer::make(Options options, const std::array<std::byte, 32>& install_key,
                                             const Clock& clock) {
  if (::mkdir(options.folder.c_str(), 0700) != 0 && errno != EEXIST) return io_error("make " + options.folder, errno);
  auto matched = ImageStore::open(options.folder + "/matched", install_key, {options.store_bytes / 2});
  if (!matched) return matched.error();
  auto overwritten = ImageStore::open(options.folder + "/overwritten", install_key, {options.store_bytes / 2});
  if (!overwritten) return overwritten.error();
  return std::unique_ptr<Healer>(new Healer(std::move(options), std::move(*matched), std::move(*overwritten), clock));
}

Healer::Healer(Options options, ImageStore matched, ImageStore overwritten, const Clock& clock)
    : options_(std::move(options)),
      matched_(std::move(matched)),
      overwritten_(std::move(overwritten)),
      clock_(clock),
      thread_(start_thread("healer", [this] { run(); })) {}

Healer::~Healer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Healer::post(std::function<void()> job, const Done& done) {
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() < most_jobs) jobs_.push_back(std::exchange(job, nullptr));
  }
  wake_.notify_one();
  if (job) done(finish({Outcome::failed, "too many rollbacks wait already"}));
}

void Healer::keep(HealTarget target) {
  {
    const std::lock_guard lock(mutex_);
    to_keep_.insert_or_assign(target.file, std::move(target));
  }
  wake_.notify_one();
}

void Healer::put_back(HealTarget target, LiveFile found, std::string drift, std::vector<std::string> validate,
                      const Done& done) {
  post([this, target = std::move(target), found = std::move(found), drift = std::move(drift),
        validate = std::move(validate), done] { done(put_back_now(target, found, drift, validate)); },
       done);
}

void Healer::show(HealTarget target, const Done& done) {
  post([this, target = std::move(target), done] { done(show_now(target)); }, done);
}

void Healer::undo(HealTarget target, std::string drift, const Done& done) {
  post([this, target = std::move(target), drift = std::move(drift), done] { done(undo_now(target, drift)); }, done);
}

void Healer::clear_up(HealTarget target) {
  post(
      [target = std::move(target)] {
        if (const auto place = place_of(target))
          ::unlinkat(place->folder(), put_back_leftover(place->name()).c_str(), 0);
      },
      [](const HealResult&) {});
}

/// Rollbacks before what is to be kept: somebody waits for them.
void Healer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty() || !to_keep_.empty(); });
    if (stopping_) return;
    if (!jobs_.empty()) {
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
    } else {
      const auto next = to_keep_.extract(to_keep_.begin());
      lock.unlock();
      keep_now(next.mapped());
    }
    lock.lock();
    stats_.evicted = matched_.evicted() + overwritten_.evicted();
    stats_.bytes = matched_.bytes() + overwritten_.bytes();
  }
}

/// Only what is right, and is not kept already; what cannot be kept is told when it is to be put back.
void Healer::keep_now(const HealTarget& target) {
  const auto place = place_of(target);
  if (!place) return;
  auto standing = look(*place, options_.max_file_bytes);
  if (standing && !is_as_expected(target, standing->image)) return;
  Result<void> kept = standing ? Result<void>() : Result<void>(standing.error());
  if (standing) {
    const auto known = matched_.get(image_id(target));
    if (known && *known == standing->image) return;
    kept = matched_.put(image_id(target), standing->image);
  }
  const std::lock_guard lock(mutex_);
  ++(kept ? stats_.kept : stats_.not_kept);
}

/// What is to stand there: what the baseline says, and of the rest what was there while it was right. Nothing is
/// written at a path where nothing ever was right: who bends a symlink on the way would choose what is overwritten.
Result<FileImage> Healer::desired(const HealTarget& target, const FileImage& now) const {
  const auto& expected = target.expected;
  if (!expected.absent_entries.empty())
    return Error{ErrorCode::unsupported, "put " + target.path + " back", "it is a folder that must not have entries",
                 "remove them by hand"};
  auto kept = matched_.get(image_id(target));
  if (!kept && kept.error().code == ErrorCode::not_found)
    return Error{ErrorCode::unavailable, "put " + target.path + " back",
                 "what was there while it was right is not kept: it never was since a rule names it, the path leads "
                 "elsewhere now, or it made room for others",
                 "apply it with its own tool; it is kept from then on"};
  if (!kept) return kept.error();
  const bool is_content_right = now.kind == Kind::regular && is_as_expected(target, now);
  if (!is_content_right && !is_as_expected(target, *kept))
    return Error{ErrorCode::unavailable, "put " + target.path + " back",
                 "the baseline has moved since its content was kept",
                 "apply it with its own tool; it is kept from then on"};
  FileImage image = is_content_right ? now : std::move(*kept);
  if (image.kind == Kind::missing) return image;
  if (expected.mode && image.kind == Kind::regular) image.mode = *expected.mode;
  if (target.uid) image.uid = *target.uid;
  if (target.gid) image.gid = *target.gid;
  return image;
}

HealResult Healer::finish(PutBackResult result, bool can_be_undone) {
  const std::lock_guard lock(mutex_);
  ++stats_.tried;
  const bool is_done = result.outcome == Outcome::done || result.outcome == Outcome::nothing_to_do;
  ++(is_done ? stats_.done : result.outcome == Outcome::failed ? stats_.failed : stats_.refused);
  return {std::move(result), can_be_undone && is_done, ""};
}

HealResult Healer::put_back_now(const HealTarget& target, const LiveFile& found, const std::string& drift,
                                const std::vector<std::string>& validate) {
  overwritten_.remove_older(clock_.wall() - options_.keep_overwritten.count());
  const auto place = place_of(target);
  if (!place) return finish(refused(place.error()));
  const auto standing = look(*place, options_.max_file_bytes);
  if (!standing) return finish(refused(standing.error()));
  const auto wanted = desired(target, standing->image);
  if (!wanted) return finish(refused(wanted.error()));
  bool kept = false;
  PutBackOptions how;
  how.max_bytes = options_.max_file_bytes;
  how.is_still_wrong = [&](const FileImage& now) { return is_what_was_found(now, found); };
  how.keep = [&](const FileImage& now) -> Result<void> {
    if (auto put = overwritten_.put(overwritten_id(target, drift), now); !put) return put.error();
    kept = true;
    return {};
  };
  if (!validate.empty())
    how.validate = [&](const std::string& path) {
      auto argv = validate;
      for (auto& argument : argv)
        if (argument == "{}") argument = path;
      return run_command(argv, options_.validate_timeout);
    };
  auto result = agent::put_back(*place, *wanted, how);
  return finish(std::move(result), kept);
}

HealResult Healer::undo_now(const HealTarget& target, const std::string& drift) {
  const auto kept = overwritten_.get(overwritten_id(target, drift));
  if (!kept) {
    const bool is_gone = kept.error().code == ErrorCode::not_found;
    return finish(refused({kept.error().code, "bring back what was overwritten",
                           is_gone ? "nothing is kept (any more) that stood there" : kept.error().why, ""}));
  }
  const auto place = place_of(target);
  if (!place) return finish(refused(place.error()));
  PutBackOptions how;
  how.max_bytes = options_.max_file_bytes;
  // Only over what the rollback left, which needs no keeping: what somebody wrote since is not lost.
  how.is_still_wrong = [&](const FileImage& now) { return is_as_expected(target, now); };
  how.keep = [](const FileImage&) -> Result<void> { return {}; };
  auto result = agent::put_back(*place, *kept, how);
  return finish(std::move(result));
}

HealResult Healer::show_now(const HealTarget& target) {
  HealResult shown;
  const auto place = place_of(target);
  const auto standing = place ? look(*place, options_.max_file_bytes) : Result<Standing>(place.error());
  const auto wanted = standing ? desired(target, standing->image) : Result<FileImage>(standing.error());
  if (!wanted) {
    shown.result = refused(wanted.error());
    return shown;
  }
  shown.result = {*wanted == standing->image ? Outcome::nothing_to_do : Outcome::done, ""};
  shown.shown = show_rollback(target.path, standing->image, *wanted, target.expected.sensitive);
  return shown;
}

Healer::Stats Healer::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace plumbline::agent
