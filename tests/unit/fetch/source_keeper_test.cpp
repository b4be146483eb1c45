#include "fetch/source_keeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <stop_token>
#include <thread>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::fetch {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class SourceKeeperTest : public ::testing::Test {
 protected:
  void write(int serial, const std::string& content, const std::string& lineage = "a") {
    dir_.write("s.tfstate", R"({"version":4,"serial":)" + std::to_string(serial) + R"(,"lineage":")" + lineage +
                                R"(","resources":[{"mode":"managed","type":"local_file","name":"x","provider":)" +
                                R"("provider[\"registry.opentofu.org/hashicorp/local\"]","instances":[{"attributes":)" +
                                R"({"filename":"/etc/x","content":")" + content + R"("}}]}]})");
  }
  SourceKeeper keeper(const std::string& name = "net") {
    return {{name, "terraform_state", dir_ / "s.tfstate"}, dir_ / "kept", key_};
  }

  const TempDir dir_;
  const baseline::KeyedHash key_{std::array<std::byte, 32>{}};
};

TEST_F(SourceKeeperTest, what_was_taken_outlives_the_agent_and_the_source) {
  write(1, "one");
  const auto taken = keeper().load(false);
  ASSERT_TRUE(taken) << taken.error().message();
  EXPECT_EQ(taken->resources, 1u);
  struct stat folder{};
  ASSERT_EQ(::stat((dir_ / "kept").c_str(), &folder), 0);
  EXPECT_EQ(folder.st_mode & 07777, 0700u);

  std::filesystem::remove(dir_ / "s.tfstate");
  SourceKeeper later = keeper();
  EXPECT_FALSE(later.load(false));
  const auto kept = later.remembered();
  ASSERT_TRUE(kept) << kept.error().message();
  EXPECT_EQ(kept->baseline.revision, taken->baseline.revision);
  ASSERT_THAT(kept->baseline.files, SizeIs(1));
  EXPECT_EQ(kept->baseline.files[0].path, "/etc/x");
  EXPECT_EQ(kept->baseline.files[0].content, taken->baseline.files[0].content);

  later.forget();
  EXPECT_FALSE(later.remembered());
  EXPECT_FALSE(keeper().remembered());
}

TEST_F(SourceKeeperTest, an_older_or_foreign_revision_is_taken_only_when_somebody_means_it) {
  write(7, "seven");
  ASSERT_TRUE(keeper().load(false));
  SourceKeeper later = keeper();
  write(6, "six");
  const auto older = later.load(false);
  ASSERT_FALSE(older);
  EXPECT_THAT(older.error().message(), HasSubstr("it went back: lineage=a serial=6, after lineage=a serial=7"));
  EXPECT_EQ(later.last_move(), baseline::Move::backwards);
  write(8, "eight", "b");
  EXPECT_FALSE(later.load(false));
  EXPECT_EQ(later.last_move(), baseline::Move::elsewhere);
  EXPECT_EQ(later.remembered()->baseline.revision.at("serial"), "7");
  EXPECT_FALSE(keeper().load(false)) << "a restart launders nothing";

  EXPECT_TRUE(later.load(true));
  EXPECT_EQ(keeper().remembered()->baseline.revision.at("lineage"), "b");
}

TEST_F(SourceKeeperTest, two_contents_under_one_serial_are_a_fork) {
  write(1, "one");
  SourceKeeper one = keeper();
  EXPECT_FALSE(one.load(false)->forked);
  EXPECT_FALSE(one.load(false)->forked);
  write(1, "other");
  EXPECT_TRUE(one.load(false)->forked);
  write(2, "third");
  EXPECT_FALSE(one.load(false)->forked);
}

TEST_F(SourceKeeperTest, what_another_source_or_key_left_is_not_used) {
  write(1, "one");
  ASSERT_TRUE(keeper().load(false));
  const SourceKeeper other_kind({"net", "terraform_json", dir_ / "s.tfstate"}, dir_ / "kept", key_);
  EXPECT_FALSE(other_kind.remembered());
  const baseline::KeyedHash other_key(std::array<std::byte, 32>{std::byte{1}});
  const SourceKeeper rekeyed({"net", "terraform_state", dir_ / "s.tfstate"}, dir_ / "kept", other_key);
  EXPECT_FALSE(rekeyed.remembered());
}

// What was no secret to a former version may be one.
TEST_F(SourceKeeperTest, an_index_of_another_version_does_not_stay_on_the_disk) {
  write(1, "one");
  ASSERT_TRUE(keeper().load(false));
  std::fstream file(dir_ / "kept/net.index", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(8);
  file.put(2);
  file.close();
  SourceKeeper later = keeper();
  EXPECT_FALSE(later.remembered());
  EXPECT_THAT(later.damage(), HasSubstr("another version"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "kept/net.index"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "kept/net.index.damaged"));
  EXPECT_TRUE(later.load(false));
  EXPECT_TRUE(keeper().remembered());
}

TEST_F(SourceKeeperTest, a_damaged_index_is_made_again) {
  write(1, "one");
  ASSERT_TRUE(keeper().load(false));
  std::filesystem::resize_file(dir_ / "kept/net.index", 100);
  SourceKeeper later = keeper();
  EXPECT_FALSE(later.remembered());
  EXPECT_THAT(later.damage(), HasSubstr("net.index"));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "kept/net.index.damaged"));
  EXPECT_TRUE(later.load(false));
  EXPECT_TRUE(keeper().remembered());
  EXPECT_EQ(keeper().damage(), "");
}

