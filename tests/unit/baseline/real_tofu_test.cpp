// States that a real OpenTofu wrote, against the files that it really left.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "baseline/baseline.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::baseline {
namespace {

const KeyedHash key(std::array<std::byte, 32>{});
const std::string fixture = REPOSITORY "/tests/fixtures/terraform/opentofu-1.10.6";

/// Address → path below the root, of every file.
std::map<std::string, std::string> files_of(const Baseline& baseline, const std::string& root) {
  std::map<std::string, std::string> files;
  for (const auto& file : baseline.files)
    files[file.address] = file.path.starts_with(root + "/") ? file.path.substr(root.size()) : "outside";
  return files;
}

TEST(RealTofu, the_fixture_holds_what_its_configuration_says) {
  const auto b = load({"f", "terraform_state", fixture + "/terraform.tfstate"}, key);
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_TRUE(b->skipped.empty());
  const std::map<std::string, std::string> expected{
      {"tofu:f/local_file.plain", "/plain.conf"},
      {"tofu:f/local_file.counted[0]", "/counted-0"},
      {"tofu:f/local_file.counted[1]", "/counted-1"},
      {"tofu:f/local_file.keyed[\"a\"]", "/keyed/a"},
      {"tofu:f/local_file.keyed[\"with \\\"quotes\\\"\"]", "/keyed/with \"quotes\""},
      {"tofu:f/local_file.keyed[\"with/slash\"]", "/keyed/with_slash"},
      {"tofu:f/local_file.keyed[\"new\\nline\"]", "/keyed/new\nline"},
      {"tofu:f/local_file.keyed[\"ünïcode\"]", "/keyed/ünïcode"},
      {"tofu:f/local_file.empty", "/empty"},
      {"tofu:f/local_file.binary", "/binary"},
      {"tofu:f/local_file.secret", "/secret"},
      {"tofu:f/local_file.secret_by_variable", "/secret-by-variable"},
      {"tofu:f/local_file.untidy_path", "/untidy"},
      {"tofu:f/local_file.relative", "outside"},
      {"tofu:f/module.web[\"eu-1\"].local_file.in_module", "/in-module"},
  };
  EXPECT_EQ(files_of(*b, "/tmp/plumbline-fixture"), expected);
  std::set<std::string> sensitive;
  for (const auto& file : b->files)
    if (file.sensitive) sensitive.insert(file.address);
  EXPECT_EQ(sensitive, (std::set<std::string>{"tofu:f/local_file.secret", "tofu:f/local_file.secret_by_variable"}));
  const auto no_file =
      std::find_if(b->resources.begin(), b->resources.end(), [](const auto& r) { return r.type == "terraform_data"; });
  EXPECT_NE(no_file, b->resources.end());
  EXPECT_EQ(b->resources.size(), expected.size() + 1);  // the data source is no managed resource
}

/// Applies the configuration anew, so that a state of this very tool is compared with the files that it just wrote.
TEST(RealTofu, what_it_writes_is_what_the_baseline_expects) {
  const TempDir dir;
  const std::string harness = REPOSITORY "/tests/harness/tofu/";
  if (const int status = std::system((harness + "build.sh --path >/dev/null 2>&1").c_str()); status != 0)
    GTEST_SKIP() << "OpenTofu is not built; tests/harness/tofu/build.sh builds it";
  const std::string root = dir / "root", state = dir / "terraform.tfstate";
  const std::string command = "umask 022; " + harness + "apply.sh '" + fixture + "' '" + state + "' 'root=" + root +
                              "' >'" + (dir / "log") + "' 2>&1";
  const int status = std::system(command.c_str());
  std::ostringstream log;
  log << std::ifstream(dir / "log").rdbuf();
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << log.str();

  const auto fresh = load({"f", "terraform_state", state}, key);
  ASSERT_TRUE(fresh) << fresh.error().message();
  const auto kept = load({"f", "terraform_state", fixture + "/terraform.tfstate"}, key);
  ASSERT_TRUE(kept) << kept.error().message();
  EXPECT_EQ(files_of(*fresh, root), files_of(*kept, "/tmp/plumbline-fixture"));

  std::size_t compared = 0;
  for (const auto& file : fresh->files) {
    if (!file.path.starts_with(root + "/")) continue;
    struct stat live{};
    ASSERT_EQ(::stat(file.path.c_str(), &live), 0) << file.path;
    EXPECT_EQ(file.mode, live.st_mode & 07777u) << file.address;
    std::ostringstream content;
    content << std::ifstream(file.path, std::ios::binary).rdbuf();
    const auto digest = sha256(content.str());
    EXPECT_EQ(file.content, file.sensitive ? key.of_digest(digest) : "sha256:" + to_hex(digest)) << file.address;
    ++compared;
  }
  EXPECT_EQ(compared, 14u);
}

}  // namespace
}  // namespace plumbline::baseline
