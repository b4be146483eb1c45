#include "baseline/revision.hpp"

#include <gtest/gtest.h>

namespace plumbline::baseline {
namespace {

TEST(Revision, serials_order_one_lineage) {
  const Revision seven{{"lineage", "a"}, {"serial", "7"}};
  EXPECT_EQ(moved(seven, seven), Move::none);
  EXPECT_EQ(moved(seven, {{"lineage", "a"}, {"serial", "10"}}), Move::on);
  EXPECT_EQ(moved({{"lineage", "a"}, {"serial", "10"}}, seven), Move::backwards);
  EXPECT_EQ(moved(seven, {{"lineage", "b"}, {"serial", "8"}}), Move::elsewhere);
}

TEST(Revision, times_order_what_has_no_serial) {
  const Revision noon{{"stack", "prod"}, {"time", "2026-11-26T12:00:00.5Z"}};
  EXPECT_EQ(moved(noon, {{"stack", "prod"}, {"time", "2026-11-26T12:00:01Z"}}), Move::on);
  EXPECT_EQ(moved(noon, {{"stack", "prod"}, {"time", "2026-11-26T12:00:00.25Z"}}), Move::on) << "within the second";
  EXPECT_EQ(moved(noon, {{"stack", "prod"}, {"time", "2026-11-25T12:00:00Z"}}), Move::backwards);
  EXPECT_EQ(moved(noon, {{"stack", "prod"}, {"time", "2026-11-25T12:00:00+02:00"}}), Move::on) << "not in UTC";
  EXPECT_EQ(moved({{"updated_at", "2026-11-26T12:00:00Z"}}, {{"updated_at", "2026-11-26T11:00:00Z"}}), Move::backwards);
  EXPECT_EQ(moved(noon, {{"stack", "test"}, {"time", "2026-11-27T12:00:00Z"}}), Move::elsewhere);
}

TEST(Revision, others_have_no_order) {
  EXPECT_EQ(moved({{"revision", "9"}}, {{"revision", "8"}}), Move::on);
  EXPECT_EQ(moved({{"resourceVersion", "9"}}, {{"resourceVersion", "8"}}), Move::on);
  EXPECT_TRUE(seems_back({{"resourceVersion", "10"}}, {{"resourceVersion", "9"}}));
  EXPECT_FALSE(seems_back({{"resourceVersion", "9"}}, {{"resourceVersion", "10"}}));
  EXPECT_FALSE(seems_back({{"resourceVersion", "9"}}, {{"resourceVersion", "9"}}));
  EXPECT_FALSE(seems_back({{"resourceVersion", "9"}}, {{"resourceVersion", "a8"}}));
  EXPECT_FALSE(seems_back({}, {{"resourceVersion", "8"}}));
  EXPECT_EQ(moved({{"serial", "x"}}, {{"serial", "1"}}), Move::on);
  EXPECT_EQ(moved({}, {{"serial", "1"}}), Move::on);
  EXPECT_EQ(text_of({{"serial", "7"}, {"lineage", "a"}}), "lineage=a serial=7");
}

TEST(Revision, that_hides_its_order_or_name_is_no_later_one) {
  const Revision nine{{"lineage", "a"}, {"serial", "9"}};
  EXPECT_EQ(moved(nine, {{"lineage", "a"}, {"serial", "-1"}}), Move::backwards);
  EXPECT_EQ(moved(nine, {{"lineage", "a"}}), Move::backwards);
  EXPECT_EQ(moved(nine, {{"lineage", ""}, {"serial", "10"}}), Move::elsewhere);
  EXPECT_EQ(moved({{"lineage", ""}, {"serial", "9"}}, {{"lineage", "a"}, {"serial", "10"}}), Move::on);
}

TEST(Revision, knows_the_versions_of_a_helm_release_for_as_long_as_it_is_the_same) {
  const Revision second{{"shop", "10"}, {"shop since", "2024-05-01T10:00:00Z"}, {"blog", "3"}};
  Revision first = second;
  first["shop"] = "9";
  EXPECT_EQ(moved(first, second), Move::on);
  EXPECT_EQ(moved(second, first), Move::backwards);
  first["shop since"] = "2024-06-01T10:00:00Z";
  EXPECT_EQ(moved(second, first), Move::on) << "uninstalled, and installed anew";
  Revision without = second;
  without["blog"] = "2";
  EXPECT_EQ(moved(second, without), Move::on) << "nothing tells whether it is the same release";
}

}  // namespace
}  // namespace plumbline::baseline
