#include "collector/baselines/shelf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "collector/store/sqlite_store.hpp"
#include "tests/unit/fetch/fakes.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::collector {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

/// A collector's shelf over files of the test's own, read as a node would read it.
class ShelfTest : public ::testing::Test {
 protected:
  void write(const std::string& name, int serial, const std::string& lineage = "a") {
    const std::string path = dir_.path() + "/" + name;
    std::ofstream(path + ".new") << R"({"version":4,"serial":)" << serial << R"(,"lineage":")" << lineage
                                 << R"(","resources":[]})";
    ASSERT_EQ(::rename((path + ".new").c_str(), path.c_str()), 0);
  }
  ShelfSource source(const std::string& name, const std::string& file, std::vector<std::string> nodes = {}) {
    ShelfSource entry;
    entry.source.name = name;
    entry.source.kind = "terraform_state";
    entry.source.path = entry.source.location = dir_.path() + "/" + file;
    entry.nodes = std::move(nodes);
    return entry;
  }
  void open(std::vector<ShelfSource> sources) {
    const auto keys = make_shelf_keys(dir_ / "shelf");
    ASSERT_TRUE(keys) << keys.error().message();
    auto opened = Shelf::open(dir_ / "shelf", *keys, std::move(sources), *store_, clock_);
    ASSERT_TRUE(opened) << opened.error().message();
    shelf_ = std::move(*opened);
    shelf_->start();
  }
  fetch::Handout handout(const std::string& node) {
    const auto key = fetch::read_node_key(dir_ / "shelf/node.key");
    const auto text = fetch::open_signed(fetch::handout_type, shelf_->list_for(node, "")->envelope, key->verify);
    return fetch::parse_handout(*text).value();
  }
  std::vector<std::string> names(const std::string& node) {
    std::vector<std::string> all;
    for (const auto& entry : handout(node).baselines) all.push_back(entry.spec.name);
    return all;
  }
  std::string serial(const std::string& name) {
    for (const auto& row : shelf_->rows())
      if (row.name == name && row.revision.contains("serial")) return row.revision.at("serial");
    return "";
  }
  std::string error(const std::string& name) {
    for (const auto& row : shelf_->rows())
      if (row.name == name) return row.error;
    return "no such row";
  }
  static void wait(const std::function<bool()>& condition) {
    while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }

  const TempDir dir_;
  fetch::test::FakeClock clock_;
  std::unique_ptr<Store> store_ = open_sqlite_store({.path = dir_ / "plumbline.db"}).value();
  std::unique_ptr<Shelf> shelf_;
};

TEST_F(ShelfTest, hands_each_node_its_part) {
  write("net.tfstate", 1);
  write("web-1.host", 1);
  write("web-2.host", 1);
  auto hosts = source("hosts", "*.host");
  hosts.node_by_file = true;
  open({source("net", "net.tfstate"), source("edge", "net.tfstate", {"edge-*"}), hosts});
  wait([&] { return serial("net") == "1" && serial("edge") == "1" && serial("hosts.web-2.host") == "1"; });
  EXPECT_THAT(names("web-1"), ElementsAre("hosts.web-1.host", "net"));
  EXPECT_THAT(names("edge-7"), ElementsAre("edge", "net"));
  EXPECT_THAT(names("web-10"), ElementsAre("net"));
  EXPECT_EQ(handout("web-1").node, "web-1");
}

TEST_F(ShelfTest, hands_out_an_index_by_its_digest_alone) {
  write("net.tfstate", 1);
  open({source("net", "net.tfstate")});
  wait([&] { return serial("net") == "1"; });
  const auto entry = handout("n").baselines.at(0);
  const auto index = shelf_->index(entry.sha256);
  ASSERT_NE(index, nullptr);
  EXPECT_EQ(index->image().size(), entry.size);
  EXPECT_EQ(to_hex(baseline::sha256(index->image())), entry.sha256);
  EXPECT_EQ(shelf_->index(std::string(64, '0')), nullptr);
  EXPECT_EQ(shelf_->index(""), nullptr);
}

