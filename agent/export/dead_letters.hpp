// Records that the collector refuses for good, kept on this node for a person to look at.
#pragma once

#include <cstdint>
#include <string>

#include "include/util/result.hpp"
#include "include/wire/record.hpp"

namespace plumbline::agent {

/// An NDJSON file, one line a record: {"sequence":17,"type":"finding","id":"…","at":"…","refused_at":"…","why":"…",
/// "body":{…}}. One thread.
class DeadLetters {
 public:
  /// `path`: "" = nothing is ever set aside. `max_bytes`: at this size the file becomes PATH.old and a new one begins:
  /// a record that nobody takes must not hold up all others. What was in an earlier PATH.old is then forgotten, and
  /// counted.
  explicit DeadLetters(std::string path, std::uint64_t max_bytes = std::uint64_t{16} << 20)
      : path_(std::move(path)), max_bytes_(max_bytes) {}

  /// Durable on return. A record that is the file's last line already is not added again: a crash may have come between
  /// this and the acknowledgement.
  Result<void> add(const wire::Record& record, const std::string& why, WallNs refused_at);
  std::uint64_t forgotten() const { return forgotten_; }

 private:
  std::string path_;
  std::uint64_t max_bytes_;
  std::uint64_t forgotten_ = 0;
};

}  // namespace plumbline::agent
