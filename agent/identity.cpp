#include "agent/identity.hpp"

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "baseline/keyed_hash.hpp"
#include "include/util/fd.hpp"

namespace plumbline::agent {
namespace {

/// 32 hex digits that are drawn once and kept in `path`.
Result<std::string> stored_id(const std::string& path, const std::string& what) {
  std::string id;
  if (std::ifstream file(path); file) {
    std::getline(file, id);
    if (id.size() == 32 && id.find_first_not_of("0123456789abcdef") == std::string::npos) return id;
    return Error{ErrorCode::corrupt, "read " + what + " " + path, "not 32 hex digits",
                 "restore it, or remove it to draw a new one"};
  }
  std::array<std::byte, 16> random;
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return io_error("draw " + what, errno);
  id = baseline::to_hex(random);
  const std::string fresh = path + ".new";
  const Fd out(::open(fresh.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
  const std::string line = id + "\n";
  if (!out || ::write(out.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
      ::fsync(out.get()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0)
    return io_error("write " + what + " " + path, errno, "the state directory must be writable");
  return id;
}

}  // namespace

Result<void> make_state_dir(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return io_error("make the state directory " + path, errno, "run as root, or set state_dir");
  const std::string what = "use the state directory " + path;
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return io_error(what, errno, "set state_dir to another");
  if (!S_ISDIR(status.st_mode)) return invalid(what, "it is not a directory", "set state_dir to one");
  // Not tightened in silence: what others may have put there (a key, drift that never was) would be believed.
  const std::string own = std::to_string(::geteuid());
  if (status.st_uid != ::geteuid() && status.st_uid != 0)
    return invalid(what,
                   "it belongs to uid " + std::to_string(status.st_uid) + ", who could change what is found there",
                   "look what is in it, then chown -R " + own + " " + path + "; or set state_dir to another");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return invalid(what, "users other than its owner may write to it, and so change what is found there",
                   "look what is in it, then chmod go-w " + path + "; or set state_dir to another");
  return {};
}

Result<NodeIdentity> load_identity(const AgentConfig& config) {
  auto id = stored_id(config.state_dir + "/node_id", "the node id");
  if (!id) return id.error();
  // Ids of findings must not come again where the spool was lost and its sequences begin anew, within one boot too.
  const std::string spool = config.state_dir + "/spool";
  if (::mkdir(spool.c_str(), 0700) != 0 && errno != EEXIST) return io_error("make " + spool, errno);
  auto life = stored_id(spool + "/life", "the spool's id");
  if (!life) return life.error();
  std::string boot_id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot_id;
  std::erase(boot_id, '-');
  if (boot_id.size() != 32) return Error{ErrorCode::io, "read the boot id", "/proc is not mounted", ""};
  std::array<std::byte, 32> epoch;
  const std::string both = boot_id + *life;
  ::SHA256(reinterpret_cast<const unsigned char*>(both.data()), both.size(),
           reinterpret_cast<unsigned char*>(epoch.data()));
  return NodeIdentity{std::move(*id), config.node, std::move(boot_id), baseline::to_hex(epoch), config.labels};
}

}  // namespace plumbline::agent
