// URLs of endpoints to addresses, with a resolver that is a double where names are asked for.
#include "agent/plain_endpoints.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plumbline::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> addresses_of(const std::string& url) {
  std::vector<std::string> all;
  if (const auto found = resolve_endpoint(url, true))
    for (const auto& one : *found) all.push_back(text_of(one));
  return all;
}

TEST(PlainEndpoints, are_addresses_and_ports) {
  EXPECT_THAT(addresses_of("http://127.0.0.1:4566"), ElementsAre("127.0.0.1:4566"));
  EXPECT_THAT(addresses_of("http://[fd00:ec2::254]"), ElementsAre("[fd00:ec2::254]:80"));
  // What an IPv6 socket that talks IPv4 calls it.
  EXPECT_THAT(addresses_of("http://[::ffff:10.0.0.1]:9000"), ElementsAre("10.0.0.1:9000"));
  EXPECT_THAT(addresses_of("http://localhost:4566"), IsEmpty()) << "a name has to be asked for";
  EXPECT_THAT(resolve_endpoint("http://nowhere.invalid:1").error().message(), HasSubstr("look up nowhere.invalid"));
}

/// Names by a table; others are addresses.
class Names {
 public:
  void set(const std::string& url, const std::string& address) {
    const std::lock_guard lock(mutex_);
    of_[url] = address;
  }
  Result<std::vector<plain_endpoint>> operator()(const std::string& url, bool numeric) {
    const std::lock_guard lock(mutex_);
    const auto found = of_.find(url);
    if (found == of_.end()) return resolve_endpoint(url, true);
    if (numeric || found->second.empty()) return Error{ErrorCode::unavailable, "look up " + url, "nobody knows it", ""};
    return resolve_endpoint(found->second, true);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> of_;
};

class PlainEndpointsTest : public ::testing::Test {
 protected:
  void wait_for(const std::vector<std::string>& expected) {
    std::unique_lock lock(mutex_);
    const bool came = changed_.wait_for(lock, std::chrono::seconds(20), [&] { return told_ == expected; });
    EXPECT_TRUE(came) << ::testing::PrintToString(told_);
  }

  Names names_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> told_;
  PlainEndpoints endpoints_{[this](const std::vector<plain_endpoint>& all) {
                              const std::lock_guard lock(mutex_);
                              told_.clear();
                              for (const auto& one : all) told_.push_back(text_of(one));
                              changed_.notify_all();
                            },
                            [this](const std::string& url, bool numeric) { return names_(url, numeric); }};
};

TEST_F(PlainEndpointsTest, addresses_are_known_at_once_and_names_soon) {
  names_.set("http://cloud:1", "http://10.0.0.1:1");
  names_.set("http://lost:1", "");
  endpoints_.set({"http://cloud:1", "http://10.0.0.2:2", "http://lost:1"});
  wait_for({"10.0.0.1:1", "10.0.0.2:2"});
  while (endpoints_.rows()[2].why == "its name is being looked up") std::this_thread::yield();
  EXPECT_THAT(endpoints_.rows()[2].why, HasSubstr("nobody knows it"));
  EXPECT_EQ(endpoints_.rows()[0].why, "");
}

TEST_F(PlainEndpointsTest, a_new_list_replaces_the_old_one_and_keeps_what_is_known_of_names) {
  names_.set("http://cloud:1", "http://10.0.0.1:1");
  endpoints_.set({"http://cloud:1", "http://10.0.0.2:2"});
  wait_for({"10.0.0.1:1", "10.0.0.2:2"});
  names_.set("http://cloud:1", "");
  endpoints_.set({"http://10.0.0.3:3", "http://cloud:1"});
  wait_for({"10.0.0.3:3", "10.0.0.1:1"});
  while (endpoints_.rows()[1].why.empty()) std::this_thread::yield();
  EXPECT_EQ(endpoints_.rows()[1].addresses.size(), 1u) << "one that is not found any more keeps its addresses";
  names_.set("http://cloud:1", "http://10.0.0.9:1");
  endpoints_.set({"http://cloud:1"});
  wait_for({"10.0.0.9:1"});
  endpoints_.set({});
  wait_for({});
}

}  // namespace
}  // namespace plumbline::agent
