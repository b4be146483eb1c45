// Keeps what files were while they were right, and puts them back: on a thread of its own, as disks and validators
// take their time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/detect/live_file.hpp"
#include "agent/rollback/image_store.hpp"
#include "agent/rollback/put_back.hpp"
#include "baseline/baseline.hpp"

namespace plumbline::agent {

/// One managed file, as the observing thread knows it.
struct HealTarget {
  std::string file;  ///< tells it from all others: its image's name in the store
  std::string path;  ///< physical: without symlinks before its last name
  baseline::FileExpectation expected;
  const baseline::KeyedHash* key = nullptr;  ///< of the expectation's hashes; outlives the healer
  std::optional<std::uint32_t> uid, gid;     ///< of the expectation's owner and group; none: it names none
};

struct HealResult {
  PutBackResult result;
  bool can_be_undone = false;
  std::string shown;  ///< of a dry run: what would be done, JSON
};

class Healer {
 public:
  struct Options {
    std::string folder;  ///< of the stores; made where missing
    std::uint64_t max_file_bytes = 1 << 20;
    std::uint64_t store_bytes = 64ull << 20;  ///< half of it for what matched, half for what was overwritten
    std::chrono::nanoseconds keep_overwritten = std::chrono::hours(30 * 24);
    std::chrono::milliseconds validate_timeout = std::chrono::seconds(10);
  };
  using Done = std::function<void(HealResult)>;

  /// `clock` outlives it. `install_key`: ImageStore::open().
  static Result<std::unique_ptr<Healer>> make(Options options, const std::array<std::byte, 32>& install_key,
                                              const Clock& clock);
  ~Healer();  // ends the job that it is at, and no other
  Healer(const Healer&) = delete;
  Healer& operator=(const Healer&) = delete;

  // For any thread. `done` is called on the healer's; on the caller's, where 256 jobs wait already: it failed then.

  /// Keeps the file as it is now, if it is what is expected. Of several for one file the last counts.
  void keep(HealTarget target);
  /// Puts it back, if it still is what was `found`. `drift`: under which what is overwritten is kept.
  void put_back(HealTarget target, LiveFile found, std::string drift, std::vector<std::string> validate,
                const Done& done);
  /// What put_back() would do; changes nothing.
  void show(HealTarget target, const Done& done);
  /// Removes what a put_back() left beside the file that its agent's end interrupted.
  void clear_up(HealTarget target);
  /// Brings back what put_back() overwrote for `drift`, at that very place, if what it left still stands there.
  void undo(HealTarget target, std::string drift, const Done& done);

  struct Stats {
    std::uint64_t kept = 0;                           ///< images that were written
    std::uint64_t not_kept = 0;                       ///< … that could not be
    std::uint64_t evicted = 0;                        ///< … that made room for others: those files cannot be put back
    std::uint64_t bytes = 0;                          ///< on disk
    std::uint64_t tried = 0;                          ///< rollbacks and undos
    std::uint64_t done = 0, refused = 0, failed = 0;  ///< of them; refused: unsafe, or changed meanwhile
  };
  Stats stats() const;

 private:
  Healer(Options options, ImageStore matched, ImageStore overwritten, const Clock& clock);
  void post(std::function<void()> job, const Done& done);
  void run();
  void keep_now(const HealTarget& target);
  HealResult put_back_now(const HealTarget& target, const LiveFile& found, const std::string& drift,
                          const std::vector<std::string>& validate);
  HealResult undo_now(const HealTarget& target, const std::string& drift);
  HealResult show_now(const HealTarget& target);
  Result<FileImage> desired(const HealTarget& target, const FileImage& now) const;
  HealResult finish(PutBackResult result, bool can_be_undone = false);

  const Options options_;
  ImageStore matched_, overwritten_;  // the healer's thread alone
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::deque<std::function<void()>> jobs_;
  std::map<std::string, HealTarget> to_keep_;  // by file: so no longer than what is managed
  Stats stats_;
  std::thread thread_;
};

}  // namespace plumbline::agent
