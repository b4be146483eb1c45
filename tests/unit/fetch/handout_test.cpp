#include "fetch/handout.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::fetch {
namespace {

using ::testing::HasSubstr;

Handout example() {
  Handout handout;
  handout.node = "web-1";
  handout.sequence = 1'795'000'000'123;
  handout.issued_at = 1'795'000'000;
  handout.baselines = {{{"net", "terraform_state", "s3://states/net.tfstate", std::chrono::hours(24)},
                        std::string(64, 'a'),
                        4096,
                        "",
                        "https://minio:9000",
                        "eu-west-1",
                        "\"5d\""},
                       {{"hosts.web-1.json", "ansible", "/srv/\"web\"-1.json", {}}, std::string(64, 'b'), 1, "broken"}};
  handout.baselines[0].spec.cluster = "prod";
  handout.missing = {"other"};
  return handout;
}

std::string refusal(std::string json, const std::string& from, const std::string& to) {
  json.replace(json.find(from), from.size(), to);
  const auto parsed = parse_handout(json);
  return parsed ? "(accepted)" : parsed.error().message();
}

TEST(Handout, survives_the_way) {
  const Handout handout = example();
  const auto parsed = parse_handout(handout_json(handout));
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->node, handout.node);
  EXPECT_EQ(parsed->sequence, handout.sequence);
  EXPECT_EQ(parsed->issued_at, handout.issued_at);
  EXPECT_EQ(parsed->baselines, handout.baselines);
  EXPECT_EQ(parsed->missing, handout.missing);
}

TEST(Handout, of_an_earlier_version_says_nothing_of_where_a_state_is) {
  std::string json = handout_json(example());
  const std::string member = ",\"endpoint\":\"https://minio:9000\"";
  json.erase(json.find(member), member.size());
  const auto parsed = parse_handout(json);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->baselines[0].endpoint, "");
  EXPECT_EQ(parsed->baselines[0].region, "eu-west-1");
}

TEST(Handout, that_is_none_is_refused_where_it_is_wrong) {
  const std::string json = handout_json(example());
  EXPECT_THAT(refusal(json, "plumbline-handout", "plumbline-state"), HasSubstr("/format"));
  EXPECT_THAT(refusal(json, "\"version\":1", "\"version\":2"), HasSubstr("/version"));
  EXPECT_THAT(refusal(json, "\"node\"", "\"mode\""), HasSubstr("/node"));
  EXPECT_THAT(refusal(json, "\"sequence\":", "\"sequence\":-"), HasSubstr("/sequence"));
  EXPECT_THAT(refusal(json, "\"issued_at\":", "\"issued\":"), HasSubstr("/issued_at"));
  EXPECT_THAT(refusal(json, "\"issued_at\":", "\"issued_at\":9"), HasSubstr("/issued_at"));
  EXPECT_THAT(refusal(json, "\"missing\"", "\"lost\""), HasSubstr("/missing"));
  EXPECT_THAT(refusal(json, "\"kind\":\"terraform_state\"", "\"kind\":\"\""), HasSubstr("/baselines/0/kind"));
  EXPECT_THAT(refusal(json, std::string(64, 'b'), std::string(64, 'B')), HasSubstr("/baselines/1/sha256"));
  EXPECT_THAT(refusal(json, "hosts.web-1.json", "../web-1.json"), HasSubstr("/baselines/1/name"));
  EXPECT_THAT(refusal(json, "hosts.web-1.json", "net"), HasSubstr("two have one name"));
  EXPECT_THAT(refusal(json, ":4096", ":99999999999999"), HasSubstr("/baselines/0/size"));
  EXPECT_THAT(refusal(json, "\"etag\":\"\\\"5d\\\"\"", "\"etag\":5"), HasSubstr("/baselines/0/etag"));
  EXPECT_THAT(refusal(json, "{", ""), HasSubstr("no handout"));
}

// RFC 8032, section 7.1, test 1: the key pair.
TEST(SignedText, has_the_public_key_of_the_rfc) {
  const unsigned char secret[] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
                                  0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
                                  0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
  Ed25519Key key{};
  std::memcpy(key.data(), secret, key.size());
  EXPECT_EQ(to_hex(public_key_of(key)), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
}

TEST(SignedText, is_opened_by_its_own_key_and_type_alone) {
  const Ed25519Key mine{std::byte{1}}, other{std::byte{2}};
  const std::string envelope = sign("type", "text", mine);
  EXPECT_EQ(open_signed("type", envelope, public_key_of(mine)).value(), "text");
  EXPECT_EQ(open_signed("type", envelope, public_key_of(other)).error().code, ErrorCode::permission);
  EXPECT_EQ(open_signed("another", envelope, public_key_of(mine)).error().code, ErrorCode::permission);
  std::string retyped = envelope;
  retyped.replace(retyped.find("\"type\""), 6, "\"typo\"");
  EXPECT_EQ(open_signed("typo", retyped, public_key_of(mine)).error().code, ErrorCode::permission);
  std::string changed = envelope;
  changed.replace(changed.find("dGV4dA"), 6, "dGV4dQ");
  EXPECT_EQ(open_signed("type", changed, public_key_of(mine)).error().code, ErrorCode::permission);
  EXPECT_EQ(open_signed("type", "{}", public_key_of(mine)).error().code, ErrorCode::corrupt);
}

class NodeKeyFile : public ::testing::Test {
 protected:
  const TempDir dir_;
  const std::string path_ = dir_ / "node.key";
};

TEST_F(NodeKeyFile, is_read_as_it_was_written_and_written_once) {
  NodeKey key;
  key.verify = {std::byte{1}, std::byte{2}};
  key.hash = {std::byte{3}};
  ASSERT_TRUE(write_node_key(path_, key));
  struct stat before{}, after{};
  ASSERT_EQ(::stat(path_.c_str(), &before), 0);
  EXPECT_EQ(before.st_mode & 0777, 0600U);
  const auto read = read_node_key(path_);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->verify, key.verify);
  EXPECT_EQ(read->hash, key.hash);
  ASSERT_TRUE(write_node_key(path_, key));
  ASSERT_EQ(::stat(path_.c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST_F(NodeKeyFile, that_others_read_or_that_is_none_is_refused_without_showing_it) {
  ASSERT_TRUE(write_node_key(path_, {}));
  ::chmod(path_.c_str(), 0640);
  EXPECT_EQ(read_node_key(path_).error().code, ErrorCode::permission);
  std::ofstream(path_) << "plumbline node key 1\nverify CANARY\nhash CANARY\n";
  ::chmod(path_.c_str(), 0600);
  const auto refused = read_node_key(path_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), ::testing::Not(HasSubstr("CANARY")));
  EXPECT_EQ(read_node_key(dir_ / "none").error().code, ErrorCode::not_found);
}

TEST_F(NodeKeyFile, of_another_user_is_refused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  ASSERT_TRUE(write_node_key(path_, {}));
  ASSERT_EQ(::chown(path_.c_str(), 12345, 0), 0);
  EXPECT_THAT(read_node_key(path_).error().message(), HasSubstr("belongs to uid 12345"));
}

}  // namespace
}  // namespace plumbline::fetch
