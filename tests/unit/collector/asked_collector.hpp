// A whole collector in this process, asked over real sockets.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "collector/collector.hpp"
#include "include/wire/json.hpp"
#include "tests/unit/collector/client.hpp"
#include "tests/unit/collector/store_conformance.hpp"

namespace plumbline::collector::test {

class AskedCollector : public ::testing::Test {
 protected:
  /// Anew, with this configuration, on the store of the one before.
  void build(const std::string& yaml) {
    client_.reset();
    collector_.reset();
    auto config = parse_collector_config("test.yaml", yaml);
    ASSERT_TRUE(config) << config.error().message();
    config->port = 0;
    config->sqlite_path = directory_.path() + "/plumbline.db";
    auto built = Collector::build(*config, clock_);
    ASSERT_TRUE(built) << built.error().message();
    collector_ = std::move(*built);
    client_.emplace(collector_->port());
  }
  Reply get(const std::string& target) {
    const auto reply = client_->get(target);
    EXPECT_TRUE(reply) << target;
    return reply.value_or(Reply{});
  }
  wire::Json items(const std::string& target) { return wire::Json::parse(get(target).body)["items"]; }

  TempDirectory directory_;
  SystemClock clock_;
  std::unique_ptr<Collector> collector_;
  std::optional<Client> client_;
  Made node_;
};

}  // namespace plumbline::collector::test
