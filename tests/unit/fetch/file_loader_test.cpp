#include "fetch/file_loader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/fetch/deliveries.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::fetch {
namespace {

using ::testing::HasSubstr;

class FileLoaderTest : public ::testing::Test {
 protected:
  std::shared_ptr<SourceKeeper> source(const std::string& name, int serial) {
    dir_.write(name, R"({"version":4,"serial":)" + std::to_string(serial) + R"(,"lineage":"a","resources":[]})");
    return std::make_shared<SourceKeeper>(baseline::SourceSpec{name, "terraform_state", dir_ / name}, dir_ / "kept",
                                          key_);
  }
  Delivered next() { return deliveries_.next(); }

  const TempDir dir_;
  const baseline::KeyedHash key_{std::array<std::byte, 32>{}};
  test::Deliveries deliveries_;
  FileLoader loader_{deliveries_.taker()};
};

TEST_F(FileLoaderTest, each_file_is_read_in_its_turn) {
  const auto one = source("one", 1), two = source("two", 2);
  loader_.load(one, false);
  loader_.load(two, false);
  const auto first = next(), second = next();
  EXPECT_EQ(first.keeper, one);
  EXPECT_EQ((**first.what).baseline.revision.at("serial"), "1");
  EXPECT_EQ(second.keeper, two);
  EXPECT_EQ((**second.what).baseline.revision.at("serial"), "2");
}

TEST_F(FileLoaderTest, what_waits_is_read_once_and_what_is_under_way_once_more) {
  const auto one = source("one", 1), two = source("two", 7);
  ASSERT_TRUE(two->load(false));
  source("two", 6);
  deliveries_.hold(true);
  loader_.load(one, false);
  next();
  loader_.load(two, false);
  loader_.load(two, true);
  loader_.load(two, false);
  loader_.load(one, false);
  deliveries_.hold(false);
  const auto back = next();
  EXPECT_EQ(back.keeper, two);
  EXPECT_TRUE(back.what) << "somebody means it";
  EXPECT_EQ(next().keeper, one);
  loader_.stop();
  EXPECT_TRUE(deliveries_.empty());
}

TEST_F(FileLoaderTest, what_cannot_be_taken_is_told_with_the_reason) {
  const auto one = source("one", 7);
  ASSERT_TRUE(one->load(false));
  source("one", 6);
  loader_.load(one, false);
  const auto back = next();
  EXPECT_THAT(back.what.error().message(), HasSubstr("it went back"));
  EXPECT_EQ(back.move, baseline::Move::backwards);
}

}  // namespace
}  // namespace plumbline::fetch
