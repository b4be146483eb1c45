// One configured source across its revisions.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "baseline/baseline.hpp"
#include "baseline/index/index.hpp"
#include "baseline/revision.hpp"
#include "include/util/clock.hpp"

namespace plumbline::fetch {

/// Reads a source and decides whether its new revision takes the place of the one before. Keeps the last one that did
/// on disk, as an index: a node then starts with it where the source is gone or broken, and an older revision is seen
/// to be one after a restart too. Thread-safe; a load holds up other loads only.
class SourceKeeper {
 public:
  /// What a load must bring to be taken: without `index` an index that cannot be written is told and missing.
  enum class Need { baseline, index };

  /// `folder` (made where it is missing, mode 0700) holds the indexes of all sources; `key` outlives this.
  SourceKeeper(baseline::SourceSpec spec, const std::string& folder, const baseline::KeyedHash& key,
               Need need = Need::baseline);

  struct Taken {
    baseline::Baseline baseline;                   ///< without resources: they are in the index
    std::shared_ptr<const baseline::Index> index;  ///< nullptr where it could not be written
    std::string why_no_index;
    std::size_t resources = 0;
    bool forked = false;      ///< other content under a revision that should name just one
    bool seems_back = false;  ///< baseline::seems_back()
    /// It is a step back from what was in force, and taken all the same, since the source is read from elsewhere now;
    /// else none.
    baseline::Move stepped = baseline::Move::none;
    std::string former_path;  ///< then: where it was read before
    WallNs since = 0;         ///< when its revision was first taken, by this agent or an earlier one; 0 = unknown
  };

  /// Reads the source: its file, or `bytes` where it was fetched from elsewhere. Errors leave what was taken before in
  /// force: it cannot be read, or its revision goes backwards or belongs to another lineage (ErrorCode::unsupported).
  /// Such a one is taken where `any_revision` is set, or where what is in force was read from another path: whoever
  /// changed the configuration meant that. `stop` ends the reading of a large file early.
  Result<Taken> load(bool any_revision, std::optional<std::string_view> bytes = {}, const std::stop_token& stop = {});

  /// Why what an earlier agent took could not be read back, so that a step back would go unseen; "" = it could, or
  /// there was nothing. The file is kept beside its place, as NAME.damaged.
  const std::string& damage() const { return damage_; }

  /// How the revision that load() last read lies to the one before; none where it read nothing.
  baseline::Move last_move() const;

  /// What was last taken of the baseline of this name and kind, by this agent or by an earlier one, from whatever path.
  /// not_found where nothing was.
  Result<Taken> remembered() const;

  /// Forgets what was taken: the source is no longer configured. A load that is under way leaves nothing behind.
  void forget();
  /// Another keeper takes this one's place; what was taken stays for it. A load that is under way leaves nothing
  /// behind.
  void retire();
  /// The file that holds what was last taken, without its folder.
  std::string kept_file() const;

  const baseline::SourceSpec& spec() const { return spec_; }

 private:
  Result<std::shared_ptr<const baseline::Index>> open_kept() const;

  const baseline::SourceSpec spec_;
  std::string path_;
  const baseline::KeyedHash& key_;
  const Need need_;
  std::string damage_;
  std::mutex loading_;        // one load at a time; taken before the next
  mutable std::mutex mutex_;  // guards all below, and is held for moments only
  bool forgotten_ = false;
  std::shared_ptr<const baseline::Index> taken_;
  std::optional<baseline::Revision> revision_;  ///< of what was taken
  std::string former_path_;                     ///< where that was read, if elsewhere
  WallNs since_ = 0;                            ///< Taken::since of it
  baseline::Move last_move_ = baseline::Move::none;
};

/// Whether the second shows other content under a revision that should name just one.
bool is_forked(const baseline::Index& before, const baseline::Index& after);

/// What keepers of this folder took of matches of a pattern (baseline/path_glob.hpp), whether or not they are there
/// now. A damaged one is kept beside its place, as NAME.damaged.
struct KeptMatches {
  std::vector<baseline::SourceSpec> matches;
  std::string damage;  ///< why some that was taken is lost, which of the matches cannot be told; "" = none is
};
KeptMatches kept_matches(const std::string& folder, const baseline::SourceSpec& pattern);

/// Removes what keepers left in the folder, but for the files that `is_wanted` names and those of damage. Returns how
/// many.
std::size_t remove_unwanted(const std::string& folder, const std::function<bool(const std::string& file)>& is_wanted);

}  // namespace plumbline::fetch
