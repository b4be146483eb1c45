// An agent's side of a collector's handout.
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

#include "baseline/index/index.hpp"
#include "fetch/handout.hpp"
#include "fetch/origin.hpp"
#include "fetch/web.hpp"
#include "include/util/clock.hpp"

namespace plumbline::fetch {

struct HandoutOptions {
  std::string url;  ///< of the collector, "https://HOST:PORT"
  std::string token_file;
  std::string ca_file;
  std::string certificate_file, key_file;  ///< as of WebRequest
  std::string node;                        ///< this node's name, as the handout must have it
  std::string folder;                      ///< of what is kept; made where it is missing, mode 0700
  std::chrono::milliseconds interval{30'000};
  FetchLimits limits;
};

struct HandedBaseline {
  HandedEntry entry;
  std::shared_ptr<const baseline::Index> index;
  std::uint64_t listed_in = 0;  ///< number of the list that names it: an earlier one, where it is missing in this
  WallNs since = 0;             ///< when this index came
};

/// One list with all of its indexes, and with those of earlier lists that it calls missing. What was kept may lack
/// some.
struct Handed {
  std::uint64_t sequence = 0;
  WallNs issued_at = 0;  ///< when the collector signed it
  std::vector<HandedBaseline> baselines;
  std::vector<std::string> missing;  ///< Handout::missing, and what `damage` tells of
  std::vector<std::string> damage;   ///< why something that is listed or was kept is of no use
};

/// Fetches this node's handout, on a thread of its own, and keeps it: list and indexes, so that a node starts without
/// the collector. A handout is taken whole or not at all.
class HandoutClient {
 public:
  /// Errors are told by `permission` (a signature, an older list: somebody stands in between, or the collector was set
  /// back) or `unavailable`; what was handed before stays in force.
  using Deliver = std::function<void(Result<std::shared_ptr<const Handed>>)>;

  HandoutClient(HandoutOptions options, const NodeKey& key);
  ~HandoutClient() { stop(); }
  HandoutClient(const HandoutClient&) = delete;
  HandoutClient& operator=(const HandoutClient&) = delete;

  /// What was last taken, checked like a fresh one. `not_found` where nothing was. Before start(). An index that is
  /// damaged makes its baseline missing and nothing else.
  Result<std::shared_ptr<const Handed>> kept();

  /// `deliver` is called on the fetching thread with each news: another handout, another error, or the same handout
  /// after an error.
  void start(Deliver deliver);
  /// Asks at once. `meant`: a person looked at what was refused; if that was an older list, it and what came after it
  /// is taken. Nothing else is let in by it.
  void refresh(bool meant);
  /// Cuts short what is under way. Nothing is delivered afterwards. Repeatable.
  void stop();

 private:
  void run();
  Result<std::shared_ptr<const Handed>> fetch(bool asked);
  Result<void> authorize(WebRequest& request) const;
  enum class From { disk, collector };
  Result<Handout> open_list(const std::string& envelope) const;
  Result<std::shared_ptr<const Handed>> take(const std::string& envelope, From from);
  void add_earlier(Handed& handed) const;
  Result<void> keep(const std::string& envelope, const Handed& handed);
  Result<std::shared_ptr<const baseline::Index>> index_of(const HandedEntry& entry, From from);
  std::string path_of(const HandedEntry& entry) const { return options_.folder + "/" + entry.sha256 + ".index"; }
  Result<std::shared_ptr<const baseline::Index>> open_index(const HandedEntry& entry, const std::string& path) const;
  Result<void> fetch_index(const HandedEntry& entry, const std::string& part);
  void forget_others(const Handed& handed) const;

  HandoutOptions options_;  // constant but for its stop token
  const NodeKey key_;
  const std::uint64_t key_id_;  ///< that indexes must have
  Deliver deliver_;
  std::shared_ptr<const Handed> taken_;          // the fetching thread's, after kept()
  std::string etag_;                             // of what was taken and kept; "" = unknown
  std::optional<std::uint64_t> refused_;         // number of the older list that was refused last
  std::optional<std::uint64_t> meant_from_;      // such lists a person means, from this one on
  std::uint64_t kept_sequence_ = 0;              // of the newest list on disk
  std::map<std::uint64_t, std::string> unkept_;  // lists in force that could not be written: a full disk
  std::uint64_t piece_ = index_piece;            // bytes to ask for at once: less where the line is slow

  std::mutex mutex_;
  std::condition_variable changed_;
  bool asked_ = false;
  bool meant_ = false;
  std::stop_source stopping_;  // cuts what is under way
  std::thread thread_;
};

}  // namespace plumbline::fetch
