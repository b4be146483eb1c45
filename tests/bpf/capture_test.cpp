// TLS plaintext from a real kernel and the OpenSSL that this test is linked to. The connection is a child's, between
// two ends in its memory: the agent's own are not looked at.
#include <dlfcn.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <functional>
#include <thread>

#include "agent/source/capture.hpp"
#include "agent/source/return_probes.hpp"
#include "include/util/fd.hpp"
#include "tests/bpf/ssl_ends.hpp"

namespace plumbline::agent {
namespace {

using test::Ends;
using test::say;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Piece {
  std::uint32_t tgid = 0;
  int direction = 0;
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
  std::string data;
};

class CaptureTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
    CaptureOptions options;
    options.has_scope = true;
    auto opened = open_capture(options);
    ASSERT_TRUE(opened) << opened.error().message();
    capture_ = std::move(*opened);
    capture_->on_executed([this](const executed_record& record) {
      if (record.is_new_program) executed_.push_back(record.tgid);
      if (record.is_new_scope) asked_.push_back(record);
    });
    Dl_info library{};
    ASSERT_NE(::dladdr(reinterpret_cast<void*>(&SSL_write_ex), &library), 0);
    const Fd file(::open(library.dli_fname, O_RDONLY | O_CLOEXEC));
    const auto elf = ElfFile::open(file.get());
    ASSERT_TRUE(elf);
    auto hooked = capture_->hook(file.get(), find_tls_functions(*elf).value());
    ASSERT_TRUE(hooked) << hooked.error().message();
    hooked_ = std::move(*hooked);
  }
  /// What a child did is told of, whoever else on this machine uses the library.
  std::vector<Piece> of_child(const std::function<void()>& act) {
    const pid_t child = ::fork();
    if (child == 0) {
      act();
      ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    child_ = static_cast<std::uint32_t>(child);
    std::vector<Piece> pieces;
    capture_->consume([&](const capture_record& record, std::span<const char> data) {
      if (record.actor.tgid == child_ && record.direction == CAPTURE_OUT)
        scope_ = {record.actor.cgroup_id, record.actor.cgroup_v1_id};
      if (record.actor.tgid == child_)
        pieces.push_back(
            {record.actor.tgid, record.direction, record.offset, record.length, {data.begin(), data.end()}});
    });
    return pieces;
  }
  static auto piece(int direction, std::uint64_t offset, std::size_t length, const std::string& begins) {
    return ::testing::AllOf(::testing::Field(&Piece::direction, direction), ::testing::Field(&Piece::offset, offset),
                            ::testing::Field(&Piece::length, length),
                            ::testing::Field(&Piece::data, ::testing::StartsWith(begins)));
  }

  std::unique_ptr<Capture> capture_;
  std::unique_ptr<Hooked> hooked_;
  std::vector<std::uint32_t> executed_;
  std::vector<executed_record> asked_;
  std::uint32_t child_ = 0;
  capture_scope scope_{};  // of the child
};

const std::string request = "POST / HTTP/1.1\r\nHost: x\r\n\r\n", answer = "HTTP/1.1 200 OK\r\n\r\n";

TEST_F(CaptureTest, a_clients_requests_and_answers_come_whole_and_in_order) {
  const auto pieces = of_child([] {
    const Ends ends;
    std::size_t count = 0;
    // Not yet: what is not taken is not told.
    if (SSL_write_ex(ends.client, request.data(), request.size(), &count) == 1) ::_exit(3);
    ends.shake_hands();
    say(ends.client, ends.server, request);
    say(ends.server, ends.client, answer);
    say(ends.client, ends.server, request);
  });
  EXPECT_THAT(
      pieces,
      ElementsAre(piece(CAPTURE_OUT, 0, request.size(), "POST / "), piece(CAPTURE_IN, 0, answer.size(), "HTTP/1.1 200"),
                  piece(CAPTURE_OUT, request.size(), request.size(), "POST / "), piece(CAPTURE_END, 0, 0, "")))
      << "and nothing of the server's end";
}

TEST_F(CaptureTest, of_a_large_body_no_more_is_copied_than_its_budget) {
  const auto before = capture_->read_counters();
  const auto pieces = of_child([] {
    const Ends ends;
    ends.shake_hands();
    say(ends.client, ends.server, request);
    for (int i = 0; i < 20; ++i) say(ends.client, ends.server, std::string(16384, 'x'));
    say(ends.client, ends.server, request);
  });
  std::size_t copied = 0;
  for (const auto& piece : pieces) copied += piece.data.size();
  EXPECT_EQ(copied, CAPTURE_OUT_BUDGET + request.size());
  EXPECT_GE(capture_->read_counters().over_budget, before.over_budget + 16);
  ASSERT_GE(pieces.size(), 2u);
  EXPECT_EQ(pieces[pieces.size() - 2].offset, request.size() + 20 * 16384) << "what was left out still counts";
}

TEST_F(CaptureTest, what_is_no_http_is_left_alone) {
  EXPECT_TRUE(of_child([] {
                const Ends ends;
                ends.shake_hands();
                for (int i = 0; i < 20; ++i) say(ends.client, ends.server, "220 mail.example ESMTP\r\n");
              }).empty());
  EXPECT_GT(capture_->read_counters().ignored, 0u);
}

TEST_F(CaptureTest, a_request_may_hide_behind_what_is_no_http) {
  const auto pieces = of_child([] {
    const Ends ends;
    ends.shake_hands();
    for (int i = 0; i < 20; ++i) say(ends.client, ends.server, "220 mail.example ESMTP\r\n");
    say(ends.client, ends.server, request);
    say(ends.server, ends.client, answer);
  });
  EXPECT_THAT(pieces, ElementsAre(piece(CAPTURE_OUT, 0, request.size(), "POST"),
                                  piece(CAPTURE_IN, 0, answer.size(), "HTTP"), piece(CAPTURE_END, 0, 0, "")));
}

TEST_F(CaptureTest, a_request_may_begin_in_pieces_of_few_bytes_and_behind_an_empty_line) {
  const std::string rest = request.substr(3);
  const auto pieces = of_child([&] {
    const Ends ends;
    ends.shake_hands();
    say(ends.client, ends.server, "P");
    say(ends.client, ends.server, "OS");
    say(ends.client, ends.server, rest);
  });
  EXPECT_THAT(pieces, ElementsAre(piece(CAPTURE_OUT, 0, 1, "P"), piece(CAPTURE_OUT, 1, 2, "OS"),
                                  piece(CAPTURE_OUT, 3, rest.size(), rest), piece(CAPTURE_END, 0, 0, "")));
  const auto empty = of_child([] {
    const Ends ends;
    ends.shake_hands();
    say(ends.client, ends.server, "\r\n");
    say(ends.client, ends.server, request);
  });
  EXPECT_THAT(empty, ElementsAre(piece(CAPTURE_OUT, 0, 2, "\r\n"), piece(CAPTURE_OUT, 2, request.size(), "POST"),
                                 piece(CAPTURE_END, 0, 0, "")));
}

TEST_F(CaptureTest, what_only_began_like_a_request_leaves_a_hole_where_it_went_on_otherwise) {
  const auto pieces = of_child([] {
    const Ends ends;
    ends.shake_hands();
    say(ends.client, ends.server, "G");
    say(ends.client, ends.server, "20 mail.example ESMTP\r\n");
    say(ends.client, ends.server, request);
  });
  EXPECT_THAT(pieces, ElementsAre(piece(CAPTURE_OUT, 0, 1, "G"), piece(CAPTURE_OUT, 24, request.size(), "POST"),
                                  piece(CAPTURE_END, 0, 0, "")));
}

TEST_F(CaptureTest, a_call_of_more_than_a_record_is_several) {
  const std::string body = request + std::string(40'000, 'x');
  std::vector<unsigned> parts;
  const pid_t child = ::fork();
  if (child == 0) {
    const Ends ends;
    ends.shake_hands();
    std::size_t count = 0;
    if (SSL_write_ex(ends.client, body.data(), body.size(), &count) != 1) ::_exit(3);
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  std::string whole;
  capture_->consume([&](const capture_record& record, std::span<const char> data) {
    if (record.actor.tgid != static_cast<std::uint32_t>(child) || record.direction != CAPTURE_OUT) return;
    EXPECT_EQ(record.offset, whole.size());
    parts.push_back(record.part);
    whole.append(data.begin(), data.end());
  });
  EXPECT_EQ(whole, body);
  EXPECT_THAT(parts, ElementsAre(CAPTURE_GOES_ON, CAPTURE_GOES_ON | CAPTURE_CONTINUES, CAPTURE_CONTINUES));
}

TEST_F(CaptureTest, behind_a_body_that_is_not_copied_a_request_may_begin_as_it_likes) {
  for (const std::vector<std::string>& pieces : {std::vector<std::string>{"PO", request.substr(2)},
                                                 {"\r\n" + request},
                                                 {"\n" + request},
                                                 {"\r\n", "\n", request}}) {
    const auto told = of_child([&] {
      const Ends ends;
      ends.shake_hands();
      say(ends.client, ends.server, request);
      for (int i = 0; i < 6; ++i) say(ends.client, ends.server, std::string(16384, 'x'));
      for (const auto& piece : pieces) say(ends.client, ends.server, piece);
    });
    std::string end;
    for (const auto& piece : told)
      if (piece.offset >= request.size() + 6 * 16384) end += piece.data;
    std::string wanted;
    for (const auto& piece : pieces) wanted += piece;
    EXPECT_EQ(end, wanted);
  }
}

TEST_F(CaptureTest, one_cgroup_has_no_more_new_connections_than_its_share) {
  constexpr int share = 1024, more = 50;
  const auto before = capture_->read_counters().crowded;
  const auto pieces = of_child([] {
    std::vector<std::unique_ptr<Ends>> all;
    for (int i = 0; i < share + more; ++i) {
      all.push_back(std::make_unique<Ends>());
      all.back()->shake_hands();
      say(all.back()->client, all.back()->server, request);
    }
  });
  EXPECT_GE(capture_->read_counters().crowded, before + more) << "each has two ends, and both count";
  EXPECT_GT(pieces.size(), 0u);
  EXPECT_EQ(of_child([] {
              const Ends ends;
              ends.shake_hands();
              say(ends.client, ends.server, request);
            }).size(),
            2u)
      << "those that ended make room: a request and the end";
}

TEST_F(CaptureTest, who_was_ignored_is_looked_at_again_with_something_missing_before_it) {
  int told[2] = {};
  ASSERT_EQ(::pipe(told), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const Ends ends;
    ends.shake_hands();
    char go = 0;
    say(ends.client, ends.server, request);
    if (::read(told[0], &go, 1) != 1) ::_exit(3);
    say(ends.client, ends.server, request);  // ignored
    if (::read(told[0], &go, 1) != 1) ::_exit(3);
    say(ends.client, ends.server, request);
    ::_exit(0);
  }
  std::vector<std::uint64_t> offsets;
  capture_connection_key key{};
  const auto listen = [&] {
    capture_->consume([&](const capture_record& record, std::span<const char>) {
      if (record.actor.tgid != static_cast<std::uint32_t>(child) || record.direction != CAPTURE_OUT) return;
      key.connection = record.connection;
      key.tgid = record.actor.tgid;
      offsets.push_back(record.offset);
    });
  };
  while (offsets.empty()) listen();
  capture_->decide(key, CAPTURE_NEW);  // is not ignored: nothing to do
  capture_->decide(key, CAPTURE_IGNORED);
  const auto before = capture_->read_counters().ignored;
  ASSERT_EQ(::write(told[1], "x", 1), 1);
  while (capture_->read_counters().ignored == before) std::this_thread::yield();
  capture_->decide(key, CAPTURE_NEW);
  ASSERT_EQ(::write(told[1], "x", 1), 1);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  listen();
  EXPECT_THAT(offsets, ElementsAre(0, request.size() + 1)) << "what went by unseen is a hole";
}

// SSL_write() and SSL_write_ex() may share a hooked function; both read alike.
TEST_F(CaptureTest, each_way_to_write_and_read_is_told_once) {
  const auto pieces = of_child([] {
    const Ends ends;
    ends.shake_hands();
    std::string heard(request.size(), '\0');
    if (SSL_write(ends.client, request.data(), static_cast<int>(request.size())) <= 0) ::_exit(3);
    if (SSL_read(ends.server, heard.data(), static_cast<int>(heard.size())) <= 0) ::_exit(3);
    say(ends.server, ends.client, answer);
    say(ends.client, ends.server, request);
    if (SSL_write(ends.server, answer.data(), static_cast<int>(answer.size())) <= 0) ::_exit(3);
    if (SSL_read(ends.client, heard.data(), static_cast<int>(heard.size())) <= 0) ::_exit(3);
  });
  EXPECT_THAT(pieces,
              ElementsAre(piece(CAPTURE_OUT, 0, request.size(), "POST"), piece(CAPTURE_IN, 0, answer.size(), "HTTP"),
                          piece(CAPTURE_OUT, request.size(), request.size(), "POST"),
                          piece(CAPTURE_IN, answer.size(), answer.size(), "HTTP"), piece(CAPTURE_END, 0, 0, "")));
}

// Its address may be another connection's next.
/// Whether a thread of ours sleeps in the kernel.
bool sleeps(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string line;
  std::getline(file, line);
  const auto name_ends = line.rfind(')');
  return name_ends != std::string::npos && line.compare(name_ends, 3, ") S") == 0;
}

TEST_F(CaptureTest, an_answer_wakes_who_sleeps) {
  std::atomic<pid_t> thread{0};
  int woken = 0;
  std::thread sleeper([&] {
    thread = ::gettid();
    pollfd waiting{capture_->ring_fd(), POLLIN, 0};
    woken = ::poll(&waiting, 1, -1);  // what is there when a time ends is seen without a wake-up, too
  });
  while (thread == 0 || !sleeps(thread)) std::this_thread::yield();
  const pid_t child = ::fork();
  if (child == 0) {
    const Ends ends;
    ends.shake_hands();
    say(ends.client, ends.server, request);
    say(ends.server, ends.client, answer);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  sleeper.join();
  EXPECT_EQ(woken, 1);
}

TEST_F(CaptureTest, an_excluded_cgroup_pays_a_look_up_and_nothing_is_copied) {
  const auto talk = [] {
    const Ends ends;
    ends.shake_hands();
    say(ends.client, ends.server, request);
    say(ends.server, ends.client, answer);
  };
  ASSERT_EQ(of_child(talk).size(), 3u) << "a request, its answer, the end";
  ASSERT_NE(scope_.cgroup_id, 0u);
  capture_->set_scope({scope_.cgroup_id + 1, scope_.cgroup_v1_id}, true);
  EXPECT_EQ(of_child(talk).size(), 3u);
  capture_->set_scope(scope_, false);
  EXPECT_EQ(of_child(talk).size(), 3u);
  capture_->set_scope(scope_, true);
  const auto before = capture_->read_counters();
  EXPECT_EQ(of_child(talk).size(), 0u);
  const auto after = capture_->read_counters();
  EXPECT_GE(after.excluded, before.excluded + 4) << "each call of both ends";
  EXPECT_EQ(after.entries_lost, before.entries_lost) << "nobody misses their entries at the returns";
}

TEST_F(CaptureTest, what_is_told_of_a_connection_ends_though_its_cgroup_is_excluded_meanwhile) {
  int told[2] = {};
  ASSERT_EQ(::pipe(told), 0);
  const auto talk = [&](bool waits) {
    const Ends ends;
    ends.shake_hands();
    say(ends.client, ends.server, request);
    char go = 0;
    if (waits && ::read(told[0], &go, 1) != 1) ::_exit(3);
    say(ends.server, ends.client, answer);
  };
  ASSERT_EQ(of_child([&] { talk(false); }).size(), 3u);
  const pid_t child = ::fork();
  if (child == 0) {
    talk(true);
    ::_exit(0);
  }
  std::vector<int> directions;
  const auto listen = [&] {
    capture_->consume([&](const capture_record& record, std::span<const char>) {
      if (record.actor.tgid == static_cast<std::uint32_t>(child)) directions.push_back(record.direction);
    });
  };
  while (directions.empty()) listen();
  capture_->set_scope(scope_, true);
  ASSERT_EQ(::write(told[1], "x", 1), 1);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  listen();
  EXPECT_THAT(directions, ElementsAre(CAPTURE_OUT, CAPTURE_END));
}

TEST_F(CaptureTest, each_cgroup_is_asked_about_once_and_again_where_nobody_knows) {
  const auto execute = [] {
    ::execl("/bin/true", "true", nullptr);
    ::_exit(1);
  };
  of_child([] {
    const Ends ends;
    ends.shake_hands();
    say(ends.client, ends.server, request);
  });
  ASSERT_NE(scope_.cgroup_id, 0u);
  const auto times = [&] {
    return std::count_if(asked_.begin(), asked_.end(), [&](const executed_record& one) {
      return one.scope.cgroup_id == scope_.cgroup_id && one.scope.cgroup_v1_id == scope_.cgroup_v1_id;
    });
  };
  EXPECT_EQ(times(), 1) << "of what runs when it begins";
  of_child(execute);
  EXPECT_EQ(times(), 1);
  capture_->set_scope(scope_, std::nullopt);
  of_child(execute);
  ASSERT_EQ(times(), 2);
  EXPECT_EQ(asked_.back().tgid, child_);
  EXPECT_NE(asked_.back().start_boot_ns, 0u);
}

TEST_F(CaptureTest, a_verdict_ends_with_its_connection) {
  const auto pieces = of_child([] {
    for (int round = 0; round < 3; ++round) {
      const Ends ends;
      ends.shake_hands();
      for (int i = 0; i < 20; ++i) say(ends.client, ends.server, "220 mail.example ESMTP\r\n");
    }
    const Ends ends;
    ends.shake_hands();
    say(ends.client, ends.server, request);
  });
  EXPECT_THAT(pieces, ElementsAre(piece(CAPTURE_OUT, 0, request.size(), "POST"), piece(CAPTURE_END, 0, 0, "")));
}

TEST_F(CaptureTest, without_hooks_nothing_is_seen) {
  hooked_.reset();
  EXPECT_TRUE(of_child([] {
                const Ends ends;
                ends.shake_hands();
                say(ends.client, ends.server, request);
              }).empty());
}

TEST_F(CaptureTest, a_program_is_told_of_when_it_first_runs) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/true", "true", nullptr);
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  capture_->consume([](const capture_record&, std::span<const char>) {});
  EXPECT_THAT(executed_, ::testing::Contains(static_cast<std::uint32_t>(child)));
}

// Holds for every kernel that this runs on; where it does not, that is what the agent has to know.
TEST_F(CaptureTest, return_probes_are_harmless_below_a_filter_here) {
  EXPECT_EQ(why_no_return_probes(*capture_), "");
}

}  // namespace
}  // namespace plumbline::agent
