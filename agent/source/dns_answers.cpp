#include "agent/source/dns_answers.hpp"

#include <bpf/libbpf.h>

#include <cerrno>

#include "agent/source/bpf_maps.hpp"
#include "dns.skel.h"

namespace plumbline::agent {
namespace {

struct SkeletonDeleter {
  void operator()(dns_bpf* skeleton) const { dns_bpf__destroy(skeleton); }
};

class LibbpfDnsAnswers final : public DnsAnswers {
 public:
  Result<void> load(bool has_ipv6) {
    skeleton_.reset(dns_bpf__open());
    if (!skeleton_) return io_error("open the BPF object of DNS", errno);
    bpf_program__set_autoload(skeleton_->progs.on_udp6_received, has_ipv6);
    bpf_program__set_autoload(skeleton_->progs.on_udp6_sent, has_ipv6);
    const int error = dns_bpf__load(skeleton_.get());
    is_forbidden_ = error == -EPERM;
    if (error != 0) return io_error("load the hooks of DNS", -error);
    if (auto opened = ring_.open(bpf_map__fd(skeleton_->maps.dns_answers), "DNS"); !opened) return opened.error();
    if (auto mapped = counters_.map(bpf_map__fd(skeleton_->maps.dns_counters), "DNS"); !mapped) return mapped.error();
    if (const int refused = dns_bpf__attach(skeleton_.get()); refused != 0)
      return io_error("attach the hooks of DNS", -refused);
    return {};
  }
  bool is_forbidden() const { return is_forbidden_; }

  int ring_fd() const override { return ring_.fd(); }
  void consume(const Sample& sample) override {
    ring_.consume([&](const dns_record& record) {
      if (record.kept <= sizeof record.data) sample(record);
    });
  }
  dns_counters read_counters() const override { return counters_.read(); }

 private:
  std::unique_ptr<dns_bpf, SkeletonDeleter> skeleton_;
  RecordRing<dns_record> ring_{INT_MAX};
  MappedCounters<dns_counters> counters_;
  bool is_forbidden_ = false;  // the kernel takes no such program, whatever it hooks
};

}  // namespace

Result<std::unique_ptr<DnsAnswers>> open_dns_answers() {
  for (const bool has_ipv6 : {true, false}) {
    auto answers = std::make_unique<LibbpfDnsAnswers>();
    auto loaded = answers->load(has_ipv6);
    if (loaded) return std::unique_ptr<DnsAnswers>(std::move(answers));
    if (!has_ipv6 || answers->is_forbidden()) return loaded.error();
  }
  return Error{ErrorCode::internal, "load the hooks of DNS", "no way was tried", ""};
}

}  // namespace plumbline::agent
