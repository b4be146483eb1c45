// The cost of everyday system calls: `bench_loops DIRECTORY` prints one JSON object, nanoseconds a call (the median of
// 15 short loops). Run with and without an agent, interleaved, it shows what the agent costs those who are not watched.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "include/util/fd.hpp"

namespace {

double median_ns(int calls, const std::function<void()>& call) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> loops;
  for (int loop = 0; loop < 15; ++loop) {
    const auto start = Clock::now();
    for (int i = 0; i < calls; ++i) call();
    loops.push_back(std::chrono::duration<double, std::nano>(Clock::now() - start).count() / calls);
  }
  std::nth_element(loops.begin(), loops.begin() + 7, loops.end());
  return loops[7];
}

void require(bool ok, const char* what) {
  if (ok) return;
  std::perror(what);
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: bench_loops DIRECTORY\n");
    return 64;
  }
  const std::string path = std::string(argv[1]) + "/unmanaged";
  const plumbline::Fd file(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  require(static_cast<bool>(file), path.c_str());
  const double write_ns = median_ns(20000, [&] { require(::pwrite(file.get(), "x", 1, 0) == 1, "write"); });
  const double stat_write_ns = median_ns(20000, [&] {
    struct stat status{};
    require(::fstat(file.get(), &status) == 0 && ::pwrite(file.get(), "x", 1, 0) == 1, "write after stat");
  });
  const double getppid_ns = median_ns(100000, [] { ::syscall(SYS_getppid); });
  const double open_ns = median_ns(20000, [&] { plumbline::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); });
  const double fork_ns = median_ns(60, [] {
    const pid_t child = ::vfork();
    if (child == 0) {
      ::execl("/bin/true", "true", static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ::syscall(SYS_wait4, child, nullptr, 0, nullptr);
  });
  const auto map = [](int fd) {
    constexpr std::size_t size = 4096;
    const int protection = fd < 0 ? PROT_READ : PROT_READ | PROT_EXEC, flags = fd < 0 ? MAP_ANONYMOUS : 0;
    void* memory = ::mmap(nullptr, size, protection, MAP_PRIVATE | flags, fd, 0);
    require(memory != MAP_FAILED && ::munmap(memory, size) == 0, "map");
  };
  const double map_file_ns = median_ns(20000, [&] { map(file.get()); });
  const double map_memory_ns = median_ns(20000, [&] { map(-1); });
  const double load_ns = median_ns(1000, [] {
    void* library = ::dlopen("libanl.so.1", RTLD_NOW | RTLD_LOCAL);  // a small one that glibc always has
    require(library != nullptr && ::dlclose(library) == 0, "load libanl.so.1");
  });
  ::unlink(path.c_str());
  std::printf(
      "{\"write\": %.1f, \"stat_then_write\": %.1f, \"getppid\": %.1f, \"open_close\": %.1f, \"fork_exec\": %.1f, "
      "\"map_to_execute\": %.1f, \"map_memory\": %.1f, \"dlopen_dlclose\": %.1f}\n",
      write_ns, stat_write_ns, getppid_ns, open_ns, fork_ns, map_file_ns, map_memory_ns, load_ns);
}
