#include "agent/rollback/put_back.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using ::testing::HasSubstr;
using Outcome = PutBackOutcome;
using Step = PutBackStep;

/// Of the mount namespace that the caller is in.
Result<Place> open_place(const std::string& path) {
  const Fd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  return Place::open(root.get(), path);
}

std::string slurp(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

Place place_of(const std::string& path) {
  auto place = open_place(path);
  if (!place) throw std::runtime_error(place.error().message());
  return std::move(*place);
}

FileImage image_at(const std::string& path) {
  auto standing = look(place_of(path), 1 << 20);
  if (!standing) throw std::runtime_error(standing.error().message());
  return standing->image;
}

constexpr Step all_steps[] = {Step::keep,     Step::create, Step::write,  Step::dress,  Step::sync,
                              Step::validate, Step::swap,   Step::verify, Step::remove, Step::sync_folder};

class PutBackTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::canonical(dir_.path()).string() + "/app.conf";
    std::ofstream(path_) << "right\n";
    ::chmod(path_.c_str(), 0640);
    ::setxattr(path_.c_str(), "user.note", "mine", 4, 0);
    right_ = image_at(path_);
  }
  void drift(const std::string& content = "wrong\n") { std::ofstream(path_) << content; }
  PutBackOptions options() {
    return {.max_bytes = 1 << 20,
            .is_still_wrong = [this](const FileImage& now) { return now == wrong_; },
            .keep = [this](const FileImage& now) -> Result<void> {
              kept_ = now;
              return {};
            },
            .validate = {},
            .before = {}};
  }
  PutBackResult put_back_now(const PutBackOptions& how) { return put_back(place_of(path_), right_, how); }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(dir_.path()), {}));
  }

  TempDir dir_;
  std::string path_;
  FileImage right_, wrong_, kept_;
};

TEST_F(PutBackTest, content_mode_and_attributes_come_back_and_what_stood_there_is_kept) {
  drift();
  ::chmod(path_.c_str(), 0666);
  ::setxattr(path_.c_str(), "user.theirs", "x", 1, 0);
  wrong_ = image_at(path_);
  EXPECT_EQ(put_back_now(options()).outcome, Outcome::done);
  EXPECT_EQ(image_at(path_), right_);
  EXPECT_EQ(kept_, wrong_);
  EXPECT_EQ(kept_.content, "wrong\n");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(PutBackTest, a_mode_alone_is_set_without_another_inode) {
  struct stat before{}, after{};
  ::stat(path_.c_str(), &before);
  ::chmod(path_.c_str(), 0777);
  wrong_ = image_at(path_);
  EXPECT_EQ(put_back_now(options()).outcome, Outcome::done);
  ::stat(path_.c_str(), &after);
  EXPECT_EQ(after.st_ino, before.st_ino);
  EXPECT_EQ(image_at(path_), right_);
}

TEST_F(PutBackTest, an_owner_comes_back_and_set_id_bits_with_it) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give a file away";
  ::chmod(path_.c_str(), 06755);
  right_ = image_at(path_);
  ASSERT_EQ(::chown(path_.c_str(), 1234, 1235), 0);
  wrong_ = image_at(path_);
  EXPECT_EQ(put_back_now(options()).outcome, Outcome::done);
  EXPECT_EQ(image_at(path_), right_);
}

TEST_F(PutBackTest, what_is_gone_comes_back_and_what_should_not_be_there_goes) {
  ::unlink(path_.c_str());
  EXPECT_EQ(put_back_now(options()).outcome, Outcome::done);
  EXPECT_EQ(image_at(path_), right_);
  right_ = FileImage{};
  wrong_ = image_at(path_);
  EXPECT_EQ(put_back_now(options()).outcome, Outcome::done);
  EXPECT_EQ(entries(), 0U);
}

TEST_F(PutBackTest, symlinks_are_put_back_and_never_followed) {
  const std::string other = dir_.write("secret", "of another\n");
  ::unlink(path_.c_str());
  ASSERT_EQ(::symlink("secret", path_.c_str()), 0);
  wrong_ = image_at(path_);
  EXPECT_EQ(put_back_now(options()).outcome, Outcome::done);
  EXPECT_EQ(image_at(path_), right_);
  EXPECT_EQ(slurp(other), "of another\n");

  right_ = wrong_;
  wrong_ = image_at(path_);
  EXPECT_EQ(put_back_now(options()).outcome, Outcome::done);
  EXPECT_EQ(std::filesystem::read_symlink(path_), "secret");
  EXPECT_EQ(slurp(other), "of another\n");
}

