#include "agent/source/kernel.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "agent/source/bpf_object.hpp"
#include "agent/source/self_test.hpp"

namespace plumbline::agent {
namespace {

struct RingDeleter {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};

/// One mmap of a BPF array map.
template <class T>
class Mapped {
 public:
  Mapped(int map_fd, std::size_t count) : bytes_(count * sizeof(T)) {
    void* memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    if (memory != MAP_FAILED) data_ = static_cast<T*>(memory);
  }
  ~Mapped() {
    if (data_ != nullptr) ::munmap(data_, bytes_);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  explicit operator bool() const { return data_ != nullptr; }
  T& operator[](std::size_t i) const { return data_[i]; }

 private:
  T* data_ = nullptr;
  std::size_t bytes_;
};

/// The kernel side writes these words with atomic instructions while we read.
template <class T>
T load(T& word) {
  return std::atomic_ref<T>(word).load(std::memory_order_acquire);
}

class LibbpfKernel final : public Kernel {
 public:
  LibbpfKernel(std::unique_ptr<BpfObject> object, const KernelOptions& options, Tier tier)
      : object_(std::move(object)),
        tier_(tier),
        max_marks_(options.max_marks),
        slots_(options.max_marks + canary_marks),
        max_processes_(options.processes),
        marks_fd_(object_->map_fd("marks")),
        processes_fd_(object_->map_fd("processes")),
        images_fd_(object_->map_fd("images")),
        states_(object_->map_fd("mark_states"), slots_),
        control_(object_->map_fd("control_map"), 1) {}

  Result<void> start() {
    if (!states_ || !control_) return io_error("map the mark states", errno);
    ring_.reset(ring_buffer__new(object_->map_fd("events"), on_sample, this, nullptr));
    if (!ring_) return io_error("open the ring buffer", errno);
    for (const auto& marked : list_marks()) {
      taken(marked.value.slot);
      adopted_marks_.push_back(marked);
    }
    for (std::uint32_t slot = slots_; slot-- > 0;)
      if (!used_[slot]) free_slots_.push_back(slot);
    return object_->list_processes();
  }

  Tier tier() const override { return tier_; }
  const std::vector<TierReport>& reports() const override { return reports_; }
  bool adopted() const override { return object_->adopted(); }
  bool carried_over() const override { return object_->carried_over(); }
  const std::string& pin_trouble() const override { return object_->pin_trouble(); }
  control read_control() const override {
    control copy;
    std::memcpy(&copy, &control_[0], sizeof copy);
    return copy;
  }

  int ring_fd() const override { return ring_buffer__epoll_fd(ring_.get()); }
  int consume(const std::function<void(std::span<const std::byte>)>& sample) override {
    sample_ = &sample;
    const int count = ring_buffer__consume(ring_.get());
    sample_ = nullptr;
    return count;
  }

  Result<Registered> stat(int dir_fd, const char* path, int flags) override {
    control& c = control_[0];
    Registered result;
    std::atomic_ref(c.registered).store(0, std::memory_order_release);
    std::atomic_ref(c.registrar_tid).store(static_cast<__u32>(::gettid()), std::memory_order_release);
    const int failed = ::statx(dir_fd, path, flags, STATX_BASIC_STATS, &result.stat);
    const int error = errno;
    std::atomic_ref(c.registrar_tid).store(0, std::memory_order_release);
    if (failed != 0) return io_error(std::string("stat ") + path, error);
    const auto count = std::min<__u32>(load(c.registered), PLUMBLINE_REGISTRAR_KEYS);
    for (__u32 i = 0; i < count; ++i) {
      const auto same = [&](const registered_inode& r) {
        return std::memcmp(&r.key, &c.inodes[i].key, sizeof r.key) == 0;
      };
      if (std::none_of(result.inodes.begin(), result.inodes.end(), same)) result.inodes.push_back(c.inodes[i]);
    }
    if (result.inodes.empty()) {
      registered_inode inode{};
      inode.key.ino = result.stat.stx_ino;
      inode.key.dev = (result.stat.stx_dev_major << 20) | result.stat.stx_dev_minor;
      inode.mode = result.stat.stx_mode;
      result.inodes.push_back(inode);
      result.composed = true;
    }
    return result;
  }

