// A PostgreSQL server for a test program, and collectors' stores on it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "collector/store/postgres_store.hpp"
#include "tests/unit/collector/postgres_server.hpp"
#include "tests/unit/collector/store_conformance.hpp"

namespace plumbline::collector::test {

/// Why there is no server; "" = there is.
inline std::string why_no_server;

/// One for the whole program: making a cluster takes a second. nullptr: there is none here.
inline PostgresServer* server() {
  static const std::unique_ptr<PostgresServer> one = PostgresServer::make(why_no_server);
  return one.get();
}

/// The name of a schema of its own for each directory.
inline std::string schema_of(const std::string& directory) {
  return std::filesystem::path(directory).filename().string();
}

inline PostgresTarget target_in(const std::string& directory) {
  server()->run_sql("CREATE SCHEMA IF NOT EXISTS \"" + schema_of(directory) + "\"");
  return {server()->uri(schema_of(directory)), ""};
}

inline Result<std::unique_ptr<Store>> open_in(const std::string& directory) {
  return open_postgres_store({.target = target_in(directory)});
}

/// Collectors that share one store.
class PostgresStores : public ::testing::Test {
 protected:
  void SetUp() override {
    if (server() == nullptr) GTEST_SKIP() << why_no_server;
  }
  std::unique_ptr<Store> another() {
    auto opened = open_in(directory_.path());
    EXPECT_TRUE(opened) << opened.error().message();
    return opened ? std::move(*opened) : nullptr;
  }
  /// As SQL names it.
  std::string schema() const { return "\"" + schema_of(directory_.path()) + "\""; }

  TempDirectory directory_;
  Made node_;
};

}  // namespace plumbline::collector::test
