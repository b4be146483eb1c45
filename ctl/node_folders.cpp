// plumb prepare and plumb cleanup: what the agent has on a node's file systems, before it starts and after it is gone.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <ostream>
#include <thread>

#include "ctl/api.hpp"
#include "ctl/commands.hpp"
#include "ctl/text.hpp"
#include "include/util/fd.hpp"

namespace plumbline::ctl {
namespace {

namespace fs = std::filesystem;
constexpr const char* canary_text = "plumb simulate sets the times of this file to what they are.\n";

struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// "65532:65532"; names are the node's, which an image does not know.
Result<Owner> parse_owner(const std::string& text) {
  unsigned uid = 0, gid = 0;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%9u:%9u%c", &uid, &gid, &rest) != 2)
    return invalid("read --owner", "'" + text + "' is no UID:GID", "write it as 65532:65532");
  return Owner{uid, gid};
}

/// Symbolic links are given away themselves, and not followed.
Result<void> give(const std::string& path, Owner owner) {
  struct stat now{};
  if (::lstat(path.c_str(), &now) != 0) return io_error("look at " + path, errno);
  if (now.st_uid == owner.uid && now.st_gid == owner.gid) return {};
  if (::lchown(path.c_str(), owner.uid, owner.gid) != 0)
    return io_error("give " + path + " to " + std::to_string(owner.uid), errno, "run it as root with CAP_CHOWN");
  return {};
}

Result<void> prepare_folder(const std::string& folder, Owner owner) {
  std::error_code error;
  fs::create_directories(folder, error);
  struct stat now{};
  if (::lstat(folder.c_str(), &now) != 0) return io_error("make the folder " + folder, error ? error.value() : errno);
  if (!S_ISDIR(now.st_mode)) return invalid("prepare " + folder, "it is no folder", "move away what is there");
  if ((now.st_mode & 07777) != 0700 && ::chmod(folder.c_str(), 0700) != 0)
    return io_error("set the mode of " + folder, errno);
  // What an earlier agent, of another user, has left.
  auto it = fs::recursive_directory_iterator(folder, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error))
    if (auto given = give(it->path(), owner); !given) return given;
  if (error) return io_error("look through " + folder, error.value());
  return give(folder, owner);
}

Result<void> make_canary(const std::string& path) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file && errno == EEXIST) return {};
  const std::string_view text = canary_text;
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fchmod(file.get(), 0644) != 0)
    return io_error("write " + path, errno);
  return {};
}

/// Empties a folder and removes it; what is not there needs no removing.
Result<void> remove_folder(const std::string& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) return io_error("remove " + folder, error.value(), "is something mounted there, or another user's?");
  return {};
}

}  // namespace

int prepare_node(const Context& context, const PrepareOptions& options) {
  const auto owner = parse_owner(options.owner);
  if (!owner) return fail(context, owner.error());
  if (!options.canary.empty())
    if (const auto made = make_canary(options.canary); !made) return fail(context, made.error());
  for (const auto& folder : options.folders) {
    if (const auto prepared = prepare_folder(folder, *owner); !prepared) return fail(context, prepared.error());
    context.terminal.out << printable(folder) << " is " << printable(options.owner) << "'s\n";
  }
  return exit_code::ok;
}

int clean_up(const Context& context, const CleanupOptions& options) {
  // One that still runs would write again what is removed under it.
  const auto until = std::chrono::steady_clock::now() + options.wait;
  for (;; std::this_thread::sleep_for(std::chrono::milliseconds(200))) {
    const auto api = Api::open(context.options);
    if (!api) return fail(context, api.error());
    if (!api->client().get("/livez")) break;
    if (std::chrono::steady_clock::now() >= until)
      return fail(context, {ErrorCode::unavailable, "clean up", "an agent still runs on this node",
                            "end it, or wait longer for its end with --wait"});
  }
  for (const auto& folder : options.folders) {
    if (const auto removed = remove_folder(folder); !removed) return fail(context, removed.error());
    context.terminal.out << "removed " << printable(folder) << '\n';
  }
  return exit_code::ok;
}

}  // namespace plumbline::ctl
