// The conformance suite on a real PostgreSQL, and what only a shared server can do: be gone, be full of others, be
// newer.
#include "collector/store/postgres_store.hpp"

#include <filesystem>

#include "tests/unit/collector/postgres_server.hpp"
#include "tests/unit/collector/receiver.hpp"
#include "tests/unit/collector/store_conformance.hpp"

namespace plumbline::collector::test {
namespace {

std::string why_not;

/// One for the whole program: making a cluster takes a second.
PostgresServer* server() {
  static const std::unique_ptr<PostgresServer> one = PostgresServer::make(why_not);
  return one.get();
}

Result<std::unique_ptr<Store>> open_in(const std::string& directory) {
  const std::string schema = std::filesystem::path(directory).filename().string();
  server()->run_sql("CREATE SCHEMA IF NOT EXISTS \"" + schema + "\"");
  return open_postgres_store({.target = {server()->uri(schema), ""}});
}

INSTANTIATE_TEST_SUITE_P(Postgres, StoreConformance,
                         ::testing::Values(StoreFactory{"postgres", open_in,
                                                        [] { return server() == nullptr ? why_not : std::string(); }}),
                         [](const auto& chosen) { return chosen.param.name; });

}  // namespace
}  // namespace plumbline::collector::test
