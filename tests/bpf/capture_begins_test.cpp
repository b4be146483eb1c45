// How a request may begin on a TLS connection, and which connections are looked at.
#include <thread>

#include "tests/bpf/capture_fixture.hpp"

namespace plumbline::agent {
namespace {

using test::answer;
using test::CaptureTest;
using test::Ends;
using test::request;
using test::say;
using ::testing::ElementsAre;

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
                                                 {"\r\n", "\n", request},
                                                 {"}", request},  // the end of the body, in calls of few bytes
                                                 {"}\n\n", request},
                                                 {"x", "}", "\r\n" + request},
                                                 {"xx}", "PO", request.substr(2)},
                                                 {"}", "P", "OS", request.substr(3)}}) {
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

TEST_F(CaptureTest, what_a_server_had_may_be_a_clients_next) {
  const auto pieces = of_child([] {
    const Ends ends;
    ends.shake_hands();
    say(ends.client, ends.server, "GET / HTTP/1.1\r\n\r\n");
    for (int i = 0; i < 3; ++i) say(ends.server, ends.client, answer);
    say(ends.server, ends.client, request);
  });
  EXPECT_EQ(std::count_if(pieces.begin(), pieces.end(),
                          [](const auto& piece) { return piece.direction == CAPTURE_OUT && piece.data == request; }),
            1);
  EXPECT_EQ(std::count_if(pieces.begin(), pieces.end(),
                          [](const auto& piece) { return piece.direction == CAPTURE_OUT && piece.data == answer; }),
            0);
  EXPECT_GE(capture_->read_counters().served, 1u);
}

TEST_F(CaptureTest, an_object_that_is_cleared_is_another_connections_next) {
  const auto pieces = of_child([] {
    const Ends ends;
    ends.shake_hands();
    say(ends.client, ends.server, request);
    SSL_clear(ends.client);
  });
  EXPECT_THAT(pieces, ElementsAre(piece(CAPTURE_OUT, 0, request.size(), "POST"), piece(CAPTURE_END, 0, 0, "")));
}

TEST_F(CaptureTest, what_is_empty_in_the_middle_of_a_word_begins_nothing) {
  const auto pieces = of_child([] {
    const Ends ends;
    ends.shake_hands();
    say(ends.client, ends.server, "PR");
    say(ends.client, ends.server, "\r\nI ");
    for (int i = 0; i < 20; ++i) say(ends.client, ends.server, std::string(1000, '\n'));
  });
  for (const auto& piece : pieces) EXPECT_LE(piece.length, 4u);
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

TEST_F(CaptureTest, one_cgroup_leaves_half_of_the_ring_to_others) {
  const std::string body = request + std::string(60'000, 'x');
  std::size_t bytes = 0;
  for (const auto& piece : of_child([&] {
         const Ends ends;
         ends.shake_hands();
         for (int i = 0; i < 100; ++i) say(ends.client, ends.server, body);
       }))
    bytes += piece.data.size();
  constexpr std::size_t ring = 4u << 20;
  EXPECT_GT(bytes, ring / 4);
  EXPECT_LT(bytes, ring * 5 / 8);
  EXPECT_GT(capture_->read_counters().lost, 0u);
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

}  // namespace
}  // namespace plumbline::agent
