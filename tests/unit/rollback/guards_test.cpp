#include "agent/rollback/guards.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plumbline::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Kind = Ruling::Kind;

constexpr std::int64_t minute = 60'000'000'000;

GuardLimits loose() {
  return {100, 1ns, 100, 1min, 3, 30min};
}

TEST(Guards, a_file_has_a_budget_of_its_own) {
  Guards guards({1, 10min, 100, 1min, 3, 30min});
  EXPECT_EQ(guards.may_put_back("/a", "x", 0).kind, Kind::go);
  guards.put_back("/a", "x", 0);
  const auto ruling = guards.may_put_back("/a", "y", 9 * minute);
  EXPECT_EQ(ruling.kind, Kind::wait);
  EXPECT_THAT(ruling.why, HasSubstr("1 in 600 s"));
  EXPECT_EQ(ruling.until_ns, 10 * minute);
  EXPECT_EQ(guards.may_put_back("/b", "y", 9 * minute).kind, Kind::go);
  EXPECT_EQ(guards.may_put_back("/a", "y", ruling.until_ns).kind, Kind::go);
}

TEST(Guards, a_node_has_a_budget_for_all_its_files) {
  Guards guards({1, 10min, 2, 1min, 3, 30min});
  guards.put_back("/a", "x", 0);
  guards.put_back("/b", "x", minute / 2);
  const auto ruling = guards.may_put_back("/c", "x", minute - 1);
  EXPECT_EQ(ruling.kind, Kind::wait);
  EXPECT_EQ(ruling.until_ns, minute);
  EXPECT_EQ(guards.may_put_back("/c", "x", minute).kind, Kind::go);
}

TEST(Guards, who_fights_is_contested_after_three_rollbacks) {
  Guards guards(loose());
  for (int i = 0; i < 3; ++i) {
    const std::string found = "content " + std::to_string(i);
    EXPECT_EQ(guards.may_put_back("/a", found, i * minute).kind, Kind::go);
    guards.put_back("/a", found, i * minute);
  }
  const auto ruling = guards.may_put_back("/a", "content 3", 3 * minute);
  EXPECT_EQ(ruling.kind, Kind::contested);
  EXPECT_THAT(ruling.why, HasSubstr("3 in 1800 s"));
  EXPECT_EQ(guards.may_put_back("/b", "content 3", 3 * minute).kind, Kind::go);
  EXPECT_EQ(guards.may_put_back("/a", "content 3", 31 * minute).kind, Kind::go) << "the first is longer ago";
}

TEST(Guards, the_same_content_again_is_contested_sooner) {
  Guards guards(loose());
  guards.put_back("/a", "x", 0);
  EXPECT_EQ(guards.may_put_back("/a", "x", minute).kind, Kind::go) << "once may be a mistake made twice";
  guards.put_back("/a", "x", minute);
  EXPECT_EQ(guards.may_put_back("/a", "y", 2 * minute).kind, Kind::go);
  const auto ruling = guards.may_put_back("/a", "x", 2 * minute);
  EXPECT_EQ(ruling.kind, Kind::contested);
  EXPECT_THAT(ruling.why, HasSubstr("same content"));
}

TEST(Guards, what_a_person_decided_counts_anew) {
  Guards guards(loose());
  for (int i = 0; i < 3; ++i) guards.put_back("/a", "x", i * minute);
  guards.forget("/a");
  EXPECT_EQ(guards.may_put_back("/a", "x", 3 * minute).kind, Kind::go);
}

TEST(Guards, what_an_earlier_agent_did_is_taken_in_any_order) {
  Guards guards(loose());
  for (const int at : {2, 0, 1}) guards.put_back("/a", "x", at * minute);
  EXPECT_EQ(guards.may_put_back("/a", "y", 3 * minute).kind, Kind::contested);
  EXPECT_EQ(guards.may_put_back("/a", "y", 30 * minute).kind, Kind::go) << "two are left of the window";
}

TEST(Guards, remembers_a_bounded_number_of_files_the_latest_ones) {
  Guards guards({1, 10min, 1'000'000, 1ns, 3, 30min});
  for (int i = 0; i <= 4096; ++i) guards.put_back("/f" + std::to_string(i), "x", i);
  EXPECT_EQ(guards.may_put_back("/f0", "x", 5000).kind, Kind::go);
  EXPECT_EQ(guards.may_put_back("/f1", "x", 5000).kind, Kind::wait);
}

}  // namespace
}  // namespace plumbline::agent
