#include "fetch/handout_client.hpp"

#include <gmock/gmock.h>

#include <deque>
#include <fstream>

#include "tests/unit/fetch/strict_server.hpp"
#include "tests/unit/support/handed.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::fetch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A collector's two routes as a strict double: an ETag is the list's number, an index comes by ranges alone.
class HandoutClientTest : public ::testing::Test {
 protected:
  HandoutClientTest() {
    key_.verify = public_key_of(signing_);
    key_.hash = {std::byte{7}};
    list_.node = "web-1";
    list_.sequence = 5;
    list_.issued_at = 1'795'000'000;
  }
  ~HandoutClientTest() override { client_.reset(); }

  test::Reply answer(const test::Asked& asked) {
    const std::string list = "/v1/baselines/for/web-1", index = "/v1/baselines/index/";
    if (asked.target == list && garbage_) return {200, "garbage", {}};
    if (asked.target == list) {
      const std::string etag = "\"" + std::to_string(list_.sequence) + "\"";
      if (always_304_ || asked.header("if-none-match") == etag) return {304, "", {{"ETag", etag}}};
      return {200, sign(handout_type, handout_json(list_), signing_), {{"ETag", etag}}};
    }
    if (asked.target.starts_with(index) && images_.contains(asked.target.substr(index.size()))) {
      const std::string& image = images_.at(asked.target.substr(index.size()));
      std::size_t first = 0, last = 0;
      if (std::sscanf(asked.header("range").c_str(), "bytes=%zu-%zu", &first, &last) != 2) return {416, "", {}};
      asked_bytes_.push_back(last - first + 1);
      if (asked_bytes_.back() > most_in_time_) std::this_thread::sleep_for(2 * whole_);
      return {206, image.substr(first, last - first + 1), {}};
    }
    return {404, "", {}};
  }
  void add(const std::string& name, const std::string& files) {
    const baseline::KeyedHash key(key_.hash);
    const auto handed = plumbline::test::handed_manifest(name, "1", files, key, dir_ / "scratch");
    server_.change([&] {
      list_.baselines.push_back(handed.entry);
      images_[handed.entry.sha256] = std::string(handed.index->image());
    });
  }
  void make_client() {
    client_.reset();
    HandoutOptions options;
    options.url = server_.url();
    options.node = "web-1";
    options.folder = dir_ / "state/handed";
    options.interval = std::chrono::milliseconds(20);
    options.limits = {whole_, whole_, {}};
    client_ = std::make_unique<HandoutClient>(options, key_);
  }
  void start() {
    client_->start([this](Result<std::shared_ptr<const Handed>> handed) {
      const std::lock_guard lock(mutex_);
      delivered_.push_back(std::move(handed));
      changed_.notify_all();
    });
  }
  Result<std::shared_ptr<const Handed>> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !delivered_.empty(); });
    auto first = std::move(delivered_.front());
    delivered_.pop_front();
    return first;
  }
  void wait_for_questions(std::size_t more) {
    const auto asked = server_.asked().size();
    while (server_.asked().size() < asked + more) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  static std::vector<std::string> names(const Handed& handed) {
    std::vector<std::string> all;
    for (const auto& baseline : handed.baselines) all.push_back(baseline.entry.spec.name);
    return all;
  }

  int files(const std::string& ending) const {
    int count = 0;
    for (const auto& at : std::filesystem::directory_iterator(dir_ / "state/handed"))
      count += at.path().string().ends_with(ending) ? 1 : 0;
    return count;
  }

  const TempDir dir_;
  const Ed25519Key signing_{std::byte{3}};
  NodeKey key_;
  Handout list_;
  std::map<std::string, std::string> images_;
  std::vector<std::size_t> asked_bytes_;
  std::size_t most_in_time_ = ~std::size_t{0};
  std::chrono::milliseconds whole_{5'000};
  bool always_304_ = false;
  bool garbage_ = false;
  test::StrictServer server_{[this](const test::Asked& asked) { return answer(asked); }};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Result<std::shared_ptr<const Handed>>> delivered_;
  std::unique_ptr<HandoutClient> client_;
};

TEST_F(HandoutClientTest, takes_a_list_once_and_keeps_it) {
  add("ops", "- {path: /a, mode: \"0644\"}");
  add("web", "- {path: /b, mode: \"0644\"}");
  make_client();
  EXPECT_EQ(client_->kept().error().code, ErrorCode::not_found);
  start();
  const auto handed = next();
  ASSERT_TRUE(handed) << handed.error().message();
  EXPECT_THAT(names(**handed), ElementsAre("ops", "web"));
  EXPECT_EQ((*handed)->issued_at, 1'795'000'000'000'000'000);
  wait_for_questions(3);
  {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(delivered_.empty()) << "304 is no news";
  }
  make_client();
  const auto kept = client_->kept();
  ASSERT_TRUE(kept) << kept.error().message();
  EXPECT_EQ((*kept)->sequence, 5u);
  EXPECT_THAT((*kept)->damage, IsEmpty());
  EXPECT_THAT(names(**kept), ElementsAre("ops", "web"));
  EXPECT_THAT(server_.problems(), IsEmpty());
}

TEST_F(HandoutClientTest, a_list_that_is_signed_anew_is_news) {
  make_client();
  start();
  ASSERT_TRUE(next());
  server_.change([&] {
    list_.sequence = 6;
    list_.issued_at += 600;
  });
  EXPECT_EQ(next().value()->issued_at, 1'795'000'600'000'000'000);
}

// Nobody signs a 304: it says nothing where it was not asked for.
TEST_F(HandoutClientTest, believes_no_304_that_it_did_not_ask_for) {
  make_client();
  start();
  ASSERT_TRUE(next());
  make_client();
  ASSERT_TRUE(client_->kept());
  server_.change([&] { always_304_ = true; });
  start();
  const auto refused = next();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("304"));
}

