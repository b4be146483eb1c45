#include "include/util/nearest.hpp"

#include <gtest/gtest.h>

#include <string>

namespace plumbline {
namespace {

TEST(Nearest, CountsEditsAndSwaps) {
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("state", "stat"), 1U);
  EXPECT_EQ(edit_distance("opne", "open"), 1U) << "two neighbours swapped are one edit";
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(Nearest, IsAThirdOfTheWordAwayAtMost) {
  const std::vector<std::string> known = {"state", "resource", "limit"};
  EXPECT_EQ(nearest("stat", known), "state");
  EXPECT_EQ(nearest("resuorces", known), "resource");
  EXPECT_EQ(nearest("colour", known), "");
  EXPECT_EQ(nearest("st", known), "") << "two edits are more than a short word";
  EXPECT_EQ(nearest(std::string(1000, 's'), known), "");
  EXPECT_EQ(nearest("state", std::vector<std::string_view>{}), "");
}

}  // namespace
}  // namespace plumbline
