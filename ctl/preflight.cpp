#include "ctl/preflight.hpp"

#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace plumbline::ctl {
namespace {

std::string read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string first_line(const std::string& path) {
  const std::string text = read(path);
  return text.substr(0, text.find('\n'));
}

/// "CapEff:\t00000…" of a proc status text → the value; "" where the key is missing.
std::string status_field(const std::string& status, std::string_view key) {
  const std::size_t at = ("\n" + status).find("\n" + std::string(key) + ":");
  if (at == std::string::npos) return "";
  const std::size_t begin = status.find_first_not_of(" \t", at + key.size() + 1);
  return begin == std::string::npos ? "" : status.substr(begin, status.find('\n', begin) - begin);
}

struct Capability {
  int bit;
  const char* name;
};
// What the agent needs (daemonset/plumbline.yaml has the reason of each).
constexpr std::array capabilities{Capability{39, "CAP_BPF"}, Capability{38, "CAP_PERFMON"},
                                  Capability{2, "CAP_DAC_READ_SEARCH"}, Capability{19, "CAP_SYS_PTRACE"}};

Check check_privileges(const std::string& root) {
  const std::string effective = status_field(read(root + "/proc/self/status"), "CapEff");
  // The kernel takes CAP_SYS_ADMIN for CAP_BPF and CAP_PERFMON (bpf_capable, perfmon_capable): where those are not to
  // be had, as from ECS, it has to do.
  const std::uint64_t mask = effective.empty() ? 0 : std::stoull(effective, nullptr, 16);
  std::string missing;
  const auto has = [mask](int bit) { return (mask >> bit & 1) != 0; };
  constexpr int sys_admin = 21;
  for (const auto& [bit, name] : capabilities)
    if (!has(bit) && (bit < 38 || !has(sys_admin))) missing += (missing.empty() ? "" : ", ") + std::string(name);
  if (missing.empty()) return {"privileges", Finding::ok, "all capabilities that it needs", "", ""};
  return {"privileges", Finding::fatal, "this process lacks " + missing, "no program can be loaded",
          "run the agent as root or give it these capabilities; run doctor the same way"};
}

Check check_kernel(const std::string& root) {
  const std::string release = first_line(root + "/proc/sys/kernel/osrelease");
  int major = 0, minor = 0;
  std::sscanf(release.c_str(), "%d.%d", &major, &minor);
  const auto at_least = [&](int a, int b) { return major > a || (major == a && minor >= b); };
  if (at_least(6, 13)) return {"kernel", Finding::ok, release + ": the ctime tier is possible", "", ""};
  if (at_least(6, 1))
    return {"kernel", Finding::ok, release + ": the fentry tier is possible", "changes by rarer calls may be missed",
            "6.13 or later has the ctime tier"};
  return {"kernel", Finding::fatal, release.empty() ? "its release cannot be read" : release,
          "older than 6.1: no tier is tested there", "boot a newer kernel"};
}

Check check_btf(const std::string& root) {
  if (std::filesystem::exists(root + "/sys/kernel/btf/vmlinux"))
    return {"btf", Finding::ok, "the kernel carries its types", "", ""};
  return {"btf", Finding::fatal, "/sys/kernel/btf/vmlinux is missing", "no program can be loaded",
          "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y"};
}

Check check_lockdown(const std::string& root) {
  const std::string line = first_line(root + "/sys/kernel/security/lockdown");
  const std::size_t open = line.find('[');
  const std::string mode = open == std::string::npos ? "" : line.substr(open + 1, line.find(']') - open - 1);
  if (mode.empty()) return {"lockdown", Finding::ok, "not in use, or securityfs is not mounted", "", ""};
  if (mode == "confidentiality")
    return {"lockdown", Finding::fatal, mode, "programs may not read kernel memory", "boot with lockdown=integrity"};
  return {"lockdown", Finding::ok, mode, "", ""};
}

Check check_lsm(const std::string& root) {
  const std::string list = first_line(root + "/sys/kernel/security/lsm");
  if (("," + list + ",").find(",bpf,") != std::string::npos) return {"lsm", Finding::ok, list, "", ""};
  return {"lsm", Finding::degraded, list.empty() ? "the list cannot be read" : list,
          "no LSM hooks; the other tiers do not need them", "boot with lsm=…,bpf to have them"};
}

/// The mount options of the first mount of `type`; nullptr-like "" where there is none.
std::string mount_of(const std::string& mounts, const std::string& type, std::string* where) {
  std::istringstream lines(mounts);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string device, path, kind, options;
    fields >> device >> path >> kind >> options;
    if (kind != type) continue;
    if (where != nullptr) *where = path;
    return options;
  }
  return "";
}

