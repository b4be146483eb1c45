#include "agent/source/plain_http.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/source/bpf_maps.hpp"
#include "agent/source/cgroup_root.hpp"
#include "plain.skel.h"

namespace plumbline::agent {
namespace {

constexpr int most_at_once = 512;

struct SkeletonDeleter {
  void operator()(plain_bpf* skeleton) const { plain_bpf__destroy(skeleton); }
};

bool is_same(const plain_endpoint& a, const plain_endpoint& b) {
  return a.port == b.port && std::memcmp(a.address, b.address, sizeof a.address) == 0;
}

class LibbpfPlainHttp final : public PlainHttp {
 public:
  Result<void> load(int processes_fd, int scopes_fd, Fd cgroup) {
    cgroup_ = std::move(cgroup);
    skeleton_.reset(plain_bpf__open());
    if (!skeleton_) return io_error("open the BPF object of plain HTTP", errno);
    auto& s = *skeleton_;
    if (processes_fd >= 0) bpf_map__reuse_fd(s.maps.processes, processes_fd);
    s.rodata->own_tgid = static_cast<__u32>(::getpid());
    if (scopes_fd >= 0) bpf_map__reuse_fd(s.maps.scopes, scopes_fd);
    s.rodata->has_scope = scopes_fd >= 0;
    if (const int error = plain_bpf__load(&s); error != 0) return io_error("load the hooks of plain HTTP", -error);
    ring_.reset(ring_buffer__new(bpf_map__fd(s.maps.plain_segments), on_sample, this, nullptr));
    if (!ring_) return io_error("open the ring buffer of plain HTTP", errno);
    return counters_.map(bpf_map__fd(s.maps.plain_counters), "plain HTTP");
  }

  Result<void> attach() {
    auto& s = *skeleton_;
    const int cgroup_fd = cgroup_.get();
    // Links stand beside whatever else is attached there. Connections last: a stream has to be seen from its SYN on.
    s.links.on_egress = bpf_program__attach_cgroup(s.progs.on_egress, cgroup_fd);
    if (s.links.on_egress == nullptr) return attach_error();
    s.links.on_ingress = bpf_program__attach_cgroup(s.progs.on_ingress, cgroup_fd);
    if (s.links.on_ingress == nullptr) return attach_error();
    s.links.on_tcp_state = bpf_program__attach(s.progs.on_tcp_state);
    if (s.links.on_tcp_state == nullptr) return io_error("attach the hook of TCP connections", errno);
    is_attached_ = true;
    return {};
  }

  void detach() {
    for (auto** link : {&skeleton_->links.on_tcp_state, &skeleton_->links.on_ingress, &skeleton_->links.on_egress})
      bpf_link__destroy(std::exchange(*link, nullptr));
    is_attached_ = false;
  }

  Result<void> set_endpoints(const std::vector<plain_endpoint>& endpoints) override {
    const int map = bpf_map__fd(skeleton_->maps.endpoints);
    std::vector<plain_endpoint> gone;
    plain_endpoint key{};
    for (const plain_endpoint* last = nullptr; bpf_map_get_next_key(map, last, &key) == 0; last = &gone.back())
      gone.push_back(key);
    std::erase_if(gone, [&](const plain_endpoint& one) {
      return std::any_of(endpoints.begin(), endpoints.end(), [&](const auto& wanted) { return is_same(one, wanted); });
    });
    for (const auto& one : gone) bpf_map_delete_elem(map, &one);
    // First, and for good: a connection is heard to its end, and whoever has the port pays little.
    for (const auto& one : endpoints) {
      const std::atomic_ref word(skeleton_->bss->watched_ports[one.port / 64]);
      word.fetch_or(std::uint64_t{1} << one.port % 64);
    }
    constexpr __u8 yes = 1;
    for (const auto& one : endpoints)
      if (bpf_map_update_elem(map, &one, &yes, BPF_ANY) != 0) return io_error("listen to an endpoint", errno);
    if (endpoints.empty()) detach();
    if (is_attached_ || endpoints.empty()) return {};
    auto attached = attach();
    if (!attached) detach();
    return attached;
  }

  int ring_fd() const override { return ring_buffer__epoll_fd(ring_.get()); }
  void consume(const Sample& sample) override {
    sample_ = &sample;
    taken_ = 0;
    ring_buffer__consume(ring_.get());
    sample_ = nullptr;
  }
  void ignore(std::uint64_t connection) override {
    const auto place = static_cast<__u32>(connection % PLAIN_IGNORED);
    bpf_map_update_elem(bpf_map__fd(skeleton_->maps.plain_ignored), &place, &connection, BPF_ANY);
  }
  plain_counters read_counters() const override { return counters_.read(); }

 private:
  static Error attach_error() {
    const bool refused = errno == EPERM;
    return io_error("attach the hooks of plain HTTP to the root of the cgroup v2 hierarchy", errno,
                    refused ? "give the agent CAP_NET_ADMIN; where it has that, a program attached there without "
                              "BPF_F_ALLOW_MULTI is in the way"
                            : "");
  }

  // The C callback only hands over; nothing may throw across it.
  static int on_sample(void* self, void* data, std::size_t size) {
    auto* plain = static_cast<LibbpfPlainHttp*>(self);
    const auto* record = static_cast<const plain_record*>(data);
    if (plain->sample_ == nullptr || size < sizeof *record || record->kept > size - sizeof *record) return 0;
    (*plain->sample_)(*record, {reinterpret_cast<const char*>(record + 1), record->kept});
    return ++plain->taken_ < most_at_once ? 0 : -EAGAIN;
  }

  Fd cgroup_;  // the root of the v2 hierarchy
  bool is_attached_ = false;
  std::unique_ptr<plain_bpf, SkeletonDeleter> skeleton_;
  RingBuffer ring_;
  MappedCounters<plain_counters> counters_;
  const Sample* sample_ = nullptr;
  int taken_ = 0;  // in this turn
};

}  // namespace

Result<std::unique_ptr<PlainHttp>> open_plain_http(int processes_fd, int scopes_fd) {
  auto cgroup = open_cgroup_root();
  if (!cgroup) return cgroup.error();
  auto plain = std::make_unique<LibbpfPlainHttp>();
  if (auto loaded = plain->load(processes_fd, scopes_fd, std::move(*cgroup)); !loaded) return loaded.error();
  return std::unique_ptr<PlainHttp>(std::move(plain));
}

}  // namespace plumbline::agent
