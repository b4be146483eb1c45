#include "agent/identity.hpp"

#include <openssl/sha.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "baseline/keyed_hash.hpp"
#include "include/util/own_folder.hpp"
#include "include/util/replace_file.hpp"

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
  if (auto written = replace_file(path, id + "\n"); !written) return written.error();
  return id;
}

}  // namespace

Result<void> make_state_dir(const std::string& path) {
  return make_own_folder(path, "state directory", "state_dir");
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
