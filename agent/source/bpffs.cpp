#include "agent/source/bpffs.hpp"

#include <sys/vfs.h>

namespace plumbline::agent {

namespace fs = std::filesystem;

constexpr long bpffs_magic = 0xcafe4a11;  // BPF_FS_MAGIC, linux/magic.h

bool is_below_bpffs(const fs::path& folder) {
  std::error_code error;
  fs::path there = folder;
  while (!fs::exists(there, error) && there.has_relative_path()) there = there.parent_path();
  struct statfs own{}, above{};
  if (::statfs(there.c_str(), &own) != 0 || own.f_type != bpffs_magic) return false;
  return there != folder || (::statfs(folder.parent_path().c_str(), &above) == 0 && above.f_type == bpffs_magic);
}

}  // namespace plumbline::agent
