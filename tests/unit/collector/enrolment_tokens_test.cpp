#include "collector/ingest/enrolment_tokens.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "collector/store/sqlite_store.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::collector {
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
  void open() {
    tokens_.reset();
    store_.reset();
    store_ = open_sqlite_store({.path = dir_ / "plumbline.db"}).value();
    tokens_ = std::make_unique<EnrolmentTokens>(*store_, clock_);
  }
  std::string at_rest() const {
    std::string all;
    for (const char* file : {"plumbline.db", "plumbline.db-wal"}) {
      std::ifstream in(dir_ / file);
      all.append(std::istreambuf_iterator<char>(in), {});
    }
    return all;
  }
  const TempDir dir_;
  SetClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<EnrolmentTokens> tokens_;
};

TEST_F(Tokens, one_is_for_one_node_and_one_key) {
  const auto made = tokens_->make("web-1", 3'600).value();
  EXPECT_EQ(made.token.size(), 64U);
  EXPECT_THAT(at_rest(), HasSubstr(made.row.digest));
  EXPECT_THAT(at_rest(), Not(HasSubstr(made.token))) << "at rest there is only its hash";
  EXPECT_EQ(tokens_->use(made.token, one_key).value(), "web-1");
  EXPECT_EQ(tokens_->use(made.token, one_key).value(), "web-1") << "the answer may not have arrived";
  const auto replayed = tokens_->use(made.token, other_key);
  ASSERT_FALSE(replayed);
  EXPECT_EQ(replayed.error().code, ErrorCode::permission);
  EXPECT_THAT(replayed.error().message(), HasSubstr("was used already"));
  EXPECT_EQ(tokens_->stats().used, 1U);
  EXPECT_EQ(tokens_->stats().replayed, 1U);
  open();
  EXPECT_FALSE(tokens_->use(made.token, other_key)) << "a restart forgets nothing";
}

TEST_F(Tokens, ends_is_unknown_or_taken_back) {
  const auto made = tokens_->make("web-1", 60).value(), other = tokens_->make("web-2", 3'600).value();
  EXPECT_THAT(tokens_->use(std::string(64, '0'), one_key).error().message(), HasSubstr("none of this collector's"));
  clock_.at += 61;
  EXPECT_THAT(tokens_->use(made.token, one_key).error().message(), HasSubstr("has expired"));
  ASSERT_TRUE(tokens_->remove(other.row.id()));
  EXPECT_FALSE(tokens_->use(other.token, one_key));
  EXPECT_EQ(tokens_->remove(other.row.id()).error().code, ErrorCode::not_found);
  EXPECT_EQ(tokens_->stats().unknown, 2U);
  EXPECT_EQ(tokens_->stats().expired, 1U);
  clock_.at += 31 * 86'400;
  ASSERT_TRUE(tokens_->make("web-3", 60));
  EXPECT_THAT(tokens_->rows().value(), SizeIs(1)) << "what ended a month ago is forgotten";
}

TEST_F(Tokens, names_of_nodes) {
  for (const char* good : {"web-1", "a", "ip-10-0-0-1.eu-west-1.compute.internal"})
    EXPECT_TRUE(is_node_name(good)) << good;
  for (const std::string& bad :
       {std::string(), std::string("a b"), std::string("a\nb"), std::string("a/b"), std::string(254, 'a')})
    EXPECT_FALSE(is_node_name(bad)) << bad;
}

}  // namespace
}  // namespace plumbline::collector
