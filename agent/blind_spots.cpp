#include "agent/blind_spots.hpp"

#include "include/wire/json.hpp"

namespace plumbline::agent {

std::vector<wire::BlindSpot> blind_spots_of(const Kernel& kernel) {
  std::vector<wire::BlindSpot> all = {
      {"mmap_store_into_dirty_page", "node",
       "A second store into a page of a shared mapping that is already dirty is seen only once the page was written "
       "back.",
       "no fault happens, so no hook can run", "the rescan finds it"},
      {"block_device_write", "node", "Writes to the block device under a mounted file system are not seen.",
       "they pass no inode", "the rescan finds them once the page cache lets go"},
      {"remote_change", "node",
       "Changes that another host makes on a network file system are not seen when they happen.",
       "they pass no hook of this kernel", "the rescan finds them"}};
  if (kernel.tier() == Tier::fentry) {
    all.push_back({"direct_io_after_event", "node",
                   "A direct (O_DIRECT) write may land after its event; the file is read once more a second later.",
                   "the write holds no exclusive lock that a reader could wait for", ""});
  } else {
    all.push_back({"no_multigrain_time", "file systems without multigrain time",
                   "Several changes within one clock tick may show as one.",
                   "only ext4, xfs, btrfs and tmpfs stamp each change that somebody looked at",
                   "the file is read once more a second later"});
    all.push_back({"second_writer_within_a_tick", "node",
                   "Where two programs write a file within one clock tick (1 to 10 ms) and nobody looked at it in "
                   "between, only the first is named, with the content that the second left.",
                   "the kernel stamps no second change within a tick, and tells of none",
                   "kernel.tier: fentry sees each write, at a small cost for every write on the node"});
  }
  for (const auto& report : kernel.reports())
    for (const auto& hook : report.missing)
      if (report.works)
        all.push_back({"hook_missing", hook,
                       "This kernel has no such function; the other hooks cover it where they can.",
                       "kernel version or configuration", ""});
  if (!kernel.pin_trouble().empty())
    all.push_back({"not_pinned", "node", "Changes while the agent is down are found by comparing, without their actor.",
                   kernel.pin_trouble(), "mount a writable bpffs and set kernel.pin_dir on it"});
  return all;
}

std::string kernel_json(const Kernel& kernel) {
  wire::Json tiers = wire::Json::array();
  for (const auto& report : kernel.reports())
    tiers.push_back({{"tier", text_of(report.tier)},
                     {"works", report.works},
                     {"why", report.why},
                     {"hooks", report.hooks},
                     {"missing", report.missing}});
  const control c = kernel.read_control();
  char epoch[20];
  std::snprintf(epoch, sizeof epoch, "%016llx", static_cast<unsigned long long>(c.epoch));
  return wire::Json{{"tiers", std::move(tiers)},
                    {"adopted", kernel.adopted()},
                    {"pin_trouble", kernel.pin_trouble()},
                    {"abi_version", c.abi_version},
                    {"epoch", epoch}}
      .dump();
}

}  // namespace plumbline::agent
