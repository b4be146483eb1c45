#include "baseline/source/ansible.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/baseline/read_source.hpp"

namespace plumbline::baseline {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Result<Baseline> read(std::string_view text) {
  return read_with(read_ansible, std::string(text));
}

std::string refusal(std::string_view text) {
  const auto result = read(text);
  return result ? "(accepted)" : result.error().message();
}

std::string record(const std::string& files, const std::string& left_out = "") {
  return R"({"format":"plumbline-ansible","version":1,"host":"h","run":{"id":"r","updated_at":"t"},"files":[)" + files +
         R"(],"left_out":[)" + left_out + "]}";
}

std::string fixture(const std::string& name) {
  return content_of(FIXTURES "/ansible/" + name);
}

const FileExpectation& file_of(const Baseline& baseline, const std::string& path) {
  for (const auto& file : baseline.files)
    if (file.path == path) return file;
  throw std::runtime_error("no file " + path);
}

TEST(Ansible, reads_what_the_plugin_recorded_on_the_node_itself) {
  const auto b = read(fixture("web-1.json"));
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->revision.at("id"), "fixture-run");
  EXPECT_TRUE(b->revision.contains("updated_at"));
  const auto& conf = file_of(*b, "/srv/app/app.conf");
  EXPECT_EQ(conf.address, "ansible:shop/srv/app/app.conf");
  EXPECT_EQ(conf.content, "sha256:" + to_hex(sha256("workers 4\n")));
  EXPECT_EQ(conf.mode, 0640u);
  EXPECT_EQ(conf.owner, "root");
  EXPECT_EQ(conf.group, "root");
  EXPECT_EQ(file_of(*b, "/srv/app").mode, 0755u);
  EXPECT_FALSE(file_of(*b, "/srv/app").content);
  EXPECT_EQ(file_of(*b, "/srv/app/current").symlink_target, "app.conf");
  EXPECT_TRUE(file_of(*b, "/srv/app/old.conf").absent);
  EXPECT_EQ(file_of(*b, "/srv/app/hosts").content, "sha256:" + to_hex(sha256("192.0.2.1 db\n")));
  EXPECT_EQ(b->resources.size(), b->files.size());
  EXPECT_THAT(skipped(*b, "ansible:shop/srv/app/static/"), HasSubstr("what lies below"));
}

TEST(Ansible, a_resource_tells_which_task_made_it) {
  const auto b = read(fixture("web-1.json"));
  const auto* resource = find(*b, "ansible:shop/srv/app/app.conf");
  ASSERT_NE(resource, nullptr);
  EXPECT_EQ(resource->type, "ansible.builtin.template");
  EXPECT_EQ(resource->provider, "ansible");
  EXPECT_EQ(resource->ids, std::vector<std::string>{"/srv/app/app.conf"});
  EXPECT_THAT(value(resource, "task"), HasSubstr("configuration"));
  EXPECT_THAT(value(resource, "mode"), HasSubstr("0640"));
  EXPECT_EQ(attribute(resource, "time"), nullptr);  // or every run would look like a change
}

TEST(Ansible, of_secrets_it_is_only_known_that_they_are_there) {
  const auto text = fixture("web-1.json");
  EXPECT_THAT(text, Not(HasSubstr("canary")));
  const auto b = read(text);
  const auto& file = file_of(*b, "/srv/app/secret.conf");
  EXPECT_TRUE(file.sensitive);
  EXPECT_FALSE(file.content || file.mode || file.owner || file.absent);
  EXPECT_THAT(skipped(*b, file.address), HasSubstr("no_log"));
}

TEST(Ansible, a_digest_of_a_sensitive_file_is_keyed) {
  const auto b = read(record(R"({"path":"/a","state":"file","sensitive":true,"checksums":{"sha256":")" +
                             to_hex(sha256("hello")) + "\"}}"));
  EXPECT_EQ(b->files[0].content, test_key.of_digest(sha256("hello")));
}

TEST(Ansible, a_file_of_another_machine_is_compared_as_far_as_it_is_known) {
  const auto b = read(fixture("web-2.json"));
  ASSERT_TRUE(b) << b.error().message();
  const auto& conf = file_of(*b, "/srv/app/app.conf");  // a template: Ansible tells its SHA-1 only
  EXPECT_FALSE(conf.content);
  EXPECT_EQ(conf.mode, 0640u);
  EXPECT_THAT(skipped(*b, conf.address), AllOf(HasSubstr("no SHA-256"), HasSubstr("SHA-1 only")));
  EXPECT_EQ(file_of(*b, "/srv/app/inline.conf").content, "sha256:" + to_hex(sha256("on\n")));
  EXPECT_EQ(file_of(*b, "/srv/app/inline.conf").mode, 0644u);
  EXPECT_EQ(skipped(*b, "ansible:shop/srv/app/inline.conf"), "");
}

