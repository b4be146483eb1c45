#include "fetch/fetcher.hpp"

#include <algorithm>

#include "include/util/thread.hpp"

namespace plumbline::fetch {
namespace {

constexpr std::chrono::seconds first_retry{5};
constexpr std::chrono::minutes longest_retry{5};

}  // namespace

Fetcher::Fetcher(std::function<void(Delivered)> deliver) : deliver_(std::move(deliver)) {
  for (std::size_t i = 0; i < most_at_once; ++i) threads_.push_back(start_thread("plumb-fetch", [this] { run(); }));
}

Fetcher::~Fetcher() {
  stop();
}

void Fetcher::set(std::vector<Remote> remotes) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::shared_ptr<Entry>> fresh;
  for (auto& remote : remotes) {
    const std::string name = remote.keeper->spec().name;
    const auto known = entries_.find(name);
    if (known == entries_.end() || known->second->remote.keeper != remote.keeper) {
      fresh[name] = std::make_shared<Entry>(Entry{std::move(remote), "", Steady::now(), 0, 0, false, false});
      continue;
    }
    // The same source; where it comes from, or how often it is looked at, may be written differently now.
    Entry& entry = *(fresh[name] = known->second);
    if (entry.remote.config == remote.config) continue;
    entry.remote = std::move(remote);
    entry.version.clear();
    ++entry.changes;
    entry.next = Steady::now();
  }
  entries_ = std::move(fresh);
  changed_.notify_all();
}

void Fetcher::refresh(const std::string& name, bool any_revision) {
  const std::lock_guard lock(mutex_);
  const auto known = entries_.find(name);
  if (known == entries_.end()) return;
  Entry& entry = *known->second;
  entry.next = Steady::now();
  entry.any_revision = entry.any_revision || any_revision;
  changed_.notify_all();
}

FetchCounts Fetcher::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void Fetcher::stop() {
  stopping_.request_stop();  // without the lock: who is cut may want it
  {
    const std::lock_guard lock(mutex_);  // nobody is between its look at stopping_ and its wait
    changed_.notify_all();
  }
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

/// Whose time has come, those first that did not fail last time; nullptr: nobody's.
std::shared_ptr<Fetcher::Entry> Fetcher::due(Steady::time_point now) const {
  const auto sooner = [](const Entry& a, const Entry& b) {
    return (a.failures > 0) != (b.failures > 0) ? b.failures > 0 : a.next < b.next;
  };
  std::shared_ptr<Entry> best;
  for (const auto& [name, entry] : entries_) {
    if (entry->running || entry->next > now) continue;
    if (entry->failures > 0 && failing_ + 1 >= most_at_once) continue;  // they may hang, each for its timeout
    if (!best || sooner(*entry, *best)) best = entry;
  }
  return best;
}

void Fetcher::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_.stop_requested()) {
    const auto now = Steady::now();
    if (const auto entry = due(now)) {
      // Set before the fetch: a refresh() that comes meanwhile is for a later state, and moves it again.
      entry->next = now + entry->remote.interval;
      entry->running = true;
      const std::size_t failed = entry->failures > 0 ? 1 : 0;
      failing_ += failed;
      lock.unlock();
      fetch(*entry);
      lock.lock();
      failing_ -= failed;
      entry->running = false;
      changed_.notify_all();
      continue;
    }
    auto soonest = Steady::time_point::max();  // of those that wait for their time and not for a thread
    for (const auto& [name, entry] : entries_)
      if (!entry->running && entry->next > now) soonest = std::min(soonest, entry->next);
    if (soonest == Steady::time_point::max())
      changed_.wait(lock);
    else
      changed_.wait_until(lock, soonest);
  }
}

void Fetcher::fetch(Entry& entry) {
  bool any_revision = false;
  std::string known;
  std::shared_ptr<SourceKeeper> keeper;
  std::shared_ptr<Origin> origin;  // of this fetch: set() may put another in its place meanwhile
  std::uint64_t changes = 0;
  {
    const std::lock_guard lock(mutex_);
    keeper = entry.remote.keeper;
    origin = entry.remote.origin;
    changes = entry.changes;
    any_revision = std::exchange(entry.any_revision, false);
    if (!any_revision) known = entry.version;  // else it is taken again, changed or not
  }
  const auto began = Steady::now();
  std::optional<SourceKeeper::Taken> taken;
  bool came = false;  // something came, whether or not it was taken
  auto fetched = origin->fetch(known, [&](std::string_view bytes) -> Result<void> {
    came = true;
    auto loaded = keeper->load(any_revision, bytes.data() == nullptr ? std::nullopt : std::optional(bytes));
    if (!loaded) return loaded.error();
    taken = std::move(*loaded);
    return {};
  });
  {
    const std::lock_guard lock(mutex_);
    ++counts_.fetches;
    if (fetched) {
      // One that could not be kept on disk is fetched again, or a restart would go back to the one before.
      if (changes == entry.changes && !(taken && !taken->index)) entry.version = fetched->version;
      entry.failures = 0;
      counts_.unchanged += fetched->unchanged ? 1 : 0;
    } else {
      ++counts_.failures;
      entry.any_revision = entry.any_revision || (any_revision && !came);  // what is meant is still to come
      const auto wait = std::min<Steady::duration>(first_retry * (1 << std::min(entry.failures++, 8)), longest_retry);
      entry.next = std::min(entry.next, Steady::now() + wait);
    }
  }
  if (stopping_.stop_requested()) return;
  deliver_({keeper, fetched ? Delivery(std::move(taken)) : Delivery(fetched.error()),
            fetched || !came ? baseline::Move::none : keeper->last_move(), began,
            fetched && !fetched->version.starts_with("time ") ? fetched->version : std::string()});
}

}  // namespace plumbline::fetch
