#include "agent/source/mount_table.hpp"

#include <fcntl.h>
#include <poll.h>

#include <string>

namespace plumbline::agent {

Result<MountTable> MountTable::open(const char* path) {
  MountTable table;
  for (Fd* fd : {&table.wake_, &table.asked_}) {
    *fd = Fd(::open(path, O_RDONLY | O_CLOEXEC));
    if (!*fd) return io_error(std::string("open ") + path, errno);
  }
  return table;
}

bool MountTable::moved() {
  pollfd asked{asked_.get(), POLLPRI, 0};
  return ::poll(&asked, 1, 0) == 1 && (asked.revents & (POLLERR | POLLPRI)) != 0;
}

}  // namespace plumbline::agent
