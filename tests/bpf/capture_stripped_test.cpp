// As capture_test.cpp, of an OpenSSL that is linked into a program without symbols: this one.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "agent/source/capture.hpp"
#include "include/util/fd.hpp"
#include "tests/bpf/ssl_ends.hpp"

namespace plumbline::agent {
namespace {

using test::Ends;
using test::say;
using ::testing::ElementsAre;

const std::string request = "POST / HTTP/1.1\r\nHost: x\r\n\r\n", answer = "HTTP/1.1 200 OK\r\n\r\n";

// What OpenSSL allocates with, where it gives the place that was freed last to who wants as much: as allocators do, but
// always.
struct Block {
  std::size_t size;
  Block* next;
};
Block* freed = nullptr;
void take(void* memory, const char* /*file*/, int /*line*/) {
  if (memory == nullptr) return;
  Block* const block = static_cast<Block*>(memory) - 1;
  block->next = std::exchange(freed, block);
}
void* give(std::size_t size, const char* /*file*/, int /*line*/) {
  for (Block** at = &freed; *at != nullptr; at = &(*at)->next)
    if ((*at)->size == size) return std::exchange(*at, (*at)->next) + 1;
  auto* const block = static_cast<Block*>(std::malloc(sizeof(Block) + size));
  block->size = size;
  return block + 1;
}
void* give_larger(void* memory, std::size_t size, const char* file, int line) {
  void* const larger = give(size, file, line);
  if (memory != nullptr) std::memcpy(larger, memory, std::min(size, (static_cast<Block*>(memory) - 1)->size));
  take(memory, file, line);
  return larger;
}

/// "DIRECTION OFFSET DATA" of what was told of a child that did this.
std::vector<std::string> told_of(void (*act)()) {
  std::vector<std::string> told;
  auto capture = open_capture({});
  const Fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const auto elf = ElfFile::open(file.get());
  const auto found = elf ? find_tls_functions(*elf) : Result<TlsFunctions>(elf.error());
  EXPECT_TRUE(capture && found) << (capture ? found.error() : capture.error()).message();
  if (!capture || !found) return told;
  EXPECT_EQ(found->stack, "openssl");
  const auto hooked = (*capture)->hook(file.get(), *found);
  EXPECT_TRUE(hooked) << hooked.error().message();
  const pid_t child = ::fork();
  if (child == 0) {
    act();
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  (*capture)->consume([&](const capture_record& record, std::span<const char> data) {
    if (record.actor.tgid == static_cast<std::uint32_t>(child))
      told.push_back(std::to_string(record.direction) + " " + std::to_string(record.offset) + " " +
                     std::string(data.begin(), data.end()));
  });
  return told;
}

class CaptureStripped : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
  }
};

TEST_F(CaptureStripped, each_way_to_write_and_read_is_told_once) {
  const auto told = told_of([] {
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
  const std::string out = std::to_string(CAPTURE_OUT), in = std::to_string(CAPTURE_IN);
  EXPECT_THAT(told, ElementsAre(out + " 0 " + request, in + " 0 " + answer,
                                out + " " + std::to_string(request.size()) + " " + request,
                                in + " " + std::to_string(answer.size()) + " " + answer))
      << "and nothing of the server's end";
}

// A freed connection's address is often the next one's, which is then no longer the other's.
TEST_F(CaptureStripped, another_connection_at_the_same_address_begins_anew) {
  const auto told = told_of([] {
    if (CRYPTO_set_mem_functions(give, give_larger, take) != 1) ::_exit(4);
    SSL* address = nullptr;
    for (int i = 0; i < 100; ++i) {
      const Ends ends;
      if (i != 0 && ends.client != address) continue;
      address = ends.client;
      ends.shake_hands();
      say(ends.client, ends.server, request);
      if (i != 0) return;
    }
    ::_exit(5);
  });
  const std::string out = std::to_string(CAPTURE_OUT);
  EXPECT_THAT(told, ElementsAre(out + " 0 " + request, std::to_string(CAPTURE_END) + " 0 ", out + " 0 " + request));
}

}  // namespace
}  // namespace plumbline::agent
