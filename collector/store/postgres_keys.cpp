#include "collector/store/postgres_keys.hpp"

#include "collector/store/postgres_schema.hpp"

namespace plumbline::collector {

Result<void> agree_on_keys(PgConnection& connection, const KeyFingerprints& keys) {
  for (const auto& [name, fingerprint] : keys) {
    const auto noted =
        connection.run("INSERT INTO shared_keys (name, fingerprint) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                       PgParams().add(name).add(fingerprint));
    if (!noted) return noted.error();
    const auto known = connection.run("SELECT fingerprint FROM shared_keys WHERE name = $1", PgParams().add(name));
    if (!known) return known.error();
    if (const std::string theirs = known->empty() ? "" : known->text(0, 0); theirs != fingerprint)
      return invalid("share the store with other collectors",
                     "the key `" + name + "` here has the fingerprint " + fingerprint + ", and theirs has " + theirs,
                     "give this one the files that the others have in keys_dir; where these are meant to take their "
                     "place, stop the others and run --adopt-keys once");
  }
  return {};
}

Result<void> adopt_keys(const PostgresTarget& target, const KeyFingerprints& keys) {
  auto connection = PgConnection::open(target);
  if (!connection) return connection.error();
  if (auto made = bring_up_to_date(*connection); !made) return made;
  for (const auto& [name, fingerprint] : keys) {
    const auto noted = connection->run(
        "INSERT INTO shared_keys (name, fingerprint) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET fingerprint ="
        " excluded.fingerprint",
        PgParams().add(name).add(fingerprint));
    if (!noted) return noted.error();
  }
  return {};
}

}  // namespace plumbline::collector
