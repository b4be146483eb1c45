// Takes every place that a kernel function has for fentry and fexit programs (BPF_MAX_TRAMP_LINKS, 38), then runs a
// program: for that one the function is there, and cannot be traced. The places are free again when it ends.
//
//   plumb-hook-crowd FUNCTION PROGRAM [ARGUMENT…]
//
// Ends with the program's status; 77 where this kernel takes no fentry program at all, 64 for usage.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <iterator>

namespace {

/// "return 0"
constexpr bpf_insn nothing[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
constexpr int more_than_there_are = 1000;

int load(const char* function) {
  const int id = libbpf_find_vmlinux_btf_id(function, BPF_TRACE_FENTRY);
  if (id < 0) {
    errno = -id;
    return -1;
  }
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_FENTRY,
              .attach_btf_id = static_cast<__u32>(id));
  return bpf_prog_load(BPF_PROG_TYPE_TRACING, "crowd", "GPL", nothing, std::size(nothing), &options);
}

/// Descriptors are left open: they hold the places. Each program takes one.
int crowd(const char* function) {
  int links = 0;
  while (links < more_than_there_are) {
    const int program = load(function);
    if (program < 0) return links == 0 ? -1 : links;
    if (bpf_link_create(program, 0, BPF_TRACE_FENTRY, nullptr) < 0) break;
    ++links;
  }
  return links;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: plumb-hook-crowd FUNCTION PROGRAM [ARGUMENT…]\n");
    return 64;
  }
  const int links = crowd(argv[1]);
  if (links <= 0) {
    std::perror("plumb-hook-crowd: cannot trace this function");
    return 77;
  }
  std::fprintf(stderr, "plumb-hook-crowd: %d programs on %s\n", links, argv[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execvp(argv[2], argv + 2);
    std::perror(argv[2]);
    ::_exit(127);
  }
  // Whoever ends us means the program.
  static pid_t program;
  program = child;
  for (const int signal : {SIGTERM, SIGINT}) std::signal(signal, [](int number) { ::kill(program, number); });
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