TEST_F(PutBackTest, nothing_is_done_where_it_is_right_or_is_no_longer_what_was_found) {
  EXPECT_EQ(put_back_now(options()).outcome, Outcome::nothing_to_do);
  drift("wrong\n");
  wrong_ = image_at(path_);
  drift("wrong in another way\n");
  EXPECT_EQ(put_back_now(options()).outcome, Outcome::changed_meanwhile);
  EXPECT_EQ(slurp(path_), "wrong in another way\n");
}

TEST_F(PutBackTest, a_change_between_check_and_swap_is_not_lost) {
  const std::pair<const char*, std::function<void()>> changes[] = {
      {"written in place", [this] { std::ofstream(path_) << "newer\n"; }},
      {"replaced", [this] { dir_.write("x", "newer\n"), ::rename((dir_ / "x").c_str(), path_.c_str()); }},
      {"its mode", [this] { ::chmod(path_.c_str(), 0600); }},
      {"removed", [this] { ::unlink(path_.c_str()); }},
  };
  for (const auto& [what, change] : changes) {
    drift();
    wrong_ = image_at(path_);
    auto how = options();
    how.before = [&act = change](Step step) {
      if (step == Step::swap) act();
      return 0;
    };
    const auto result = put_back_now(how);
    EXPECT_EQ(result.outcome, Outcome::changed_meanwhile) << what << ": " << result.why;
    const auto now = image_at(path_);
    EXPECT_TRUE(now != right_) << what;
    if (now.kind == FileImage::Kind::regular && now.mode != 0600) {
      EXPECT_EQ(now.content, "newer\n") << what;
    }
    EXPECT_LE(entries(), 1U) << what;
  }
}

TEST_F(PutBackTest, what_came_where_nothing_was_is_not_overwritten) {
  ::unlink(path_.c_str());
  auto how = options();
  how.before = [this](Step step) {
    if (step == Step::swap) drift("newer\n");
    return 0;
  };
  EXPECT_EQ(put_back_now(how).outcome, Outcome::changed_meanwhile);
  EXPECT_EQ(slurp(path_), "newer\n");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(PutBackTest, a_folder_that_becomes_a_symlink_leads_nowhere) {
  const std::string base = std::filesystem::canonical(dir_.path()).string();
  std::filesystem::create_directories(base + "/conf");
  dir_.write("conf/a", "wrong\n");
  dir_.write("host/a", "the host's\n");
  const auto place = place_of(base + "/conf/a");
  wrong_ = image_at(base + "/conf/a");
  std::filesystem::rename(base + "/conf", base + "/away");
  std::filesystem::create_directory_symlink(base + "/host", base + "/conf");

  const auto again = open_place(base + "/conf/a");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::unsupported);
  EXPECT_THAT(again.error().message(), HasSubstr("symlink on the way"));

  EXPECT_EQ(put_back(place, right_, options()).outcome, Outcome::done) << "in the folder that it was in";
  EXPECT_EQ(slurp(base + "/host/a"), "the host's\n");
  EXPECT_EQ(slurp(base + "/away/a"), "right\n");
}

TEST_F(PutBackTest, other_names_and_other_kinds_are_refused) {
  drift();
  wrong_ = image_at(path_);
  const std::string other = dir_ / "other-name";
  ASSERT_EQ(::link(path_.c_str(), other.c_str()), 0);
  auto result = put_back_now(options());
  EXPECT_EQ(result.outcome, Outcome::unsafe);
  EXPECT_THAT(result.why, HasSubstr("hard links"));
  EXPECT_EQ(slurp(other), "wrong\n");
  ::unlink(path_.c_str());
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(put_back_now(options()).outcome, Outcome::unsafe);
  ::unlink(path_.c_str());
  ::mkdir(path_.c_str(), 0700);
  EXPECT_EQ(put_back_now(options()).outcome, Outcome::unsafe);
}

TEST_F(PutBackTest, what_is_put_beside_by_others_is_not_written_through) {
  drift();
  wrong_ = image_at(path_);
  const std::string victim = dir_.write("victim", "the host's\n");
  const std::string beside = dir_ / put_back_leftover("app.conf");
  ASSERT_EQ(::symlink(victim.c_str(), beside.c_str()), 0);
  EXPECT_EQ(put_back_now(options()).outcome, Outcome::done);
  EXPECT_EQ(slurp(victim), "the host's\n");
  EXPECT_EQ(image_at(path_), right_);

  drift();
  auto how = options();
  how.before = [&](Step step) {  // between the write and the swap
    if (step != Step::swap) return 0;
    ::unlink(beside.c_str());
    EXPECT_EQ(::link(victim.c_str(), beside.c_str()), 0);
    return 0;
  };
  EXPECT_EQ(put_back_now(how).outcome, Outcome::changed_meanwhile);
  EXPECT_EQ(slurp(victim), "the host's\n");
}

