#include "baseline/source/cloud_init.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>
#include <zlib.h>

#include <map>

#include "tests/unit/baseline/read_source.hpp"

namespace plumbline::baseline {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

const std::string fixture = FIXTURES "/cloud_init/";

Result<Baseline> read(const std::string& text, const std::string& path = "/srv/user-data.txt") {
  BaselineBuilder builder;
  const auto done = read_cloud_init({"vm", "cloud_init", path}, text, {test_key, test_fingerprints}, builder);
  if (!done) return done.error();
  return builder.take();
}

Result<Baseline> files(const std::string& yaml) {
  return read("#cloud-config\nwrite_files:\n" + yaml);
}

std::string refusal(const std::string& text) {
  const auto result = read(text);
  return result ? "(accepted)" : result.error().message();
}

std::string keyed(const std::string& content) {
  return test_key.of_digest(sha256(content));
}

const FileExpectation* file_at(const Baseline& baseline, const std::string& path) {
  for (const auto& file : baseline.files)
    if (file.path == path) return &file;
  return nullptr;
}

std::string why_skipped(const Baseline& baseline, const std::string& address) {
  std::string why;
  for (const auto& skip : baseline.skipped)
    if (skip.address == "cloud-init:vm" + address) why += skip.why + "|";
  return why;
}

/// Path → content, mode, owner, group, as the real cloud-init wrote them.
using Files = std::map<std::string, std::string>;

Files written(const std::string& name) {
  Files result;
  simdjson::dom::parser parser;
  const simdjson::padded_string text(content_of(fixture + name + ".json"));
  const simdjson::dom::array items = parser.parse(text).get_array().value();
  for (const auto file : items) {
    const auto member = [&](const char* member_name) {
      std::string_view value;
      return file[member_name].get_string().get(value) == simdjson::SUCCESS ? std::string(value) : std::string("-");
    };
    Sha256 digest{};
    const std::string hex = member("sha256");
    for (std::size_t i = 0; i < digest.size(); ++i)
      digest[i] = static_cast<std::byte>(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
    result[member("path")] =
        test_key.of_digest(digest) + " " + member("mode") + " " + member("owner") + ":" + member("group");
  }
  return result;
}

Files expected(const Baseline& baseline) {
  Files result;
  for (const auto& file : baseline.files) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", file.mode.value());
    result[file.path] =
        file.content.value_or("?") + " " + mode + " " + file.owner.value_or("-") + ":" + file.group.value_or("-");
    EXPECT_TRUE(file.sensitive);
  }
  return result;
}

TEST(CloudInit, expects_what_the_real_cloud_init_wrote) {
  const std::map<std::string, std::vector<std::string>> cases{
      {"encodings", {"encodings.txt", "encodings-base64.txt", "encodings.cloud-config.txt"}},
      {"replacing", {"replacing.txt", "replacing.cloud-config.txt"}},
      {"merging", {"merging.txt", "merging.txt.gz", "merging.cloud-config.txt"}},
      {"archive", {"archive.txt", "archive.cloud-config.txt"}},
      {"transfer-encodings", {"transfer-encodings.txt", "transfer-encodings.cloud-config.txt"}},
  };
  for (const auto& [name, sources] : cases) {
    const auto real = written(name);
    ASSERT_FALSE(real.empty()) << name;
    for (const auto& source : sources) {
      const auto b = read(content_of(fixture + source));
      ASSERT_TRUE(b) << source << ": " << b.error().message();
      EXPECT_EQ(expected(*b), real) << source;
      EXPECT_THAT(all_of(*b), Not(HasSubstr("canary")));
    }
  }
}

TEST(CloudInit, says_what_of_a_message_holds_no_files) {
  auto b = read(content_of(fixture + "replacing.txt"));
  EXPECT_THAT(why_skipped(*b, "/part-002"), HasSubstr("text/x-shellscript"));
  EXPECT_THAT(why_skipped(*b, "/part-004"), HasSubstr("replaces"));
  EXPECT_THAT(why_skipped(*b, ""), HasSubstr("packages"));
  b = read(content_of(fixture + "merging.txt"));
  EXPECT_THAT(why_skipped(*b, "/part-004"), HasSubstr("win"));
  EXPECT_THAT(why_skipped(*b, "/part-005"), HasSubstr("leaves it out"));
  b = read(content_of(fixture + "transfer-encodings.txt"));
  EXPECT_THAT(why_skipped(*b, "/part-005"), HasSubstr("base64"));
  EXPECT_THAT(why_skipped(*b, "/part-006"), HasSubstr("base64"));
  b = read(content_of(fixture + "archive.txt"));
  EXPECT_THAT(why_skipped(*b, "/part-004"), HasSubstr("text/upstart-job"));
}

TEST(CloudInit, describes_each_file_as_a_resource) {
  const auto b = read(content_of(fixture + "encodings.txt"), "/var/lib/cloud/instances/i-0abc/user-data.txt");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->revision.at("instance_id"), "i-0abc");
  EXPECT_THAT(b->revision.at("content"), HasSubstr("hmac-sha256:"));
  EXPECT_EQ(b->resources.size(), b->files.size());
  const auto& both = *std::find_if(b->resources.begin(), b->resources.end(), [](const Resource& resource) {
    return resource.address == "cloud-init:vm/write_files[/etc/owner/both]";
  });
  EXPECT_EQ(both.provider, "cloud-init");
  EXPECT_THAT(both.ids, ElementsAre("/etc/owner/both"));
  std::map<std::string, std::string> attributes;
  for (const auto& attribute : both.attributes) attributes[attribute.path] = attribute.value;
  EXPECT_THAT(attributes["owner"], HasSubstr("daemon:adm"));
  EXPECT_THAT(attributes["permissions"], HasSubstr("0644"));
  EXPECT_EQ(read("#cloud-config\n{}")->revision.count("instance_id"), 0u);
}

