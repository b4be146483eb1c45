#include "tests/unit/spool/fault_layer.hpp"

#include <algorithm>

namespace plumbline::agent {

class FaultFile final : public File {
 public:
  FaultFile(FaultFiles& files, std::shared_ptr<FaultFiles::Inode> inode) : files_(files), inode_(std::move(inode)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (auto call = files_.next_call("read"); !call) return call.error();
    const auto& bytes = inode_->live;
    if (offset >= bytes.size()) return std::size_t{0};
    const std::size_t size = std::min<std::size_t>(out.size(), bytes.size() - static_cast<std::size_t>(offset));
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), size, out.begin());
    return size;
  }

  Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    const auto call = files_.next_call("write");
    if (!call) bytes = bytes.first(bytes.size() / 2);  // a part of it had reached the file
    if (!bytes.empty()) change({offset, {bytes.begin(), bytes.end()}});
    return call;
  }

  Result<void> sync() override {
    if (auto call = files_.next_call("sync"); !call) {
      if (!files_.crashed()) inode_->unsynced.clear();
      return call;
    }
    for (const auto& change : inode_->unsynced) FaultFiles::apply(inode_->durable, change);
    inode_->unsynced.clear();
    return {};
  }

  Result<void> truncate(std::uint64_t size) override {
    if (auto call = files_.next_call("truncate"); !call) return call;
    change({size, {}});
    return {};
  }

  Result<void> allocate(std::uint64_t size) override {
    if (auto call = files_.next_call("allocate"); !call) return call;
    // The reserve's megabyte is of no interest here, and slow to copy.
    if (size <= 8192 && inode_->live.size() < size) change({size, {}});
    return {};
  }

  Result<std::uint64_t> size() const override { return static_cast<std::uint64_t>(inode_->live.size()); }

 private:
  void change(FaultFiles::Change change) {
    FaultFiles::apply(inode_->live, change);
    inode_->unsynced.push_back(std::move(change));
  }

  FaultFiles& files_;
  std::shared_ptr<FaultFiles::Inode> inode_;
};

namespace {

class Held final : public FileLock {
 public:
  Held(std::set<std::string>& locked, std::string path) : locked_(locked), path_(std::move(path)) {
    locked_.insert(path_);
  }
  ~Held() override { locked_.erase(path_); }

 private:
  std::set<std::string>& locked_;
  std::string path_;
};

}  // namespace

void FaultFiles::fail_at(std::uint64_t call, Fault fault, std::uint64_t times) {
  fail_from_ = calls_ + call;
  fail_times_ = times;
  fault_ = fault;
}

Result<void> FaultFiles::next_call(const std::string& what) {
  ++calls_;
  if (crashed_) return io_error(what, EIO);
  if (fault_ == Fault::none || calls_ < fail_from_ || calls_ >= fail_from_ + fail_times_) return {};
  crashed_ = fault_ == Fault::crash;
  return io_error(what, fault_ == Fault::full ? ENOSPC : EIO);
}

void FaultFiles::apply(std::vector<std::byte>& content, const Change& change) {
  const auto offset = static_cast<std::size_t>(change.offset);
  if (change.bytes.empty()) return content.resize(offset);
  if (content.size() < offset + change.bytes.size()) content.resize(offset + change.bytes.size());
  std::copy(change.bytes.begin(), change.bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(offset));
}

void FaultFiles::tear(Inode& inode, std::mt19937& random) {
  constexpr std::size_t sector = 512;
  std::vector<Change> parts;
  for (const auto& change : inode.unsynced) {
    if (change.bytes.empty()) {
      parts.push_back(change);
      continue;
    }
    for (std::size_t at = 0; at < change.bytes.size();) {
      const std::size_t size = std::min(change.bytes.size() - at, sector - (change.offset + at) % sector);
      const auto from = change.bytes.begin() + static_cast<std::ptrdiff_t>(at);
      parts.push_back({change.offset + at, {from, from + static_cast<std::ptrdiff_t>(size)}});
      at += size;
    }
  }
  for (const auto& part : parts)
    if (random() % 2 == 0) apply(inode.durable, part);
}

void FaultFiles::crash(Survival survival, std::uint32_t seed) {
  std::mt19937 random(seed);
  for (const auto& [path, inode] : live_) {
    const bool reached = durable_.count(path) != 0 && durable_.at(path) == inode;
    // Each name on its own may have become durable or not; the spool may not rely on their order.
    const bool keep = survival == Survival::everything || (survival == Survival::torn && random() % 2 == 0);
    if (!reached && keep) durable_[path] = inode;
  }
  for (auto entry = durable_.begin(); entry != durable_.end();) {
    const bool removed = live_.count(entry->first) == 0;
    const bool gone = survival == Survival::everything || (survival == Survival::torn && random() % 2 == 0);
    entry = removed && gone ? durable_.erase(entry) : std::next(entry);
  }
  for (const auto& [path, inode] : durable_) {
    if (survival == Survival::everything) inode->durable = inode->live;
    if (survival == Survival::torn) tear(*inode, random);
    inode->live = inode->durable;
    inode->unsynced.clear();
  }
  live_ = durable_;
  locked_.clear();
  crashed_ = false;
  fault_ = Fault::none;
}

Result<std::unique_ptr<File>> FaultFiles::open(const std::string& path, OpenMode mode) {
  if (auto call = next_call("open " + path); !call) return call.error();
  if (live_.count(path) == 0) {
    if (mode == OpenMode::existing) return io_error("open " + path, ENOENT);
    live_[path] = std::make_shared<Inode>();
  }
  return std::make_unique<FaultFile>(*this, live_.at(path));
}

Result<std::vector<std::string>> FaultFiles::list(const std::string& directory) {
  if (auto call = next_call("list " + directory); !call) return call.error();
  std::vector<std::string> names;
  for (const auto& [path, inode] : live_) names.push_back(path.substr(directory.size() + 1));
  return names;
}

Result<void> FaultFiles::rename(const std::string& from, const std::string& to) {
  if (auto call = next_call("rename " + from); !call) return call;
  if (live_.count(from) == 0) return io_error("rename " + from, ENOENT);
  live_[to] = live_.at(from);
  live_.erase(from);
  return {};
}

Result<void> FaultFiles::remove(const std::string& path) {
  if (auto call = next_call("remove " + path); !call) return call;
  if (live_.erase(path) == 0) return io_error("remove " + path, ENOENT);
  return {};
}

Result<void> FaultFiles::sync_directory(const std::string& path) {
  if (auto call = next_call("sync directory " + path); !call) return call;
  durable_ = live_;
  return {};
}

Result<std::unique_ptr<FileLock>> FaultFiles::lock(const std::string& path) {
  if (auto call = next_call("lock " + path); !call) return call.error();
  if (locked_.count(path) != 0) return Error{ErrorCode::unavailable, "lock " + path, "held", ""};
  return std::make_unique<Held>(locked_, path);
}

}  // namespace plumbline::agent
