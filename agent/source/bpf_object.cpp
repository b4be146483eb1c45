#include "agent/source/bpf_object.hpp"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>

#include "agent/source/bpf_iterator.hpp"
#include "agent/source/bpffs.hpp"
#include "agent/source/former_pins.hpp"
#include "include/util/fd.hpp"
#include "plumbline.skel.h"

namespace plumbline::agent {
namespace {

namespace fs = std::filesystem;
constexpr std::array pinned_maps{"marks", "mark_states", "control_map", "events", "processes", "images"};

bool is_fentry(std::string_view section) {
  return section.starts_with("fentry/") || section.starts_with("fexit/");
}
bool is_iterator(std::string_view section) {
  return section.starts_with("iter/");
}
bool is_process_program(std::string_view section) {
  return section.starts_with("tp_btf/sched_") || section.starts_with("tp_btf/cgroup_");
}
bool belongs_to(std::string_view section, Tier tier) {
  if (is_iterator(section) || is_process_program(section)) return true;
  return is_fentry(section) == (tier == Tier::fentry);
}

bool kernel_has(const btf* kernel, std::string_view section) {
  const std::string name(section.substr(section.find('/') + 1));
  if (section.starts_with("tp_btf/"))
    return btf__find_by_name_kind(kernel, ("btf_trace_" + name).c_str(), BTF_KIND_TYPEDEF) > 0;
  if (is_fentry(section)) return btf__find_by_name_kind(kernel, name.c_str(), BTF_KIND_FUNC) > 0;
  return true;
}

std::string log_tail;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables) the last lines that libbpf said
                       // while loading; one thread loads

int keep_log(libbpf_print_level level, const char* format, va_list args) {
  char line[1024];
  std::vsnprintf(line, sizeof line, format, args);
  std::string text(line);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (level == LIBBPF_DEBUG) return 0;
  // libbpf's advice to raise RLIMIT_MEMLOCK is wrong on every kernel that has BTF: memory is charged to the cgroup.
  if (text.find("ulimit") == std::string::npos && log_tail.size() < 2048)
    log_tail += (log_tail.empty() ? "" : " | ") + text;
  return 0;
}

Error load_error(const std::string& what, int error) {
  std::string why = errno_text(error);
  if (!log_tail.empty()) why += " (" + log_tail.substr(0, 400) + ")";
  return {error == EPERM || error == EACCES ? ErrorCode::permission : ErrorCode::unsupported, what, why,
          "run `plumb doctor` for the causes one by one"};
}

/// Offset in bytes of `member` in `structure`; nullopt where this kernel has neither.
std::optional<std::uint32_t> offset_of(const btf* types, const char* structure, std::string_view member) {
  const int id = btf__find_by_name_kind(types, structure, BTF_KIND_STRUCT);
  if (id < 0) return std::nullopt;
  const btf_type* type = btf__type_by_id(types, static_cast<__u32>(id));
  const btf_member* members = btf_members(type);
  for (__u32 i = 0; i < btf_vlen(type); ++i)
    if (member == btf__name_by_offset(types, members[i].name_off)) return btf_member_bit_offset(type, i) / 8;
  return std::nullopt;
}

/// Tells the kernel side where btrfs keeps an inode's subvolume; nothing to tell where btrfs is not loaded.
void set_btrfs_offsets(plumbline_bpf& skeleton, btf* kernel) {
  const std::unique_ptr<btf, decltype(&btf__free)> module(btf__load_module_btf("btrfs", kernel), btf__free);
  const btf* types = module ? module.get() : kernel;  // built in: among the kernel's own types
  const auto vfs_inode = offset_of(types, "btrfs_inode", "vfs_inode");
  const auto root = offset_of(types, "btrfs_inode", "root");
  const auto key = offset_of(types, "btrfs_root", "root_key");
  const auto objectid = offset_of(types, "btrfs_key", "objectid");
  if (!vfs_inode || !root || !key || !objectid) return;
  skeleton.rodata->btrfs_offsets.known = 1;
  skeleton.rodata->btrfs_offsets.vfs_inode = *vfs_inode;
  skeleton.rodata->btrfs_offsets.root = *root;
  skeleton.rodata->btrfs_offsets.objectid = *key + *objectid;
}

}  // namespace