TEST(CloudInit, the_last_entry_of_a_path_counts_and_appending_adds_up) {
  auto b = files("- {path: /a, content: one}\n- {path: /a, content: two, permissions: '0600'}\n");
  EXPECT_EQ(file_at(*b, "/a")->content, keyed("two"));
  EXPECT_EQ(file_at(*b, "/a")->mode, 0600u);
  EXPECT_THAT(why_skipped(*b, "/write_files[/a]"), HasSubstr("more than one"));
  b = files("- {path: /a, append: true, content: two}\n");
  EXPECT_FALSE(file_at(*b, "/a")->content);
  EXPECT_EQ(file_at(*b, "/a")->mode, 0644u);
  EXPECT_THAT(why_skipped(*b, "/write_files[/a]"), HasSubstr("appended"));
  b = files("- {path: /a, append: true, defer: true, content: two}\n- {path: /a, content: one}\n");
  EXPECT_EQ(file_at(*b, "/a")->content, keyed("onetwo"));
}

TEST(CloudInit, content_behind_an_url_is_not_known) {
  auto b = files("- {path: /a, source: {uri: 'https://host/canary', headers: {a: canary}}, content: fallback}\n");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_FALSE(file_at(*b, "/a")->content);
  EXPECT_EQ(file_at(*b, "/a")->owner, "root");
  EXPECT_THAT(why_skipped(*b, "/write_files[/a]"), AllOf(HasSubstr("URL"), Not(HasSubstr("canary"))));
  b = files("- {path: /a, content: x}\n- {path: /a, append: true, source: {uri: 'file:///x'}}\n");
  EXPECT_FALSE(file_at(*b, "/a")->content);
  b = files("- {path: /a, source: {uri: ''}, content: x}\n");
  EXPECT_EQ(file_at(*b, "/a")->content, keyed("x"));
}

