// What alert rules go by: gauges of the agent's own state.
#include "agent/node_state.hpp"

#include <gmock/gmock.h>

#include "include/util/clock.hpp"

namespace plumbline::agent {
namespace {

using ::testing::HasSubstr;

BaselineStatus baseline_of(const char* name) {
  BaselineStatus baseline;
  baseline.name = name;
  baseline.loaded = true;
  return baseline;
}

TEST(NodeState, is_ready_only_while_all_of_it_is) {
  Counters counters;
  NodeState state({}, counters, 1);
  EXPECT_THAT(state.metrics_text(), HasSubstr("\nplumbline_ready 0\n"));
  for (const char* name : {"hooks", "baseline", "spool"}) state.set_health(name, true, "");
  EXPECT_THAT(state.metrics_text(), HasSubstr("\nplumbline_ready 1\n"));
  state.set_health("spool", false, "no room");
  EXPECT_THAT(state.metrics_text(), HasSubstr("\nplumbline_ready 0\n"));
}

TEST(NodeState, counts_baselines_that_are_not_as_their_sources_are_now) {
  Counters counters;
  NodeState state({}, counters, 1);
  const WallNs hour_ago = SystemClock().wall() - 3'600'000'000'000;
  BaselineStatus unreadable = baseline_of("a"), overdue = baseline_of("b"), moving = baseline_of("c");
  unreadable.error = "permission denied";
  overdue.moved_at = moving.moved_at = hour_ago;
  overdue.stale_after = std::chrono::minutes(59);
  moving.stale_after = std::chrono::minutes(61);
  state.set_baselines({moving, baseline_of("d")});
  EXPECT_THAT(state.metrics_text(), HasSubstr("\nplumbline_baselines_stale 0\n"));
  state.set_baselines({unreadable, overdue, moving});
  EXPECT_THAT(state.metrics_text(), HasSubstr("\nplumbline_baselines_stale 2\n"));
}

}  // namespace
}  // namespace plumbline::agent
