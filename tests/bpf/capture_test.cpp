// What of TLS plaintext is told, of whom, and of whom not.
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include "agent/source/return_probes.hpp"
#include "tests/bpf/capture_fixture.hpp"

namespace plumbline::agent {
namespace {

using test::answer;
using test::CaptureTest;
using test::Ends;
using test::request;
using test::say;
using ::testing::ElementsAre;

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

// Its address may be another connection's next.
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
