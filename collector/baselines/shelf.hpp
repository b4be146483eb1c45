// The baselines that the collector reads, compiles and hands to nodes.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "baseline/index/index.hpp"
#include "baseline/keyed_hash.hpp"
#include "baseline/path_glob.hpp"
#include "collector/baselines/shelf_keys.hpp"
#include "collector/store/store.hpp"
#include "fetch/fetcher.hpp"
#include "fetch/handout.hpp"
#include "fetch/source_config.hpp"
#include "include/util/clock.hpp"

namespace plumbline::collector {

/// One entry of `baselines` in collector.yaml.
struct ShelfSource {
  fetch::SourceConfig source;
  std::vector<std::string> nodes;  ///< names of nodes, or patterns with * and ?; empty = all
  bool node_by_file = false;       ///< each match of the pattern is of the node that its file is named after
};

/// Whether its sources are the local files that match a pattern.
bool is_local_pattern(const ShelfSource& source);

/// How one baseline is doing, for people.
struct ShelfRow {
  std::string name, kind, path, error;
  std::vector<std::string> nodes;
  baseline::Revision revision;
  std::uint64_t resources = 0, files = 0, bytes = 0;
  std::string sha256;  ///< of the index; "" = nothing was read yet
  WallNs loaded_at = 0;
};

/// Thread-safe. Its folder holds the indexes, and what nodes need of the keys (node.key). The store numbers what is
/// handed out, so that collectors that share it and read the same hand out the same, byte by byte. What is shown and
/// handed out is what was numbered last: while the store cannot be written, it stays as it was.
class Shelf {
 public:
  /// Makes the folder where it is missing, and takes what was last compiled. Reads no source yet. `store` and `clock`
  /// outlive this.
  static Result<std::unique_ptr<Shelf>> open(const std::string& folder, const ShelfKeys& keys,
                                             std::vector<ShelfSource> sources, Store& store, const Clock& clock);
  ~Shelf();  ///< stop()
  Shelf(const Shelf&) = delete;
  Shelf& operator=(const Shelf&) = delete;

  void start();
  /// A person means what the sources show now: older revisions are taken, matches that are gone are let go.
  void reload();
  void stop();

  struct List {
    std::string envelope;
    std::string etag;  ///< with its quotes
  };
  /// What is handed to the node (fetch/handout.hpp). `known`: the ETag that the node has; then an empty envelope, where
  /// it still stands, also where another collector of the store gave it and this one has not come so far.
  /// `unavailable`: another has handed out something newer than the node has, and this one has not read it yet; or it
  /// would be more than a node takes, which is `most` baselines.
  Result<List> list_for(const std::string& node, std::string_view known, std::size_t most = fetch::max_handed) const;
  /// The index of this digest, of now or of some minutes ago: a node may be in the middle of it. nullptr where it is of
  /// none.
  std::shared_ptr<const baseline::Index> index(const std::string& sha256) const;
  std::vector<ShelfRow> rows() const;

 private:
  /// An index that another took the place of.
  struct Earlier {
    std::string sha256;
    std::shared_ptr<const baseline::Index> index;
    std::int64_t until = 0;  ///< boot ns
  };
  struct Item {
    const ShelfSource* source = nullptr;
    std::string node;  ///< of node_by_file
    std::shared_ptr<fetch::SourceKeeper> keeper;
    std::shared_ptr<const baseline::Index> index;
    std::string sha256;
    std::string error = "not read yet";
    std::string version;  ///< of a local file, when it was last asked for
    std::string etag;     ///< of what is kept elsewhere, as it was last fetched
    WallNs loaded_at = 0;
    std::vector<Earlier> earlier;  ///< the latest last, at most max_earlier
  };

  struct PatternState {
    std::string error;           ///< "" = none
    bool is_incomplete = false;  ///< any match may be missing: it could not all be looked at, or matches nothing
  };

  /// One that is handed out, or is missing (without a digest).
  struct Offer {
    const ShelfSource* source = nullptr;
    std::string node;  ///< of node_by_file
    fetch::HandedEntry entry;
  };
  /// What is handed out under one number.
  struct Published {
    std::uint64_t sequence = 0;
    Digest content{};
    std::vector<Offer> offers;
    std::vector<const ShelfSource*> incomplete;  ///< patterns of which any match may be missing
    std::vector<ShelfRow> rows;
  };

  Shelf(std::string folder, std::vector<ShelfSource> sources, const ShelfKeys& keys, Store& store, const Clock& clock);
  /// What file systems say; made without the lock.
  struct Looked {
    struct Pattern {
      Result<baseline::Matches> matches;
      std::string unseen;  ///< why something that may match was not seen; "" = all was
    };
    std::map<const ShelfSource*, Pattern> patterns;
    std::map<std::string, Item> fresh;            ///< of matches that were not known
    std::map<std::string, std::string> versions;  ///< of local files that were, by name
  };
  Item item_of(const ShelfSource& source, const baseline::SourceSpec& spec) const;
  void add(Item item);
  Looked look() const;
  bool take_matches(Looked& looked, bool let_go);
  bool take_matches(const ShelfSource& source, const std::vector<std::string>& files, bool let_go, PatternState& state,
                    Looked& looked);
  void hand_to_fetcher();
  void ask_for_changed_files(const Looked& looked);
  void deliver(fetch::Delivered delivered);
  void drop_earlier();
  void put_in_force(Item& item, std::shared_ptr<const baseline::Index> index, const std::string& digest) const;
  Published seen() const;
  Result<void> publish();
  void follow_others();
  std::vector<ShelfRow> rows_of_items() const;
  void run();
  void look_and_take(std::unique_lock<std::mutex>& lock, bool is_first);
  static bool is_for(const ShelfSource& source, const std::string& node);

  const std::string folder_;
  const std::vector<ShelfSource> sources_;
  const ShelfKeys keys_;
  const baseline::KeyedHash hash_;
  Store& store_;
  const Clock& clock_;
  std::mutex publishing_;     // one at a time; taken before the next
  mutable std::mutex mutex_;  // guards all below
  std::map<std::string, Item> items_;
  std::map<std::string, PatternState> patterns_;  ///< by name; those that were looked at
  std::set<std::string> empty_is_meant_;          ///< patterns: nothing matches them, and a person said so
  std::shared_ptr<const Published> published_ = std::make_shared<const Published>();
  bool changed_ = false;      ///< what is read is another than what is handed out
  bool unpublished_ = false;  ///< the last try to number it failed
  std::condition_variable wake_;
  bool reload_ = false;
  bool stopping_ = false;
  std::unique_ptr<fetch::Fetcher> fetcher_;
  std::thread thread_;
};

}  // namespace plumbline::collector
