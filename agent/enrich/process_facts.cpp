#include "agent/enrich/process_facts.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <sstream>

#include "include/util/fd.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t max_proc_file = std::size_t{64} << 10;
constexpr std::size_t max_outside = 1024;
constexpr std::size_t max_images = 16'384;

std::string read_small(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char part[4096];
  while (fd && text.size() < max_proc_file) {
    const ssize_t size = ::read(fd.get(), part, sizeof part);
    if (size <= 0) break;
    text.append(part, static_cast<std::size_t>(size));
  }
  return text;
}

struct Stat {
  std::string comm;
  std::uint32_t parent = 0;
  int tty = 0;
  std::uint64_t start_ticks = 0;
};

/// proc_pid_stat(5): the name stands in parentheses and may itself hold spaces and parentheses.
std::optional<Stat> read_stat(const std::string& directory) {
  const std::string text = read_small(directory + "/stat");
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
  Stat stat;
  stat.comm = text.substr(open + 1, close - open - 1);
  std::istringstream rest(text.substr(close + 1));
  std::string state, skip;
  int group = 0, session = 0;
  rest >> state >> stat.parent >> group >> session >> stat.tty;
  for (int field = 8; field <= 21; ++field) rest >> skip;
  rest >> stat.start_ticks;
  if (!rest) return std::nullopt;
  return stat;
}

/// dev_t of a terminal as the kernel prints it in stat (see new_encode_dev): pts are majors 136 to 143.
std::string tty_name(int device) {
  const unsigned major = (static_cast<unsigned>(device) >> 8) & 0xfff;
  const unsigned minor = (static_cast<unsigned>(device) & 0xff) | ((static_cast<unsigned>(device) >> 12) & 0xfff00);
  if (major >= 136 && major <= 143) return "pts/" + std::to_string((major - 136) * 256 + minor);
  if (major == 4) return "tty" + std::to_string(minor);
  return "";
}

std::uint32_t status_number(const std::string& status, const char* key, std::uint32_t missing) {
  const auto at = status.find(key);
  if (at == std::string::npos) return missing;
  return static_cast<std::uint32_t>(std::strtoul(status.c_str() + at + std::strlen(key), nullptr, 10));
}

std::string own_directory(const std::string& proc_root, std::uint32_t pid) {
  return proc_root + "/" + std::to_string(pid);
}

}  // namespace

bool is_running(const std::string& proc_root, const process_key& key) {
  const auto stat = read_stat(own_directory(proc_root, key.tgid));
  return stat && stat->start_ticks == key.start_boot_ns / ns_per_tick;
}

std::string path_of_components(const char* components, std::size_t length) {
  std::string path;
  std::size_t at = 0;
  while (at < length) {
    const std::size_t size = ::strnlen(components + at, length - at);
    path.insert(0, "/" + std::string(components + at, size));
    at += size + 1;
  }
  return path;
}

std::vector<std::string> split_argv(const char* bytes, std::size_t length) {
  std::vector<std::string> argv;
  std::size_t at = 0;
  while (at < length) {
    const std::size_t size = ::strnlen(bytes + at, length - at);
    argv.emplace_back(bytes + at, size);
    at += size + 1;
  }
  return argv;
}

std::optional<ProcessFacts> read_proc(const std::string& proc_root, std::uint32_t pid) {
  const std::string directory = own_directory(proc_root, pid);
  const auto stat = read_stat(directory);
  if (!stat) return std::nullopt;
  ProcessFacts facts;
  facts.key.tgid = pid;
  facts.key.start_boot_ns = stat->start_ticks * ns_per_tick;
  facts.comm = stat->comm;
  facts.tty = tty_name(stat->tty);
  facts.parent.tgid = stat->parent;
  if (const auto parent = read_stat(own_directory(proc_root, stat->parent)))
    facts.parent.start_boot_ns = parent->start_ticks * ns_per_tick;
  const std::string status = read_small(directory + "/status");
  facts.uid = status_number(status, "\nUid:\t", 0);
  facts.login_uid = status_number("\n" + read_small(directory + "/loginuid"), "\n", 0xffffffff);
  const std::string argv = read_small(directory + "/cmdline");
  facts.argv = split_argv(argv.data(), argv.size());
  char target[4096];
  if (const auto size = ::readlink((directory + "/exe").c_str(), target, sizeof target); size > 0) {
    facts.exe.assign(target, static_cast<std::size_t>(size));
    constexpr std::string_view deleted = " (deleted)";
    if (facts.exe.ends_with(deleted)) facts.exe.resize(facts.exe.size() - deleted.size());
  }
  struct stat mount_ns{};
  if (::stat((directory + "/ns/mnt").c_str(), &mount_ns) == 0)
    facts.mount_ns = static_cast<std::uint32_t>(mount_ns.st_ino);
  // "NSpid:\t4711\t1": the last number is the pid in its innermost namespace.
  if (const auto at = status.find("\nNSpid:"); at != std::string::npos) {
    const std::string line = status.substr(at + 1, status.find('\n', at + 1) - at - 1);
    facts.pid_ns_init = line.ends_with("\t1");
  }
  return facts;
}