Check check_tracefs(const std::string& root, const std::string& mounts) {
  if (mount_of(mounts, "tracefs", nullptr).empty())
    return {"tracefs", Finding::fatal, "not mounted", "tracepoints cannot be found",
            "mount -t tracefs tracefs /sys/kernel/tracing"};
  const std::string events = root + "/sys/kernel/tracing/events";
  std::error_code ignored;
  if (std::filesystem::exists(events + "/timestamp/ctime_ns_xchg", ignored))
    return {"tracefs", Finding::ok, "mounted; the ctime tracepoints are there", "", ""};
  return {"tracefs", Finding::degraded, "mounted; no timestamp:ctime_ns_xchg to be seen",
          "the agent falls back to the fentry tier", "root and kernel 6.13 or later see it"};
}

Check check_bpffs(const std::string& mounts) {
  std::string where;
  const std::string options = mount_of(mounts, "bpf", &where);
  const std::string effect = "changes while the agent is down are found without their actor";
  if (options.empty()) return {"bpffs", Finding::degraded, "not mounted", effect, "mount -t bpf bpf /sys/fs/bpf"};
  if (("," + options + ",").find(",ro,") != std::string::npos)
    return {"bpffs", Finding::degraded, where + " is read-only", effect, "mount -o remount,rw " + where};
  return {"bpffs", Finding::ok, "mounted on " + where, "", ""};
}

Check check_cgroups(const std::string& mounts) {
  const bool v2 = !mount_of(mounts, "cgroup2", nullptr).empty();
  const bool v1 = !mount_of(mounts, "cgroup", nullptr).empty();
  if (v2) return {"cgroups", Finding::ok, v1 ? "hybrid (v1 and v2)" : "v2", "", ""};
  return {"cgroups", Finding::degraded, v1 ? "v1 only" : "not mounted", "containers may not be named",
          "mount cgroup2 on /sys/fs/cgroup"};
}

Check check_pid_namespace(const std::string& root) {
  // The initial namespace's inode is a constant of the kernel (PROC_PID_INIT_INO).
  std::error_code ec;
  const std::string link = std::filesystem::read_symlink(root + "/proc/self/ns/pid", ec).string();
  if (link == "pid:[4026531836]") return {"pid namespace", Finding::ok, "the host's", "", ""};
  return {"pid namespace", Finding::degraded, link.empty() ? "cannot be read" : "a container's: " + link,
          "process ids of findings are the host's, not those seen here", "set hostPID: true"};
}

Check check_seccomp(const std::string& root) {
  const std::string mode = status_field(read(root + "/proc/self/status"), "Seccomp");
  if (mode.empty() || mode == "0") return {"seccomp", Finding::ok, "no filter", "", ""};
  return {"seccomp", Finding::degraded, "a filter is in force",
          "bpf() and perf_event_open() may be refused, with the same EPERM as a missing capability",
          "RuntimeDefault allows both with CAP_BPF and CAP_PERFMON"};
}

}  // namespace

std::vector<Check> preflight(const std::string& root) {
  const std::string mounts = read(root + "/proc/self/mounts");
  return {check_privileges(root),    check_kernel(root),          check_btf(root),     check_lockdown(root),
          check_lsm(root),           check_tracefs(root, mounts), check_bpffs(mounts), check_cgroups(mounts),
          check_pid_namespace(root), check_seccomp(root)};
}

}  // namespace plumbline::ctl
