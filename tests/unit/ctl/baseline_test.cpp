// `plumb baseline` on files, as a person types it; no server is asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "ctl/app.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::ctl {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

std::string state(const std::string& acl, const std::string& more = "") {
  return R"({"version":4,"serial":7,"lineage":"abc","resources":[{"mode":"managed","type":"aws_s3_bucket","name":"logs",)"
         R"("provider":"provider[\"registry.opentofu.org/hashicorp/aws\"]","instances":[{"attributes":{"id":"logs",)"
         R"("bucket":"logs","password":"hunter2","acl":")" +
         acl + "\"}}]}" + more + "]}";
}

class PlumbBaseline : public testing::Test {
 protected:
  int plumb(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    arguments.insert(arguments.begin(), {"plumb", "baseline"});
    std::vector<const char*> argv;
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    return run(static_cast<int>(argv.size()), argv.data(), {out_, err_}, clock_, source_commands());
  }
  void SetUp() override {
    ASSERT_EQ(plumb({"compile", dir_.write("of.tfstate", state("x")), "--new-key", "--key-file", key_, "--out",
                     dir_ / "of.index"}),
              0)
        << err_.str();
  }
  json printed() const { return json::parse(out_.str()); }

  TempDir dir_;
  std::string key_ = dir_ / "key";
  std::ostringstream out_, err_;
  SystemClock clock_;
};

TEST_F(PlumbBaseline, inspects_a_source_in_the_shape_of_the_contract) {
  const std::string file = dir_.write("net.tfstate", state("private"));
  ASSERT_EQ(plumb({"inspect", file, "--key-file", key_, "-o", "json"}), 0) << err_.str();
  const json all = printed();
  EXPECT_EQ(all["sources"][0]["kind"], "terraform_state");
  EXPECT_EQ(all["sources"][0]["revision"]["serial"], "7");
  const json& bucket = all["resources"][0];
  EXPECT_EQ(bucket["address"], "tofu:net/aws_s3_bucket.logs");
  EXPECT_EQ(bucket["provider"], "aws");
  EXPECT_EQ(bucket["ids"][0], "logs");
  EXPECT_EQ(bucket["attributes"]["acl"]["value"], "private");
  EXPECT_EQ(bucket["attributes"]["password"]["sensitive"], true);
  EXPECT_TRUE(bucket["attributes"]["password"]["hash"].is_string());
  EXPECT_THAT(out_.str(), Not(HasSubstr("hunter2")));
}

TEST_F(PlumbBaseline, an_index_says_what_its_source_says) {
  const std::string file = dir_.write("net.tfstate", state("private"));
  ASSERT_EQ(plumb({"compile", file, "--key-file", key_, "--out", dir_ / "net.index"}), 0) << err_.str();
  ASSERT_EQ(plumb({"inspect", dir_ / "net.index", "--key-file", key_, "-o", "json"}), 0) << err_.str();
  const json of_index = printed();
  ASSERT_EQ(plumb({"inspect", file, "--key-file", key_, "-o", "json"}), 0);
  EXPECT_EQ(of_index, printed());
}

TEST_F(PlumbBaseline, an_index_of_hashes_alone_shows_no_value) {
  const std::string file = dir_.write("net.tfstate", state("private"));
  ASSERT_EQ(plumb({"compile", file, "--key-file", key_, "--hashes-only", "--out", dir_ / "net.index"}), 0);
  ASSERT_EQ(plumb({"inspect", dir_ / "net.index", "--key-file", key_, "-o", "json"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), Not(HasSubstr("private")));
  EXPECT_THAT(out_.str(), HasSubstr("\"hash\""));
}

TEST_F(PlumbBaseline, diff_names_what_changed_and_exits_with_2) {
  const std::string before = dir_.write("a/net.tfstate", state("private"));
  const std::string after = dir_.write("b/net.tfstate", state("public-read"));
  EXPECT_EQ(plumb({"diff", before, after, "--key-file", key_}), 2) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("~ tofu:net/aws_s3_bucket.logs\n    acl: \"private\" -> \"public-read\"\n"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("bucket:")));
  EXPECT_EQ(plumb({"diff", before, before, "--key-file", key_}), 0);
  EXPECT_EQ(out_.str(), "no difference\n");
}

TEST_F(PlumbBaseline, indexes_of_two_keys_are_not_compared) {
  const std::string file = dir_.write("net.tfstate", state("private"));
  ASSERT_EQ(plumb({"compile", file, "--key-file", key_, "--out", dir_ / "a"}), 0);
  ASSERT_EQ(plumb({"compile", file, "--new-key", "--key-file", dir_ / "other", "--out", dir_ / "b"}), 0);
  EXPECT_EQ(plumb({"diff", dir_ / "a", dir_ / "b"}), 78);
  EXPECT_THAT(err_.str(), HasSubstr("--key-file"));
}

TEST_F(PlumbBaseline, a_key_is_made_on_purpose_only) {
  const std::string file = dir_.write("net.tfstate", state("private"));
  const std::string typo = dir_ / "kye";
  const auto none =
      HasSubstr("plumb: use the key " + typo + ": there is no such file; check the path, or make a key on " +
                "purpose: plumb baseline compile --new-key --key-file " + typo);
  EXPECT_EQ(plumb({"compile", file, "--key-file", typo, "--out", dir_ / "a"}), 78);
  EXPECT_THAT(err_.str(), none);
  EXPECT_EQ(plumb({"inspect", file, "--key-file", typo}), 78);
  EXPECT_THAT(err_.str(), none);
  EXPECT_EQ(plumb({"diff", file, file, "--key-file", typo}), 78);
  EXPECT_THAT(err_.str(), none);
  struct stat status{};
  EXPECT_NE(::stat(typo.c_str(), &status), 0) << "nothing was made";
  EXPECT_NE(::stat((dir_ / "a").c_str(), &status), 0);

  EXPECT_EQ(plumb({"compile", file, "--new-key", "--key-file", key_, "--out", dir_ / "a"}), 78);
  EXPECT_THAT(err_.str(), HasSubstr("there is a file of this name already; leave out --new-key to use it"));
  EXPECT_EQ(plumb({"compile", file, "--new-key", "--out", dir_ / "a"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("--key-file"));
  EXPECT_EQ(plumb({"compile", file, "--new-key", "--key-file", dir_ / "none/key", "--out", dir_ / "a"}), 78);
  EXPECT_THAT(err_.str(), HasSubstr("its directory must be there"));
}

TEST_F(PlumbBaseline, tells_bad_input_from_bad_usage) {
  EXPECT_EQ(plumb({"inspect", dir_.write("x.txt", "hello\n")}), 78);
  EXPECT_THAT(err_.str(), HasSubstr("say it with --source: terraform_state,"));
  EXPECT_EQ(plumb({"inspect", dir_.write("cut.tfstate", state("x").substr(0, 200))}), 78);
  EXPECT_THAT(err_.str(), HasSubstr("not JSON"));
  EXPECT_EQ(plumb({"inspect", dir_ / "missing"}), 78);
  ASSERT_EQ(::mkfifo((dir_ / "fifo.tfstate").c_str(), 0600), 0);
  EXPECT_EQ(plumb({"inspect", dir_ / "fifo.tfstate"}), 78) << "nobody ever writes to it";
  EXPECT_THAT(err_.str(), HasSubstr("not a regular file"));
  EXPECT_EQ(plumb({"inspect"}), 64);
  EXPECT_EQ(plumb({"diff", dir_.write("a", state("x"))}), 64);
  EXPECT_EQ(plumb({"compile", dir_ / "a"}), 64);
}

}  // namespace
}  // namespace plumbline::ctl