  Result<std::uint32_t> mark(const registered_inode& inode, std::uint64_t path_hash) override {
    if (auto known = read_mark(inode.key)) {
      if (known->generation == inode.generation) return known->slot;
      unmark(inode.key);  // the inode number was reused for another file
    }
    if (free_slots_.empty() || (used_count_ >= max_marks_ && !is_testing_))
      return Error{ErrorCode::unavailable, "mark an inode", "all " + std::to_string(max_marks_) + " marks are in use",
                   "raise limits.max_marks"};
    const std::uint32_t slot = free_slots_.back();
    struct mark value{};
    value.slot = slot;
    value.generation = inode.generation;
    value.path_hash = path_hash;
    std::atomic_ref(states_[slot].pending).store(0, std::memory_order_relaxed);
    std::atomic_ref(states_[slot].handled).store(0, std::memory_order_release);
    if (bpf_map_update_elem(marks_fd_, &inode.key, &value, BPF_NOEXIST) != 0)
      return io_error("insert a mark", errno, "raise limits.max_marks, or give the agent more memory");
    free_slots_.pop_back();
    taken(slot);
    return slot;
  }

  void unmark(const mark_key& key) override {
    const auto known = read_mark(key);
    if (!known || bpf_map_delete_elem(marks_fd_, &key) != 0) return;
    used_[known->slot] = false;
    --used_count_;
    free_slots_.insert(free_slots_.begin(), known->slot);  // last in line: a hook may still be writing its state
  }

  std::optional<struct mark> read_mark(const mark_key& key) const override {
    struct mark value{};
    // Again while a CPU writes the actors, which may begin in the middle of a copy: two equal copies are whole. It does
    // so within microseconds, so a few tries are plenty.
    struct mark again{};
    if (bpf_map_lookup_elem(marks_fd_, &key, &value) != 0) return std::nullopt;
    for (int tries = 0; tries < 64; ++tries) {
      if (bpf_map_lookup_elem(marks_fd_, &key, &again) != 0) return std::nullopt;
      if (again.writer == 0 && std::memcmp(&value, &again, sizeof value) == 0) break;
      value = again;
    }
    return value;
  }

  std::vector<MarkedInode> list_marks() const override {
    std::vector<MarkedInode> all;
    for (const auto& key : keys_of<mark_key>(marks_fd_, slots_))
      if (auto value = read_mark(key)) all.push_back({key, *value, pending(value->slot) - handled(value->slot)});
    return all;
  }
  const std::vector<MarkedInode>& adopted_marks() const override { return adopted_marks_; }
  std::size_t marks_used() const override { return used_count_; }

  std::uint64_t pending(std::uint32_t slot) const override { return load(states_[slot].pending); }
  std::uint64_t handled(std::uint32_t slot) const override { return load(states_[slot].handled); }
  void acknowledge(std::uint32_t slot, std::uint64_t generation) override {
    std::atomic_ref(states_[slot].handled).store(generation, std::memory_order_seq_cst);
  }
  std::vector<std::uint32_t> sweep() const override {
    std::vector<std::uint32_t> slots;
    for (std::uint32_t slot = 0; slot < slots_; ++slot)
      if (used_[slot] && pending(slot) != handled(slot)) slots.push_back(slot);
    return slots;
  }

  int processes_fd() const override { return processes_fd_; }
  std::vector<process_key> list_processes() const override {
    return keys_of<process_key>(processes_fd_, max_processes_);
  }
  std::optional<process> find_process(const process_key& key) const override {
    return find<process>(processes_fd_, key);
  }
  std::optional<image> find_image(const image_key& key) const override { return find<image>(images_fd_, key); }

  BpfObject& object() { return *object_; }
  void end_test() { is_testing_ = false; }
  void set_reports(std::vector<TierReport> reports) { reports_ = std::move(reports); }

