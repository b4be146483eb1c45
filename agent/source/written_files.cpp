#include "agent/source/written_files.hpp"

#include <algorithm>
#include <utility>

namespace plumbline::agent {

/// Longer with each try beyond those that are free.
std::int64_t WrittenFiles::quiet_of(int number) const {
  const auto known = history_.find(number);
  const int beyond = known == history_.end() ? 0 : known->second.tries - free_tries;
  return beyond <= 0 ? quiet_ns : std::min(longest_quiet_ns, quiet_ns << std::min(beyond, 16));
}

std::optional<WrittenFiles::File> WrittenFiles::begin(File file) {
  const std::int64_t now = clock_.boot();
  std::erase_if(history_, [&](const auto& each) { return now - each.second.last > forgiven_ns; });
  const std::lock_guard lock(mutex_);
  std::optional<File> let_go;
  if (files_.size() >= max_files) {
    const auto first = std::min_element(files_.begin(), files_.end(), [](const auto& one, const auto& other) {
      return one.second.since < other.second.since;
    });
    end(first->second);
    let_go = std::move(first->second.file);
    files_.erase(first);
  }
  const int number = file.number;
  files_[number] = {std::move(file), clock_.wall(), now + quiet_of(number)};
  return let_go;
}

void WrittenFiles::on_written(int number) {
  const std::lock_guard lock(mutex_);
  const auto known = files_.find(number);
  if (known == files_.end()) return;
  known->second.due = clock_.boot() + quiet_of(number);
  known->second.file.is_closed = false;
}

void WrittenFiles::on_closed(int number) {
  const std::lock_guard lock(mutex_);
  const auto known = files_.find(number);
  if (known == files_.end()) return;
  const std::int64_t quiet = quiet_of(number);
  known->second.due = clock_.boot() + (quiet == quiet_ns ? 0 : quiet);
  known->second.file.is_closed = true;
}

std::vector<WrittenFiles::File> WrittenFiles::take_due() {
  std::vector<File> due;
  const std::int64_t now = clock_.boot();
  const std::lock_guard lock(mutex_);
  for (auto at = files_.begin(); at != files_.end();) {
    const auto here = at++;
    if (here->second.due > now) continue;
    auto& [tries, last] = history_[here->first];
    ++tries;
    last = now;
    end(here->second);
    due.push_back(std::move(here->second.file));
    files_.erase(here);
  }
  return due;
}

/// With the lock held.
void WrittenFiles::end(const Written& written) {
  const WallNs until = clock_.wall();
  if (ended_.size() < max_ended) {
    ended_.push_back({written.file.path, written.since, until});
    return;
  }
  ended_.back().from = std::min(ended_.back().from, written.since);
  ended_.back().until = until;
  ++more_ended_;
}

int WrittenFiles::wait_ms() const {
  const std::lock_guard lock(mutex_);
  const auto next = std::min_element(files_.begin(), files_.end(), [](const auto& one, const auto& other) {
    return one.second.due < other.second.due;
  });
  if (next == files_.end()) return -1;
  return static_cast<int>(std::max<std::int64_t>(0, (next->second.due - clock_.boot() + 999'999) / 1'000'000));
}

bool WrittenFiles::contains(int number) const {
  const std::lock_guard lock(mutex_);
  return files_.contains(number);
}

void WrittenFiles::end_all() {
  const std::lock_guard lock(mutex_);
  for (const auto& [number, each] : files_) end(each);
  files_.clear();
}

void WrittenFiles::forget_devices(const std::set<std::uint64_t>& devices) {
  const std::lock_guard lock(mutex_);
  for (auto at = files_.begin(); at != files_.end();) {
    const auto here = at++;
    if (!devices.contains(here->second.file.device)) continue;
    end(here->second);
    files_.erase(here);
  }
}

std::vector<UnhookedFile> WrittenFiles::now() const {
  std::vector<UnhookedFile> all;
  const std::lock_guard lock(mutex_);
  for (const auto& [number, each] : files_) all.push_back({each.file.path, each.since, 0});
  return all;
}

std::vector<UnhookedFile> WrittenFiles::take_ended() {
  const std::lock_guard lock(mutex_);
  if (more_ended_ > 0) ended_.back().path += " and " + std::to_string(std::exchange(more_ended_, 0)) + " others";
  return std::exchange(ended_, {});
}

}  // namespace plumbline::agent
