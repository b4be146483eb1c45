// The part of the conformance suite that is about what collectors of one store have in common: enrolment tokens and the
// number of what is handed out.
#include "tests/unit/collector/store_conformance.hpp"

namespace plumbline::collector::test {
namespace {

constexpr std::int64_t now_s = start / second;

EnrolmentToken token_of(char digit, std::int64_t until = now_s + 3'600) {
  return {std::string(64, digit), "web-1", until, ""};
}

Digest digest_of(int byte) {
  Digest digest{};
  digest.fill(std::byte(byte));
  return digest;
}

TEST_P(StoreConformance, an_enrolment_token_is_used_once_for_one_key) {
  const auto token = token_of('a');
  ASSERT_TRUE(store_->add_enrolment_token(token, now_s).value());
  open();
  auto use = store_->use_enrolment_token(token.digest, "key 1", now_s).value();
  ASSERT_TRUE(use);
  EXPECT_TRUE(use->is_first);
  EXPECT_EQ(use->token.node, "web-1");
  use = store_->use_enrolment_token(token.digest, "key 1", now_s).value();
  EXPECT_FALSE(use->is_first) << "once";
  use = store_->use_enrolment_token(token.digest, "key 2", now_s).value();
  EXPECT_FALSE(use->is_first);
  EXPECT_EQ(use->token.used_by, "key 1") << "it stays whose it was";
  EXPECT_FALSE(store_->use_enrolment_token(std::string(64, '0'), "key 1", now_s).value());
  ASSERT_EQ(store_->enrolment_tokens().value().size(), 1U);
  EXPECT_EQ(store_->enrolment_tokens().value().at(0).used_by, "key 1");
}

TEST_P(StoreConformance, an_enrolment_token_that_is_over_or_taken_back_is_used_by_nobody) {
  const auto over = token_of('a', now_s + 60), taken = token_of('b');
  ASSERT_TRUE(store_->add_enrolment_token(over, now_s).value());
  ASSERT_TRUE(store_->add_enrolment_token(taken, now_s).value());
  const auto use = store_->use_enrolment_token(over.digest, "key", now_s + 60).value();
  EXPECT_FALSE(use->is_first);
  EXPECT_EQ(use->token.used_by, "");
  EXPECT_TRUE(store_->remove_enrolment_token(taken.id()).value());
  EXPECT_FALSE(store_->remove_enrolment_token(taken.id()).value());
  EXPECT_FALSE(store_->use_enrolment_token(taken.digest, "key", now_s).value());
  ASSERT_TRUE(
      store_
          ->add_enrolment_token(token_of('c', now_s + enrolment_remembered_s * 2), now_s + 60 + enrolment_remembered_s)
          .value());
  ASSERT_EQ(store_->enrolment_tokens().value().size(), 1U) << "what ended a month ago is forgotten";
  EXPECT_EQ(store_->enrolment_tokens().value().at(0).digest, std::string(64, 'c'));
}

TEST_P(StoreConformance, certificates_of_a_node_are_taken_back_with_its_tokens) {
  const auto token = token_of('a'), used = token_of('b');
  auto other = token_of('c');
  other.node = "web-2";
  for (const auto& one : {token, used, other}) ASSERT_TRUE(store_->add_enrolment_token(one, now_s).value());
  ASSERT_TRUE(store_->use_enrolment_token(used.digest, "key", now_s).value()->is_first);
  ASSERT_TRUE(store_->revoke_node({"web-1", now_s, "ann", "its disk was stolen"}).value());
  open();
  auto all = store_->revocations().value();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].node, "web-1");
  EXPECT_EQ(all[0].before, now_s);
  EXPECT_EQ(all[0].by, "ann");
  EXPECT_EQ(all[0].reason, "its disk was stolen");
  EXPECT_FALSE(store_->use_enrolment_token(used.digest, "key", now_s).value()) << "not by the key that was stolen";
  EXPECT_FALSE(store_->use_enrolment_token(token.digest, "key", now_s).value());
  EXPECT_TRUE(store_->use_enrolment_token(other.digest, "key", now_s).value()) << "another node's";
  ASSERT_TRUE(store_->revoke_node({"web-1", now_s - 60, "bob", "by a clock that is late"}).value());
  ASSERT_TRUE(store_->revoke_node({"web-0", now_s, "bob", "x"}).value());
  all = store_->revocations().value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].before, now_s) << "never less";
  EXPECT_EQ(all[1].by, "bob");
}

TEST_P(StoreConformance, the_number_of_what_is_handed_out_grows_with_its_content_alone) {
  EXPECT_EQ(store_->last_handout()->sequence, 0U);
  EXPECT_EQ(store_->number_handout(digest_of(1), 100).value(), 100U);
  EXPECT_EQ(store_->number_handout(digest_of(1), 200).value(), 100U) << "the same has the same";
  open();
  EXPECT_EQ(store_->number_handout(digest_of(1), 300).value(), 100U);
  EXPECT_EQ(store_->number_handout(digest_of(2), 50).value(), 101U) << "never less, whatever a clock says";
  EXPECT_EQ(store_->number_handout(digest_of(1), 0).value(), 102U) << "what was there before is another, too";
  EXPECT_EQ(store_->last_handout()->sequence, 102U);
  EXPECT_EQ(store_->last_handout()->content, digest_of(1));
}

}  // namespace
}  // namespace plumbline::collector::test
