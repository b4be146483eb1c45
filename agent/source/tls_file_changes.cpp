// What becomes of hooked files that change, and of files that come: TlsFiles' part of inotify.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "agent/source/tls_files.hpp"
#include "include/util/log_text.hpp"

namespace plumbline::agent {

std::vector<TlsFileChange> TlsFiles::read_changes() const {
  std::vector<TlsFileChange> changes;
  std::array<char, 4096> bytes;
  for (ssize_t count = 0; (count = ::read(changes_.get(), bytes.data(), bytes.size())) > 0;)
    for (ssize_t at = 0; at < count;) {
      inotify_event event;
      std::memcpy(&event, bytes.data() + at, sizeof event);
      const std::string_view name = event.len == 0 ? "" : bytes.data() + at + sizeof event;
      if ((event.mask & IN_Q_OVERFLOW) != 0) changes.push_back({-1, false, {}});
      if ((event.mask & (IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO)) != 0 && (event.mask & IN_ISDIR) == 0)
        changes.push_back({event.wd, (event.mask & IN_CLOSE_WRITE) != 0, std::string(name)});
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  return changes;
}

void TlsFiles::watch(int folder, const std::string& path) {
  const int number = folders_.size() >= options_.max_folders
                         ? -1
                         : ::inotify_add_watch(changes_.get(), ("/proc/self/fd/" + std::to_string(folder)).c_str(),
                                               IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR);
  if (number < 0)
    counters_.unwatched.fetch_add(1, std::memory_order_relaxed);
  else
    folders_.insert_or_assign(number, path);
}

/// Some were not told: whatever is not as it was is looked at anew.
void TlsFiles::look_at_hooked_again() {
  std::vector<std::pair<Fd, std::string>> changed;
  forget([&](const Identity& identity, Known& known) {
    if (!known.hooked || is_now(known.file.get(), identity)) return false;
    if (Fd file = reopened(known.file); file) changed.emplace_back(std::move(file), known.row.path);
    return true;
  });
  for (const auto& [file, path] : changed) look(file.get(), path);
}

void TlsFiles::follow(const TlsFileChange& change) {
  if (change.number < 0) return look_at_hooked_again();
  if (!change.name.empty()) {
    const auto folder = folders_.find(change.number);
    if (folder == folders_.end()) return;
    counters_.came.fetch_add(1, std::memory_order_relaxed);
    const std::string path = folder->second + "/" + change.name;
    if (const Fd file = reopened(Fd(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC))); file)
      look(file.get(), path);
    return;
  }
  if (!change.is_over) {
    written_.on_written(change.number);
    forget([&](const Identity&, Known& known) {
      if (known.number != change.number) return false;
      spdlog::warn("event=tls_unhooked path=\"{}\" why=\"somebody writes into it\"", log_text(known.row.path));
      begin_written({std::move(known.file), known.row.path, known.device, change.number});
      counters_.written.fetch_add(1, std::memory_order_relaxed);
      return true;
    });
    return;
  }
  written_.on_closed(change.number);
}

/// What is half written when its writer rests is no library yet: it is without hooks until that one is done.
void TlsFiles::look_at_written() {
  for (auto& written : written_.take_due()) {
    const Fd file = reopened(written.file);
    if (file && look(file.get(), written.path)) continue;
    if (file && !written.is_closed)
      begin_written(std::move(written));
    else
      ::inotify_rm_watch(changes_.get(), written.number);
  }
}

void TlsFiles::begin_written(WrittenFiles::File file) {
  const auto let_go = written_.begin(std::move(file));
  if (!let_go) return;
  ::inotify_rm_watch(changes_.get(), let_go->number);
  counters_.let_go.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace plumbline::agent
