// TLS plaintext from a real kernel and the OpenSSL that a test is linked to. The connection is a child's, between two
// ends in its memory: the agent's own are not looked at.
#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <openssl/ssl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/source/capture.hpp"
#include "include/util/fd.hpp"
#include "tests/bpf/ssl_ends.hpp"

namespace plumbline::agent::test {

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

inline const std::string request = "POST / HTTP/1.1\r\nHost: x\r\n\r\n", answer = "HTTP/1.1 200 OK\r\n\r\n";

}  // namespace plumbline::agent::test