TEST_F(ShelfTest, numbers_grow_with_each_change_and_not_over_a_restart) {
  write("net.tfstate", 1);
  open({source("net", "net.tfstate")});
  wait([&] { return serial("net") == "1"; });
  const auto first = shelf_->list_for("n", "").value();
  EXPECT_THAT(shelf_->list_for("n", first.etag)->envelope, IsEmpty()) << "it still stands";
  const auto before = handout("n").sequence;
  write("net.tfstate", 2);
  wait([&] { return serial("net") == "2"; });
  EXPECT_GT(handout("n").sequence, before);
  const auto last = handout("n").sequence;
  shelf_.reset();
  open({source("net", "net.tfstate")});
  EXPECT_EQ(handout("n").sequence, last) << "nothing changed";
  write("net.tfstate", 3);
  wait([&] { return serial("net") == "3"; });
  EXPECT_GT(handout("n").sequence, last);
  EXPECT_THAT(names("n"), ElementsAre("net")) << "what was compiled before is handed out at once";
}

/// Two collectors, which read the same files.
class SharedShelves : public ShelfTest {
 protected:
  std::unique_ptr<Shelf> other() {
    const auto keys = read_shelf_keys(dir_ / "shelf");
    return Shelf::open(dir_ / "other", *keys, {source("net", "net.tfstate")}, *store_, clock_).value();
  }
  static std::string list(const Shelf& shelf) { return shelf.list_for("n", "")->envelope; }
};

TEST_F(SharedShelves, hand_out_the_same_bytes_under_the_same_number) {
  write("net.tfstate", 1);
  open({source("net", "net.tfstate")});
  const auto second = other();
  second->start();
  for (const int revision : {1, 2}) {
    write("net.tfstate", revision);
    wait([&] { return serial("net") == std::to_string(revision) && list(*second) == list(*shelf_); });
    EXPECT_EQ(second->list_for("n", "")->etag, shelf_->list_for("n", "")->etag);
    EXPECT_NE(second->index(handout("n").baselines.at(0).sha256), nullptr) << "fetched from either";
  }
  EXPECT_EQ(fetch::read_node_key(dir_ / "other/node.key")->hash, fetch::read_node_key(dir_ / "shelf/node.key")->hash);
}

TEST_F(SharedShelves, one_that_has_not_come_so_far_gives_nothing_older) {
  write("net.tfstate", 1);
  const auto keys = make_shelf_keys(dir_ / "shelf");
  const auto second = other();  // has read nothing yet
  const std::string nothing = list(*second);
  open({source("net", "net.tfstate")});
  wait([&] { return serial("net") == "1"; });
  const std::string first = shelf_->list_for("n", "")->etag;
  EXPECT_THAT(second->list_for("n", first)->envelope, IsEmpty()) << "it still stands, as the store says";
  EXPECT_EQ(second->list_for("n", first)->etag, first);
  write("net.tfstate", 2);
  wait([&] { return serial("net") == "2"; });
  const auto behind = second->list_for("n", first);
  ASSERT_FALSE(behind) << "there is a newer one, which it does not have";
  EXPECT_EQ(behind.error().code, ErrorCode::unavailable);
  EXPECT_EQ(second->list_for("n", "\"99999999999999-0\"")->envelope, nothing) << "a number that nobody gave";
  second->start();
  wait([&] { return list(*second) == list(*shelf_); });
  EXPECT_THAT(second->list_for("n", shelf_->list_for("n", "")->etag)->envelope, IsEmpty());
}

TEST_F(SharedShelves, what_others_number_anew_is_followed) {
  write("net.tfstate", 1);
  open({source("net", "net.tfstate")});
  wait([&] { return serial("net") == "1"; });
  const auto ours = store_->last_handout().value();
  ASSERT_TRUE(store_->number_handout(Digest{}, 0));
  const auto again = store_->number_handout(ours.content, 0).value();
  EXPECT_GT(again, ours.sequence);
  wait([&] { return handout("n").sequence == again; });
}

TEST_F(ShelfTest, a_list_is_signed_anew_though_nothing_changes) {
  write("net.tfstate", 1);
  open({source("net", "net.tfstate")});
  wait([&] { return serial("net") == "1"; });
  const auto first = shelf_->list_for("n", "").value();
  const auto issued = handout("n").issued_at;
  clock_.pass(fetch::issue_period);
  EXPECT_EQ(handout("n").issued_at - issued, 600);
  EXPECT_THAT(shelf_->list_for("n", first.etag)->envelope, Not(IsEmpty())) << "nobody may take the old one for it";
}

