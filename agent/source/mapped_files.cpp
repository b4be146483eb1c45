#include "agent/source/mapped_files.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <cerrno>

#include "agent/source/bpf_maps.hpp"
#include "mapped.skel.h"

namespace plumbline::agent {
namespace {

constexpr int most_at_once = 256;

struct SkeletonDeleter {
  void operator()(mapped_bpf* skeleton) const { mapped_bpf__destroy(skeleton); }
};

/// What the kernel takes, from the better on: what the second costs, all changes of mappings pay.
enum class Way { fentry, maple_tree };

class LibbpfMappedFiles final : public MappedFiles {
 public:
  Result<void> load(int scopes_fd, Way way) {
    way_ = way;
    skeleton_.reset(mapped_bpf__open());
    if (!skeleton_) return io_error("open the BPF object of mapped files", errno);
    bpf_program__set_autoload(skeleton_->progs.on_mapped, way == Way::fentry);
    bpf_program__set_autoload(skeleton_->progs.on_mappings_changed, way == Way::maple_tree);
    skeleton_->rodata->own_tgid = static_cast<__u32>(::getpid());
    if (scopes_fd >= 0) bpf_map__reuse_fd(skeleton_->maps.scopes, scopes_fd);
    skeleton_->rodata->has_scope = scopes_fd >= 0;
    if (const int error = mapped_bpf__load(skeleton_.get()); error != 0)
      return io_error("load the hook of mapped files", -error);
    if (auto opened = ring_.open(bpf_map__fd(skeleton_->maps.mapped), "mapped files"); !opened) return opened.error();
    if (auto mapped = counters_.map(bpf_map__fd(skeleton_->maps.mapped_counters), "mapped files"); !mapped)
      return mapped.error();
    if (const int error = mapped_bpf__attach(skeleton_.get()); error != 0)
      return io_error("attach the hook of mapped files", -error);
    return {};
  }

  int ring_fd() const override { return ring_.fd(); }
  void consume(const Sample& sample) override { ring_.consume(sample); }
  void tell_again(const mapped_key& key) override { bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.told), &key); }
  void tell_all_again() override { __atomic_fetch_add(&skeleton_->bss->present_round, 1, __ATOMIC_RELAXED); }
  mapped_counters read_counters() const override { return counters_.read(); }
  const char* hook() const override { return way_ == Way::fentry ? "fentry" : "maple_tree"; }

 private:
  std::unique_ptr<mapped_bpf, SkeletonDeleter> skeleton_;
  RecordRing<mapped_record> ring_{most_at_once};
  MappedCounters<mapped_counters> counters_;
  Way way_ = Way::fentry;
};

}  // namespace

Result<std::unique_ptr<MappedFiles>> open_mapped_files(int scopes_fd) {
  for (const Way way : {Way::fentry, Way::maple_tree}) {
    auto files = std::make_unique<LibbpfMappedFiles>();
    auto loaded = files->load(scopes_fd, way);
    if (loaded) return std::unique_ptr<MappedFiles>(std::move(files));
    if (way == Way::maple_tree) return loaded.error();
  }
  return Error{ErrorCode::internal, "load the hook of mapped files", "no way was tried", ""};
}

}  // namespace plumbline::agent
