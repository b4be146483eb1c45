#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "baseline/baseline.hpp"
#include "include/wire/finding.hpp"

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

TEST(Manifest, reads_which_containers_a_file_is_in) {
  const auto b = read(
      "- {path: /etc/a, image: true, containers: {namespace: prod, pod: \"web-*\", name: nginx, image: "
      "\"docker.io/library/nginx*\"}}\n- {path: /etc/a, mode: \"0600\", owner: \"0\", containers: {name: "
      "\"*\"}}\n- {path: /etc/a, absent: true}\n");
  ASSERT_TRUE(b) << b.error().message();
  ASSERT_EQ(b->files.size(), 3u) << "on the node it is another file";
  EXPECT_TRUE(b->files[0].as_image);
  EXPECT_EQ(*b->files[0].containers, (ContainerSelector{"prod", "web-*", "nginx", "docker.io/library/nginx*"}));
  EXPECT_EQ(b->files[0].address, "file:[namespace=prod,pod=web-*,name=nginx,image=docker.io/library/nginx*]/etc/a");
  EXPECT_EQ(b->files[1].address, "file:[name=*]/etc/a");
  EXPECT_FALSE(b->files[1].as_image);
  EXPECT_FALSE(b->files[2].containers);
}

TEST(Manifest, refuses_containers_that_say_nothing_or_too_much) {
  EXPECT_THAT(refusal("- {path: /a, image: true, containers: {}}\n"), HasSubstr("selects nothing"));
  EXPECT_THAT(refusal("- {path: /a, image: true, containers: {pod: \"\"}}\n"), HasSubstr("is empty"));
  EXPECT_THAT(refusal("- {path: /a, image: true, containers: {pods: x}}\n"), HasSubstr("did you mean `pod`?"));
  EXPECT_THAT(refusal("- {path: /a, image: true}\n"), HasSubstr("say which containers"));
  EXPECT_THAT(refusal("- {path: /a, image: true, mode: \"0644\", containers: {name: a}}\n"), HasSubstr("nothing else"));
  EXPECT_THAT(refusal("- {path: /a, containers: {name: a}}\n"), HasSubstr("or image: true"));
  EXPECT_THAT(refusal("- {path: /a, owner: nginx, containers: {name: a}}\n"), HasSubstr("give the number"));
  EXPECT_THAT(
      refusal("- {path: /a, image: true, containers: {name: a}}\n- {path: /a, absent: true, containers: {name: a}}\n"),
      HasSubstr("for the same containers"));
}

TEST(Selector, all_that_it_says_has_to_fit) {
  wire::Container c;
  c.pod_namespace = "prod";
  c.pod = "web-7d9f-x2";
  c.name = "nginx";
  c.image = "docker.io/library/nginx:1.29";
  EXPECT_TRUE((ContainerSelector{"prod", "web-*", "", ""}).selects(c));
  EXPECT_TRUE((ContainerSelector{"", "", "*", "docker.io/*"}).selects(c));
  EXPECT_FALSE((ContainerSelector{"prod", "web-*", "sidecar", ""}).selects(c));
  EXPECT_FALSE((ContainerSelector{"dev", "", "", ""}).selects(c));
  EXPECT_FALSE((ContainerSelector{"", "web", "", ""}).selects(c)) << "whole names";
}

TEST(Manifest, reads_the_quick_starts) {
  const auto b = load({"ops", "manifest", EXAMPLES "/quickstart/manifest.yaml"}, key);
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->files.size(), 3u);
}

}  // namespace
}  // namespace plumbline::baseline
