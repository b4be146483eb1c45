#include "access/enrolment_tokens.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::access {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class SetClock final : public Clock {
 public:
  WallNs wall() const override { return at * 1'000'000'000; }
  std::int64_t boot() const override { return wall(); }
  std::int64_t at = 1'800'000'000;
};

const std::string one_key(64, 'a'), other_key(64, 'b');

class Tokens : public ::testing::Test {
 protected:
  Tokens() { open(); }
  void open() { tokens_ = EnrolmentTokens::open(dir_ / "tokens", clock_).value(); }
  std::string file() const {
    std::ifstream in(dir_ / "tokens");
    return {std::istreambuf_iterator<char>(in), {}};
  }
  const TempDir dir_;
  SetClock clock_;
  std::unique_ptr<EnrolmentTokens> tokens_;
};

TEST_F(Tokens, one_is_for_one_node_and_one_key) {
  const auto made = tokens_->make("web-1", 3'600).value();
  EXPECT_EQ(made.token.size(), 64U);
  EXPECT_THAT(file(), Not(HasSubstr(made.token))) << "at rest there is only its hash";
  EXPECT_EQ(tokens_->use(made.token, one_key).value(), "web-1");
  EXPECT_EQ(tokens_->use(made.token, one_key).value(), "web-1") << "the answer may not have arrived";
  const auto replayed = tokens_->use(made.token, other_key);
  ASSERT_FALSE(replayed);
  EXPECT_EQ(replayed.error().code, ErrorCode::permission);
  EXPECT_THAT(replayed.error().message(), HasSubstr("was used already"));
  open();
  EXPECT_FALSE(tokens_->use(made.token, other_key)) << "a restart forgets nothing";
  EXPECT_EQ(tokens_->stats().replayed, 1U);
}

TEST_F(Tokens, ends_is_unknown_or_taken_back) {
  const auto made = tokens_->make("web-1", 60).value(), other = tokens_->make("web-2", 3'600).value();
  EXPECT_THAT(tokens_->use(std::string(64, '0'), one_key).error().message(), HasSubstr("none of this collector's"));
  clock_.at += 61;
  EXPECT_THAT(tokens_->use(made.token, one_key).error().message(), HasSubstr("has expired"));
  ASSERT_TRUE(tokens_->remove(other.row.id));
  EXPECT_FALSE(tokens_->use(other.token, one_key));
  EXPECT_EQ(tokens_->remove(other.row.id).error().code, ErrorCode::not_found);
  EXPECT_EQ(tokens_->stats().unknown, 2U);
  EXPECT_EQ(tokens_->stats().expired, 1U);
  clock_.at += 31 * 86'400;
  ASSERT_TRUE(tokens_->make("web-3", 60));
  EXPECT_THAT(tokens_->rows(), SizeIs(1)) << "what ended a month ago is forgotten";
}

TEST_F(Tokens, a_damaged_file_is_told_and_not_taken) {
  dir_.write("tokens", "plumbline enrolment tokens 1\nnonsense\n");
  EXPECT_EQ(EnrolmentTokens::open(dir_ / "tokens", clock_).error().code, ErrorCode::corrupt);
  dir_.write("tokens", "something else\n");
  EXPECT_FALSE(EnrolmentTokens::open(dir_ / "tokens", clock_));
}

TEST_F(Tokens, names_of_nodes) {
  for (const char* good : {"web-1", "a", "ip-10-0-0-1.eu-west-1.compute.internal"})
    EXPECT_TRUE(is_node_name(good)) << good;
  for (const std::string& bad :
       {std::string(), std::string("a b"), std::string("a\nb"), std::string("a/b"), std::string(254, 'a')})
    EXPECT_FALSE(is_node_name(bad)) << bad;
}

}  // namespace
}  // namespace plumbline::access