TEST_F(HandoutClientTest, an_older_list_is_taken_only_when_it_is_meant) {
  make_client();
  start();
  ASSERT_TRUE(next());
  server_.change([&] { list_.sequence = 4; });
  const auto refused = next();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::permission);
  client_->refresh(true);
  EXPECT_EQ(next().value()->sequence, 4u);
}

// Whoever stands in between replays an old list, is refused, and waits for a reload that means something else.
TEST_F(HandoutClientTest, a_refusal_that_is_over_opens_the_door_to_no_older_list) {
  make_client();
  start();
  ASSERT_TRUE(next());
  server_.change([&] { list_.sequence = 4; });
  ASSERT_FALSE(next());
  server_.change([&] { list_.sequence = 5; });
  ASSERT_TRUE(next()) << "a 304: all is well again";
  server_.change([&] { list_.sequence = 4; });
  client_->refresh(true);
  const auto refused = next();
  ASSERT_FALSE(refused) << "nobody can mean what no status shows";
  EXPECT_EQ(refused.error().code, ErrorCode::permission);
}

TEST_F(HandoutClientTest, a_list_that_could_not_be_written_is_when_it_is_needed) {
  add("ops", "- {path: /a, mode: \"0644\"}");
  make_client();
  start();
  ASSERT_TRUE(next());
  const std::string list = dir_ / "state/handed/list.json";
  ASSERT_TRUE(std::filesystem::remove(list));
  ASSERT_TRUE(std::filesystem::create_directories(list + "/in-the-way"));
  server_.change([&] {
    list_.sequence = 6;
    list_.baselines.clear();
  });
  add("ops", "- {path: /b, mode: \"0644\"}");
  const std::string second = list_.baselines[0].sha256;
  Result<std::shared_ptr<const Handed>> handed = next();
  while (handed) handed = next();
  server_.change([&] {
    std::filesystem::remove_all(list);
    list_.sequence = 7;
    list_.baselines.clear();
    list_.missing = {"ops"};
  });
  do handed = next();
  while (!handed || (*handed)->sequence < 7);
  make_client();
  const auto kept = client_->kept();
  ASSERT_TRUE(kept) << kept.error().message();
  ASSERT_THAT(names(**kept), ElementsAre("ops"));
  EXPECT_EQ((*kept)->baselines[0].entry.sha256, second);
}

