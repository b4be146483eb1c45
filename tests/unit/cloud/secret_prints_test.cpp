// Secrets by fingerprints of the forms that a state may hold.
#include "cloud/body/secret_prints.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "baseline/value/canonical.hpp"
#include "tests/unit/cloud/exchange.hpp"

namespace plumbline::cloud {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class SecretPrintsTest : public ::testing::Test {
 protected:
  std::vector<std::uint64_t> of(const std::string& text) const {
    Value value = Value::of_text(text);
    prints_.hide(value);
    EXPECT_EQ(value.kind, Value::Kind::secret);
    EXPECT_EQ(value.text, "");
    return value.prints;
  }
  std::uint64_t in_state(const std::string& text) const {
    std::string canonical;
    (void)baseline::append_canonical_text(text, canonical);
    return fingerprints_.of(canonical);
  }

  const baseline::KeyedHash key_{std::array<std::byte, 32>{}};
  const baseline::Fingerprinter fingerprints_{key_};
  const SecretPrints prints_{{&key_}};
};

TEST_F(SecretPrintsTest, are_those_of_the_state_in_each_form) {
  const std::string base64 = "d2ViLXNlcnZlcg==";
  EXPECT_THAT(of(base64), Contains(in_state(base64)));
  EXPECT_THAT(of(base64), Contains(in_state("web-server")));
  // printf web-server | sha1sum
  EXPECT_THAT(of(base64), Contains(in_state("d254f73b2e3deba4b887879f91ec0a3dffafba80")));
  EXPECT_THAT(of("web-server"), Not(Contains(in_state("web-servers"))));
  EXPECT_THAT(of(R"({"b": 1, "a": "x"})"), Contains(in_state(R"({"a":"x","b":1})"))) << "JSON is compared as JSON";
  EXPECT_THAT(of("abc"), SizeIs(2)) << "no base64";
}

TEST_F(SecretPrintsTest, what_is_no_text_has_none) {
  Value map = Value::of(Value::Kind::map);
  map.members.push_back({"a", Value::of_text("b")});
  prints_.hide(map);
  EXPECT_EQ(map.kind, Value::Kind::secret);
  EXPECT_THAT(map.prints, IsEmpty());
  EXPECT_THAT(map.members, IsEmpty());
  Value plain = Value::of_text("b");
  hide_value(plain, nullptr);
  EXPECT_THAT(plain.prints, IsEmpty());
}

TEST_F(SecretPrintsTest, reach_the_setting_and_no_output) {
  const auto sent =
      form("rds", "Action=ModifyDBInstance&Version=2014-10-31&DBInstanceIdentifier=shop&MasterUserPassword=canary-1");
  const auto views = sent.fields();
  const Request request{{sent.method, sent.host, sent.path, views}, sent.body, false, &prints_};
  const auto operation = decode(request, {200, {}, "", false});
  std::vector<std::uint64_t> found;
  for (const auto& thing : operation.touched)
    for (const auto& candidate : thing.candidates)
      for (const auto& setting : candidate.settings)
        if (candidate.iac_type == "aws_db_instance" && setting.attribute == "password") found = setting.value.prints;
  EXPECT_THAT(found, Contains(in_state("canary-1")));
  const std::string line = to_json(operation);
  EXPECT_THAT(line, Not(HasSubstr("canary")));
  for (const auto print : found) EXPECT_THAT(line, Not(HasSubstr(std::to_string(print))));
}

}  // namespace
}  // namespace plumbline::cloud
