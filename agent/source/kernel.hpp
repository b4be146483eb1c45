// The agent's side of bpf/: loads, proves, pins and adopts it. The only file set that knows libbpf.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "include/abi/abi.h"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// Which hooks report changes of files. docs/decisions/0003-tiers.md says what each sees.
enum class Tier { ctime, fentry };
std::string_view text_of(Tier tier);

struct KernelOptions {
  std::optional<Tier> only;  ///< nullopt = the best that passes its self-test
  std::string pin_dir;       ///< on a bpffs; "" = do not pin (changes while the agent is down lose their actor)
  std::uint32_t max_marks = 65536;
  std::uint32_t processes = 16384;
  std::uint32_t images = 4096;
  std::string scratch_dir;  ///< where the self-test's canary lives: the state directory
};

/// One tier that was tried, for `plumb doctor`.
struct TierReport {
  Tier tier = Tier::ctime;
  bool works = false;
  std::string why;                   ///< what refused it; or which optional hooks this kernel does not have
  std::vector<std::string> hooks;    ///< attached
  std::vector<std::string> missing;  ///< optional ones that this kernel lacks
};

struct MarkedInode {
  mark_key key{};
  mark value{};
  std::uint64_t changes = 0;  ///< pending - handled when it was listed
};

/// Not thread-safe: one thread (the observing one) owns it, and only in that thread does stat() register inodes.
class Kernel {
 public:
  virtual ~Kernel() = default;

  virtual Tier tier() const = 0;
  virtual const std::vector<TierReport>& reports() const = 0;
  /// Pinned maps of an earlier agent were taken over: marks hold what happened since.
  virtual bool adopted() const = 0;
  /// They were of another size, and so what they held was copied: for a moment nobody watched.
  virtual bool carried_over() const { return false; }
  /// Why an earlier agent's pins could not be taken over or nothing can be pinned; "" = all well.
  virtual const std::string& pin_trouble() const = 0;
  /// A snapshot of the kernel side's counters and identity.
  virtual control read_control() const = 0;

  /// Becomes readable when the ring buffer has records; owned by the Kernel.
  virtual int ring_fd() const = 0;
  /// Hands every record that waits in the ring to `sample`; returns how many.
  virtual int consume(const std::function<void(std::span<const std::byte>)>& sample) = 0;

  /// statx(2) of `path` at `dir_fd`, which also arms the inode for its next change, and the keys of the real inodes
  /// that it touched. Where the file system has no multigrain time the key is composed from statx's own numbers and
  /// `composed` is set. Errors: errno of statx.
  struct Registered {
    struct statx stat{};
    std::vector<registered_inode> inodes;
    bool composed = false;
  };
  virtual Result<Registered> stat(int dir_fd, const char* path, int flags) = 0;

  /// Inserts a mark (or finds the one that is there) and returns its slot. `unavailable` when max_marks is reached.
  virtual Result<std::uint32_t> mark(const registered_inode& inode, std::uint64_t path_hash) = 0;
  virtual void unmark(const mark_key& key) = 0;
  virtual std::optional<struct mark> read_mark(const mark_key& key) const = 0;
  virtual std::vector<MarkedInode> list_marks() const = 0;
  /// What an earlier agent's marks held when they were taken over: before the self-test made files, whose inode numbers
  /// may be those of files that were deleted meanwhile.
  virtual const std::vector<MarkedInode>& adopted_marks() const = 0;
  virtual std::size_t marks_used() const = 0;

  virtual std::uint64_t pending(std::uint32_t slot) const = 0;
  virtual std::uint64_t handled(std::uint32_t slot) const = 0;
  virtual void acknowledge(std::uint32_t slot, std::uint64_t generation) = 0;
  /// Slots with pending != handled.
  virtual std::vector<std::uint32_t> sweep() const = 0;

  /// Every process in the table, those that ended too.
  virtual std::vector<process_key> list_processes() const = 0;
  virtual std::optional<process> find_process(const process_key& key) const = 0;
  virtual std::optional<image> find_image(const image_key& key) const = 0;
  /// The table itself, for another BPF object that fills it in the same way; owned by the Kernel, -1 = there is none.
  virtual int processes_fd() const { return -1; }
};

/// Tries the tiers in order, each with a canary file that it changes and waits for. Errors say what refused each one
/// and what would help.
Result<std::unique_ptr<Kernel>> open_kernel(const KernelOptions& options);

/// Removes what an agent pins below `pin_dir`, its links and maps, and the directory; whatever else is there stays, and
/// is an error.
Result<void> remove_pins(const std::string& pin_dir);

}  // namespace plumbline::agent
