#include "baseline/source/systemd.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "baseline/source/systemd_syntax.hpp"
#include "tests/unit/baseline/read_source.hpp"

namespace plumbline::baseline {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string fixture = FIXTURES "/systemd/";

Result<Baseline> read(const std::string& path, const std::string& text) {
  BaselineBuilder builder;
  const auto done = read_systemd({"units", "systemd", path}, text, {test_key, test_fingerprints}, builder);
  if (!done) return done.error();
  return builder.take();
}

Baseline fixture_of(const std::string& name) {
  auto result = read("/srv/checkout/" + name, content_of(fixture + name));
  EXPECT_TRUE(result) << result.error().message();
  return result ? std::move(*result) : Baseline();
}

std::string refusal(const std::string& text, const std::string& path = "/srv/x.service") {
  const auto result = read(path, text);
  return result ? "(accepted)" : result.error().message();
}

std::map<std::string, std::string> attributes_of(const Baseline& baseline) {
  std::map<std::string, std::string> result;
  for (const auto& attribute : baseline.resources.at(0).attributes)
    result[attribute.path] = attribute.sensitive ? "(sensitive)" : attribute.hash == 0 ? "(absent)" : attribute.value;
  return result;
}

std::string target_of(const std::string& path) {
  const auto b = read(path, "[Unit]\nDescription=x\n");
  return b ? b->files.at(0).path : b.error().message();
}

TEST(Systemd, reads_the_units_of_a_package) {
  const auto b = fixture_of("package/lib/systemd/system/ssh.service");
  const auto& resource = b.resources.at(0);
  EXPECT_EQ(resource.address, "systemd:units/ssh.service");
  EXPECT_EQ(resource.provider, "systemd");
  EXPECT_EQ(resource.type, "service");
  EXPECT_THAT(resource.ids, ElementsAre("ssh.service", "/lib/systemd/system/ssh.service"));
  auto attributes = attributes_of(b);
  EXPECT_EQ(attributes["Service.ExecStart"], "\"/usr/sbin/sshd -D $SSHD_OPTS\"");
  EXPECT_EQ(attributes["Service.ExecReload"], R"(["/usr/sbin/sshd -t","/bin/kill -HUP $MAINPID"])");
  ASSERT_EQ(b.files.size(), 1u);
  EXPECT_EQ(b.files[0].path, "/lib/systemd/system/ssh.service");
  EXPECT_EQ(b.files[0].content,
            "sha256:" + to_hex(sha256(content_of(fixture + "package/lib/systemd/system/ssh.service"))));
  EXPECT_FALSE(b.files[0].mode);
  EXPECT_FALSE(b.files[0].sensitive);
  EXPECT_THAT(b.skipped, IsEmpty());
  EXPECT_THAT(attributes_of(fixture_of("package/lib/systemd/system/nginx.service"))["Service.Type"],
              HasSubstr("forking"));
}

TEST(Systemd, a_drop_in_says_which_unit_it_changes) {
  auto b = fixture_of("checkout/ssh.service.d/override.conf");
  EXPECT_EQ(b.resources[0].address, "systemd:units/ssh.service/override.conf");
  EXPECT_EQ(b.resources[0].type, "service.d");
  EXPECT_THAT(b.resources[0].ids, ElementsAre("ssh.service", "/etc/systemd/system/ssh.service.d/override.conf"));
  auto attributes = attributes_of(b);
  EXPECT_EQ(attributes["overrides"], "\"ssh.service\"");
  EXPECT_EQ(attributes["resets"], "\"Service.ExecStart\"");
  EXPECT_EQ(attributes["Service.ExecStart"], "\"/usr/sbin/sshd -D -e\"");
  EXPECT_EQ(attributes["Service.Environment.SSHD_OPTS"], "\"-4\"");
  b = fixture_of("package/lib/systemd/system/user-.slice.d/10-defaults.conf");
  EXPECT_EQ(b.resources[0].address, "systemd:units/user-.slice/10-defaults.conf");
  EXPECT_EQ(attributes_of(b)["overrides"], "\"user-.slice\"");
}

TEST(Systemd, ignores_what_systemd_itself_says_it_ignores) {
  // Unknown keys and sections are systemd's business: which ones it knows changes with its version.
  std::set<std::string> said;
  std::istringstream lines(content_of(fixture + "odd/odd.verify.txt"));
  for (std::string line; std::getline(lines, line);) {
    if (line.find("Unknown") != std::string::npos) continue;
    const auto begin = line.find(':') + 1;
    said.insert(line.substr(begin, line.find(':', begin) - begin));
  }
  const auto b = fixture_of("odd/odd.service");
  std::set<std::string> skipped;
  for (const auto& skip : b.skipped) {
    const auto begin = skip.why.find("line ") + 5;
    skipped.insert(skip.why.substr(begin, skip.why.find(':', begin) - begin));
  }
  EXPECT_FALSE(said.empty());
  EXPECT_EQ(skipped, said);
}

TEST(Systemd, joins_lines_takes_back_and_collects) {
  const auto b = fixture_of("odd/odd.service");
  auto attributes = attributes_of(b);
  EXPECT_THAT(attributes["Service.ExecStart"], AllOf(HasSubstr("/bin/true first"), HasSubstr("second"),
                                                     Not(HasSubstr("comment")), HasSubstr("quoted  word")));
  EXPECT_EQ(attributes["Service.ExecStartPost"], "\"/bin/true --b\"");
  EXPECT_EQ(attributes["Service.Environment.A"], "\"1\"");
  EXPECT_EQ(attributes["Service.Environment.B"], "\"two words\"");
  EXPECT_EQ(attributes["Service.Environment.E"], "\"kept\"");
  EXPECT_EQ(attributes["Service.Environment.GOOD"], "\"yes\"");
  EXPECT_EQ(attributes.count("Service.Environment.F"), 0u);
  EXPECT_EQ(attributes.count("Service.Environment.1BAD"), 0u);
  EXPECT_EQ(attributes.count("Unit.Before"), 0u);
  EXPECT_EQ(attributes_of(*read("/x.service", "[Service]\nExecStart=a\nExecStart=\n"))["Service.ExecStart"],
            "(absent)");
  EXPECT_EQ(attributes_of(*read("/x.service", "[Service]\r\nExecStart=a \\\r\n b\r\n"))["Service.ExecStart"],
            "\"a   b\"");
}

TEST(Systemd, keeps_secrets_as_hashes_and_then_the_files_digest_too) {
  const auto b = fixture_of("odd/odd.service");
  auto attributes = attributes_of(b);
  EXPECT_EQ(attributes["Service.Environment.API_TOKEN"], "(sensitive)");
  EXPECT_EQ(attributes["Service.ExecReload"], "(sensitive)");
  EXPECT_TRUE(b.files[0].sensitive);
  EXPECT_EQ(b.files[0].content, test_key.of_digest(sha256(content_of(fixture + "odd/odd.service"))));
  for (const auto& [path, value] : attributes) EXPECT_THAT(value, Not(HasSubstr("canary")));
  for (const char* line :
       {"ExecStart=/x --api-token canary", "ExecStart=/usr/bin/env DB_PASSWORD=canary /x", "SetCredential=id:canary",
        "Environment=\"URL=https://u:canary@host\"", "Environment=PGPASSWORD=canary"}) {
    const auto secret = read("/x.service", std::string("[Service]\n") + line + "\n");
    ASSERT_TRUE(secret) << line;
    for (const auto& [path, value] : attributes_of(*secret)) EXPECT_THAT(value, Not(HasSubstr("canary"))) << line;
    EXPECT_TRUE(secret->files[0].sensitive) << line;
  }
}

TEST(Systemd, knows_where_a_file_belongs) {
  EXPECT_EQ(target_of("/srv/git/x.service"), "/etc/systemd/system/x.service");
  EXPECT_EQ(target_of("/srv/git/systemd/user/x.timer"), "/etc/systemd/user/x.timer");
  EXPECT_EQ(target_of("/srv/git/x.service.d/a.conf"), "/etc/systemd/system/x.service.d/a.conf");
  EXPECT_EQ(target_of("/usr/lib/systemd/system/x.service"), "/usr/lib/systemd/system/x.service");
  EXPECT_EQ(target_of("/tmp/root/usr/lib/systemd/system/x.service"), "/usr/lib/systemd/system/x.service");
  EXPECT_EQ(target_of("/tmp/root/lib/systemd/system/x@.service.d/a.conf"), "/lib/systemd/system/x@.service.d/a.conf");
  EXPECT_EQ(target_of("/run/systemd/system/../system/x.mount"), "/run/systemd/system/x.mount");
  EXPECT_EQ(target_of("/etc/systemd/system.control/x.slice.d/50-CPUWeight.conf"),
            "/etc/systemd/system.control/x.slice.d/50-CPUWeight.conf");
  EXPECT_EQ(target_of("/etc/systemd/system/multi-user.target.wants/x.service"),
            "/etc/systemd/system/multi-user.target.wants/x.service");
  EXPECT_EQ(target_of("/home/vagrant/.config/systemd/user/x.service"), "/home/vagrant/.config/systemd/user/x.service");
  EXPECT_EQ(target_of("/srv/git/service.d/all.conf"), "/etc/systemd/system/service.d/all.conf");
}

TEST(Systemd, says_that_an_installed_file_is_no_baseline_of_itself) {
  const auto b = read("/etc/systemd/system/x.service", "[Service]\nExecStart=/x\n");
  ASSERT_TRUE(b);
  EXPECT_EQ(b->files.size(), 1u);
  ASSERT_EQ(b->skipped.size(), 1u);
  EXPECT_THAT(b->skipped[0].why, HasSubstr("keep the source elsewhere"));
}

TEST(Systemd, refuses_what_is_no_unit) {
  for (const char* name : {"/srv/x.conf", "/srv/x.d/a.conf", "/srv/nginx", "/srv/.service", "/srv/x.service.d/a.txt",
                           "/srv/sp ace.service", "/srv/.service.d/a.conf"})
    EXPECT_THAT(refusal("[Unit]\nA=b\n", name), HasSubstr("its name is neither")) << name;
  EXPECT_THAT(refusal(std::string("\x7f"
                                  "ELF\0",
                                  5)),
              HasSubstr("NUL"));
  EXPECT_THAT(refusal("{\"a\": 1}\n"), HasSubstr("no line of it is an assignment"));
  EXPECT_THAT(refusal("[Unit\nA=b\n"), HasSubstr("/srv/x.service:1: "));
  EXPECT_THAT(refusal("[Unit]\n\nA=\xff\n"), HasSubstr("/srv/x.service:3: not UTF-8"));
  EXPECT_THAT(refusal("[Unit]\nA=" + std::string(2'000'000, 'x')), HasSubstr("1 MiB"));
  std::string joined = "[Unit]\nA=";
  for (int i = 0; i < 200'000; ++i) joined += "0123456789\\\n";
  EXPECT_THAT(refusal(joined), HasSubstr("1 MiB"));
  EXPECT_TRUE(read("/srv/x.service", "# masked by hand\n"));
}

TEST(Systemd, takes_words_as_systemd_does) {
  const auto words = [](std::string_view text) {
    std::vector<std::string> result;
    while (auto word = take_unit_word(text)) result.push_back(*word);
    if (!text.empty()) result.push_back("(broken)");
    return result;
  };
  EXPECT_THAT(words("  a b\tc "), ElementsAre("a", "b", "c"));
  EXPECT_THAT(words(R"("a b" 'c "d"' e"f"g)"), ElementsAre("a b", "c \"d\"", "efg"));
  EXPECT_THAT(words(R"(\x41 \101 \u00e9 \U0001F600 \s\t\\ \"\')"),
              ElementsAre("A", "A", "\u00e9", "\U0001F600", " \t\\", "\"'"));
  EXPECT_THAT(words(R"("" x)"), ElementsAre("", "x"));
  for (const char* broken : {R"("a)", R"(\q)", R"(\x4)", R"(\x00)", R"(\u12)", R"(\)", R"(\777)", R"(\ud800)"})
    EXPECT_THAT(words(broken), ElementsAre("(broken)")) << broken;
}

}  // namespace
}  // namespace plumbline::baseline
