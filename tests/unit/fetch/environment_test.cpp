#include "fetch/environment.hpp"

#include <gtest/gtest.h>

#include "tests/unit/fetch/fakes.hpp"

namespace plumbline::fetch {
namespace {

TEST(Environment, is_the_process_s_own_where_none_is_given) {
  ::setenv("PLUMBLINE_TEST_VARIABLE", "x", 1);
  EXPECT_EQ(variable({}, "PLUMBLINE_TEST_VARIABLE"), "x");
  const test::Variables none;
  EXPECT_EQ(variable(test::environment_of(none), "PLUMBLINE_TEST_VARIABLE"), "");
  ::unsetenv("PLUMBLINE_TEST_VARIABLE");
  EXPECT_EQ(variable({}, "PLUMBLINE_TEST_VARIABLE"), "");
}

}  // namespace
}  // namespace plumbline::fetch
