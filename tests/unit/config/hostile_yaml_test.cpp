// What an author, a template gone wrong or an attacker may put into a configuration file.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/config/strict_yaml.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Settings {
  std::string file = "default";
  bool pin = true;
  Bytes size{64 << 20};
  std::chrono::milliseconds interval{1500};
  std::map<std::string, std::string> labels;
  std::vector<std::uint32_t> uids;
  std::string inner;
};

void bind(Map& map, Settings& s) {
  map.read("file", s.file, "a file");
  map.read("pin", s.pin, "pin it");
  map.read("size", s.size, "a size");
  map.read("interval", s.interval, "a time");
  map.read("labels", s.labels, "labels");
  map.read("uids", s.uids, "users");
  map.object("inner", "nested", [&](Map& inner) { inner.read("name", s.inner, "a name"); });
}

std::string error_of(const std::string& text) {
  Settings s;
  const auto read = read_text("c.yaml", text, [&](Map& map) { bind(map, s); });
  return read ? "(accepted)" : read.error().message();
}

TEST(HostileYaml, an_error_points_at_the_key_or_value_that_is_wrong) {
  EXPECT_EQ(error_of("pin: true\nfiel: /x\n"), "c.yaml:2:1: unknown key `fiel`; did you mean `file`?");
  EXPECT_EQ(error_of("inner:\n  nmae: x\n"), "c.yaml:2:3: unknown key `nmae`; did you mean `name`?");
  EXPECT_THAT(error_of("zz: 1\naa: 2\n"), StartsWith("c.yaml:1:1: unknown key `zz`"));
  EXPECT_THAT(error_of("pin: maybe\n"), StartsWith("c.yaml:1:6: "));
  EXPECT_THAT(error_of("pin: true\npin: false\n"), StartsWith("c.yaml:2:1: "));
  EXPECT_THAT(error_of("file: a\nuids: [0, root]\n"), AllOf(StartsWith("c.yaml:2:"), HasSubstr("`root`")));
}

TEST(HostileYaml, a_key_twice_is_refused_in_free_mappings_too) {
  EXPECT_THAT(error_of("labels: {env: a, env: b}\n"),
              AllOf(StartsWith("c.yaml:1:18: "), HasSubstr("`env` stands twice")));
  EXPECT_THAT(error_of("inner: {name: a, name: b}\n"), HasSubstr("`name` stands twice"));
}

TEST(HostileYaml, an_empty_value_is_an_empty_mapping_but_neither_list_nor_text) {
  EXPECT_EQ(error_of("labels:\ninner:\n"), "(accepted)");
  EXPECT_EQ(error_of("pin: true\nuids:\n"), "c.yaml:2:1: `uids` has no value; write [] for an empty list");
  EXPECT_THAT(error_of("uids: ~\n"), HasSubstr("has no value"));
  EXPECT_EQ(error_of("uids: []\n"), "(accepted)");
  EXPECT_EQ(error_of("file:\n"), "c.yaml:1:1: `file` must be text");
  EXPECT_THAT(error_of("# only a comment\n"), HasSubstr("empty"));
}

TEST(HostileYaml, tags_anchors_and_bombs_are_refused) {
  EXPECT_THAT(error_of("file: !!binary aGk=\n"), HasSubstr("tags are not allowed"));
  EXPECT_THAT(error_of("inner: !local {name: a}\n"), HasSubstr("tags are not allowed"));
  EXPECT_THAT(error_of("labels: {<<: {a: b}}\n"), Not(HasSubstr("accepted")));
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c <= 'z'; ++c) {
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 9; ++i) bomb += std::string("*") + static_cast<char>(c - 1) + ",";
    bomb += "]\n";
  }
  EXPECT_THAT(error_of(bomb), HasSubstr("anchors are not allowed"));
}

