#include "agent/source/bpf_iterator.hpp"

#include <bpf/bpf.h>
#include <unistd.h>

#include <cerrno>

#include "include/util/fd.hpp"

namespace plumbline::agent {

int run_iterator(const bpf_program* iterator) {
  bpf_link* link = bpf_program__attach_iter(iterator, nullptr);
  if (link == nullptr) return errno;
  const Fd fd(bpf_iter_create(bpf_link__fd(link)));
  int error = fd ? 0 : errno;
  char nothing[256];
  ssize_t count = 0;
  if (fd)
    while ((count = ::read(fd.get(), nothing, sizeof nothing)) > 0) {
    }
  if (count < 0) error = errno;
  bpf_link__destroy(link);
  return error;
}

}  // namespace plumbline::agent
