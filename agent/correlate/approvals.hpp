// Approved runs: who said beforehand that a process and its descendants may change something, and until when.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "include/abi/abi.h"
#include "include/util/clock.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// Globs of what may be changed: a change is covered where one of either list fits.
struct ApprovalScope {
  std::vector<std::string> resources;  ///< of addresses; `*` stands for any text
  std::vector<std::string> paths;      ///< `*` within a segment, `**` across
  bool is_empty() const { return resources.empty() && paths.empty(); }
  bool covers(std::string_view resource, std::string_view path) const;
};

struct Approval {
  std::string id;
  std::string principal;
  bool is_verified = false;            ///< the principal is a token's, that its issuer signed
  std::vector<std::string> baselines;  ///< globs of names; empty = any
  ApprovalScope asked;                 ///< what the run said that it changes
  ApprovalScope allowed;               ///< what its token allows
  process_key process{};               ///< it and its descendants; its start is known to the clock tick only
  std::uint64_t from = 0;              ///< boot ns
  std::uint64_t until = 0;             ///< boot ns
  std::uint64_t ended = 0;             ///< boot ns of when the process was first missed; 0 = it runs

  /// It says what may be changed, so that it explains a change that nothing else does. One that does not approves what
  /// a rule or the tool's own run explains.
  bool names_something() const { return !baselines.empty() || !asked.is_empty() || !allowed.is_empty(); }
  bool covers(std::string_view baseline, std::string_view resource, std::string_view path) const;
};

/// What is known of an approval of the run that made a change.
struct ApprovalState {
  bool required = false;  ///< a proven tool without one is an unapproved run
  std::string says;       ///< the approved run that covers the change, for people; "" = none does
  bool explains = false;  ///< a change that no rule and no run of a tool explains, too
};

/// Of a token that may be used once.
struct UsedToken {
  std::string sha256;  ///< of what its issuer signed: whoever changes a signature's form has no other token
  WallNs until = 0;    ///< its end; after it, nobody takes it
};

/// Not thread-safe. Bounded: at `max_approvals` what is over makes room, then, counted, the first whose process is
/// gone; one whose process runs never does, and another one is refused.
class Approvals {
 public:
  struct Options {
    std::size_t max_approvals = 256;
    std::size_t max_tokens = 4096;
    std::int64_t grace_ns = 1'800'000'000'000;  ///< of its descendants, after the process itself ended
    std::int64_t kept_ns = 600'000'000'000;     ///< after its end: changes of before may still be looked at
  };
  static constexpr std::int64_t longest_ns = 86'400'000'000'000;

  Approvals() : Approvals(Options{}) {}
  explicit Approvals(const Options& options) : options_(options) {}

  /// One of the same id and process takes the place of the former. Errors: `invalid_argument` (it lasts longer than
  /// `longest_ns`), `permission` (the token was used), `unavailable` (the table is full).
  Result<void> add(Approval approval, const std::optional<UsedToken>& token, std::uint64_t now_boot);
  bool is_used(const std::string& sha256) const { return tokens_.contains(sha256); }
  /// Ends all of that id; how many there were in force.
  std::size_t end(const std::string& id, std::uint64_t now_boot);
  /// Notes whose process is gone, and forgets what is long over. Whether anything changed.
  bool sweep(std::uint64_t now_boot, WallNs now, const std::function<bool(const process_key&)>& is_running);

  /// The approval of one of these processes at that time (boot ns) that covers the resource; one that names what it
  /// covers before one that does not, the latest before others. nullptr: there is none. Valid until the next change.
  const Approval* find(std::string_view baseline, std::string_view resource, std::string_view path,
                       std::span<const process_key> lineage, std::uint64_t at_boot) const;
  /// In force then, the latest first.
  std::vector<Approval> in_force(std::uint64_t at_boot) const;
  bool is_empty() const { return approvals_.empty(); }
  std::uint64_t forgotten() const { return forgotten_; }  ///< before their end, to make room

  /// Writes all of it, whole or not at all. Boot times count in one boot only, whose id is `boot_id`.
  Result<void> save(const std::string& path, const std::string& boot_id) const;
  /// What save() wrote; of another boot, the used tokens alone. `not_found`: there is none; `corrupt`.
  static Result<Approvals> load(const std::string& path, const std::string& boot_id, const Options& options);

 private:
  Options options_;
  std::list<Approval> approvals_;  // the oldest first
  std::uint64_t forgotten_ = 0;
  std::map<std::string, WallNs> tokens_;  // sha256 → UsedToken::until
};

}  // namespace plumbline::agent
