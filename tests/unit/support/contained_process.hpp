// A real process in a root of its own, as a container's first one is: in its own mount namespace, its root the root of
// a mount. What makes a container of it for the agent is a runtime's state.json, which state() writes.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "agent/source/container_root.hpp"

namespace plumbline::agent {

class ContainedProcess {
 public:
  /// `more` is called in it before it is in that root, in its mount namespace.
  explicit ContainedProcess(std::string root, const std::function<void()>& more = {}) : root_(std::move(root)) {
    int told[2];
    if (::pipe(told) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      const int error = enter(more);
      if (::write(told[1], &error, sizeof error) == sizeof error && error == 0)
        while (true) ::pause();
      ::_exit(1);
    }
    ::close(told[1]);
    if (::read(told[0], &error_, sizeof error_) != sizeof error_) error_ = EPIPE;
    ::close(told[0]);
  }
  ~ContainedProcess() { end(); }
  ContainedProcess(const ContainedProcess&) = delete;
  ContainedProcess& operator=(const ContainedProcess&) = delete;

  /// "" = it is there; else why such a process cannot be had here.
  std::string why_not() const { return error_ == 0 ? "" : std::string("no mount namespace: ") + std::strerror(error_); }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  ContainerRoot::Process process() const {
    std::ifstream stat("/proc/" + std::to_string(pid_) + "/stat");
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    std::istringstream rest(text.substr(text.rfind(')') + 1));
    std::string skip;
    ContainerRoot::Process process;
    process.pid = static_cast<std::uint32_t>(pid_);
    for (int field = 3; field < 22; ++field) rest >> skip;
    rest >> process.start_ticks;
    return process;
  }
  const std::string& root() const { return root_; }

  /// As runc writes it, with labels as containerd has it write them.
  std::string state(const std::string& id, const std::vector<std::string>& labels) const {
    const auto self = process();
    return nlohmann::json{{"id", id},
                          {"init_process_pid", self.pid},
                          {"init_process_start", self.start_ticks},
                          {"cgroup_paths", nlohmann::json::object()},
                          {"config", {{"rootfs", root_}, {"labels", labels}}}}
        .dump();
  }

 private:
  int enter(const std::function<void()>& more) const {
    const int user = ::geteuid() == 0 ? 0 : CLONE_NEWUSER;
    if (::unshare(CLONE_NEWNS | user) != 0) return errno;
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return errno;
    if (::mount(root_.c_str(), root_.c_str(), nullptr, MS_BIND, nullptr) != 0) return errno;
    if (more) more();
    return ::chroot(root_.c_str()) == 0 && ::chdir("/") == 0 ? 0 : errno;
  }

  std::string root_;
  pid_t pid_ = 0;
  int error_ = 0;
};

}  // namespace plumbline::agent
