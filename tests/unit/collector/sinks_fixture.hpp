// Sinks of one kind each, made for a receiver, for the tests of sinks.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>

#include "collector/forward/elasticsearch.hpp"
#include "collector/forward/splunk.hpp"
#include "include/util/clock.hpp"
#include "tests/unit/collector/receiver.hpp"
#include "tests/unit/collector/store_conformance.hpp"

namespace plumbline::collector::test {

inline Answer json(int status, const std::string& body, const std::string& headers = "") {
  return Answer::status(status, headers, body);
}

class Sinks : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    const std::string path = directory_.path() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  static PosterOptions http(const Receiver& receiver, const std::string& path = "") {
    PosterOptions options;
    options.url = receiver.url(path);
    options.timeout = std::chrono::seconds(5);
    return options;
  }
  std::unique_ptr<Sink> elasticsearch(const Receiver& receiver) {
    ElasticsearchOptions options;
    options.http = http(receiver);
    options.auth.api_key_file = file("api_key", "aWQ6a2V5\n");
    return make_elasticsearch_sink(options, watchdog_, clock_).value();
  }
  std::unique_ptr<Sink> splunk(const Receiver& receiver, bool acknowledge = true) {
    SplunkOptions options;
    options.http = http(receiver);
    options.token_file = file("token", "0000-1111\n");
    options.acknowledge = acknowledge;
    options.ack_interval = std::chrono::milliseconds(10);
    options.ack_timeout = std::chrono::milliseconds(300);
    return make_splunk_sink(options, watchdog_, clock_).value();
  }

  TempDirectory directory_;
  SystemClock clock_;
  std::shared_ptr<Watchdog> watchdog_ = std::make_shared<Watchdog>();
};

}  // namespace plumbline::collector::test
