#include "agent/rollback/healer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>

#include "include/wire/json.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Outcome = PutBackOutcome;

std::string slurp(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::string plain_digest(const std::string& content) {
  return "sha256:" + baseline::to_hex(baseline::sha256(content));
}

class HealerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto dir = std::filesystem::canonical(dir_.path()).string();
    target_.file = "net\nfile:/app.conf\n/app.conf";
    target_.path = dir + "/app.conf";
    target_.expected.content = plain_digest("right\n");
    target_.key = &key_;
    options_.folder = dir + "/rollback";
    write("right\n");
    start();
  }
  void start() {
    healer_.reset();
    auto made = Healer::make(options_, install_key_, clock_);
    ASSERT_TRUE(made) << made.error().message();
    healer_ = std::move(*made);
  }
  void write(const std::string& content) { std::ofstream(target_.path) << content; }
  LiveFile live() const {
    LiveFile live;
    struct stat status{};
    if (::stat(target_.path.c_str(), &status) != 0) return live;
    live.kind = LiveFile::Kind::regular;
    live.mode = status.st_mode & 07777;
    live.uid = status.st_uid;
    live.gid = status.st_gid;
    live.size = static_cast<std::uint64_t>(status.st_size);
    live.digest = baseline::sha256(slurp(target_.path));
    return live;
  }
  HealResult wait(const std::function<void(Healer::Done)>& start) {
    auto promise = std::make_shared<std::promise<HealResult>>();
    start([promise](HealResult result) { promise->set_value(std::move(result)); });
    return promise->get_future().get();
  }
  HealResult put_back(const std::vector<std::string>& validate = {}) { return put_back_of(live(), validate); }
  HealResult put_back_of(const LiveFile& found, const std::vector<std::string>& validate = {}) {
    return wait([&](Healer::Done done) { healer_->put_back(target_, found, "d-1", validate, done); });
  }
  /// Jobs go before what is to be kept, so one that finds nothing to keep says that all before it was.
  void keep() {
    const auto before = healer_->stats();
    healer_->keep(target_);
    while (healer_->stats().kept + healer_->stats().not_kept == before.kept + before.not_kept)
      std::this_thread::yield();
  }

  TempDir dir_;
  SystemClock clock_;
  std::array<std::byte, 32> install_key_{std::byte{7}};
  baseline::KeyedHash key_{std::array<std::byte, 32>{std::byte{9}}};
  HealTarget target_;
  Healer::Options options_;
  std::unique_ptr<Healer> healer_;
};

TEST_F(HealerTest, what_was_kept_while_it_was_right_comes_back_after_a_restart_too) {
  ::chmod(target_.path.c_str(), 0640);
  keep();
  start();
  write("wrong\n");
  ::chmod(target_.path.c_str(), 0666);
  const auto result = put_back();
  EXPECT_EQ(result.result.outcome, Outcome::done) << result.result.why;
  EXPECT_TRUE(result.can_be_undone);
  EXPECT_EQ(slurp(target_.path), "right\n");
  EXPECT_EQ(live().mode, 0640U);
  const auto undone = wait([&](Healer::Done done) { healer_->undo(target_, "d-1", done); });
  EXPECT_EQ(undone.result.outcome, Outcome::done) << undone.result.why;
  EXPECT_EQ(slurp(target_.path), "wrong\n");
  EXPECT_EQ(live().mode, 0666U);
  EXPECT_EQ(healer_->stats().done, 2U);
}

TEST_F(HealerTest, what_was_never_right_is_not_kept_and_says_so) {
  write("wrong\n");
  healer_->keep(target_);
  const auto result = put_back();
  EXPECT_EQ(result.result.outcome, Outcome::failed);
  EXPECT_THAT(result.result.why, HasSubstr("is not kept: it never was"));
  EXPECT_EQ(slurp(target_.path), "wrong\n");
}

TEST_F(HealerTest, content_of_an_older_revision_is_not_put_back) {
  keep();
  target_.expected.content = plain_digest("newer\n");
  write("wrong\n");
  const auto result = put_back();
  EXPECT_EQ(result.result.outcome, Outcome::failed);
  EXPECT_THAT(result.result.why, HasSubstr("the baseline has moved"));
}

TEST_F(HealerTest, secrets_are_compared_by_keyed_hash_and_shown_by_nobody) {
  write("hunter2\n");
  target_.expected.content = key_.of_digest(baseline::sha256("hunter2\n"));
  target_.expected.sensitive = true;
  keep();
  write("eve-was-here\n");
  const auto shown = wait([&](Healer::Done done) { healer_->show(target_, done); });
  EXPECT_THAT(shown.shown, HasSubstr("it is sensitive"));
  EXPECT_THAT(shown.shown, Not(HasSubstr("hunter2")));
  EXPECT_THAT(shown.shown, Not(HasSubstr("eve-was-here")));
  EXPECT_THAT(shown.shown, Not(HasSubstr(plain_digest("hunter2\n").substr(7))));
  EXPECT_EQ(put_back().result.outcome, Outcome::done);
  EXPECT_EQ(slurp(target_.path), "hunter2\n");
}

