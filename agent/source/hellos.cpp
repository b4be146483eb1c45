#include "agent/source/hellos.hpp"

#include <bpf/libbpf.h>
#include <unistd.h>

#include <cerrno>

#include "agent/source/bpf_maps.hpp"
#include "hello.skel.h"

namespace plumbline::agent {
namespace {

constexpr int most_at_once = 256;

struct SkeletonDeleter {
  void operator()(hello_bpf* skeleton) const { hello_bpf__destroy(skeleton); }
};

class LibbpfHellos final : public Hellos {
 public:
  Result<void> load(int processes_fd, int scopes_fd) {
    skeleton_.reset(hello_bpf__open());
    if (!skeleton_) return io_error("open the BPF object of TLS connections", errno);
    if (processes_fd >= 0) bpf_map__reuse_fd(skeleton_->maps.processes, processes_fd);
    skeleton_->rodata->own_tgid = static_cast<__u32>(::getpid());
    if (scopes_fd >= 0) bpf_map__reuse_fd(skeleton_->maps.scopes, scopes_fd);
    skeleton_->rodata->has_scope = scopes_fd >= 0;
    if (const int error = hello_bpf__load(skeleton_.get()); error != 0)
      return io_error("load the hook of TLS connections", -error);
    ring_.reset(ring_buffer__new(bpf_map__fd(skeleton_->maps.hellos), on_sample, this, nullptr));
    if (!ring_) return io_error("open the ring buffer of TLS connections", errno);
    if (auto mapped = counters_.map(bpf_map__fd(skeleton_->maps.hello_counters), "TLS connections"); !mapped)
      return mapped.error();
    if (const int error = hello_bpf__attach(skeleton_.get()); error != 0)
      return io_error("attach the hook of TLS connections", -error);
    return {};
  }

  int ring_fd() const override { return ring_buffer__epoll_fd(ring_.get()); }
  void consume(const Sample& sample) override {
    sample_ = &sample;
    taken_ = 0;
    ring_buffer__consume(ring_.get());
    sample_ = nullptr;
  }
  hello_counters read_counters() const override { return counters_.read(); }

 private:
  // The C callback only hands over; nothing may throw across it.
  static int on_sample(void* self, void* data, std::size_t size) {
    auto* hellos = static_cast<LibbpfHellos*>(self);
    const auto* record = static_cast<const hello_record*>(data);
    if (hellos->sample_ == nullptr || size < sizeof *record || record->kept > sizeof record->data) return 0;
    (*hellos->sample_)(*record);
    return ++hellos->taken_ < most_at_once ? 0 : -EAGAIN;
  }

  std::unique_ptr<hello_bpf, SkeletonDeleter> skeleton_;
  RingBuffer ring_;
  MappedCounters<hello_counters> counters_;
  const Sample* sample_ = nullptr;
  int taken_ = 0;  // in this turn
};

}  // namespace

Result<std::unique_ptr<Hellos>> open_hellos(int processes_fd, int scopes_fd) {
  auto hellos = std::make_unique<LibbpfHellos>();
  if (auto loaded = hellos->load(processes_fd, scopes_fd); !loaded) return loaded.error();
  return std::unique_ptr<Hellos>(std::move(hellos));
}

}  // namespace plumbline::agent