Result<std::unique_ptr<BpfObject>> BpfObject::load(const KernelOptions& options, Tier tier, TierReport& report) {
  libbpf_set_print(keep_log);
  log_tail.clear();
  std::unique_ptr<BpfObject> object(new BpfObject);
  std::string trouble;
  bool pinned = !options.pin_dir.empty();
  if (pinned) {
    std::error_code error;
    if (is_below_bpffs(options.pin_dir)) fs::create_directories(fs::path(options.pin_dir) / "links", error);
    if (error || !is_below_bpffs(options.pin_dir)) {
      trouble = options.pin_dir +
                " is no folder of its own on a writable bpffs: changes while the agent is down will lack their actor";
      pinned = false;
    }
  }
  auto loaded = object->load_object(options, tier, pinned, report);
  // Pins of another version or other sizes: nothing of them can be read, so they go. Other failures are not the pins':
  // they may be another tier's, and hold what happened since.
  if (!loaded && pinned && object->adopted_ &&
      (object->other_version_ || log_tail.find("parameter mismatch") != std::string::npos)) {
    const auto former = read_former_marks(options.pin_dir);
    auto removed = remove_pins(options.pin_dir);
    std::error_code error;
    fs::create_directories(fs::path(options.pin_dir) / "links", error);
    object.reset(new BpfObject);  // NOLINT(cppcoreguidelines-owning-memory): its constructor is private
    log_tail.clear();
    const std::string why = loaded.error().why;
    loaded = object->load_object(options, tier, pinned, report);
    const std::size_t lost = loaded ? object->take_over(former, options) : 0;
    if (former.empty() || lost > 0)
      trouble = "an earlier agent's pins could not be adopted and were replaced (" + why + ")" +
                (lost > 0 ? "; " + std::to_string(lost) + " of its marks found no room" : std::string());
    if (!removed) trouble += (trouble.empty() ? "" : "; ") + removed.error().message();
  }
  if (!loaded) return loaded.error();
  object->pin_trouble_ = std::move(trouble);
  if (auto attached = object->attach(report); !attached) return attached.error();
  return object;
}

Result<void> BpfObject::load_object(const KernelOptions& options, Tier tier, bool pinned, TierReport& report) {
  skeleton_ = plumbline_bpf__open();
  if (skeleton_ == nullptr) return load_error("open the BPF object", errno);
  bpf_map__set_max_entries(skeleton_->maps.marks, options.max_marks + canary_marks);
  bpf_map__set_max_entries(skeleton_->maps.mark_states, options.max_marks + canary_marks);
  bpf_map__set_max_entries(skeleton_->maps.processes, options.processes);
  bpf_map__set_max_entries(skeleton_->maps.images, options.images);

  std::unique_ptr<btf, decltype(&btf__free)> kernel(btf__load_vmlinux_btf(), btf__free);
  if (!kernel)
    return Error{ErrorCode::unsupported, "read the kernel's BTF", "/sys/kernel/btf/vmlinux is missing or unreadable",
                 "use a kernel built with CONFIG_DEBUG_INFO_BTF=y (every current distribution's is)"};
  report.hooks.clear();
  report.missing.clear();
  bool has_content_hook = false;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton_->obj) {
    const std::string section = bpf_program__section_name(program);
    const bool wanted = belongs_to(section, tier);
    const bool possible = wanted && kernel_has(kernel.get(), section);
    bpf_program__set_autoload(program, possible);
    if (wanted && !possible) report.missing.push_back(section);
    if (possible && !is_iterator(section)) report.hooks.push_back(section);
    has_content_hook |= possible && (section == "tp_btf/ctime_ns_xchg" || section == "fentry/file_modified");
  }
  set_btrfs_offsets(*skeleton_, kernel.get());
  kernel.reset();
  if (!has_content_hook)
    return Error{ErrorCode::unsupported, "find the hooks of the " + std::string(text_of(tier)) + " tier",
                 tier == Tier::ctime ? "this kernel has no tracepoint timestamp:ctime_ns_xchg (it came with Linux 6.13)"
                                     : "this kernel has no traceable file_modified()",
                 ""};

  if (pinned) {
    // Two agents would acknowledge each other's changes. The lock ends with its holder, however that ends.
    lock_ = Fd(::open(options.pin_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock_ || ::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0)
      return Error{ErrorCode::unavailable, "take over the pins in " + options.pin_dir,
                   errno == EWOULDBLOCK ? "another agent uses them" : errno_text(errno),
                   "end it, or give this one a kernel.pin_dir of its own"};
    link_dir_ = options.pin_dir + "/links";
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, skeleton_->obj) {
      const bool ours = std::any_of(pinned_maps.begin(), pinned_maps.end(),
                                    [&](const char* name) { return std::strcmp(name, bpf_map__name(map)) == 0; });
      if (!ours) continue;
      const std::string pin = options.pin_dir + "/" + bpf_map__name(map);
      adopted_ |= map == skeleton_->maps.marks && ::access(pin.c_str(), F_OK) == 0;
      bpf_map__set_pin_path(map, pin.c_str());
    }
  }
  if (const int error = plumbline_bpf__load(skeleton_); error != 0)
    return load_error("load the programs of the " + std::string(text_of(tier)) + " tier", -error);

  const std::uint32_t zero = 0;
  struct control c{};
  if (bpf_map_lookup_elem(map_fd("control_map"), &zero, &c) != 0) return load_error("read the control map", errno);
  other_version_ = adopted_ && c.abi_version != PLUMBLINE_ABI_VERSION;
  if (other_version_)
    return Error{ErrorCode::unsupported, "adopt pinned maps",
                 "they have ABI version " + std::to_string(c.abi_version) + ", this agent has " +
                     std::to_string(PLUMBLINE_ABI_VERSION),
                 ""};
  links_adopted_ = adopted_ && c.object_hash == object_hash();
  if (!adopted_ && ::getrandom(&c.epoch, sizeof c.epoch, 0) != sizeof c.epoch)
    return load_error("draw an epoch", errno);
  c.abi_version = PLUMBLINE_ABI_VERSION;
  c.object_hash = object_hash();
  if (bpf_map_update_elem(map_fd("control_map"), &zero, &c, BPF_ANY) != 0)
    return load_error("write the control map", errno);
  return {};
}

