// Which hook sees which way of changing a file, on this kernel and file system: every trigger of plumb-testprog is run
// on a marked file in a marked directory, and the marks must have moved with exactly that process as the actor; and
// every call that the kernel refuses must leave them alone (refused.cpp). The same program runs natively and in the VMs
// of tests/vm.
//
//   plumb-hook-matrix [--tier ctime|fentry] --testprog PATH DIRECTORY…
//
// One line a case: "PASS hooks.NAME.TRIGGER", "FAIL …: why" or "SKIP …: why", where NAME is the directory's last part.
// Ends with 0, 1 where a case failed, 77 where no tier works here (with the reason of each).
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "include/util/fd.hpp"
#include "tests/harness/hook_matrix/refused.hpp"
#include "tests/harness/hook_matrix/watched.hpp"

namespace {

using plumbline::agent::Kernel;
using plumbline::hook_matrix::Watched;

struct Trigger {
  std::string name;
  bool two_paths = false;
  /// Changes what the directory says, so that the directory's mark must move; else the file's must.
  bool of_name = false;
};

/// plumb-testprog's own words for what it did.
struct Truth {
  int status = -1;
  std::uint32_t pid = 0;
  std::string line;
};

struct Case {
  std::string directory;
  std::string file;
  std::string other;
};

/// Output and exit status of a program. popen() would put a shell between, and its pid is not the trigger's.
Truth run(std::vector<std::string> command) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    std::vector<char*> argv;
    for (auto& word : command) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  Truth truth;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = ::read(ends[0], buffer.data(), buffer.size())) > 0;)
    truth.line.append(buffer.data(), static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  truth.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  std::sscanf(truth.line.c_str(), "{\"pid\": %u", &truth.pid);
  return truth;
}

std::vector<Trigger> list_triggers(const std::string& testprog) {
  std::vector<Trigger> triggers;
  std::istringstream lines(run({testprog, "--list"}).line);
  const std::set<std::string> names{"create", "replace", "rename", "rename_exchange", "link", "unlink"};
  for (std::string line; std::getline(lines, line);) {
    const std::string name = line.substr(0, line.find(' '));
    triggers.push_back({name, line.find(" OTHER") != std::string::npos, names.contains(name)});
  }
  return triggers;
}

/// Fresh files each time, so that no case leans on the one before. `other` is a second name or a source, as the trigger
/// wants it. Both of the same size, whole blocks: FICLONE takes nothing else.
Case prepare(const std::string& directory, const Trigger& trigger) {
  Case made{directory, directory + "/file", directory + "/other"};
  for (const auto& entry : std::filesystem::directory_iterator(directory)) std::filesystem::remove_all(entry);
  if (trigger.name != "create") std::ofstream(made.file) << std::string(8192, 'a');
  if (trigger.two_paths && trigger.name != "rename" && trigger.name != "link")
    std::ofstream(made.other) << std::string(8192, 'b');
  return made;
}

/// Empty = seen, with the right actor.
std::string judge(const std::optional<mark_actor>& actor, const Truth& truth) {
  if (!actor) return "its mark did not move";
  if (actor->tgid == truth.pid) return {};
  return "wrong actor: pid " + std::to_string(actor->tgid) + " (" + actor->comm + "), the truth is " + truth.line;
}

/// Prints the case's line; false where it failed.
bool run_case(Kernel& kernel, const std::string& testprog, const std::string& directory, const Trigger& trigger) {
  const std::string name =
      "hooks." + std::filesystem::path(directory).parent_path().filename().string() + "." + trigger.name;
  const auto fail = [&](const std::string& why) {
    std::cout << "FAIL " << name << ": " << why << '\n';
    return false;
  };
  const Case files = prepare(directory, trigger);
  const Watched parent(kernel, directory);
  std::optional<Watched> file;
  if (trigger.name != "create") file.emplace(kernel, files.file);
  if (!parent.trouble().empty()) return fail("mark the directory: " + parent.trouble());
  if (file && !file->trouble().empty()) return fail("mark the file: " + file->trouble());

  std::vector<std::string> command{testprog, trigger.name, files.file};
  if (trigger.two_paths) command.push_back(files.other);
  const Truth truth = run(command);
  if (truth.status == 95) {
    std::cout << "SKIP " << name << ": this file system or kernel cannot do it" << '\n';
    return true;
  }
  if (truth.status != 0) return fail("the trigger itself failed: " + truth.line);
  const auto why = judge(trigger.of_name ? parent.actor() : file->actor(), truth);
  if (!why.empty()) return fail((trigger.of_name ? "directory: " : "file: ") + why);
  std::cout << "PASS " << name << '\n';
  return true;
}