TEST_F(HandoutClientTest, asks_for_less_at_once_where_the_line_is_slow) {
  std::string files;
  for (int i = 0; i < 3000; ++i)
    files += "- {path: /a/long/path/of/a/file/number/" + std::to_string(i) + ", mode: \"0644\"}\n";
  add("ops", files);
  ASSERT_GT(images_.begin()->second.size(), 200'000u);
  whole_ = std::chrono::milliseconds(300);
  most_in_time_ = 100'000;
  make_client();
  start();
  auto handed = next();
  EXPECT_FALSE(handed) << "the whole of it does not come in time";
  while (!handed) handed = next();  // the double answers one at a time: the next question may wait behind the slow one
  server_.change([&] { EXPECT_LT(asked_bytes_.back(), 100'000u); });
  EXPECT_EQ((*handed)->baselines.at(0).index->image(), images_.begin()->second);
}

TEST_F(HandoutClientTest, garbage_that_was_refused_opens_the_door_to_no_older_list) {
  make_client();
  start();
  ASSERT_TRUE(next());
  server_.change([&] { garbage_ = true; });
  ASSERT_FALSE(next());
  client_->refresh(true);
  wait_for_questions(2);
  server_.change([&] {
    garbage_ = false;
    list_.sequence = 4;
  });
  Result<std::shared_ptr<const Handed>> refused = next();
  while (!refused && refused.error().message().find("older") == std::string::npos) refused = next();
  ASSERT_FALSE(refused) << "nobody meant that one";
}

// The collector lost a source: what the node was handed of it stays, over restarts too, and nothing else is held up.
TEST_F(HandoutClientTest, what_is_missing_is_kept_beside_the_newest_list) {
  add("ops", "- {path: /a, mode: \"0644\"}");
  add("web", "- {path: /b, mode: \"0644\"}");
  make_client();
  start();
  ASSERT_TRUE(next());
  const auto ops = list_.baselines[0];
  server_.change([&] {
    list_.sequence = 6;
    list_.baselines.erase(list_.baselines.begin());
    list_.missing = {"ops"};
  });
  EXPECT_THAT(names(*next().value()), ElementsAre("web", "ops"));
  for (int revision = 7; revision < 10; ++revision) {
    server_.change([&] {
      list_.sequence = static_cast<std::uint64_t>(revision);
      list_.baselines.clear();
    });
    add("web", "- {path: /b" + std::to_string(revision) + ", mode: \"0644\"}");
    while (next().value()->baselines.size() < 2) {
    }
  }
  make_client();
  auto kept = client_->kept();
  ASSERT_TRUE(kept) << kept.error().message();
  EXPECT_EQ((*kept)->sequence, 9u);
  EXPECT_THAT(names(**kept), ElementsAre("web", "ops"));
  EXPECT_EQ((*kept)->baselines[1].entry.sha256, ops.sha256);
  EXPECT_EQ(files(".index"), 2) << "of the newest list, and of what it calls missing";
  server_.change([&] {
    list_.sequence = 10;
    list_.missing.clear();
  });
  start();
  while (next().value()->sequence < 10) {
  }
  client_.reset();
  EXPECT_EQ(files(".index"), 1);
  EXPECT_EQ(files(".json"), 1);
}

TEST_F(HandoutClientTest, a_kind_that_is_not_known_holds_up_no_other) {
  add("ops", "- {path: /a, mode: \"0644\"}");
  add("web", "- {path: /b, mode: \"0644\"}");
  list_.baselines[0].spec.kind = "of_next_year";
  make_client();
  start();
  const auto handed = next();
  ASSERT_TRUE(handed) << handed.error().message();
  EXPECT_THAT(names(**handed), ElementsAre("web"));
  EXPECT_THAT((*handed)->missing, ElementsAre("ops"));
  EXPECT_THAT((*handed)->damage, ElementsAre(HasSubstr("older than the collector")));
}

TEST_F(HandoutClientTest, a_damaged_index_is_one_that_is_missing) {
  add("ops", "- {path: /a, mode: \"0644\"}");
  add("web", "- {path: /b, mode: \"0644\"}");
  make_client();
  start();
  ASSERT_TRUE(next());
  client_.reset();
  const std::string file = dir_ / ("state/handed/" + list_.baselines[0].sha256 + ".index");
  std::fstream(file, std::ios::in | std::ios::out).seekp(100).put('\xff');
  make_client();
  const auto kept = client_->kept();
  ASSERT_TRUE(kept) << kept.error().message();
  EXPECT_THAT(names(**kept), ElementsAre("web"));
  EXPECT_THAT((*kept)->missing, ElementsAre("ops"));
  EXPECT_THAT((*kept)->damage, ElementsAre(HasSubstr(file)));
  start();
  EXPECT_THAT(names(*next().value()), ElementsAre("ops", "web")) << "it is fetched anew, though the list is the same";
}

}  // namespace
}  // namespace plumbline::fetch
