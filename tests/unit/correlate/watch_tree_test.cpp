#include "agent/correlate/watch_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/support/contained_process.hpp"
#include "tests/unit/support/fake_kernel.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;

class WatchTreeTest : public ::testing::Test {
 protected:
  /// What the marks that moved since the last call concern.
  std::map<WatchId, std::vector<Cause>> affected() {
    const auto slots = kernel_.sweep();
    std::map<std::uint32_t, std::uint64_t> seen;
    for (const auto slot : slots) seen[slot] = kernel_.pending(slot);
    auto result = tree_.affected_by(slots);
    for (const auto& [slot, generation] : seen) kernel_.acknowledge(slot, generation);
    tree_.drop_retired();
    return result;
  }

  TempDir dir_;
  FakeKernel kernel_;
  WatchTree tree_{kernel_};
};

TEST_F(WatchTreeTest, marks_the_file_and_every_directory_on_the_way) {
  const auto path = dir_.write("etc/app.conf", "a");
  const auto& where = tree_.resolve(tree_.add(path, true));
  EXPECT_TRUE(where.exists);
  EXPECT_EQ(where.physical, path);
  EXPECT_TRUE(kernel_.marked(path));
  EXPECT_TRUE(kernel_.marked(dir_ / "etc"));
  EXPECT_TRUE(kernel_.marked("/"));
}

TEST_F(WatchTreeTest, a_change_of_the_file_concerns_its_watch) {
  const auto path = dir_.write("app.conf", "a");
  const auto id = tree_.add(path, true);
  kernel_.touch(path);
  const auto result = affected();
  ASSERT_THAT(result, Contains(Key(id)));
  EXPECT_FALSE(result.at(id)[0].of_directory);
  EXPECT_EQ(result.at(id)[0].changes, 1u);
}

TEST_F(WatchTreeTest, a_neighbour_in_the_directory_concerns_nobody) {
  const auto path = dir_.write("app.conf", "a");
  tree_.add(path, true);
  dir_.write("other", "b");
  kernel_.touch(dir_.path());
  EXPECT_THAT(affected(), IsEmpty());
}

TEST_F(WatchTreeTest, a_replaced_file_is_found_and_its_new_inode_marked) {
  const auto path = dir_.write("app.conf", "a");
  const auto id = tree_.add(path, true);
  fs::rename(dir_.write("tmp", "b"), path);
  EXPECT_FALSE(kernel_.marked(path));
  kernel_.touch(dir_.path());
  EXPECT_THAT(affected(), Contains(Key(id)));
  EXPECT_TRUE(kernel_.marked(path));
  EXPECT_TRUE(tree_.resolve(id).exists);
}

TEST_F(WatchTreeTest, a_replaced_files_own_mark_names_the_author) {
  const auto path = dir_.write("app.conf", "a");
  const auto id = tree_.add(path, true);
  mark_actor author{};
  author.tgid = 4711;
  author.at_boot_ns = 5;
  kernel_.touch(path, author);  // the kernel stamps the inode that loses its name
  fs::rename(dir_.write("tmp", "b"), path);
  kernel_.touch(dir_.path());
  const auto result = affected();
  ASSERT_THAT(result, Contains(Key(id)));
  EXPECT_EQ(result.at(id)[0].value.last.tgid, 4711u);
  EXPECT_FALSE(result.at(id)[0].of_directory);
}

TEST_F(WatchTreeTest, a_missing_file_is_seen_when_it_is_made_even_below_missing_directories) {
  const auto id = tree_.add(dir_ / "a/b/c.conf", true);
  EXPECT_FALSE(tree_.resolve(id).exists);
  fs::create_directories(dir_ / "a");
  kernel_.touch(dir_.path());
  EXPECT_THAT(affected(), Contains(Key(id)));
  EXPECT_FALSE(tree_.resolve(id).exists);
  fs::create_directories(dir_ / "a/b");
  kernel_.touch(dir_ / "a");
  affected();
  tree_.resolve(id);
  dir_.write("a/b/c.conf", "x");
  kernel_.touch(dir_ / "a/b");
  EXPECT_THAT(affected(), Contains(Key(id)));
  EXPECT_TRUE(tree_.resolve(id).exists);
}

TEST_F(WatchTreeTest, a_directory_that_was_moved_away_takes_its_files_along) {
  const auto path = dir_.write("conf/app.conf", "a");
  const auto id = tree_.add(path, true);
  fs::rename(dir_ / "conf", dir_ / "old");
  kernel_.touch(dir_.path());
  EXPECT_THAT(affected(), Contains(Key(id)));
  EXPECT_FALSE(tree_.resolve(id).exists);
}