/// btrfs numbers inodes in each subvolume anew: the first file of two has the same number (257) on the same device. A
/// change of one must not move the other's mark.
bool run_subvolumes(Kernel& kernel, const std::string& directory) {
  struct statfs file_system{};
  if (::statfs(directory.c_str(), &file_system) != 0 || file_system.f_type != BTRFS_SUPER_MAGIC) return true;
  const std::string name =
      "hooks." + std::filesystem::path(directory).parent_path().filename().string() + ".subvolumes";
  const plumbline::Fd parent(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::vector<std::string> files;
  for (const char* subvolume : {"one", "two"}) {
    btrfs_ioctl_vol_args arguments{};
    std::strncpy(arguments.name, subvolume, sizeof arguments.name - 1);
    if (::ioctl(parent.get(), BTRFS_IOC_SUBVOL_CREATE, &arguments) != 0) {
      std::cout << "FAIL " << name << ": cannot make a subvolume: " << plumbline::errno_text(errno) << '\n';
      return false;
    }
    files.push_back(directory + "/" + subvolume + "/file");
    std::ofstream(files.back()) << "content";
  }
  struct stat one{}, two{};
  ::stat(files[0].c_str(), &one);
  ::stat(files[1].c_str(), &two);
  std::string why;
  {
    const Watched first(kernel, files[0]);
    const Watched second(kernel, files[1]);
    std::ofstream(files[0]) << "changed";
    if (one.st_ino != two.st_ino) why = "the two files do not share a number: the case proves nothing";
    if (!first.actor()) why = "the changed file's mark did not move";
    if (second.actor()) why = "the other subvolume's mark moved: the key lacks the subvolume";
  }
  // Subvolumes are no directories for rmdir(2) of older kernels.
  for (const char* subvolume : {"one", "two"}) {
    btrfs_ioctl_vol_args arguments{};
    std::strncpy(arguments.name, subvolume, sizeof arguments.name - 1);
    ::ioctl(parent.get(), BTRFS_IOC_SNAP_DESTROY, &arguments);
  }
  std::cout << (why.empty() ? "PASS " : "FAIL ") << name << (why.empty() ? "" : ": ") << why << '\n';
  return why.empty();
}

}  // namespace

int main(int argc, char** argv) {
  plumbline::agent::KernelOptions options;
  std::string testprog;
  std::vector<std::string> directories;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--tier" && i + 1 < argc)
      options.only =
          std::string_view(argv[++i]) == "ctime" ? plumbline::agent::Tier::ctime : plumbline::agent::Tier::fentry;
    else if (word == "--testprog" && i + 1 < argc)
      testprog = argv[++i];
    else
      directories.emplace_back(word);
  }
  if (testprog.empty() || directories.empty()) {
    std::cerr << "usage: plumb-hook-matrix [--tier ctime|fentry] --testprog PATH DIRECTORY…\n";
    return 64;
  }
  std::cout << std::unitbuf;  // a case's line is out before the next one begins, whatever becomes of it
  options.scratch_dir = directories.front();
  auto kernel = plumbline::agent::open_kernel(options);
  if (!kernel) {
    std::cout << "SKIP hooks: " << kernel.error().message() << '\n';
    return 77;
  }
  std::cout << "INFO tier " << plumbline::agent::text_of((*kernel)->tier()) << '\n';
  for (const auto& report : (*kernel)->reports())
    std::cout << "INFO " << plumbline::agent::text_of(report.tier) << (report.works ? " works " : " refused ")
              << report.why << '\n';
  const auto triggers = list_triggers(testprog);
  bool good = !triggers.empty();
  if (!good) std::cout << "FAIL hooks: " << testprog << " --list names no trigger" << '\n';
  for (const auto& parent : directories) {
    const std::string directory = parent + "/hook_matrix";
    std::filesystem::create_directories(directory);
    for (const auto& trigger : triggers) good &= run_case(**kernel, testprog, directory, trigger);
    good &= plumbline::hook_matrix::run_refused(**kernel, directory);
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory);
    good &= run_subvolumes(**kernel, directory);
    std::filesystem::remove_all(directory);
  }
  return good ? 0 : 1;
}
