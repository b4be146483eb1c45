// The keys that all collectors of one store have: files of one folder, which a person gives to each of them
// (docs/decisions/0035-shared-keys.md).
#pragma once

#include <string>
#include <vector>

#include "access/authority.hpp"
#include "collector/baselines/shelf_keys.hpp"
#include "collector/store/postgres_keys.hpp"
#include "include/util/result.hpp"

namespace plumbline::collector {

/// Which authority's files of `folder`: nodes-ca.key and nodes-ca.pem, or server-ca.key and server-ca.pem.
access::AuthorityFiles shared_authority(const std::string& folder, access::AuthorityOf whom);

/// Makes what is missing of them (0600, in a folder of 0700), and node.key, which agents need of them; returns the
/// names of what it made. An authority of which one file is there is `corrupt`.
Result<std::vector<std::string>> make_shared_keys(const std::string& folder);

/// What a collector uses of them.
struct KeysInUse {
  bool nodes_authority = false, server_authority = false, baselines = false;
};

/// Reads those in use. `not_found`, `permission` and `corrupt` name the file. `permission`: everybody on this machine
/// may read it (a group may, as kubelet sets one).
Result<KeyFingerprints> fingerprints_of(const std::string& folder, const KeysInUse& in_use);

}  // namespace plumbline::collector