std::optional<ProcessFacts> read_proc(const std::string& proc_root, const process_key& key) {
  auto facts = read_proc(proc_root, key.tgid);
  if (!facts || facts->key.start_boot_ns / ns_per_tick != key.start_boot_ns / ns_per_tick) return std::nullopt;
  facts->key = key;
  return facts;
}

ProcessTable::ProcessTable(const ProcessSource& source, std::string proc_root)
    : source_(source), proc_root_(std::move(proc_root)) {}

const ProcessTable::Image* ProcessTable::image_of(const process_key& key, const process& known,
                                                  const image_key& image) {
  const ImageId id{image.exec_boot_ns, image.tgid};
  if (const auto it = images_.find(id); it != images_.end()) return &it->second;
  // /proc shows what it executes now.
  const bool current = known.image.exec_boot_ns == image.exec_boot_ns && known.image.tgid == image.tgid;
  if (known.exit_boot_ns != 0 || id.first == 0 || !current) return nullptr;
  auto proc = read_proc(proc_root_, key);
  if (!proc) return nullptr;
  Image fresh{std::move(proc->exe), {}, false};
  std::size_t left = PLUMBLINE_ARGV_LEN;  // as much as the kernel side keeps of others
  for (auto& argument : proc->argv) {
    fresh.argv_cut = argument.size() + 1 > left;
    if (fresh.argv_cut) argument.resize(left > 0 ? left - 1 : 0);
    left -= argument.size() + 1;
    fresh.argv.push_back(std::move(argument));
    if (fresh.argv_cut || left == 0) break;
  }
  if (images_.size() >= max_images) images_.clear();
  return &(images_[id] = std::move(fresh));
}

std::optional<ProcessFacts> ProcessTable::find(const process_key& key, const image_key& as_of) {
  const auto known = source_.find_process(key);
  if (!known) {
    // Not every kernel's task iterator gives pid 1, and entries make room. Its next exec puts it into the table.
    const std::pair id{key.start_boot_ns, key.tgid};
    if (const auto it = outside_.find(id); it != outside_.end()) return it->second;
    auto facts = read_proc(proc_root_, key);
    if (!facts) return facts;
    if (outside_.size() >= max_outside) outside_.clear();
    return outside_[id] = std::move(*facts);
  }
  ProcessFacts facts;
  facts.key = key;
  facts.parent = known->parent;
  facts.parent_image = known->parent_image;
  const image_key& meant = as_of.exec_boot_ns != 0 ? as_of : known->image;
  facts.comm.assign(known->comm, ::strnlen(known->comm, sizeof known->comm));
  facts.uid = known->uid;
  facts.login_uid = known->login_uid;
  facts.mount_ns = known->mount_ns;
  facts.cgroup_id = known->cgroup_id;
  facts.cgroup_v1_id = known->cgroup_v1_id;
  facts.tty.assign(known->tty, ::strnlen(known->tty, sizeof known->tty));
  facts.pid_ns_init = known->pid_ns_init != 0;
  facts.image_boot_ns = meant.exec_boot_ns;
  if (const auto kept = images_.find({meant.exec_boot_ns, meant.tgid}); kept != images_.end()) {
    facts.exe = kept->second.exe;
    facts.argv = kept->second.argv;
    facts.argv_cut = kept->second.argv_cut;
  } else if (const auto image = source_.find_image(meant)) {
    facts.exe = path_of_components(image->path, std::min<std::size_t>(image->path_len, sizeof image->path));
    facts.exe_cut = image->path_cut != 0 && !facts.exe.empty();
    facts.exe_inode = image->exe;
    facts.exe_generation = image->exe_generation;
    facts.exe_ctime_ns = static_cast<std::int64_t>(image->exe_ctime_ns);
    facts.argv = split_argv(image->argv, std::min<std::size_t>(image->argv_len, sizeof image->argv));
    facts.argv_cut = image->argv_cut != 0;
  } else if (const Image* earlier = image_of(key, *known, meant)) {
    facts.exe = earlier->exe;
    facts.argv = earlier->argv;
    facts.argv_cut = earlier->argv_cut;
  }
  return facts;
}

std::uint32_t ProcessTable::mount_ns_of(std::uint32_t pid) const {
  for (const auto& key : source_.list_processes()) {
    if (key.tgid != pid) continue;
    if (const auto known = source_.find_process(key)) return known->mount_ns;
  }
  return 0;
}

std::optional<ProcessFacts> ProcessTable::running(std::uint32_t pid) {
  for (const auto& key : source_.list_processes())
    if (key.tgid == pid && is_running(proc_root_, key)) return find(key);
  return std::nullopt;
}

void ProcessTable::remember_running() {
  for (const auto& key : source_.list_processes()) {
    const auto known = source_.find_process(key);
    if (known && known->exit_boot_ns == 0 && !source_.find_image(known->image)) image_of(key, *known, known->image);
  }
}

}  // namespace plumbline::agent
