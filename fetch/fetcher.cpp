#include "fetch/fetcher.hpp"

#include <pthread.h>

#include <algorithm>
#include <csignal>

namespace plumbline::fetch {
namespace {

constexpr std::chrono::seconds first_retry{5};
constexpr std::chrono::minutes longest_retry{5};

}  // namespace

Fetcher::Fetcher(std::function<void(Delivered)> deliver) : deliver_(std::move(deliver)) {
  // The process's signals belong to its main thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "plumb-fetch");
    run();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Fetcher::~Fetcher() {
  stop();
}

void Fetcher::set(std::vector<Remote> remotes) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::shared_ptr<Entry>> fresh;
  for (auto& remote : remotes) {
    const std::string name = remote.keeper->spec().name;
    // The keeper tells whether it is the same source: where it comes from may be written differently now.
    if (const auto known = entries_.find(name);
        known != entries_.end() && known->second->remote.keeper == remote.keeper)
      fresh[name] = known->second;
    else
      fresh[name] = std::make_shared<Entry>(Entry{std::move(remote), "", Steady::now(), 0, false});
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
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Fetcher::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto soonest = std::min_element(entries_.begin(), entries_.end(),
                                          [](const auto& a, const auto& b) { return a.second->next < b.second->next; });
    if (soonest == entries_.end()) {
      changed_.wait(lock);
    } else if (const auto next = soonest->second->next; next > Steady::now()) {
      changed_.wait_until(lock, next);  // of our own: set() may drop the entry meanwhile
    } else {
      const auto entry = soonest->second;
      // Set before the fetch: a refresh() that comes meanwhile is for a later state, and moves it again.
      entry->next = Steady::now() + entry->remote.interval;
      lock.unlock();
      fetch(*entry);
      lock.lock();
    }
  }
}

void Fetcher::fetch(Entry& entry) {
  bool any_revision = false;
  std::string known;
  {
    const std::lock_guard lock(mutex_);
    any_revision = std::exchange(entry.any_revision, false);
    if (!any_revision) known = entry.version;  // else it is taken again, changed or not
  }
  const auto began = Steady::now();
  SourceKeeper& keeper = *entry.remote.keeper;
  std::optional<SourceKeeper::Taken> taken;
  bool came = false;  // something came, whether or not it was taken
  auto fetched = entry.remote.origin->fetch(known, [&](std::string_view bytes) -> Result<void> {
    came = true;
    auto loaded = keeper.load(any_revision, bytes.data() == nullptr ? std::nullopt : std::optional(bytes));
    if (!loaded) return loaded.error();
    taken = std::move(*loaded);
    return {};
  });
  {
    const std::lock_guard lock(mutex_);
    ++counts_.fetches;
    if (fetched) {
      entry.version = fetched->version;
      entry.failures = 0;
      counts_.unchanged += fetched->unchanged ? 1 : 0;
    } else {
      ++counts_.failures;
      entry.any_revision = entry.any_revision || (any_revision && !came);  // what is meant is still to come
      const auto wait = std::min<Steady::duration>(first_retry * (1 << std::min(entry.failures++, 8)), longest_retry);
      entry.next = std::min(entry.next, Steady::now() + wait);
    }
  }
  deliver_({keeper.spec().name, fetched ? Delivery(std::move(taken)) : Delivery(fetched.error()),
            fetched || !came ? baseline::Move::none : keeper.last_move(), began});
}

}  // namespace plumbline::fetch