TEST(CloudInit, an_entry_that_cannot_be_written_is_skipped_and_says_why) {
  const auto why = [](const std::string& entry, const std::string& address) {
    const auto b = files("- {path: /good, content: x}\n- " + entry + "\n");
    EXPECT_TRUE(b) << b.error().message();
    if (!b) return std::string();
    EXPECT_EQ(b->files.size(), 1u) << entry;
    EXPECT_THAT(all_of(*b), Not(HasSubstr("canary")));
    return why_skipped(*b, address);
  };
  EXPECT_THAT(why("canary", "/write_files[1]"), HasSubstr("not a map"));
  EXPECT_THAT(why("{content: canary}", "/write_files[1]"), HasSubstr("no path"));
  EXPECT_THAT(why("{path: [a]}", "/write_files[1]"), HasSubstr("not text"));
  EXPECT_THAT(why("{path: \"/a\\0b\"}", "/write_files[1]"), HasSubstr("NUL"));
  EXPECT_THAT(why("{path: /a, content: 5}", "/write_files[/a]"), HasSubstr("not text"));
  EXPECT_THAT(why("{path: /a, owner: 1000}", "/write_files[/a]"), HasSubstr("owner"));
  EXPECT_THAT(why("{path: /a, encoding: b64, content: canary-}", "/write_files[/a]"), HasSubstr("base64"));
  EXPECT_THAT(why("{path: /a, encoding: gz, content: canary}", "/write_files[/a]"), HasSubstr("not gzip"));
  EXPECT_THAT(why("{path: /a, encoding: gz+b64, content: H4sIAAAAAAACAytI}", "/write_files[/a]"), HasSubstr("cut off"));
}

TEST(CloudInit, a_binary_tag_that_cannot_be_told_leaves_the_content_open) {
  auto b = files("- path: /doc\n  content: |\n    write it as content: !!binary aGVsbG8=\n");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_FALSE(file_at(*b, "/doc")->content);
  EXPECT_THAT(why_skipped(*b, "/write_files[/doc]"), HasSubstr("!!binary"));
  b = files("- path: /a\n  content: !<tag:yaml.org,2002:binary> aGVsbG8=\n- {path: /b, content: not base64}\n");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_FALSE(file_at(*b, "/a")->content);
  EXPECT_EQ(file_at(*b, "/b")->content, keyed("not base64"));
}

TEST(CloudInit, templates_count_only_without_marks) {
  auto b = read("## template: jinja\n#cloud-config\nwrite_files: [{path: /a, content: '{{ canary }}'}]\n");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_THAT(b->files, IsEmpty());
  EXPECT_THAT(why_skipped(*b, "/part-001"), HasSubstr("template"));
  b = read("## template: jinja\n#!/bin/sh\n");
  EXPECT_THAT(b->files, IsEmpty());
}

TEST(CloudInit, scripts_and_includes_are_skipped) {
  auto b = read("#!/bin/sh\necho canary\n");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_THAT(why_skipped(*b, "/part-001"), HasSubstr("program"));
  b = read("#include\nhttps://user:canary@host/\n");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_THAT(why_skipped(*b, "/part-001"), HasSubstr("#include"));
  EXPECT_THAT(all_of(*b), Not(HasSubstr("canary")));
  b = read(
      "#cloud-config-archive\n- {type: text/cloud-config, launch-index: 1, content: 'write_files: [{path: /a}]'}\n");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_THAT(why_skipped(*b, "/part-001"), HasSubstr("launch-index"));
}

