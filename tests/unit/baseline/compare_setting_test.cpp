// What a call sets, against what an index holds.
#include "baseline/compare_setting.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plumbline::baseline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Result = ComparedSetting::Result;

const KeyedHash key{std::array<std::byte, 32>{}};
const Fingerprinter fingerprints(key);

IndexedAttribute text(std::string_view path, std::string_view value) {
  return {path, value, 0, false, false};
}
IndexedAttribute hashed(std::string_view path, std::string_view canonical, bool sensitive = false) {
  return {path, "", fingerprints.of(canonical), sensitive, false};
}
IndexedAttribute absent(std::string_view path) {
  return {path, "", 0, false, true};
}

const std::string ingress =
    R"([{"cidr_blocks":["10.0.0.0/8"],"from_port":"443","protocol":"tcp","self":"false","to_port":"443"}])";
const std::vector<IndexedAttribute> resource = {text("instance_class", R"("db.t3.small")"),
                                                text("port", R"("5432")"),
                                                absent("kms_key_id"),
                                                text("subnets", R"(["s-1","s-2"])"),
                                                text("ingress", ingress),
                                                text("tags.Name", R"("web")"),
                                                hashed("user_data", R"("long")"),
                                                hashed("token", R"("t")", true),
                                                text("vpc", R"([{"subnets":["s-1"]}])"),
                                                hashed("policy", R"({"a":"b"})"),
                                                text(R"(notes.a\.b/c)", R"("x")"),
                                                text(R"(notes.q"y)", R"("z")")};

/// "attribute: expected -> live", "attribute = " where it is the same, "attribute ? why".
std::vector<std::string> set(std::string_view path, const std::string& json, SettingEffect effect = SettingEffect::sets,
                             std::string_view whole_map = {}, const std::vector<IndexedAttribute>& of = resource) {
  std::vector<std::string> lines;
  for (const auto& one : compare_setting(of, path, json, effect, {Lists::unordered, whole_map}, fingerprints))
    lines.push_back(one.attribute + (one.result == Result::same        ? " ="
                                     : one.result == Result::different ? ": " + one.expected + " -> " + one.live
                                                                       : " ? " + one.why));
  return lines;
}

TEST(CompareSetting, of_a_plain_value) {
  EXPECT_THAT(set("instance_class", R"("db.t3.large")"), ElementsAre("instance_class: db.t3.small -> db.t3.large"));
  EXPECT_THAT(set("instance_class", R"("db.t3.small")"), ElementsAre("instance_class ="));
  EXPECT_THAT(set("port", "5432"), ElementsAre("port ="));
  EXPECT_THAT(set("port", R"("5432")"), ElementsAre("port ="));
  EXPECT_THAT(set("kms_key_id", R"("")"), ElementsAre("kms_key_id ="));
  EXPECT_THAT(set("kms_key_id", R"("k-1")"), ElementsAre("kms_key_id:  -> k-1"));
}

TEST(CompareSetting, of_a_set_knows_no_order) {
  EXPECT_THAT(set("subnets", R"(["s-2","s-1"])"), ElementsAre("subnets ="));
  EXPECT_THAT(set("subnets", R"(["s-2"])"), ElementsAre(R"(subnets: ["s-1","s-2"] -> ["s-2"])"));
}

TEST(CompareSetting, of_a_map_is_of_its_leaves) {
  EXPECT_THAT(set("tags", R"({"Name":"db","Team":"x"})"),
              ElementsAre("tags.Name: web -> db",
                          HasSubstr("tags.Team ? the baseline has others in tags, but no tags.Team: it is new")));
}

TEST(CompareSetting, of_what_a_map_that_the_baseline_has_whole_does_not_have) {
  const auto sets = SettingEffect::sets;
  EXPECT_THAT(set("tags", R"({"Name":"web","Team":"x"})", sets, "tags"),
              ElementsAre("tags.Name =", "tags.Team:  -> x"));
  EXPECT_THAT(set("tags.Team", "null", sets, "tags"), ElementsAre("tags.Team ="));
  EXPECT_THAT(set(R"(tags.a\.b)", R"("x")", sets, "tags", {absent("tags")}), ElementsAre(R"(tags.a\.b:  -> x)"));
  EXPECT_THAT(set("tags.Team", R"("x")", sets, "tags", {absent("port")}),
              ElementsAre("tags.Team ? the baseline does not say what tags.Team should be"));
  EXPECT_THAT(set("tagset.a", R"("x")", sets, "tags", {absent("tags")}), ElementsAre(HasSubstr("tagset.a ? ")));
}

TEST(CompareSetting, of_a_name_with_signs_in_it) {
  EXPECT_THAT(set(R"(notes.a\.b/c)", R"("x")"), ElementsAre(R"(notes.a\.b/c =)"));
  EXPECT_THAT(set(R"(notes.q"y)", R"("w")"), ElementsAre(R"(notes.q"y: z -> w)"));
  EXPECT_THAT(set("notes", R"({"a.b/c":"x","q\"y":"z"})"), ElementsAre(R"(notes.a\.b/c =)", R"(notes.q"y =)"));
}

