// Reference watchers for the benchmarks: `bench_watchers inotify|fanotify DIRECTORY` watches the directory's files for
// modification and reads its events until it is ended. Prints "ready" once it watches.
#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "include/util/fd.hpp"

int main(int argc, char** argv) {
  const std::string kind = argc == 3 ? argv[1] : "";
  plumbline::Fd fd;
  int failed = -1;
  if (kind == "inotify") {
    fd = plumbline::Fd(::inotify_init1(IN_CLOEXEC));
    failed = ::inotify_add_watch(fd.get(), argv[2], IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVE) < 0;
  } else if (kind == "fanotify") {
    fd = plumbline::Fd(::fanotify_init(FAN_CLOEXEC | FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME, O_RDONLY));
    failed = ::fanotify_mark(fd.get(), FAN_MARK_ADD | FAN_MARK_ONLYDIR,
                             FAN_MODIFY | FAN_ATTRIB | FAN_CREATE | FAN_DELETE | FAN_MOVE | FAN_EVENT_ON_CHILD,
                             AT_FDCWD, argv[2]);
  } else {
    std::fprintf(stderr, "usage: bench_watchers inotify|fanotify DIRECTORY\n");
    return 64;
  }
  if (failed != 0) {
    std::perror(kind.c_str());
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  char events[65536];
  while (::read(fd.get(), events, sizeof events) > 0) {
  }
}
