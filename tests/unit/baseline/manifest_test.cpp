#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "baseline/baseline.hpp"

namespace plumbline::baseline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const KeyedHash key(std::array<std::byte, 32>{});
const std::string digest(64, 'a');

Result<Baseline> read(const std::string& files) {
  return parse({"ops", "manifest", "m.yaml"},
               "apiVersion: plumbline/v1\nkind: Manifest\nrevision: \"42\"\nfiles:\n" + files, key);
}

std::string refusal(const std::string& files) {
  const auto result = read(files);
  return result ? "(accepted)" : result.error().message();
}

TEST(Manifest, reads_the_example_of_the_design) {
  const auto b = read("- {address: \"file:/etc/app.conf\", path: /etc/app.conf, sha256: " + digest +
                      ", mode: \"0644\", owner: root, group: root}\n- {address: \"file:/etc/app.d\", path: /etc/app.d, "
                      "absent: [ \"*.bak\" ]}\n");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->revision.at("revision"), "42");
  ASSERT_EQ(b->files.size(), 2u);
  EXPECT_EQ(b->files[0].mode, 0644u);
  EXPECT_EQ(b->files[0].owner, "root");
  EXPECT_EQ(*b->files[0].content, "sha256:" + digest);
  EXPECT_THAT(b->files[1].absent_entries, ElementsAre("*.bak"));
}

TEST(Manifest, has_an_address_for_every_path_and_normal_paths) {
  const auto b = read("- {path: /etc//x/../app.conf, absent: true}\n");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->files[0].path, "/etc/app.conf");
  EXPECT_EQ(b->files[0].address, "file:/etc/app.conf");
  EXPECT_TRUE(b->files[0].absent);
}

TEST(Manifest, refuses_with_line_and_column) {
  EXPECT_THAT(refusal("- {path: /a, sha265: x}\n"),
              testing::AllOf(HasSubstr("m.yaml:5:"), HasSubstr("did you mean `sha256`?")));
  EXPECT_THAT(refusal("- {path: a, absent: true}\n"), HasSubstr("absolute"));
  EXPECT_THAT(refusal("- {path: /a, sha256: ABC}\n"), HasSubstr("64 lower-case"));
  EXPECT_THAT(refusal("- {path: /a, mode: rw}\n"), HasSubstr("octal"));
  EXPECT_THAT(refusal("- {path: /a, mode: \"99999\"}\n"), HasSubstr("octal"));
  EXPECT_THAT(refusal("- {path: /a}\n"), HasSubstr("nothing is expected"));
  EXPECT_THAT(refusal("- {path: /a, absent: true, mode: \"0644\"}\n"), HasSubstr("nothing else"));
  EXPECT_THAT(refusal("- {path: /a, absent: [\"a/b\"]}\n"), HasSubstr("without a slash"));
  EXPECT_THAT(refusal("- {path: /a, symlink: b, sha256: " + digest + "}\n"), HasSubstr("no content"));
  EXPECT_THAT(refusal("- {path: /a, absent: true}\n- {path: /a, absent: true}\n"), HasSubstr("stands twice"));
  EXPECT_THAT(refusal("- {absent: true}\n"), HasSubstr("`path` is missing"));
  EXPECT_FALSE(parse({"ops", "manifest", "m.yaml"}, "kind: Manifest\n", key));
  EXPECT_FALSE(
      parse({"ops", "manifest", "m.yaml"}, "apiVersion: plumbline/v2\nkind: Manifest\nrevision: a\nfiles: []\n", key));
}

TEST(Manifest, reads_the_quick_starts) {
  const auto b = load({"ops", "manifest", EXAMPLES "/quickstart/manifest.yaml"}, key);
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->files.size(), 3u);
}

}  // namespace
}  // namespace plumbline::baseline
