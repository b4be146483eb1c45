// What keeps the healer from becoming the danger: how often it may act, and when two writers fight. Decision only.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

namespace plumbline::agent {

struct GuardLimits {
  /// So many rollbacks of one file, and of all files of the node, in such a time.
  std::uint32_t file_count = 1;
  std::chrono::nanoseconds file_window = std::chrono::minutes(10);
  std::uint32_t node_count = 5;
  std::chrono::nanoseconds node_window = std::chrono::minutes(1);
  /// So many rollbacks of one file within that time, and it is contested. Half as many (at least two) where each undid
  /// the same content.
  std::uint32_t loop_count = 3;
  std::chrono::nanoseconds loop_window = std::chrono::minutes(30);
};

/// What the guards say to one more rollback.
struct Ruling {
  enum class Kind { go, wait, contested } kind = Kind::go;
  std::string why;            ///< "" = go
  std::int64_t until_ns = 0;  ///< of `wait`: boot ns from which the answer is another
};

/// Not thread-safe. Times are boot ns, which no set clock moves. Remembers what is within the longest window, of 4,096
/// files: past that the one that was put back longest ago is forgotten.
class Guards {
 public:
  explicit Guards(GuardLimits limits) : limits_(limits) {}

  /// May `file` be put back now? `found`: what stands there, as anything that tells contents apart.
  Ruling may_put_back(const std::string& file, const std::string& found, std::int64_t now_ns) const;
  /// It was. `undone`: as `found` above. Out of order too: at start, what an earlier agent did.
  void put_back(const std::string& file, const std::string& undone, std::int64_t at_ns);
  /// A person decided: what was done to it before counts no more.
  void forget(const std::string& file) { of_file_.erase(file); }
  void set_limits(GuardLimits limits) { limits_ = limits; }

 private:
  struct Done {
    std::int64_t at_ns = 0;
    std::string undone;
  };
  GuardLimits limits_;
  std::map<std::string, std::deque<Done>> of_file_;  // oldest first
  std::deque<std::int64_t> of_node_;                 // the same
};

}  // namespace plumbline::agent
