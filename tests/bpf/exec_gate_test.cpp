#include "agent/source/exec_gate.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <filesystem>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using namespace std::chrono_literals;

/// Gates one tmpfs in a mount namespace of the test's thread: nobody else's executions are held.
class ExecGateTest : public ::testing::Test {
 protected:
  void run(std::chrono::milliseconds limit, const std::function<void()>& test, std::size_t max_held = 64) {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
    std::thread([&] {
      ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
      ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
      mount("first");
      ExecGate::Options options;
      options.limit = limit;
      options.max_held = max_held;
      options.mountinfo = "/proc/thread-self/mountinfo";
      options.root = "/proc/" + std::to_string(::getpid()) + "/task/" + std::to_string(::gettid()) + "/root";
      options.wants = [this](const HostMount& mount) { return mount.path.starts_with(dir_.path()); };
      auto gate = ExecGate::open(options, [this](Fd exe, std::uint32_t tgid, ExecGate::Done done) {
        const std::lock_guard lock(mutex_);
        looks_.push_back({std::move(exe), tgid, std::move(done)});
        looked_.notify_all();
      });
      ASSERT_TRUE(gate) << gate.error().message();
      gate_ = std::move(*gate);
      gate_->start();
      while (gate_->counters().filesystems == 0) std::this_thread::yield();
      test();
      gate_.reset();
    }).join();
  }

  void mount(const std::string& name) {
    std::filesystem::create_directory(dir_ / name);
    ASSERT_EQ(::mount("none", (dir_ / name).c_str(), "tmpfs", 0, nullptr), 0);
  }
  /// It is called "true" wherever it is, as busybox goes by its name.
  std::string program(const std::string& folder) {
    std::filesystem::create_directories(dir_ / folder);
    const std::string path = dir_ / (folder + "/true");
    std::filesystem::copy_file("/bin/true", path, std::filesystem::copy_options::overwrite_existing);
    return path;
  }
  /// A process that executes it.
  static pid_t begin(const std::string& path) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::close_range(3, ~0u, 0);  // the gate's own descriptor would keep the gate alive, and so hold this process
      ::execl(path.c_str(), path.c_str(), nullptr);
      ::_exit(127);
    }
    return child;
  }
  static int end(pid_t child) {
    int status = -1;
    ::waitpid(child, &status, 0);
    return status;
  }
  static bool is_running(pid_t child) { return ::waitpid(child, nullptr, WNOHANG) == 0; }
  struct Look {
    Fd exe;
    std::uint32_t tgid = 0;
    ExecGate::Done done;
  };
  Look next_look() {
    std::unique_lock lock(mutex_);
    looked_.wait(lock, [&] { return !looks_.empty(); });
    Look look = std::move(looks_.front());
    looks_.pop_front();
    return look;
  }

  const TempDir dir_;
  std::unique_ptr<ExecGate> gate_;
  std::mutex mutex_;
  std::condition_variable looked_;
  std::deque<Look> looks_;
};

TEST_F(ExecGateTest, who_executes_waits_until_the_file_was_looked_at) {
  run(60s, [&] {
    const auto path = program("first/one");
    const pid_t child = begin(path);
    const auto look = next_look();
    EXPECT_EQ(look.tgid, static_cast<std::uint32_t>(child));
    EXPECT_TRUE(std::filesystem::equivalent("/proc/self/fd/" + std::to_string(look.exe.get()), path));
    EXPECT_TRUE(is_running(child));
    look.done(true);
    EXPECT_EQ(end(child), 0);
    EXPECT_EQ(gate_->counters().held, 1u);
    EXPECT_EQ(gate_->counters().late, 0u);
  });
}

TEST_F(ExecGateTest, what_was_looked_at_is_not_held_again_until_it_is_written_to) {
  run(60s, [&] {
    const auto path = program("first/one");
    pid_t child = begin(path);
    next_look().done(true);
    EXPECT_EQ(end(child), 0);
    EXPECT_EQ(end(begin(path)), 0);
    EXPECT_EQ(gate_->counters().held, 1u);
    program("first/one");
    child = begin(path);
    next_look().done(true);
    EXPECT_EQ(end(child), 0);
    EXPECT_EQ(gate_->counters().held, 2u);
  });
}

TEST_F(ExecGateTest, who_was_held_for_as_long_as_may_be_goes_on) {
  run(20ms, [&] {
    const auto path = program("first/one");
    EXPECT_EQ(end(begin(path)), 0);
    EXPECT_EQ(gate_->counters().late, 1u);
    next_look().done(true);  // too late to matter
    EXPECT_EQ(end(begin(path)), 0);
    EXPECT_EQ(gate_->counters().late, 2u) << "nothing says that it was looked at";
  });
}

TEST_F(ExecGateTest, too_many_are_let_go_at_once) {
  run(
      60s,
      [&] {
        const pid_t held = begin(program("first/held"));
        const auto look = next_look();
        EXPECT_EQ(end(begin(program("first/other"))), 0);
        EXPECT_EQ(gate_->counters().crowded, 1u);
        look.done(true);
        EXPECT_EQ(end(held), 0);
      },
      1);
}

TEST_F(ExecGateTest, without_the_gate_all_go_on) {
  run(60s, [&] {
    const pid_t child = begin(program("first/one"));
    const auto look = next_look();
    gate_->stop();
    EXPECT_EQ(end(child), 0);
    look.done(true);  // of a gate that is gone
  });
}

TEST_F(ExecGateTest, what_is_mounted_later_is_gated_too) {
  run(60s, [&] {
    mount("second");
    while (gate_->counters().filesystems < 2) std::this_thread::yield();
    const pid_t child = begin(program("second/one"));
    next_look().done(true);
    EXPECT_EQ(end(child), 0);
  });
}

}  // namespace
}  // namespace plumbline::agent