TEST_F(HealerTest, a_dry_run_shows_what_would_change_and_changes_nothing) {
  write("a\nright\nz\n");
  target_.expected.content = plain_digest("a\nright\nz\n");
  target_.expected.mode = 0600;
  keep();
  write("a\nwrong\nworse\nz\n");
  const auto shown = wait([&](Healer::Done done) { healer_->show(target_, done); });
  EXPECT_EQ(shown.result.outcome, Outcome::done);
  const auto json = nlohmann::json::parse(shown.shown);
  EXPECT_EQ(json["from_line"], 2);
  EXPECT_EQ(json["lines_that_go"], nlohmann::json({"wrong", "worse"}));
  EXPECT_EQ(json["lines_that_come"], nlohmann::json({"right"}));
  EXPECT_THAT(shown.shown, HasSubstr("0600"));
  EXPECT_EQ(slurp(target_.path), "a\nwrong\nworse\nz\n");
  EXPECT_EQ(healer_->stats().tried, 0U);
}

TEST_F(HealerTest, a_mode_comes_back_whatever_the_content_is_by_now) {
  target_.expected.content.reset();
  target_.expected.mode = 0600;
  keep();
  write("other\n");
  ::chmod(target_.path.c_str(), 0666);
  EXPECT_EQ(put_back().result.outcome, Outcome::done);
  EXPECT_EQ(live().mode, 0600U);
  EXPECT_EQ(slurp(target_.path), "other\n");
}

TEST_F(HealerTest, nothing_is_written_where_nothing_ever_was_right) {
  keep();
  const std::string elsewhere = target_.path + ".host";
  std::ofstream(elsewhere) << "the host's\n";
  target_.path = elsewhere;  // a symlink on the way was bent
  for (const bool by_mode : {false, true}) {
    if (by_mode) {
      target_.expected.content.reset();
      target_.expected.mode = 0777;
    }
    const auto result = put_back();
    EXPECT_EQ(result.result.outcome, Outcome::failed);
    EXPECT_THAT(result.result.why, HasSubstr("the path leads elsewhere now"));
  }
  target_.expected.mode.reset();
  target_.expected.absent = true;
  EXPECT_EQ(put_back().result.outcome, Outcome::failed);
  EXPECT_EQ(slurp(elsewhere), "the host's\n");
  EXPECT_NE(live().mode, 0777U);
}

TEST_F(HealerTest, an_undo_writes_where_it_was_overwritten_and_over_nothing_newer) {
  keep();
  write("wrong\n");
  ASSERT_EQ(put_back().result.outcome, Outcome::done);
  const std::string here = target_.path, elsewhere = here + ".host";
  std::ofstream(elsewhere) << "right\n";
  target_.path = elsewhere;  // a symlink on the way was bent
  auto undone = wait([&](Healer::Done done) { healer_->undo(target_, "d-1", done); });
  EXPECT_EQ(undone.result.outcome, Outcome::failed);
  EXPECT_EQ(slurp(elsewhere), "right\n");

  target_.path = here;
  write("newer\n");
  undone = wait([&](Healer::Done done) { healer_->undo(target_, "d-1", done); });
  EXPECT_EQ(undone.result.outcome, Outcome::changed_meanwhile);
  EXPECT_EQ(slurp(here), "newer\n");
  write("right\n");
  undone = wait([&](Healer::Done done) { healer_->undo(target_, "d-1", done); });
  EXPECT_EQ(undone.result.outcome, Outcome::done);
  EXPECT_EQ(slurp(here), "wrong\n");
}

TEST_F(HealerTest, what_must_not_be_there_is_removed_and_can_be_brought_back) {
  ::unlink(target_.path.c_str());
  target_.expected.content.reset();
  target_.expected.absent = true;
  keep();
  write("debug = on\n");
  EXPECT_EQ(put_back().result.outcome, Outcome::done);
  EXPECT_FALSE(std::filesystem::exists(target_.path));
  const auto undone = wait([&](Healer::Done done) { healer_->undo(target_, "d-1", done); });
  EXPECT_EQ(undone.result.outcome, Outcome::done);
  EXPECT_EQ(slurp(target_.path), "debug = on\n");
}

TEST_F(HealerTest, only_what_was_found_is_undone) {
  keep();
  write("wrong\n");
  const auto found = live();
  write("wronger\n");
  EXPECT_EQ(put_back_of(found).result.outcome, Outcome::changed_meanwhile);
  EXPECT_EQ(slurp(target_.path), "wronger\n");
  EXPECT_EQ(healer_->stats().refused, 1U);
}

TEST_F(HealerTest, a_validator_decides_and_cannot_hang) {
  keep();
  write("wrong\n");
  auto result = put_back({"/bin/grep", "-q", "wrong", "{}"});
  EXPECT_EQ(result.result.outcome, Outcome::failed);
  EXPECT_THAT(result.result.why, HasSubstr("exit code 1"));
  options_.validate_timeout = std::chrono::milliseconds(50);
  start();
  result = put_back({"/usr/bin/tail", "-f", "{}"});
  EXPECT_THAT(result.result.why, HasSubstr("did not end within 50 ms"));
  EXPECT_THAT(put_back({"/no/such/program", "{}"}).result.why, HasSubstr("No such file"));
  EXPECT_EQ(slurp(target_.path), "wrong\n");
  options_.validate_timeout = std::chrono::seconds(60);
  start();
  EXPECT_EQ(put_back({"/bin/grep", "-q", "right", "{}"}).result.outcome, Outcome::done);
  EXPECT_EQ(slurp(target_.path), "right\n");
}

TEST_F(HealerTest, a_folder_that_must_not_have_entries_is_nobodys_to_empty) {
  target_.expected.content.reset();
  target_.expected.absent_entries = {"*"};
  const auto result = put_back();
  EXPECT_EQ(result.result.outcome, Outcome::unsafe);
}

}  // namespace
}  // namespace plumbline::agent