TEST_F(ShelfTest, keeps_an_index_that_a_node_may_be_fetching_for_some_minutes) {
  write("net.tfstate", 1);
  open({source("net", "net.tfstate")});
  std::vector<std::string> digests;
  for (const int revision : {1, 2, 3, 4}) {
    write("net.tfstate", revision);
    wait([&] { return serial("net") == std::to_string(revision); });
    digests.push_back(handout("n").baselines.at(0).sha256);
  }
  EXPECT_EQ(shelf_->index(digests[0]), nullptr) << "two are kept at most";
  ASSERT_NE(shelf_->index(digests[1]), nullptr);
  EXPECT_EQ(to_hex(baseline::sha256(shelf_->index(digests[1])->image())), digests[1]);
  EXPECT_NE(shelf_->index(digests[2]), nullptr);
  clock_.pass(std::chrono::minutes(11));
  wait([&] { return shelf_->index(digests[1]) == nullptr && shelf_->index(digests[2]) == nullptr; });
  EXPECT_NE(shelf_->index(digests[3]), nullptr);
}

TEST_F(ShelfTest, more_than_a_node_takes_is_refused_here) {
  write("net.tfstate", 1);
  auto many = source("all", "*.tfstate");
  for (std::size_t i = 0; i < 10; ++i) write("net" + std::to_string(i) + ".tfstate", 1);
  many.source.path = dir_.path() + "/*.tfstate";
  open({many});
  wait([&] { return handout("n").baselines.size() == 11; });
  const auto refused = shelf_->list_for("n", "", 10);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("11 baselines"));
}

TEST_F(ShelfTest, what_was_never_read_is_missing_and_not_left_out) {
  open({source("net", "net.tfstate")});
  wait([&] { return error("net").find("No such file") != std::string::npos; });
  EXPECT_THAT(handout("n").missing, ElementsAre("net"));
  write("net.tfstate", 1);
  wait([&] { return serial("net") == "1"; });
  EXPECT_THAT(handout("n").missing, IsEmpty());
}

TEST_F(ShelfTest, a_step_back_is_taken_when_it_is_meant) {
  write("net.tfstate", 5);
  open({source("net", "net.tfstate")});
  wait([&] { return serial("net") == "5"; });
  write("net.tfstate", 4);
  wait([&] { return !error("net").empty(); });
  EXPECT_EQ(serial("net"), "5");
  EXPECT_THAT(handout("n").baselines.at(0).error, HasSubstr("went back")) << "nodes are told, too";
  shelf_->reload();
  wait([&] { return serial("net") == "4"; });
  EXPECT_THAT(error("net"), IsEmpty());
}

TEST_F(ShelfTest, a_change_beside_a_new_match_is_seen) {
  write("a.tfstate", 1);
  open({source("all", "*.tfstate")});
  wait([&] { return serial("all.a.tfstate") == "1"; });
  for (int round = 2; round < 4; ++round) {
    write("a.tfstate", round);
    write("b" + std::to_string(round) + ".tfstate", 1);
    wait([&] { return serial("all.b" + std::to_string(round) + ".tfstate") == "1"; });
    wait([&] { return serial("all.a.tfstate") == std::to_string(round); });
  }
}

TEST_F(ShelfTest, a_pattern_without_a_match_is_missing) {
  open({source("all", "*.tfstate")});
  EXPECT_THAT(handout("n").missing, ElementsAre("all"));
  write("a.tfstate", 1);
  wait([&] { return serial("all.a.tfstate") == "1"; });
  EXPECT_THAT(handout("n").missing, IsEmpty());
}

TEST_F(ShelfTest, a_pattern_whose_matches_are_all_gone_is_let_go_when_it_is_meant) {
  write("a.tfstate", 1);
  auto all = source("all", "*.tfstate");
  open({all});
  wait([&] { return serial("all.a.tfstate") == "1"; });
  ASSERT_EQ(::unlink((dir_ / "a.tfstate").c_str()), 0);
  shelf_->reload();
  wait([&] { return handout("n").baselines.empty() && handout("n").missing.empty(); });
  write("a.tfstate", 2);
  wait([&] { return serial("all.a.tfstate") == "2"; });
}

TEST_F(ShelfTest, one_match_that_is_left_out_makes_no_other_missing) {
  for (const char* folder : {"web", "Web"}) std::filesystem::create_directory(dir_ / folder);
  write("web/x.tfstate", 1);
  write("Web/x.tfstate", 1);
  open({source("all", "*/x.tfstate")});
  wait([&] { return names("n").size() == 1 && error("all").find("is left out") != std::string::npos; });
  EXPECT_THAT(handout("n").missing, IsEmpty()) << "nodes let go of matches that are gone";
}

