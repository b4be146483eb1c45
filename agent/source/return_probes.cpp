#include "agent/source/return_probes.hpp"

#include <fcntl.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>

#include "include/util/fd.hpp"

namespace plumbline::agent {
namespace {

/// What is hooked. Its argument and result keep the compiler from leaving the call out.
[[gnu::noinline, gnu::used]] long hooked_function(long value) {
  asm volatile("" : "+r"(value) : : "memory");
  return value + 1;
}

/// Where in our own file a function begins.
std::optional<std::uint64_t> file_offset_of(std::uintptr_t address) {
  struct Search {
    std::uintptr_t address = 0;
    std::optional<std::uint64_t> offset;
  } search{address, std::nullopt};
  ::dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* data) {
        auto& wanted = *static_cast<Search*>(data);
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const auto& segment = object->dlpi_phdr[i];
          const std::uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
          if (segment.p_type == PT_LOAD && wanted.address >= begin && wanted.address < begin + segment.p_memsz)
            wanted.offset = segment.p_offset + (wanted.address - begin);
        }
        return 1;  // the first object is the program itself
      },
      &search);
  return search.offset;
}

/// Only what a child of a process with threads may do: no memory, no locks, no library's system calls.
[[noreturn]] void call_below_a_filter() {
  std::array<sock_filter, 4> rules = {sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
                                      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
                                      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
  const sock_fprog filter{static_cast<unsigned short>(rules.size()), rules.data()};
  const bool filtered = ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
  const long status = !filtered ? 2 : hooked_function(1) == 2 ? 0 : 1;
  ::syscall(SYS_exit_group, status);
  __builtin_trap();
}

}  // namespace

std::string why_no_return_probes(Capture& capture) {
  const auto offset = file_offset_of(reinterpret_cast<std::uintptr_t>(&hooked_function));
  const Fd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!offset || !self) return "the test of return probes could not find the agent's own file";
  TlsFunctions functions;
  functions.hooks.push_back({CAPTURE_READ_RETURN, *offset, CAPTURE_C, true});
  const auto hooked = capture.hook(self.get(), functions);
  if (!hooked) return "the test of return probes could not hook: " + hooked.error().message();
  const pid_t child = ::fork();
  if (child < 0) return std::string("the test of return probes has no process: ") + std::strerror(errno);
  if (child == 0) call_below_a_filter();
  int status = 0;
  pid_t ended = 0;
  do ended = ::waitpid(child, &status, 0);
  while (ended < 0 && errno == EINTR);
  if (ended != child) return std::string("the test of return probes lost its child: ") + std::strerror(errno);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (WIFSIGNALED(status))
    return "on this kernel a hook at a function's return kills programs below a strict seccomp filter (Linux 6.11 to "
           "6.13): signal " +
           std::to_string(WTERMSIG(status));
  return "the test of return probes ended with " + std::to_string(WEXITSTATUS(status));
}

}  // namespace plumbline::agent