TEST(CloudInit, what_is_merged_in_another_way_leaves_all_files_open) {
  const std::string first = "- {type: text/cloud-config, content: 'write_files: [{path: /a}]'}\n";
  auto b = read("#cloud-config-archive\n" + first +
                "- {type: text/cloud-config-jsonp, content: '[{\"op\": \"add\", \"path\": \"/write_files/0\"}]'}\n");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_THAT(b->files, IsEmpty());
  EXPECT_THAT(why_skipped(*b, "/write_files"), HasSubstr("part-002"));
  b = read("#cloud-config-archive\n" + first +
           "- {type: text/cloud-config, content: \"merge_how: dict(recurse_list)+list(recurse_dict)\\nwrite_files: "
           "[{path: /b}]\"}\n");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_THAT(b->files, IsEmpty());
  b = read("#cloud-config-archive\n" + first +
           "- {type: text/cloud-config-jsonp, content: '[{\"op\": \"add\", \"path\": \"/x\", \"value\": 1}]'}\n");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->files.size(), 1u);
}

TEST(CloudInit, refuses_what_it_cannot_read_with_a_place) {
  EXPECT_THAT(refusal("hello"), HasSubstr("not user data"));
  EXPECT_THAT(refusal(std::string("\x7f"
                                  "ELF\0\0",
                                  6)),
              HasSubstr("not user data"));
  EXPECT_THAT(refusal(""), HasSubstr("not user data"));
  EXPECT_THAT(refusal("#cloud-config\nwrite_files: [\n"), AllOf(HasSubstr("/srv/user-data.txt"), HasSubstr(":3:")));
  EXPECT_THAT(refusal("#cloud-config\nwrite_files: {}\n"), HasSubstr("not a list"));
  EXPECT_THAT(refusal("#cloud-config\n- a\n"), HasSubstr("not a map"));
  EXPECT_THAT(refusal("#cloud-config\na: 1\n---\nb: 2\n"), HasSubstr("more than one"));
  EXPECT_THAT(refusal("#cloud-config\nwrite_files: []\nwrite_files: []\n"), HasSubstr("write_files"));
  EXPECT_THAT(refusal("#cloud-config-archive\na: b\n"), HasSubstr("list of parts"));
  EXPECT_THAT(refusal("#cloud-config\na: \xff\n"), Not(HasSubstr("accepted")));
  EXPECT_THAT(refusal("#cloud-config\n" + std::string(100'000, '[')), Not(HasSubstr("accepted")));
  EXPECT_THAT(refusal(content_of(fixture + "merging.txt.gz").substr(0, 300)), HasSubstr("cut off"));
}

TEST(CloudInit, a_message_cut_anywhere_is_an_error_and_never_a_smaller_baseline) {
  const auto whole = content_of(fixture + "merging.txt");
  const auto start = whole.find("MIME-Version:") + 14, end = whole.rfind("--");
  for (std::size_t size = start; size < end; size += 11) ASSERT_FALSE(read(whole.substr(0, size))) << size;
}

TEST(CloudInit, gzip_that_grows_without_end_is_refused) {
  z_stream stream{};
  ASSERT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string zeroes(std::size_t{100} << 20, '\0'), bomb(std::size_t{1} << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(zeroes.data());
  stream.avail_in = static_cast<uInt>(zeroes.size());
  stream.next_out = reinterpret_cast<Bytef*>(bomb.data());
  stream.avail_out = static_cast<uInt>(bomb.size());
  ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  bomb.resize(bomb.size() - stream.avail_out);
  deflateEnd(&stream);
  EXPECT_THAT(refusal(bomb), HasSubstr("more than"));
}

TEST(CloudInit, an_address_is_one_line_whatever_the_path) {
  const auto b = files("- {path: \"/a\\nb\\x1b\", content: x}\n");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->files.at(0).path, "/a\nb\x1b");
  EXPECT_EQ(b->files[0].address, "cloud-init:vm/write_files[/a\\x0ab\\x1b]");
}

TEST(CloudInit, a_config_without_files_says_so) {
  for (const char* text : {"#cloud-config\n{}\n", "#cloud-config\nwrite_files: []\n", "#cloud-config\n"}) {
    const auto b = read(text);
    ASSERT_TRUE(b) << text;
    EXPECT_THAT(b->skipped, Not(IsEmpty())) << text;
  }
}

}  // namespace
}  // namespace plumbline::baseline