TEST_F(ShelfTest, what_cannot_be_looked_at_leaves_out_nothing_else) {
  if (::geteuid() != 0) GTEST_SKIP() << "root only can become somebody else";
  for (const char* folder : {"web", "locked"}) std::filesystem::create_directory(dir_ / folder);
  write("web/x.tfstate", 1);
  write("locked/x.tfstate", 1);
  namespace fs = std::filesystem;
  for (const auto& folder : {dir_.path(), dir_ / "web"}) fs::permissions(folder, fs::perms{0777});
  fs::permissions(dir_ / "locked", fs::perms{0700});
  ASSERT_EQ(::syscall(SYS_setresuid, -1, 65534, -1), 0);  // this thread, and those that it starts
  open({source("all", "*/x.tfstate")});
  wait([&] { return serial("all.web.x.tfstate") == "1"; });
  EXPECT_THAT(names("n"), ElementsAre("all.web.x.tfstate"));
  EXPECT_THAT(handout("n").missing, ElementsAre("all")) << "of what was not seen any may be missing";
  EXPECT_THAT(error("all"), HasSubstr("locked"));
  ASSERT_EQ(::unlink((dir_ / "web/x.tfstate").c_str()), 0);
  shelf_->reload();
  write("web/x.tfstate", 2);
  wait([&] { return serial("all.web.x.tfstate") == "2"; });
  ASSERT_EQ(::syscall(SYS_setresuid, -1, 0, -1), 0);
}

TEST_F(ShelfTest, a_baseline_that_is_configured_by_its_name_stands_before_a_match_that_was_kept) {
  write("a.tfstate", 1);
  open({source("all", "*.tfstate")});
  wait([&] { return serial("all.a.tfstate") == "1"; });
  shelf_.reset();
  write("plain.json", 7);
  open({source("all", "*.tfstate"), source("all.a.tfstate", "plain.json")});
  wait([&] { return serial("all.a.tfstate") == "7" && error("all").find("is left out") != std::string::npos; });
}

TEST_F(ShelfTest, forgets_what_is_no_longer_configured_at_the_next_start) {
  write("a.tfstate", 1);
  write("b.tfstate", 1);
  open({source("a", "a.tfstate"), source("b", "b.tfstate")});
  wait([&] { return serial("a") == "1" && serial("b") == "1"; });
  shelf_.reset();
  std::ofstream(dir_ / "shelf/indexes/a.index.fresh7") << "cut";
  open({source("b", "b.tfstate")});
  shelf_.reset();
  std::vector<std::string> left;
  for (const auto& at : std::filesystem::directory_iterator(dir_ / "shelf/indexes"))
    left.push_back(at.path().filename());
  EXPECT_THAT(left, ElementsAre("b.index"));
}

TEST_F(ShelfTest, a_match_that_is_gone_stays_until_a_person_says_so) {
  write("a.tfstate", 1);
  write("b.tfstate", 1);
  open({source("all", "*.tfstate")});
  wait([&] { return serial("all.a.tfstate") == "1" && serial("all.b.tfstate") == "1"; });
  ASSERT_EQ(::unlink((dir_.path() + "/b.tfstate").c_str()), 0);
  shelf_.reset();
  open({source("all", "*.tfstate")});
  EXPECT_THAT(names("n"), SizeIs(2));
  shelf_->reload();
  wait([&] { return names("n").size() == 1; });
  EXPECT_THAT(names("n"), ElementsAre("all.a.tfstate"));
}

TEST_F(ShelfTest, believes_no_folder_or_key_of_others) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  const std::string folder = dir_ / "shelf";
  const auto refusal = [&] {
    const auto keys = make_shelf_keys(folder);
    if (!keys) return keys.error().message();
    const auto opened = Shelf::open(folder, *keys, {}, *store_, clock_);
    return opened ? std::string("(opened)") : opened.error().message();
  };
  ASSERT_EQ(refusal(), "(opened)");
  ASSERT_EQ(::chown((folder + "/signing.key").c_str(), 12345, 0), 0);
  EXPECT_THAT(refusal(), HasSubstr("belongs to uid 12345"));
  ASSERT_EQ(::chown((folder + "/signing.key").c_str(), 0, 0), 0);
  ASSERT_EQ(::chmod(folder.c_str(), 0777), 0);
  EXPECT_THAT(refusal(), HasSubstr("chmod go-w " + folder));
}

}  // namespace
}  // namespace plumbline::collector