TEST_F(SourceKeeperTest, a_name_longer_than_a_file_name_may_be_is_no_trouble) {
  write(1, "one");
  const std::string prefix(250, 'n');
  ASSERT_TRUE(keeper(prefix + "1").load(false)->why_no_index.empty());
  EXPECT_TRUE(keeper(prefix + "1").remembered());
  EXPECT_FALSE(keeper(prefix + "2").remembered());
}

bool is_open(const std::string& path) {
  std::error_code gone;
  for (const auto& fd : std::filesystem::directory_iterator("/proc/self/fd"))
    if (std::filesystem::read_symlink(fd.path(), gone) == path) return true;
  return false;
}

TEST_F(SourceKeeperTest, a_load_that_is_under_way_when_the_source_is_forgotten_leaves_nothing_behind) {
  write(1, "one");
  {
    std::ofstream longer(dir_ / "s.tfstate", std::ios::app);
    longer << std::string(20'000'000, ' ');
  }
  SourceKeeper one = keeper();
  std::thread loading([&] { one.load(false); });
  while (!is_open(dir_ / "s.tfstate")) std::this_thread::yield();
  one.forget();
  loading.join();
  EXPECT_FALSE(one.remembered());
  EXPECT_FALSE(one.load(false));
  EXPECT_TRUE(std::filesystem::is_empty(dir_ / "kept"));
}

TEST_F(SourceKeeperTest, the_reading_of_a_state_ends_where_nobody_waits_for_it) {
  write(1, "one");
  std::stop_source stop;
  stop.request_stop();
  SourceKeeper one = keeper();
  EXPECT_THAT(one.load(false, {}, stop.get_token()).error().message(), HasSubstr("nobody waits"));
  EXPECT_TRUE(one.load(false));
}

TEST_F(SourceKeeperTest, what_is_kept_of_matches_is_found_by_their_pattern) {
  write(1, "one");
  std::ifstream file(dir_ / "s.tfstate");
  const std::string content{std::istreambuf_iterator<char>(file), {}}, long_name(250, 'n');
  const auto keep = [&](const std::string& name, const std::string& where) {
    const std::string path = dir_.write(where, content);
    return bool(SourceKeeper({name, "terraform_state", path}, dir_ / "kept", key_).load(false));
  };
  ASSERT_TRUE(keep("all.a.tfstate", "m/a.tfstate") && keep("all.b.tfstate", "m/b.tfstate"));
  ASSERT_TRUE(keep("all.c.tfstate", "elsewhere/c.tfstate") && keep("other.a.tfstate", "m/a.tfstate"));
  ASSERT_TRUE(keep(long_name + ".a.tfstate", "m/a.tfstate"));
  dir_.write("kept/all.d.tfstate.index", "damaged");
  std::filesystem::remove(dir_ / "m/b.tfstate");
  baseline::SourceSpec pattern{"all", "terraform_state", dir_ / "m/*.tfstate", std::chrono::hours(1)};
  std::vector<std::string> names;
  const auto kept = kept_matches(dir_ / "kept", pattern);
  EXPECT_THAT(kept.damage, HasSubstr("all.d.tfstate.index"));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "kept/all.d.tfstate.index.damaged"));
  for (const auto& spec : kept.matches) {
    names.push_back(spec.name);
    EXPECT_EQ(spec.stale_after, pattern.stale_after);
  }
  EXPECT_THAT(names, testing::UnorderedElementsAre("all.a.tfstate", "all.b.tfstate"));
  pattern.name = long_name;
  EXPECT_THAT(kept_matches(dir_ / "kept", pattern).matches, SizeIs(1));
  EXPECT_THAT(kept_matches(dir_ / "nowhere", pattern).matches, SizeIs(0));
}

// Name and kind tell a baseline; its path is where it happens to be.
TEST_F(SourceKeeperTest, of_another_path_goes_on_and_a_step_back_is_taken_and_told) {
  write(7, "one");
  ASSERT_TRUE(keeper().load(false));
  std::filesystem::rename(dir_ / "s.tfstate", dir_ / "moved.tfstate");
  const auto at = [&] { return SourceKeeper({"net", "terraform_state", dir_ / "moved.tfstate"}, dir_ / "kept", key_); };
  {
    SourceKeeper moved = at();
    EXPECT_EQ(moved.remembered()->baseline.revision.at("serial"), "7");
    EXPECT_EQ(moved.load(false)->stepped, baseline::Move::none);
  }
  write(3, "one");
  std::filesystem::rename(dir_ / "s.tfstate", dir_ / "moved.tfstate");
  EXPECT_FALSE(at().load(false)) << "it is read from there already";
  SourceKeeper back = keeper();
  std::filesystem::copy(dir_ / "moved.tfstate", dir_ / "s.tfstate");
  const auto taken = back.load(false);
  ASSERT_TRUE(taken) << taken.error().message();
  EXPECT_EQ(taken->stepped, baseline::Move::backwards);
  EXPECT_EQ(taken->former_path, dir_ / "moved.tfstate");
}

TEST_F(SourceKeeperTest, without_room_for_an_index_the_baseline_is_good_all_the_same) {
  write(1, "one");
  dir_.write("kept", "no folder");
  const auto taken = keeper().load(false);
  ASSERT_TRUE(taken) << taken.error().message();
  EXPECT_THAT(taken->baseline.files, SizeIs(1));
  EXPECT_EQ(taken->index, nullptr);
  EXPECT_THAT(taken->why_no_index, HasSubstr("Not a directory"));
}

}  // namespace
}  // namespace plumbline::fetch
