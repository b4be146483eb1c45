// Fetches sources from elsewhere, on a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "fetch/origin.hpp"
#include "fetch/source_keeper.hpp"

namespace plumbline::fetch {

/// One source and where it comes from.
struct Remote {
  std::shared_ptr<SourceKeeper> keeper;  ///< the fetching thread's alone from set() on
  std::shared_ptr<Origin> origin;
  std::chrono::milliseconds interval{60'000};
};

/// What became of one fetch: taken, unchanged (nullopt), or the error that left the old one in force.
using Delivery = Result<std::optional<SourceKeeper::Taken>>;
struct Delivered {
  std::string name;  ///< of the source
  Delivery what;
  baseline::Move move = baseline::Move::none;  ///< SourceKeeper::last_move() of an error
  std::chrono::steady_clock::time_point began;
};

/// Counted since start; any thread may ask.
struct FetchCounts {
  std::uint64_t fetches = 0;
  std::uint64_t unchanged = 0;
  std::uint64_t failures = 0;
};

/// One fetch at a time: sources are few, and a slow one delays the others by FetchLimits::whole at most. After a
/// failure the next try comes sooner than the interval, then ever later, up to five minutes.
class Fetcher {
 public:
  /// `deliver` is called on the fetching thread.
  explicit Fetcher(std::function<void(Delivered)> deliver);
  ~Fetcher();  ///< stop()
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  /// These and no others from now on, by the names of their keepers; what is new is fetched at once. Any thread.
  void set(std::vector<Remote> remotes);
  /// Fetches it now, whatever the interval; `any_revision` as for SourceKeeper::load(). Any thread.
  void refresh(const std::string& name, bool any_revision);
  FetchCounts counts() const;
  /// Waits for a fetch that is under way. Repeatable.
  void stop();

 private:
  using Steady = std::chrono::steady_clock;
  struct Entry {
    Remote remote;
    std::string version;
    Steady::time_point next;
    int failures = 0;
    bool any_revision = false;
  };

  void run();
  void fetch(Entry& entry);

  const std::function<void(Delivered)> deliver_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;  // the map under the lock; what is fetched stays alive
  FetchCounts counts_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace plumbline::fetch