TEST(HostileYaml, nesting_ends_in_an_error_not_in_the_stack) {
  EXPECT_THAT(error_of("inner: " + std::string(100, '[') + std::string(100, ']') + "\n"), HasSubstr("64 levels"));
  EXPECT_THAT(error_of("inner: " + std::string(100'000, '{')), Not(HasSubstr("accepted")));
  std::string indented;
  for (std::size_t i = 0; i < 1000; ++i) indented += std::string(i, ' ') + "a:\n";
  EXPECT_THAT(error_of(indented), HasSubstr("64 levels"));
}

TEST(HostileYaml, bytes_that_are_no_text_say_where) {
  EXPECT_THAT(error_of("pin: true\nfile: \xff\xfe\n"), AllOf(StartsWith("c.yaml:2:7: "), HasSubstr("not UTF-8")));
  EXPECT_THAT(error_of(std::string("file: a\0b\n", 10)), AllOf(StartsWith("c.yaml:1:8: "), HasSubstr("NUL")));
  EXPECT_THAT(error_of("pin: true\n\tfile: x\n"), AllOf(StartsWith("c.yaml:2:"), HasSubstr("not YAML")));
}

TEST(HostileYaml, messages_are_one_printable_line_of_bounded_length) {
  EXPECT_THAT(error_of("\"a\\nb\\e[31m\": 1\n"),
              AllOf(HasSubstr("unknown key `a\\x0Ab\\x1B[31m`"), Not(HasSubstr("\n"))));
  EXPECT_THAT(error_of("file: \"\\\x1d\"\n"),
              AllOf(HasSubstr("not YAML"), Not(HasSubstr("\x1d"))));  // found by fuzzing
  EXPECT_LT(error_of("pin: " + std::string(1'000'000, 'x') + "\n").size(), 300u);
  EXPECT_LT(error_of(std::string(1000, 'x') + ": 1\n").size(), 300u);
}

TEST(HostileYaml, quantities_have_units_and_fit) {
  EXPECT_EQ(parse_bytes("4096"), 4096u);
  EXPECT_EQ(parse_bytes("16777215TiB"), 16777215ull << 40);
  for (const char* bad :
       {"", "MiB", "1 MiB", "1.5MiB", "1MB", "-1", "+1", "16777216TiB", "1mib", "99999999999999999999"})
    EXPECT_EQ(parse_bytes(bad), std::nullopt) << bad;
  EXPECT_EQ(parse_duration("250ms"), std::chrono::milliseconds(250));
  EXPECT_EQ(parse_duration("7d"), std::chrono::hours(24 * 7));
  for (const char* bad : {"", "10", "s", "1h30m", "-1s", "1.5s", "99999999999999999999s", "9223372036854775807d"})
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
  for (const char* text : {"0s", "1500ms", "90m", "36h", "7d"})
    EXPECT_EQ(text_of_duration(*parse_duration(text)), text);
  for (const char* text : {"0", "4095", "64KiB", "3GiB"}) EXPECT_EQ(text_of_bytes(*parse_bytes(text)), text);
}

TEST(HostileYaml, defaults_in_the_schema_are_written_as_people_write_them) {
  const auto schema = nlohmann::json::parse(schema_of("Settings", [](Map& map) {
    Settings s;
    bind(map, s);
  }));
  EXPECT_EQ(schema["properties"]["size"]["default"], "64MiB");
  EXPECT_EQ(schema["properties"]["interval"]["default"], "1500ms");
  EXPECT_EQ(schema["properties"]["inner"]["properties"]["name"]["type"], "string");
}

TEST(HostileYaml, what_is_no_readable_file_says_so) {
  const TempDir dir;
  const auto error = [](const std::string& path) {
    const auto read = read_file(path, [](Map&) {});
    return read ? "(accepted)" : read.error().message();
  };
  std::filesystem::create_symlink("loop.yaml", dir / "loop.yaml");
  EXPECT_THAT(error(dir / "loop.yaml"), AllOf(HasSubstr("loop.yaml"), HasSubstr("symbolic links")));
  ASSERT_EQ(::mkfifo((dir / "pipe.yaml").c_str(), 0600), 0);
  EXPECT_THAT(error(dir / "pipe.yaml"), HasSubstr("not a regular file"));
  EXPECT_THAT(error(dir.path()), HasSubstr("directory"));
  EXPECT_THAT(error(dir.write("empty.yaml", "")), HasSubstr("empty"));

  const auto secret = dir.write("secret.yaml", "{}\n");
  std::filesystem::permissions(secret, std::filesystem::perms(0));
  std::filesystem::permissions(dir.path(), std::filesystem::perms(0755));
  const bool root = ::geteuid() == 0;  // root reads everything, so this one is read as another user
  ASSERT_TRUE(!root || ::seteuid(65534) == 0);
  const auto message = error(secret);
  ASSERT_TRUE(!root || ::seteuid(0) == 0);
  EXPECT_THAT(message, AllOf(HasSubstr("secret.yaml"), HasSubstr("Permission denied")));
}

}  // namespace
}  // namespace plumbline::config