TEST(CompareSetting, of_a_part_of_a_block) {
  EXPECT_THAT(set("vpc.subnets", R"(["s-1"])"), ElementsAre("vpc.subnets ="));
  EXPECT_THAT(set("vpc.subnets", R"(["s-9"])"), ElementsAre(R"(vpc.subnets: ["s-1"] -> ["s-9"])"));
  EXPECT_THAT(set("vpc.groups", R"(["g"])"), ElementsAre(R"(vpc.groups:  -> ["g"])"));
  EXPECT_THAT(set("policy.a", R"("b")"), ElementsAre("policy.a ? the baseline keeps policy as one hash"));
}

TEST(CompareSetting, of_what_is_kept_as_a_hash_shows_none_of_it) {
  EXPECT_THAT(set("user_data", R"("long")"), ElementsAre("user_data ="));
  EXPECT_THAT(set("token", R"("other")"),
              ElementsAre(::testing::AllOf(HasSubstr("siphash:"), ::testing::Not(HasSubstr("other")))));
}

TEST(CompareSetting, of_elements_that_are_added_or_taken_away) {
  const std::string known = R"([{"protocol":"tcp","from_port":443,"to_port":443,"cidr_blocks":["10.0.0.0/8"]}])";
  const std::string other = R"([{"protocol":"tcp","from_port":22,"to_port":22,"cidr_blocks":["0.0.0.0/0"]}])";
  EXPECT_THAT(set("ingress", known, SettingEffect::adds), ElementsAre("ingress ="));
  EXPECT_THAT(set("ingress", other, SettingEffect::adds), ElementsAre(HasSubstr("-> + [{")));
  EXPECT_THAT(set("ingress", known, SettingEffect::removes), ElementsAre(HasSubstr("-> - [{")));
  EXPECT_THAT(set("ingress", other, SettingEffect::removes), ElementsAre(HasSubstr(" ? ")));
  EXPECT_THAT(set("policy", R"(["x"])", SettingEffect::adds), ElementsAre(HasSubstr(" ? ")));
}

TEST(CompareSetting, of_nonsense_says_nothing) {
  EXPECT_THAT(set("port", "{"), ElementsAre(HasSubstr(" ? what was set could not be read")));
  EXPECT_THAT(set("nobody", "1"), ElementsAre(HasSubstr(" ? the baseline does not say")));
}

TEST(CompareSetting, of_a_secret_by_its_fingerprints_wherever_the_baseline_has_it) {
  const auto with = [](std::string_view path, std::string_view canonical) {
    return compare_secret(resource, path, {fingerprints.of(R"("another form")"), fingerprints.of(canonical)},
                          fingerprints);
  };
  EXPECT_EQ(with("token", R"("t")").result, Result::same);
  EXPECT_EQ(with("token", R"("u")").result, Result::different);
  EXPECT_TRUE(with("token", R"("u")").sensitive);
  EXPECT_EQ(with("tags.Name", R"("web")").result, Result::same) << "which the baseline has in clear";
  EXPECT_EQ(with("vpc.subnets", R"(["s-1"])").result, Result::same) << "within a block";
  EXPECT_EQ(with("vpc.subnets", R"(["s-2"])").result, Result::different);
  EXPECT_EQ(with("vpc.key", R"("k")").result, Result::different) << "the block has none";
  EXPECT_THAT(with("policy.a", R"("b")").why, HasSubstr("policy as one hash"));
  EXPECT_EQ(with("nothing", R"("b")").result, Result::unknown);
  EXPECT_EQ(compare_secret(resource, "token", {}, fingerprints).result, Result::unknown);
  for (const char* path : {"token", "tags.Name", "vpc.subnets", "vpc.key"}) {
    const auto told = with(path, R"("u")");
    EXPECT_TRUE(told.expected.empty() || told.expected.starts_with("siphash:")) << told.expected;
    EXPECT_TRUE(told.live.starts_with("siphash:")) << told.live;
  }
}

}  // namespace
}  // namespace plumbline::baseline
