// Whether collectors that share a PostgreSQL have the same keys. The keys are in files of each; here is what tells them
// apart.
#pragma once

#include <map>
#include <string>

#include "collector/store/postgres.hpp"

namespace plumbline::collector {

/// Fingerprints (SHA-256, hex) of keys, by their names.
using KeyFingerprints = std::map<std::string, std::string>;

/// Notes those that nobody has noted yet; of two collectors that start at once, one does. `invalid_argument`: another
/// collector of this store has another key of one of these names.
Result<void> agree_on_keys(PgConnection& connection, const KeyFingerprints& keys);

/// Makes these the store's, whatever was noted: a person means it. Opens a connection of its own, and brings the schema
/// up to date.
Result<void> adopt_keys(const PostgresTarget& target, const KeyFingerprints& keys);

}  // namespace plumbline::collector
