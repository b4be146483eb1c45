#include "collector/keys/shared_keys.hpp"

#include <filesystem>

#include "baseline/keyed_hash.hpp"
#include "fetch/handout.hpp"
#include "include/util/own_folder.hpp"

namespace plumbline::collector {
namespace {

using access::Authority;
using access::AuthorityOf;

bool is_there(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

Result<std::string> fingerprint_of(const std::string& folder, AuthorityOf whom) {
  const auto files = shared_authority(folder, whom);
  if (auto fine = check_given_key(files.key); !fine) return fine.error();
  const auto authority = Authority::read(files, whom);
  if (!authority) return authority.error();
  return (*authority)->fingerprint();
}

}  // namespace

access::AuthorityFiles shared_authority(const std::string& folder, AuthorityOf whom) {
  const std::string name = folder + (whom == AuthorityOf::nodes ? "/nodes-ca" : "/server-ca");
  return {name + ".key", name + ".pem"};
}

Result<std::vector<std::string>> make_shared_keys(const std::string& folder) {
  if (auto made = make_own_folder(folder, "folder of shared keys", "keys_dir"); !made) return made.error();
  std::vector<std::string> made;
  for (const auto whom : {AuthorityOf::nodes, AuthorityOf::server}) {
    const auto files = shared_authority(folder, whom);
    const bool is_new = !is_there(files.key) && !is_there(files.certificate);
    if (const auto authority = Authority::read_or_make(files, whom); !authority) return authority.error();
    if (!is_new) continue;
    made.push_back(files.key);
    made.push_back(files.certificate);
  }
  for (const char* name : {"/hash.key", "/signing.key", "/node.key"})
    if (!is_there(folder + name)) made.push_back(folder + name);
  const auto keys = make_shelf_keys(folder);
  if (!keys) return keys.error();
  if (auto written = fetch::write_node_key(folder + "/node.key", keys->for_nodes()); !written) return written.error();
  return made;
}

Result<KeyFingerprints> fingerprints_of(const std::string& folder, const KeysInUse& in_use) {
  KeyFingerprints all;
  for (const auto& [used, name, whom] : {std::tuple(in_use.nodes_authority, "nodes-ca", AuthorityOf::nodes),
                                         std::tuple(in_use.server_authority, "server-ca", AuthorityOf::server)}) {
    if (!used) continue;
    auto fingerprint = fingerprint_of(folder, whom);
    if (!fingerprint) return fingerprint.error();
    all.emplace(name, std::move(*fingerprint));
  }
  if (!in_use.baselines) return all;
  const auto keys = read_shelf_keys(folder);
  if (!keys) return keys.error();
  const auto verify = fetch::public_key_of(keys->signing);
  all.emplace("signing", to_hex(baseline::sha256({reinterpret_cast<const char*>(verify.data()), verify.size()})));
  // By the key itself, so that it tells nothing of it.
  const std::string mac = baseline::KeyedHash(keys->hash).of_digest(baseline::sha256("plumbline shared key"));
  all.emplace("hash", mac.substr(mac.find(':') + 1));
  return all;
}

}  // namespace plumbline::collector