TEST_F(WatchTreeTest, a_data_swap_as_kubelet_does_it_is_seen_through_the_symlink) {
  dir_.write("..2026_1/key", "old");
  fs::create_symlink("..2026_1", dir_ / "..data");
  fs::create_symlink("..data/key", dir_ / "key");
  const auto id = tree_.add(dir_ / "key", true);
  EXPECT_EQ(tree_.resolve(id).physical, dir_ / "..2026_1/key");
  dir_.write("..2026_2/key", "new");
  fs::create_symlink("..2026_2", dir_ / "..data_tmp");
  fs::rename(dir_ / "..data_tmp", dir_ / "..data");
  kernel_.touch(dir_.path());
  EXPECT_THAT(affected(), Contains(Key(id)));
  EXPECT_EQ(tree_.resolve(id).physical, dir_ / "..2026_2/key");
  EXPECT_TRUE(kernel_.marked(dir_ / "..2026_2/key"));
}

TEST_F(WatchTreeTest, a_symlink_loop_is_trouble_and_not_an_endless_walk) {
  fs::create_symlink("b", dir_ / "a");
  fs::create_symlink("a", dir_ / "b");
  const auto& where = tree_.resolve(tree_.add(dir_ / "a", true));
  EXPECT_FALSE(where.exists);
  EXPECT_THAT(where.trouble, ::testing::HasSubstr("symlinks"));
}

TEST_F(WatchTreeTest, ten_thousand_components_are_refused_with_the_reason) {
  std::string path;
  for (int i = 0; i < 10000; ++i) path += "/d";
  const auto& where = tree_.resolve(tree_.add(path, true));
  EXPECT_FALSE(where.exists);
  EXPECT_THAT(where.trouble, ::testing::HasSubstr("4,095"));
}

TEST_F(WatchTreeTest, a_file_in_the_place_of_a_directory_is_trouble) {
  const auto file = dir_.write("file", "a");
  const auto& where = tree_.resolve(tree_.add(file + "/below", true));
  EXPECT_THAT(where.trouble, ::testing::HasSubstr("not a directory"));
}

TEST_F(WatchTreeTest, two_hard_links_under_management_are_both_concerned) {
  const auto one = dir_.write("one", "a");
  fs::create_hard_link(one, dir_ / "two");
  const auto first = tree_.add(one, true);
  const auto second = tree_.add(dir_ / "two", true);
  kernel_.touch(one);
  const auto result = affected();
  EXPECT_THAT(result, Contains(Key(first)));
  EXPECT_THAT(result, Contains(Key(second)));
}

TEST_F(WatchTreeTest, names_with_newlines_and_foreign_bytes_are_paths_like_others) {
  const auto path = dir_.write("a\n\xff b", "x");
  EXPECT_TRUE(tree_.resolve(tree_.add(path, true)).exists);
}

TEST_F(WatchTreeTest, a_removed_watch_gives_its_marks_back) {
  const auto path = dir_.write("etc/app.conf", "a");
  const auto before = kernel_.marks_used();
  tree_.remove(tree_.add(path, true));
  tree_.drop_retired();
  EXPECT_LE(kernel_.marks_used(), before + 1);  // the root directory stays
  EXPECT_FALSE(kernel_.marked(path));
}

TEST_F(WatchTreeTest, a_reused_inode_number_keeps_its_new_mark) {
  const auto path = dir_.write("app.conf", "a");
  const auto id = tree_.add(path, true);
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  kernel_.touch(dir_ / ".");
  kernel_.generations[status.st_ino] = 2;  // removed and made anew, with the same number
  affected();
  EXPECT_TRUE(kernel_.marked(path)) << "dropping the old mark must not drop the new one";
  EXPECT_EQ(tree_.resolve(id).leaf[0].generation, 2u);
  tree_.release_unused({tree_.resolve(id).leaf[0].key, 1, 999});
  EXPECT_TRUE(kernel_.marked(path));
}

