// Fetches sources from elsewhere, on threads of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "fetch/origin.hpp"
#include "fetch/source_config.hpp"
#include "fetch/source_keeper.hpp"

namespace plumbline::fetch {

/// One source and where it comes from.
struct Remote {
  std::shared_ptr<SourceKeeper> keeper;
  std::shared_ptr<Origin> origin;
  std::chrono::milliseconds interval{60'000};
  SourceConfig config;  ///< what origin and interval were made of
};

/// What became of one fetch: taken, unchanged (nullopt), or the error that left the old one in force.
using Delivery = Result<std::optional<SourceKeeper::Taken>>;
struct Delivered {
  std::shared_ptr<const SourceKeeper> keeper;  ///< of the source; another of its name may be configured by now
  Delivery what;
  baseline::Move move = baseline::Move::none;  ///< SourceKeeper::last_move() of an error
  std::chrono::steady_clock::time_point began;
  std::string version;  ///< Fetched::version; "" = an error, or it is no ETag
};

/// Counted since start; any thread may ask.
struct FetchCounts {
  std::uint64_t fetches = 0;
  std::uint64_t unchanged = 0;
  std::uint64_t failures = 0;
};

/// A few fetches at once, never two of one source; sources that fail leave a thread to those that do not. After a
/// failure the next try comes sooner than the interval, then ever later, up to five minutes.
class Fetcher {
 public:
  static constexpr std::size_t most_at_once = 4;

  /// `deliver` is called on the fetching threads.
  explicit Fetcher(std::function<void(Delivered)> deliver);
  ~Fetcher();  ///< stop()
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  /// These and no others from now on, by the names of their keepers; what is new, or comes
  /// from elsewhere now, is fetched at once. Any thread.
  void set(std::vector<Remote> remotes);
  /// Fetches it now, whatever the interval; `any_revision` as for SourceKeeper::load(). Any thread.
  void refresh(const std::string& name, bool any_revision);
  FetchCounts counts() const;
  /// For the FetchLimits of the origins: asked to stop by stop().
  std::stop_token stopping() const { return stopping_.get_token(); }
  /// Cuts short what is under way and waits for its end. Nothing is delivered afterwards. Repeatable.
  void stop();

 private:
  using Steady = std::chrono::steady_clock;
  struct Entry {
    Remote remote;
    std::string version;
    Steady::time_point next;
    int failures = 0;
    std::uint64_t changes = 0;  ///< of its configuration
    bool any_revision = false;
    bool running = false;
  };

  void run();
  std::shared_ptr<Entry> due(Steady::time_point now) const;
  void fetch(Entry& entry);

  const std::function<void(Delivered)> deliver_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::shared_ptr<Entry>>
      entries_;              // under the lock, as all of them; what is fetched stays alive
  std::size_t failing_ = 0;  // fetches under way of sources that failed last time
  FetchCounts counts_;
  std::stop_source stopping_;
  std::vector<std::thread> threads_;
};

}  // namespace plumbline::fetch