/// Marks of maps that had another size.
std::size_t BpfObject::take_over(const std::vector<MarkedInode>& former, const KernelOptions& options) {
  if (former.empty()) return 0;
  adopted_ = carried_over_ = true;
  return carry_over(former, map_fd("marks"), map_fd("mark_states"), options.max_marks);
}

Result<void> BpfObject::attach(TierReport& report) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton_->obj) {
    if (!bpf_program__autoload(program) || is_iterator(bpf_program__section_name(program))) continue;
    const std::string name = bpf_program__name(program);
    // The same program of an earlier agent still runs: it keeps running, and this copy is dropped with the object.
    if (links_adopted_) {
      if (bpf_link* pinned = bpf_link__open((link_dir_ + "/" + name).c_str()); pinned != nullptr) {
        links_.emplace_back(name, pinned);
        continue;
      }
    }
    bpf_link* link = bpf_program__attach(program);
    if (link == nullptr && is_fentry(bpf_program__section_name(program))) {
      // A function that this kernel's BTF lists and does not let be traced. The self-test decides whether it matters.
      std::erase(report.hooks, bpf_program__section_name(program));
      report.missing.emplace_back(bpf_program__section_name(program));
      continue;
    }
    if (link == nullptr) {
      report.why = std::string("attach ") + bpf_program__section_name(program) + ": " + errno_text(errno);
      return load_error(std::string("attach ") + bpf_program__section_name(program), errno);
    }
    links_.emplace_back(name, link);
  }
  return {};
}

void BpfObject::pin_links() {
  proven_ = true;
  if (link_dir_.empty()) return;
  std::vector<std::string> current;
  for (auto& [name, link] : links_) {
    const std::string pin = link_dir_ + "/" + name;
    current.push_back(name);
    if (bpf_link__pin_path(link) != nullptr) continue;
    // New before old: for a moment both count the same change, which is better than neither. (bpffs refuses dots.)
    const std::string fresh = pin + "_new";
    ::unlink(fresh.c_str());
    if (bpf_link__pin(link, fresh.c_str()) != 0 || ::rename(fresh.c_str(), pin.c_str()) != 0)
      pin_trouble_ = "pin " + pin + ": " + errno_text(errno);
  }
  std::error_code error;
  for (auto it = fs::directory_iterator(link_dir_, error); !error && it != fs::directory_iterator();
       it.increment(error))
    if (std::find(current.begin(), current.end(), it->path().filename()) == current.end()) ::unlink(it->path().c_str());
}

Result<void> BpfObject::list_processes() {
  if (const int error = run_iterator(skeleton_->progs.list_processes); error != 0)
    return load_error("run iter/task", error);
  return {};
}

int BpfObject::map_fd(const char* name) const {
  const bpf_map* map = bpf_object__find_map_by_name(skeleton_->obj, name);
  return map == nullptr ? -1 : bpf_map__fd(map);
}

std::uint64_t BpfObject::object_hash() {
  std::size_t size = 0;
  const auto* bytes = static_cast<const unsigned char*>(plumbline_bpf__elf_bytes(&size));
  std::uint64_t hash = 14695981039346656037ull;  // FNV-1a, 64 bit: tells builds apart, defends against nothing
  for (std::size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 1099511628211ull;
  return hash;
}

BpfObject::~BpfObject() {
  // Maps that stayed pinned would make the next start believe that an agent had been watching.
  if (!proven_ && !adopted_ && !link_dir_.empty()) (void)remove_pins(fs::path(link_dir_).parent_path());
  // Destroying a pinned link closes our descriptor; the pin keeps the program attached.
  for (auto& [name, link] : links_) bpf_link__destroy(link);
  if (skeleton_ != nullptr) plumbline_bpf__destroy(skeleton_);
}

Result<void> remove_pins(const std::string& pin_dir) {
  // Only what an agent makes: the folder's name is somebody's configuration, and may be a mistake.
  std::error_code error, ignored;
  for (const char* map : pinned_maps) fs::remove(fs::path(pin_dir) / map, ignored);
  const fs::path links = fs::path(pin_dir) / "links";
  for (auto it = fs::directory_iterator(links, ignored); !ignored && it != fs::directory_iterator();
       it.increment(ignored))
    if (it->path().filename().string().starts_with("on_")) ::unlink(it->path().c_str());
  fs::remove(links, ignored);
  fs::remove(pin_dir, error);
  // A mount point stays: systemd leaves the folder writable by mounting it on itself.
  if (error && error != std::errc::device_or_resource_busy)
    return Error{ErrorCode::io, "remove the pins in " + pin_dir, error.message(),
                 "look what else is in it; name a folder of the agent's own in kernel.pin_dir"};
  return {};
}

}  // namespace plumbline::agent
