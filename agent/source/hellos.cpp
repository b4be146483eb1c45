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
    if (auto opened = ring_.open(bpf_map__fd(skeleton_->maps.hellos), "TLS connections"); !opened)
      return opened.error();
    if (auto mapped = counters_.map(bpf_map__fd(skeleton_->maps.hello_counters), "TLS connections"); !mapped)
      return mapped.error();
    if (const int error = hello_bpf__attach(skeleton_.get()); error != 0)
      return io_error("attach the hook of TLS connections", -error);
    return {};
  }

  int ring_fd() const override { return ring_.fd(); }
  void consume(const Sample& sample) override {
    ring_.consume([&](const hello_record& record) {
      if (record.kept <= sizeof record.data) sample(record);
    });
  }
  hello_counters read_counters() const override { return counters_.read(); }

 private:
  std::unique_ptr<hello_bpf, SkeletonDeleter> skeleton_;
  RecordRing<hello_record> ring_{most_at_once};
  MappedCounters<hello_counters> counters_;
};

}  // namespace

Result<std::unique_ptr<Hellos>> open_hellos(int processes_fd, int scopes_fd) {
  auto hellos = std::make_unique<LibbpfHellos>();
  if (auto loaded = hellos->load(processes_fd, scopes_fd); !loaded) return loaded.error();
  return std::unique_ptr<Hellos>(std::move(hellos));
}

}  // namespace plumbline::agent