TEST_F(PutBackTest, a_validator_that_says_no_leaves_all_as_it_was) {
  drift();
  wrong_ = image_at(path_);
  auto how = options();
  std::string seen;
  how.validate = [&](const std::string& path) -> Result<void> {
    seen = slurp(path);
    return invalid("validate", "it says: line 1 is wrong");
  };
  const auto result = put_back_now(how);
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_THAT(result.why, HasSubstr("line 1 is wrong"));
  EXPECT_EQ(seen, "right\n");
  EXPECT_EQ(image_at(path_), wrong_);
  EXPECT_EQ(entries(), 1U);
}

TEST_F(PutBackTest, whatever_fails_the_old_one_or_the_new_one_stands_there) {
  for (const Step step : all_steps) {
    drift();
    ::chmod(path_.c_str(), 0666);
    wrong_ = image_at(path_);
    auto how = options();
    bool came = false;
    how.before = [&](Step at) {
      came = came || at == step;
      return at == step ? ENOSPC : 0;
    };
    const auto result = put_back_now(how);
    EXPECT_TRUE(came) << static_cast<int>(step);
    EXPECT_EQ(result.outcome, Outcome::failed) << static_cast<int>(step);
    EXPECT_THAT(result.why, HasSubstr("No space left")) << static_cast<int>(step);
    const bool is_swapped = step == Step::remove || step == Step::sync_folder;
    EXPECT_EQ(image_at(path_), is_swapped ? right_ : wrong_) << static_cast<int>(step);
    EXPECT_EQ(entries(), step == Step::remove ? 2U : 1U) << static_cast<int>(step);
  }
}

TEST_F(PutBackTest, whoever_kills_it_anywhere_finds_the_old_one_or_the_new_one_and_the_next_attempt_clears_up) {
  for (const Step step : all_steps) {
    drift();
    ::chmod(path_.c_str(), 0666);
    wrong_ = image_at(path_);
    const pid_t child = ::fork();
    if (child == 0) {
      auto how = options();
      how.before = [&](Step at) {
        if (at == step) ::raise(SIGKILL);
        return 0;
      };
      put_back_now(how);
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << static_cast<int>(step);
    const auto now = image_at(path_);
    EXPECT_TRUE(now == wrong_ || now == right_) << static_cast<int>(step);
    EXPECT_LE(entries(), 2U) << static_cast<int>(step);
    drift("wrong again\n");
    wrong_ = image_at(path_);
    EXPECT_EQ(put_back_now(options()).outcome, Outcome::done) << static_cast<int>(step);
    EXPECT_EQ(image_at(path_), right_);
    EXPECT_EQ(entries(), 1U) << static_cast<int>(step);
  }
}

/// Runs `act` in a child with a mount namespace of its own; its exit code, or 77 where there can be none.
int in_mount_namespace(const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(77);
    ::_exit(act());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(PutBackTest, a_file_that_is_mounted_by_itself_is_written_in_place) {
  const std::string source = dir_.write("source", "wrong, and longer than what is right\n");
  const int code = in_mount_namespace([&] {
    if (::mount(source.c_str(), path_.c_str(), nullptr, MS_BIND, nullptr) != 0) return 77;
    wrong_ = image_at(path_);
    if (put_back_now(options()).outcome != Outcome::done) return 1;
    return image_at(path_) == right_ ? 0 : 2;
  });
  if (code == 77) GTEST_SKIP() << "no mount namespace may be made here";
  EXPECT_EQ(code, 0);
  EXPECT_EQ(slurp(source), "right\n");
}

TEST_F(PutBackTest, on_a_full_disk_the_old_one_stays_whole) {
  const std::string disk = std::filesystem::canonical(dir_.path()).string() + "/disk";
  std::filesystem::create_directory(disk);
  const int code = in_mount_namespace([&] {
    if (::mount("none", disk.c_str(), "tmpfs", 0, "size=64k") != 0) return 77;
    path_ = disk + "/app.conf";
    drift();
    wrong_ = image_at(path_);
    right_.content.assign(50'000, 'r');
    right_.attributes.clear();
    std::ofstream(disk + "/filler") << std::string(40'000, 'x');
    const auto result = put_back_now(options());
    if (result.outcome != Outcome::failed || result.why.find("No space left") == std::string::npos) return 1;
    if (!(image_at(path_) == wrong_)) return 2;
    return std::filesystem::exists(disk + "/" + put_back_leftover("app.conf")) ? 3 : 0;
  });
  if (code == 77) GTEST_SKIP() << "no mount namespace may be made here";
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace plumbline::agent