TEST(Ansible, a_file_whose_content_no_task_wrote_says_so) {
  const auto b =
      read(record(R"({"path":"/a","state":"file","mode":"0600"},{"path":"/l","state":"link"},)"
                  R"({"path":"/p","state":"present","why_no_sha256":"because"},{"path":"/s","state":"sponge"})"));
  EXPECT_THAT(skipped(*b, "ansible:shop/a"), HasSubstr("no task wrote its content"));
  EXPECT_THAT(skipped(*b, "ansible:shop/l"), HasSubstr("where the symlink points to"));
  EXPECT_THAT(skipped(*b, "ansible:shop/p"), HasSubstr("because"));
  EXPECT_THAT(skipped(*b, "ansible:shop/s"), HasSubstr("`sponge`"));
  EXPECT_EQ(b->files.size(), 3u);
  EXPECT_EQ(b->resources.size(), 4u);
}

TEST(Ansible, paths_are_normal_and_may_hold_any_byte) {
  const auto b = read(record(R"({"path":"/a/../b\\xE9//c","state":"file"})"));
  EXPECT_EQ(b->files[0].path, "/b\xE9/c");
  EXPECT_EQ(b->files[0].address, "ansible:shop/b\\xE9/c");
  EXPECT_EQ(read(record(R"({"path":"/a\nb","state":"file"})"))->resources[0].address, "ansible:shop/a\\x0Ab");
  EXPECT_EQ(read(record(""))->skipped.size(), 1u);
  EXPECT_THAT(refusal(record(R"({"path":"/a\\x00","state":"file"})")), HasSubstr("NUL"));
}

TEST(Ansible, refuses_with_place_reason_and_way_out) {
  EXPECT_THAT(refusal("{"), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("[]"), HasSubstr("not an object"));
  EXPECT_THAT(refusal("{}"), AllOf(HasSubstr("/srv/shop#/format"), HasSubstr("HOST.json")));
  EXPECT_THAT(refusal(R"({"format":"plumbline-ansible","version":2})"), HasSubstr("version 2, this agent reads"));
  EXPECT_THAT(refusal(R"({"format":"plumbline-ansible","version":"1"})"), HasSubstr("#/version"));
  EXPECT_THAT(refusal(R"({"format":"plumbline-ansible","version":1,"run":{}})"), HasSubstr("#/run/id"));
  EXPECT_THAT(refusal(record("7")), HasSubstr("#/files/0"));
  EXPECT_THAT(refusal(record(R"({"state":"file"})")), HasSubstr("#/files/0/path"));
  EXPECT_THAT(refusal(record(R"({"path":"a","state":"file"})")), HasSubstr("#/files/0/path"));
  EXPECT_THAT(refusal(record(R"({"path":"/a"})")), HasSubstr("#/files/0/state"));
  EXPECT_THAT(refusal(record(R"({"path":"/a","state":"file","mode":"rw"})")), HasSubstr("octal"));
  EXPECT_THAT(refusal(record(R"({"path":"/a","state":"file","mode":"17777"})")), HasSubstr("octal"));
  EXPECT_THAT(refusal(record(R"({"path":"/a","state":"file","mode":420})")), HasSubstr("octal"));
  EXPECT_THAT(refusal(record(R"({"path":"/a","state":"file","checksums":{"sha256":"abc"}})")), HasSubstr("64 hex"));
  EXPECT_THAT(refusal(record(R"({"path":"/a","state":"file","checksums":[]})")), HasSubstr("#/files/0/checksums"));
  EXPECT_THAT(refusal(record(R"({"path":"/a","state":"file"},{"path":"/b/../a","state":"file"})")),
              HasSubstr("#/files/1/path: stands twice"));
  EXPECT_THAT(refusal(record(R"({"path":"/a","path":"/b","state":"file"})")), HasSubstr("a key twice"));
  EXPECT_THAT(refusal(record("", R"({"path":"/a"})")), HasSubstr("#/left_out/0"));
  EXPECT_THAT(refusal(std::string(100000, '[')), HasSubstr("not JSON"));
  EXPECT_THAT(refusal(record("{\"path\":\"/\xFF\",\"state\":\"file\"}")), HasSubstr("not JSON"));
}

TEST(Ansible, a_record_cut_anywhere_is_an_error_and_never_a_smaller_baseline) {
  const auto whole = fixture("web-1.json");
  const auto end = whole.find_last_of('}');
  for (std::size_t size = 0; size <= end; ++size) ASSERT_FALSE(read(std::string_view(whole).substr(0, size))) << size;
}

}  // namespace
}  // namespace plumbline::baseline