 private:
  // The C callback only hands over; nothing may throw across it.
  static int on_sample(void* self, void* data, std::size_t size) {
    const auto* kernel = static_cast<LibbpfKernel*>(self);
    if (kernel->sample_ != nullptr) (*kernel->sample_)({static_cast<const std::byte*>(data), size});
    return 0;
  }

  /// An entry that goes while it is the walk's last one makes the kernel begin anew (bpf(2)): then some keys come
  /// twice, and `max_entries` ends it.
  template <class Key>
  static std::vector<Key> keys_of(int fd, std::size_t max_entries) {
    std::vector<Key> keys;
    Key key{};
    const Key* previous = nullptr;
    while (keys.size() < max_entries && bpf_map_get_next_key(fd, previous, &key) == 0) {
      keys.push_back(key);
      previous = &keys.back();
    }
    return keys;
  }

  template <class Value, class Key>
  static std::optional<Value> find(int fd, const Key& key) {
    Value value{};
    if (bpf_map_lookup_elem(fd, &key, &value) != 0) return std::nullopt;
    return value;
  }

  void taken(std::uint32_t slot) {
    if (slot >= slots_) return;
    used_count_ += used_[slot] ? 0 : 1;
    used_[slot] = true;
  }

  std::unique_ptr<BpfObject> object_;
  Tier tier_;
  std::uint32_t max_marks_;
  std::uint32_t slots_;
  bool is_testing_ = true;  // the canary may take the slots beyond max_marks_
  std::uint32_t max_processes_;
  int marks_fd_;
  int processes_fd_;
  int images_fd_;
  Mapped<mark_state> states_;
  Mapped<control> control_;
  std::unique_ptr<ring_buffer, RingDeleter> ring_;
  std::vector<bool> used_ = std::vector<bool>(slots_, false);
  std::size_t used_count_ = 0;
  std::vector<std::uint32_t> free_slots_;
  std::vector<MarkedInode> adopted_marks_;
  std::vector<TierReport> reports_;
  const std::function<void(std::span<const std::byte>)>* sample_ = nullptr;
};

Result<std::unique_ptr<LibbpfKernel>> try_tier(const KernelOptions& options, Tier tier, TierReport& report) {
  report.tier = tier;
  auto object = BpfObject::load(options, tier, report);
  if (!object) return object.error();
  auto kernel = std::make_unique<LibbpfKernel>(std::move(*object), options, tier);
  if (auto started = kernel->start(); !started) return started.error();
  // The state directory's disk may be full, which says nothing about the hooks.
  auto proven = run_self_test(*kernel, options.scratch_dir);
  for (const char* elsewhere : {"/run", "/dev/shm"})
    if (!proven && proven.error().code == ErrorCode::unavailable) proven = run_self_test(*kernel, elsewhere);
  if (!proven) return proven.error();
  kernel->end_test();
  kernel->object().pin_links();
  return kernel;
}

}  // namespace

std::string_view text_of(Tier tier) {
  return tier == Tier::ctime ? "ctime" : "fentry";
}

Result<std::unique_ptr<Kernel>> open_kernel(const KernelOptions& options) {
  std::vector<TierReport> reports;
  std::unique_ptr<LibbpfKernel> chosen;
  std::string refused;
  ErrorCode code = ErrorCode::unsupported;
  for (const Tier tier : {Tier::ctime, Tier::fentry}) {
    if (options.only && *options.only != tier) continue;
    if (chosen) break;
    TierReport report;
    auto kernel = try_tier(options, tier, report);
    report.works = kernel.has_value();
    if (kernel) {
      chosen = std::move(*kernel);
    } else {
      report.why = kernel.error().message();
      code = kernel.error().code;
      refused += (refused.empty() ? "" : "; ") + std::string(text_of(tier)) + " tier: " + report.why;
    }
    reports.push_back(std::move(report));
    if (!chosen && code == ErrorCode::unavailable) break;  // pins in use, a full disk: no other tier would do better
  }
  if (!chosen)
    return Error{code, "watch files through the kernel", refused,
                 "run `plumb doctor`, it names each cause and its remedy"};
  chosen->set_reports(std::move(reports));
  return std::unique_ptr<Kernel>(std::move(chosen));
}

}  // namespace plumbline::agent