TEST_F(WatchTreeTest, a_loop_can_be_mended_and_let_go) {
  fs::create_symlink("b", dir_ / "a");
  fs::create_symlink("a", dir_ / "b");
  const auto first = tree_.add(dir_ / "a/x", true), second = tree_.add(dir_ / "b/x", true);
  tree_.remove(first);
  fs::remove(dir_ / "b");
  fs::create_directory(dir_ / "b");
  dir_.write("b/x", "found");
  kernel_.touch(dir_ / ".");
  EXPECT_THAT(affected(), Contains(Key(second)));
  EXPECT_TRUE(tree_.resolve(second).exists);
  tree_.remove(second);
}

TEST_F(WatchTreeTest, a_full_mark_table_is_said_and_not_hidden) {
  const auto path = dir_.write("app.conf", "a");
  kernel_.max_marks = 1;
  EXPECT_THAT(tree_.resolve(tree_.add(path, true)).unwatched, Not(IsEmpty()));
}

class WatchTreeInContainer : public WatchTreeTest {
 protected:
  void SetUp() override {
    if (!contained_.why_not().empty()) GTEST_SKIP() << contained_.why_not();
    dir_.write("root/etc/app.conf", "a");
    auto opened = ContainerRoot::open("/proc", contained_.process(), contained_.root());
    ASSERT_TRUE(opened) << opened.error().message();
    root_ = *opened;
  }
  ContainedProcess contained_{[this] {
    fs::create_directory(dir_ / "root");
    return dir_ / "root";
  }()};
  std::shared_ptr<const ContainerRoot> root_;
};

TEST_F(WatchTreeInContainer, the_same_path_is_another_one_in_each_root) {
  const auto inside = tree_.add("/etc/app.conf", true, root_, "c1");
  const auto outside = tree_.add("/etc/app.conf", true);
  EXPECT_EQ(tree_.resolve(inside).physical, "/etc/app.conf");
  EXPECT_TRUE(tree_.resolve(inside).exists);
  EXPECT_FALSE(tree_.resolve(outside).exists);
  EXPECT_TRUE(kernel_.marked(dir_ / "root/etc/app.conf"));
  kernel_.touch(dir_ / "root/etc/app.conf");
  const auto result = affected();
  EXPECT_THAT(result, Contains(Key(inside)));
  EXPECT_THAT(result, Not(Contains(Key(outside))));
}

TEST_F(WatchTreeInContainer, symlinks_are_followed_in_it_alone) {
  dir_.write("secret", "outside");
  fs::create_symlink(dir_ / "secret", dir_ / "root/etc/out");
  fs::create_symlink("/proc/1/root/etc/passwd", dir_ / "root/etc/magic");
  fs::create_directory_symlink("../../../../../../../..", dir_ / "root/up");
  fs::create_symlink("/etc/app.conf", dir_ / "root/link");
  EXPECT_FALSE(tree_.resolve(tree_.add("/etc/out", true, root_, "c1")).exists);
  EXPECT_FALSE(tree_.resolve(tree_.add("/etc/magic", true, root_, "c1")).exists);
  EXPECT_FALSE(tree_.resolve(tree_.add("/up" + dir_.path() + "/secret", true, root_, "c1")).exists);
  const auto& link = tree_.resolve(tree_.add("/link", true, root_, "c1"));
  EXPECT_TRUE(link.exists);
  EXPECT_EQ(link.physical, "/etc/app.conf");
  EXPECT_FALSE(kernel_.marked(dir_ / "secret"));
}

TEST_F(WatchTreeInContainer, a_folder_that_becomes_a_symlink_leads_nowhere) {
  const auto id = tree_.add("/etc/app.conf", true, root_, "c1");
  dir_.write("other/app.conf", "outside");
  fs::rename(dir_ / "root/etc", dir_ / "root/etc.old");
  fs::create_directory_symlink(dir_ / "other", dir_ / "root/etc");
  kernel_.touch(dir_ / "root");
  EXPECT_THAT(affected(), Contains(Key(id)));
  EXPECT_FALSE(tree_.resolve(id).exists);
  EXPECT_FALSE(kernel_.marked(dir_ / "other/app.conf"));
}

TEST_F(WatchTreeInContainer, of_one_that_ended_nothing_stays) {
  const auto marks = kernel_.marks_used();
  const auto id = tree_.add("/etc/app.conf", true, root_, "c1");
  EXPECT_GT(kernel_.marks_used(), marks);
  contained_.end();
  EXPECT_THAT(tree_.verify_all(), Contains(id));
  EXPECT_FALSE(tree_.resolve(id).exists);
  tree_.remove(id);
  tree_.drop_retired();
  EXPECT_EQ(kernel_.marks_used(), marks);
}

}  // namespace
}  // namespace plumbline::agent
