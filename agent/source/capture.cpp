#include "agent/source/capture.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <vector>

#include "agent/source/bpf_iterator.hpp"
#include "agent/source/bpf_maps.hpp"
#include "capture.skel.h"
#include "include/util/fd.hpp"

namespace plumbline::agent {
namespace {

// linux/bpf.h of Linux 6.6, which is newer than the headers that we build with.
constexpr auto trace_uprobe_multi = static_cast<bpf_attach_type>(48);    // BPF_TRACE_UPROBE_MULTI
constexpr auto trace_uprobe_session = static_cast<bpf_attach_type>(57);  // BPF_TRACE_UPROBE_SESSION of Linux 6.13
constexpr std::uint32_t multi_return = 1;                                // BPF_F_UPROBE_MULTI_RETURN
struct MultiLinkAttr {                                                   // union bpf_attr, link_create.uprobe_multi
  std::uint32_t program, target, attach_type, flags;
  std::uint64_t path, offsets, ref_counter_offsets, cookies;
  std::uint32_t count, multi_flags, pid, padding;
};

constexpr int most_at_once = 1024;

struct SkeletonDeleter {
  void operator()(capture_bpf* skeleton) const { capture_bpf__destroy(skeleton); }
};
struct LinkDeleter {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};

class HookedFile final : public Hooked {
 public:
  std::vector<Fd> multi;
  std::vector<std::unique_ptr<bpf_link, LinkDeleter>> single;
};

/// What the kernel takes, from the best on.
enum class Way {
  session,  ///< one probe for a function's entry and return, one link for all functions of a file
  multi,    ///< one link for all entries of a file, one for all returns
  single,   ///< one link a probe
};

struct Probes {
  std::vector<std::uint64_t> offsets, cookies;
  void add(const TlsHook& hook) {
    offsets.push_back(hook.offset);
    cookies.push_back(static_cast<std::uint64_t>(hook.place) << 8 | static_cast<std::uint64_t>(hook.call));
  }
};

/// Whether they are the two ends of one function.
bool are_one_function(const TlsHook& entry, const TlsHook& end) {
  return end.at_return_of_function && !entry.at_return_of_function && entry.offset == end.offset &&
         entry.place + 1 == end.place;
}

/// The file itself, by a path that nobody else can change.
std::string path_of(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

class LibbpfCapture final : public Capture {
 public:
  Result<void> load(const CaptureOptions& options, Way way) {
    way_ = way;
    skeleton_.reset(capture_bpf__open());
    if (!skeleton_) return io_error("open the BPF object of the TLS probes", errno);
    bpf_map__set_max_entries(skeleton_->maps.captured, options.ring_bytes);
    bpf_map__set_max_entries(skeleton_->maps.connections, options.connections);
    if (options.processes_fd >= 0) bpf_map__reuse_fd(skeleton_->maps.processes, options.processes_fd);
    skeleton_->rodata->own_tgid = static_cast<__u32>(::getpid());
    skeleton_->rodata->has_scope = options.has_scope;
    bpf_program__set_autoload(skeleton_->progs.list_scopes, options.has_scope);
    bpf_program__set_expected_attach_type(skeleton_->progs.tls_call,
                                          way == Way::single ? static_cast<bpf_attach_type>(0) : trace_uprobe_multi);
    bpf_program__set_expected_attach_type(skeleton_->progs.tls_session, trace_uprobe_session);
    bpf_program__set_autoload(skeleton_->progs.tls_session, way == Way::session);
    if (const int error = capture_bpf__load(skeleton_.get()); error != 0)
      return io_error("load the TLS probes", -error);
    // In this order they are consumed.
    ring_.reset(ring_buffer__new(bpf_map__fd(skeleton_->maps.executed), on_exec, this, nullptr));
    if (!ring_ || ring_buffer__add(ring_.get(), bpf_map__fd(skeleton_->maps.captured), on_sample, this) != 0)
      return io_error("open the ring buffer of the TLS probes", errno);
    exec_link_.reset(bpf_program__attach(skeleton_->progs.on_first_exec));
    if (!exec_link_) return io_error("attach the hook of executions", errno);
    cgroup_link_.reset(bpf_program__attach(skeleton_->progs.on_cgroup));
    if (!cgroup_link_) return io_error("attach the hook of cgroups", errno);
    page_ = Fd(::memfd_create("plumbline-warm", MFD_CLOEXEC));
    if (!page_ || ::ftruncate(page_.get(), 4096) != 0) return io_error("make a page to hook", errno);
    if (const int error = options.has_scope ? run_iterator(skeleton_->progs.list_scopes) : 0; error != 0)
      return io_error("list the cgroups of what runs", error);
    return counters_.map(bpf_map__fd(skeleton_->maps.capture_counters), "the TLS probes");
  }

  /// A kernel that is too old takes the programs, and refuses the first link of their kind: then the next best way is
  /// tried, for good.
  Result<std::unique_ptr<Hooked>> hook(int file_fd, const TlsFunctions& functions) override {
    for (;;) {
      const Way way = way_;
      auto hooked = hook_as_it_is(file_fd, functions);
      if (hooked || way_ == way) return hooked;
    }
  }

  int ring_fd() const override { return bpf_map__fd(skeleton_->maps.captured); }
  int executed_fd() const override { return bpf_map__fd(skeleton_->maps.executed); }
  int consume(const Sample& sample) override {
    sample_ = &sample;
    taken_ = 0;
    const int count = ring_buffer__consume(ring_.get());
    sample_ = nullptr;
    return count;
  }
  void on_executed(Executed executed) override { executed_ = std::move(executed); }
  void decide(const capture_connection_key& connection, capture_verdict verdict) override {
    const int map = bpf_map__fd(skeleton_->maps.connections);
    capture_connection value{};
    if (bpf_map_lookup_elem(map, &connection, &value) != 0) return;  // it ended, or was forgotten
    if (verdict == CAPTURE_NEW) {
      if (value.verdict != CAPTURE_IGNORED) return;  // another one, whose address is the same
      value.tries = value.head = value.head_size = 0;
      for (auto& bytes : value.bytes) ++bytes;
    }
    value.verdict = verdict;
    bpf_map_update_elem(map, &connection, &value, BPF_EXIST);
  }
  void set_scope(const capture_scope& scope, std::optional<bool> is_excluded) override {
    const int map = bpf_map__fd(skeleton_->maps.scopes);
    const std::uint8_t verdict = is_excluded.value_or(false) ? SCOPE_EXCLUDED : SCOPE_WATCHED;
    if (is_excluded)
      bpf_map_update_elem(map, &scope, &verdict, BPF_ANY);
    else
      bpf_map_delete_elem(map, &scope);
  }
  int scopes_fd() const override { return skeleton_->rodata->has_scope ? bpf_map__fd(skeleton_->maps.scopes) : -1; }
  /// A page of our own, which nobody executes: what is asked for is the way in (register_for_each_vma() takes uprobes'
  /// dup_mmap_sem for writing, at the hook and at its end).
  void warm() override {
    HookedFile passing;
    Probes one;
    one.offsets.push_back(0);
    one.cookies.push_back(0);
    if (way_ == Way::single)
      (void)attach_single(passing, page_.get(), false, one);
    else
      passing.multi.push_back(link_multi(page_.get(), trace_uprobe_multi, 0, one));
  }
  capture_counters read_counters() const override { return counters_.read(); }
  bool has_multi_links() const override { return way_ != Way::single; }
  bool has_session_probes() const override { return way_ == Way::session; }

 private:
  Result<std::unique_ptr<Hooked>> hook_as_it_is(int file_fd, const TlsFunctions& functions) {
    auto hooked = std::make_unique<HookedFile>();
    Probes returns, entries, sessions;
    const auto& hooks = functions.hooks;
    for (const auto& hook : hooks) {
      const auto is_other_end = [&](const TlsHook& other) {
        return are_one_function(hook, other) || are_one_function(other, hook);
      };
      const bool has_other_end = way_ == Way::session && std::any_of(hooks.begin(), hooks.end(), is_other_end);
      if (!has_other_end)
        (hook.at_return_of_function ? returns : entries).add(hook);
      else if (!hook.at_return_of_function)
        sessions.add(hook);
    }
    // The returns first: an entry without its return is kept for nothing.
    const auto done = attach(*hooked, file_fd, trace_uprobe_multi, multi_return, returns);
    const auto then = done ? attach(*hooked, file_fd, trace_uprobe_session, 0, sessions) : done;
    const auto last = then ? attach(*hooked, file_fd, trace_uprobe_multi, 0, entries) : then;
    if (!last) return last.error();
    return std::unique_ptr<Hooked>(std::move(hooked));
  }

  Result<void> attach(HookedFile& hooked, int file_fd, bpf_attach_type type, std::uint32_t flags,
                      const Probes& probes) {
    if (probes.offsets.empty()) return {};
    if (way_ == Way::single) return attach_single(hooked, file_fd, flags == multi_return, probes);
    Fd link = link_multi(file_fd, type, flags, probes);
    bool& is_proven = type == trace_uprobe_session ? has_sessions_ : has_multi_;
    if (!link && errno == EINVAL && !is_proven) way_ = type == trace_uprobe_session ? Way::multi : Way::single;
    if (!link) return io_error("hook the functions of a file", errno);
    is_proven = true;
    hooked.multi.push_back(std::move(link));
    return {};
  }
  /// None, and errno, where the kernel refuses it.
  Fd link_multi(int file_fd, bpf_attach_type type, std::uint32_t flags, const Probes& probes) const {
    const std::string path = path_of(file_fd);
    const auto* program = type == trace_uprobe_session ? skeleton_->progs.tls_session : skeleton_->progs.tls_call;
    MultiLinkAttr attr{};
    attr.program = static_cast<std::uint32_t>(bpf_program__fd(program));
    attr.attach_type = type;
    attr.path = reinterpret_cast<std::uint64_t>(path.c_str());
    attr.offsets = reinterpret_cast<std::uint64_t>(probes.offsets.data());
    attr.cookies = reinterpret_cast<std::uint64_t>(probes.cookies.data());
    attr.count = static_cast<std::uint32_t>(probes.offsets.size());
    attr.multi_flags = flags;
    return Fd(static_cast<int>(::syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof attr)));
  }
  Result<void> attach_single(HookedFile& hooked, int file_fd, bool at_return, const Probes& probes) {
    for (std::size_t i = 0; i < probes.offsets.size(); ++i) {
      bpf_uprobe_opts options{};
      options.sz = sizeof options;
      options.bpf_cookie = probes.cookies[i];
      options.retprobe = at_return;
      bpf_link* link = bpf_program__attach_uprobe_opts(skeleton_->progs.tls_call, -1, path_of(file_fd).c_str(),
                                                       probes.offsets[i], &options);
      if (link == nullptr) return io_error("hook a function of a file", errno);
      hooked.single.emplace_back(link);
    }
    return {};
  }

  static int on_exec(void* self, void* data, std::size_t size) {
    const auto* capture = static_cast<LibbpfCapture*>(self);
    if (capture->executed_ && size >= sizeof(executed_record))
      capture->executed_(*static_cast<const executed_record*>(data));
    return 0;
  }
  // The C callback only hands over; nothing may throw across it.
  static int on_sample(void* self, void* data, std::size_t size) {
    auto* capture = static_cast<LibbpfCapture*>(self);
    const auto* record = static_cast<const capture_record*>(data);
    if (capture->sample_ == nullptr || size < sizeof *record || record->kept > size - sizeof *record) return 0;
    (*capture->sample_)(*record, {reinterpret_cast<const char*>(record + 1), record->kept});
    return ++capture->taken_ < most_at_once ? 0 : -EAGAIN;  // who goes on for ever does nothing else
  }

  std::unique_ptr<capture_bpf, SkeletonDeleter> skeleton_;
  RingBuffer ring_;
  MappedCounters<capture_counters> counters_;
  std::atomic<Way> way_ = Way::single;
  bool has_multi_ = false, has_sessions_ = false;  // such a link was made
  const Sample* sample_ = nullptr;
  int taken_ = 0;  // in this turn
  Executed executed_;
  std::unique_ptr<bpf_link, LinkDeleter> exec_link_, cgroup_link_;
  Fd page_;  // for warm()
};

}  // namespace

Result<std::unique_ptr<Capture>> open_capture(const CaptureOptions& options) {
  // A kernel that is too old refuses the programs themselves.
  for (const Way way : {Way::session, Way::multi, Way::single}) {
    auto capture = std::make_unique<LibbpfCapture>();
    auto loaded = capture->load(options, way);
    if (loaded) return std::unique_ptr<Capture>(std::move(capture));
    if (way == Way::single) return loaded.error();
  }
  return Error{ErrorCode::internal, "load the TLS probes", "no way was tried", ""};
}

}  // namespace plumbline::agent
