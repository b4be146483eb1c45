// Files in memory that behave as a disk does at its worst: what was not synced may be gone, there, or torn after a
// crash; any call may fail; a failed sync forgets what it should have written, as Linux does.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "agent/spool/file_layer.hpp"

namespace plumbline::agent {

enum class Fault { none, crash, io, full };

/// What of the unsynced survives a crash. `torn`: any 512-byte sector of any write, in any order, may or may not.
enum class Survival { nothing, everything, torn };

class FaultFiles final : public FileLayer {
 public:
  /// From the `call`-th call on (1 = the next), `times` calls fail. Fault::crash: every later call fails until crash().
  void fail_at(std::uint64_t call, Fault fault, std::uint64_t times = 1);
  void no_faults() { fault_ = Fault::none; }
  bool crashed() const { return crashed_; }
  std::uint64_t calls() const { return calls_; }
  /// The machine comes back. All File and FileLock objects of before must be gone.
  void crash(Survival survival, std::uint32_t seed);

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<void> make_directory(const std::string&) override { return {}; }
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> sync_directory(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;

  std::vector<std::byte>& bytes(const std::string& path) { return live_.at(path)->live; }
  bool exists(const std::string& path) const { return live_.count(path) != 0; }

 private:
  friend class FaultFile;
  struct Change {  ///< a write, or a change of size where `bytes` is empty
    std::uint64_t offset = 0;
    std::vector<std::byte> bytes;
  };
  struct Inode {
    std::vector<std::byte> live;
    std::vector<std::byte> durable;
    std::vector<Change> unsynced;
  };
  using Directory = std::map<std::string, std::shared_ptr<Inode>>;

  /// The error that this call is to give; counts it.
  Result<void> next_call(const std::string& what);
  static void apply(std::vector<std::byte>& content, const Change& change);
  void tear(Inode& inode, std::mt19937& random);

  std::uint64_t calls_ = 0;
  std::uint64_t fail_from_ = 0;
  std::uint64_t fail_times_ = 0;
  Fault fault_ = Fault::none;
  bool crashed_ = false;
  Directory live_;
  Directory durable_;
  std::set<std::string> locked_;
};

}  // namespace plumbline::agent
