#include "agent/source/self_test.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "include/util/fd.hpp"
#include "include/util/scratch_dir.hpp"

namespace plumbline::agent {
namespace {

Error refused(const std::string& why, const std::string& fix = {}) {
  return {ErrorCode::unsupported, "prove the hooks with a canary file", why, fix};
}

/// One marked inode of the canary.
class Canary {
 public:
  static Result<Canary> mark(Kernel& kernel, const std::string& path) {
    auto registered = kernel.stat(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW);
    if (!registered) return registered.error();
    if (registered->composed)
      return refused("stat() of " + path + " did not reach the registering hook",
                     "the agent must run in the host's pid namespace, with its state directory on a local file system");
    Canary canary(kernel);
    for (const auto& inode : registered->inodes) {
      auto slot = kernel.mark(inode, 0);
      if (!slot) return slot.error();
      canary.marks_.push_back({inode.key, *slot});
    }
    return canary;
  }
  Canary(Canary&&) = default;
  Canary(const Canary&) = delete;
  Canary& operator=(const Canary&) = delete;
  Canary& operator=(Canary&&) = delete;
  ~Canary() {
    for (const auto& [key, slot] : marks_) kernel_.unmark(key);
  }

  /// Whether a change since the last call moved a mark, by this very process.
  bool moved() {
    bool seen = false;
    for (const auto& [key, slot] : marks_) {
      const auto pending = kernel_.pending(slot);
      const auto mark = kernel_.read_mark(key);
      seen |= pending != kernel_.handled(slot) && mark && mark->last.tgid == static_cast<__u32>(::getpid());
      kernel_.acknowledge(slot, pending);
    }
    return seen;
  }

 private:
  explicit Canary(Kernel& kernel) : kernel_(kernel) {}
  Kernel& kernel_;
  std::vector<std::pair<mark_key, std::uint32_t>> marks_;
};

}  // namespace

Result<void> run_self_test(Kernel& kernel, const std::string& scratch_dir) {
  const ScratchDir scratch(scratch_dir + "/canary.XXXXXX");
  if (scratch.path().empty()) return io_error("make a canary directory in " + scratch_dir, errno);
  const std::string path = scratch.path() + "/canary";
  const Fd file(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  if (!file) return io_error("make " + path, errno);

  auto canary = Canary::mark(kernel, path);
  if (!canary) return canary.error();
  auto directory = Canary::mark(kernel, scratch.path());
  if (!directory) return directory.error();

  const auto rearm = [&](const std::string& what) { return kernel.stat(AT_FDCWD, what.c_str(), AT_SYMLINK_NOFOLLOW); };
  if (::pwrite(file.get(), "x", 1, 0) != 1) return io_error("write " + path, errno);
  if (!canary->moved()) return refused("a write was not seen");
  if (auto armed = rearm(path); !armed) return armed.error();
  if (::fchmod(file.get(), 0640) != 0) return io_error("chmod " + path, errno);
  if (!canary->moved()) return refused("a chmod was not seen");
  if (auto armed = rearm(path); !armed) return armed.error();

  const std::string other = scratch.path() + "/replacement";
  const Fd replacement(::open(other.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  if (!replacement) return io_error("make " + other, errno);
  if (!directory->moved()) return refused("the creation of a file was not seen in its directory");
  if (auto armed = rearm(scratch.path()); !armed) return armed.error();
  if (::rename(other.c_str(), path.c_str()) != 0) return io_error("rename " + other, errno);
  if (!directory->moved()) return refused("a rename was not seen in its directory");
  if (!canary->moved()) return refused("the replacement of a file was not seen");
  return {};
}

}  // namespace plumbline::agent
