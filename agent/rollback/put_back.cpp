#include "agent/rollback/put_back.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <utility>

#include "baseline/keyed_hash.hpp"
#include "include/util/replace_file.hpp"

namespace plumbline::agent {
namespace {

using Kind = FileImage::Kind;
using Outcome = PutBackOutcome;
using Step = PutBackStep;
/// Why an attempt ends here; nullopt = it goes on.
using Stop = std::optional<PutBackResult>;

std::string self_path(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

class Attempt {
 public:
  Attempt(const Place& place, const FileImage& desired, const PutBackOptions& options)
      : place_(place), desired_(desired), options_(options), beside_(put_back_leftover(place.name())) {}

  PutBackResult run() {
    auto standing = look(place_, options_.max_bytes);
    if (!standing) return refused(standing.error());
    standing_ = std::move(*standing);
    const FileImage& now = standing_.image;
    if (now == desired_) return {Outcome::nothing_to_do, "it is as it should be"};
    if (!options_.is_still_wrong(now)) return changed();
    if (const auto stop = keep()) return *stop;
    Stop stop;
    if (now.kind == Kind::regular && desired_.kind == Kind::regular && now.content == desired_.content)
      stop = dress_only();
    else if (standing_.is_mounted)
      stop = in_place();
    else
      stop = desired_.kind == Kind::missing ? take_away() : replace();
    return stop ? *stop : PutBackResult{Outcome::done, ""};
  }

 private:
  static PutBackResult changed() {
    return {Outcome::changed_meanwhile, "it is no longer what was found, so it was left alone"};
  }
  static PutBackResult refused(const Error& error) {
    const bool is_unsafe = error.code == ErrorCode::unsupported;
    return {is_unsafe ? Outcome::unsafe : Outcome::failed, error.message()};
  }
  PutBackResult failed(const char* what, int error) const {
    return refused(io_error(std::string(what) + " " + place_.path(), error));
  }
  /// 0, or the errno that a test wants.
  int fault(Step step) const { return options_.before ? options_.before(step) : 0; }

  Stop keep() const {
    if (const int error = fault(Step::keep)) return failed("keep", error);
    if (const auto kept = options_.keep(standing_.image); !kept) return refused(kept.error());
    return std::nullopt;
  }

  /// Owner, attributes and mode of an open file, in this order: a change of owner clears set-id bits and capabilities,
  /// and of an ACL the mode's group bits are the mask.
  Stop dress(int fd) const {
    if (const int error = fault(Step::dress)) return failed("change the attributes of", error);
    if (::fchownat(fd, "", desired_.uid, desired_.gid, AT_EMPTY_PATH) != 0) return failed("change the owner of", errno);
    if (desired_.kind == Kind::symlink) return std::nullopt;
    const std::string self = self_path(fd);
    std::string names(65536, '\0');
    const ssize_t size = ::listxattr(self.c_str(), names.data(), names.size());
    for (ssize_t at = 0; at < size;) {
      const std::string name(names.c_str() + at);
      at += static_cast<ssize_t>(name.size()) + 1;
      const bool is_ours_to_remove = name.starts_with("user.") || name.starts_with("system.posix_acl_");
      if (is_ours_to_remove && !name.starts_with("user.overlay.") && !desired_.attributes.contains(name) &&
          ::removexattr(self.c_str(), name.c_str()) != 0 && errno != ENODATA)
        return failed(("remove the attribute " + name + " of").c_str(), errno);
    }
    for (const auto& [name, value] : desired_.attributes) {
      std::string now(value.size() + 1, '\0');
      const ssize_t length = ::getxattr(self.c_str(), name.c_str(), now.data(), now.size());
      if (length == static_cast<ssize_t>(value.size()) && now.starts_with(value)) continue;
      if (::setxattr(self.c_str(), name.c_str(), value.data(), value.size(), 0) != 0)
        return failed(("set the attribute " + name + " of").c_str(), errno);
    }
    if (::chmod(self.c_str(), desired_.mode) != 0) return failed("change the mode of", errno);
    return std::nullopt;
  }

  Stop dress_only() const {
    if (const auto stop = dress(standing_.inode.get())) return stop;
    const Fd fd(::open(self_path(standing_.inode.get()).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (const int error = fault(Step::sync)) return failed("sync", error);
    if (!fd || ::fsync(fd.get()) != 0) return failed("sync", errno);
    return std::nullopt;
  }

  Stop fill(int fd) const {
    if (const int error = fault(Step::write)) return failed("write", error);
    if (const int error = write_all(fd, desired_.content)) return failed("write", error);
    return std::nullopt;
  }

  /// No rename gets at it. Room is taken first, so that a full disk is told before the first byte is lost.
  Stop in_place() const {
    if (desired_.kind != Kind::regular || standing_.image.kind != Kind::regular)
      return PutBackResult{Outcome::unsafe, "something is mounted at " + place_.path() + " itself"};
    const Fd fd(::open(self_path(standing_.inode.get()).c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return failed("open", errno);
    const auto size = static_cast<off_t>(desired_.content.size());
    if (const int error = fault(Step::create)) return failed("take room for", error);
    if (size > 0 && ::fallocate(fd.get(), FALLOC_FL_KEEP_SIZE, 0, size) != 0 && errno != EOPNOTSUPP)
      return failed("take room for", errno);
    if (const auto stop = fill(fd.get())) return stop;
    if (::ftruncate(fd.get(), size) != 0) return failed("cut", errno);
    if (const auto stop = dress(fd.get())) return stop;
    if (const int error = fault(Step::sync)) return failed("sync", error);
    if (::fsync(fd.get()) != 0) return failed("sync", errno);
    return std::nullopt;
  }

  /// What an earlier attempt left, or somebody put there, goes.
  template <class Make>
  int make_beside(const Make& make) const {
    int made = make();
    if (made < 0 && errno == EEXIST && ::unlinkat(place_.folder(), beside_.c_str(), 0) == 0) made = make();
    return made;
  }
  void remove_beside() const { ::unlinkat(place_.folder(), beside_.c_str(), 0); }

  /// The desired file, whole and durable, under its name beside; its inode's number.
  Stop write_beside(std::uint64_t& number) const {
    if (const int error = fault(Step::create)) return failed("create a file beside", error);
    Fd fd;
    if (desired_.kind == Kind::symlink) {
      if (make_beside([&] { return ::symlinkat(desired_.target.c_str(), place_.folder(), beside_.c_str()); }) != 0)
        return failed("create a symlink beside", errno);
      fd = Fd(::openat(place_.folder(), beside_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    } else {
      const int flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC;
      fd = Fd(make_beside([&] { return ::openat(place_.folder(), beside_.c_str(), flags, 0600); }));
    }
    struct stat status{};
    if (!fd || ::fstat(fd.get(), &status) != 0) return failed("create a file beside", errno);
    number = status.st_ino;
    if (desired_.kind == Kind::regular)
      if (const auto stop = fill(fd.get())) return stop;
    if (const auto stop = dress(fd.get())) return stop;
    if (const int error = fault(Step::sync)) return failed("sync", error);
    if (desired_.kind == Kind::regular && ::fsync(fd.get()) != 0) return failed("sync", errno);
    return std::nullopt;
  }

  Stop validate() const {
    if (const int error = fault(Step::validate)) return failed("check", error);
    if (!options_.validate || desired_.kind != Kind::regular) return std::nullopt;
    const std::string path = place_.path().substr(0, place_.path().rfind('/') + 1) + beside_;
    if (const auto good = options_.validate(path); !good) return PutBackResult{Outcome::failed, good.error().message()};
    return std::nullopt;
  }

  int rename(const std::string& from, const std::string& to, unsigned flags) const {
    if (::renameat2(place_.folder(), from.c_str(), place_.folder(), to.c_str(), flags) == 0) return 0;
    return errno;
  }

  PutBackResult stranded(int error) const {
    return {Outcome::failed, "give " + place_.path() + " back what stood there: " + errno_text(error) +
                                 "; it is in the same folder, as " + beside_};
  }

  /// Whether what stands at `name` now is what was there when we looked, untouched.
  bool is_what_stood(const std::string& name) const {
    const auto there = look(place_.beside(name), options_.max_bytes);
    return there && there->number == standing_.number && there->device[0] == standing_.device[0] &&
           there->device[1] == standing_.device[1] && there->image == standing_.image;
  }

  bool is_at_place(std::uint64_t number) const {
    struct stat status{};
    return ::fstatat(place_.folder(), place_.name().c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           status.st_ino == number;
  }

  Stop settle() const {
    if (const int error = fault(Step::remove)) return failed("remove what stood at", error);
    remove_beside();
    return sync_folder();
  }
  Stop sync_folder() const {
    if (const int error = fault(Step::sync_folder)) return failed("sync the folder of", error);
    const Fd folder(::openat(place_.folder(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || ::fsync(folder.get()) != 0) return failed("sync the folder of", errno);
    return std::nullopt;
  }

  Stop replace() {
    std::uint64_t number = 0;
    auto stop = write_beside(number);
    if (!stop) stop = validate();
    if (!stop) stop = swap_in(number);
    if (stop && !holds_the_old_) remove_beside();
    return stop ? stop : settle();
  }

  /// `number`: of the inode that goes in, as somebody else may put another one beside.
  Stop swap_in(std::uint64_t number) {
    if (const int error = fault(Step::swap)) return failed("replace", error);
    const bool is_new = standing_.image.kind == Kind::missing;
    const int error = rename(beside_, place_.name(), is_new ? RENAME_NOREPLACE : RENAME_EXCHANGE);
    if (error == EEXIST || error == ENOENT) return changed();  // made, or removed, since we looked
    if (error == EINVAL || error == ENOSYS) return replace_plainly();
    if (error != 0) return failed("replace", error);
    const int wanted = fault(Step::verify);
    if (is_new)
      return wanted != 0 ? Stop(failed("check", wanted)) : is_at_place(number) ? std::nullopt : Stop(changed());
    if (wanted == 0 && is_at_place(number) && is_what_stood(beside_)) return std::nullopt;
    holds_the_old_ = true;
    if (const int back = rename(beside_, place_.name(), RENAME_EXCHANGE)) return stranded(back);
    holds_the_old_ = false;
    return wanted != 0 ? failed("check what stood at", wanted) : changed();
  }

  /// On file systems that know no exchange; a change right between look and rename is lost there.
  Stop replace_plainly() const {
    if (!is_what_stood(place_.name())) return changed();
    if (const int error = rename(beside_, place_.name(), 0)) return failed("replace", error);
    return std::nullopt;
  }

  Stop take_away() const {
    if (const int error = fault(Step::swap)) return failed("remove", error);
    int error = 0;
    make_beside([&] {
      error = rename(place_.name(), beside_, RENAME_NOREPLACE);
      return error == 0 ? 0 : -1;
    });
    if (error == ENOENT) return changed();
    if (error != 0) return failed("remove", error);
    const int wanted = fault(Step::verify);
    if (wanted == 0 && is_what_stood(beside_)) return settle();
    if (const int back = rename(beside_, place_.name(), RENAME_NOREPLACE)) return stranded(back);
    return wanted != 0 ? failed("check what stood at", wanted) : changed();
  }

  const Place& place_;
  const FileImage& desired_;
  const PutBackOptions& options_;
  std::string beside_;
  Standing standing_;
  bool holds_the_old_ = false;  ///< the file beside is what stood there, and nobody's to remove
};

}  // namespace

std::string put_back_leftover(const std::string& name) {
  return ".plumbline-" + baseline::to_hex(baseline::sha256(name)).substr(0, 16);
}

PutBackResult put_back(const Place& place, const FileImage& desired, const PutBackOptions& options) {
  return Attempt(place, desired, options).run();
}

}  // namespace plumbline::agent
