// Puts a file back so that at any moment, whoever ends or fails in between, the old one or the new one stands there
// whole, and a change that somebody else makes meanwhile is not lost.
#pragma once

#include <functional>
#include <string>

#include "agent/rollback/file_image.hpp"

namespace plumbline::agent {

enum class PutBackOutcome {
  done,               ///< it is as desired, durably
  nothing_to_do,      ///< it was already
  changed_meanwhile,  ///< it is no longer what was to be undone, and was left alone
  unsafe,             ///< it cannot be put back without touching what is not ours to touch
  failed,             ///< the system refused; the old one or the new one stands there, whole
};

struct PutBackResult {
  PutBackOutcome outcome = PutBackOutcome::failed;
  std::string why;  ///< "" where it is done
};

/// Where put_back() is, in the order in which it gets there; not all of them come in every case.
enum class PutBackStep { keep, create, write, dress, sync, validate, swap, verify, remove, sync_folder };

struct PutBackOptions {
  std::uint64_t max_bytes = 1 << 20;
  /// Whether what stands there is still what is to be undone.
  std::function<bool(const FileImage&)> is_still_wrong;
  /// Takes what will be overwritten, durably; its error ends the attempt before the first byte is written.
  std::function<Result<void>(const FileImage&)> keep;
  /// Whether the finished file, at `path` until it is swapped in, is good; empty = nobody is asked. Not asked where
  /// only owner, mode or attributes are put back.
  std::function<Result<void>(const std::string& path)> validate;
  /// Called before each step; what is not 0 is the errno that it fails with. For tests of every way to fail.
  std::function<int(PutBackStep)> before;
};

/// Checks (is_still_wrong) → keeps what stands there → writes beside, with owner, mode and attributes, and syncs → asks
/// `validate` → swaps both names at once (renameat2(2), RENAME_EXCHANGE) → looks whether what came out is what was
/// kept, and swaps back if it is not → removes it. A file that is mounted by itself is written in place instead; where
/// the content is right, only owner, mode and attributes are set. Whoever ends in between leaves at most one file
/// beside it, put_back_leftover(), which the next attempt removes.
PutBackResult put_back(const Place& place, const FileImage& desired, const PutBackOptions& options);

/// The name that put_back() uses beside `name`.
std::string put_back_leftover(const std::string& name);

}  // namespace plumbline::agent
