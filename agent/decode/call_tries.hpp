// The tries of one call are one call.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <tuple>

#include "agent/decode/call_reader.hpp"

namespace plumbline::agent {

/// A client that was refused for a reason that may pass, or got no answer, tries again, with the same invocation id
/// (AWS: `amz-sdk-invocation-id`, SDK spec "Retry Behavior"). What is final is told at once; what may be tried again,
/// when it was, or when nothing came for `wait_ns`. Where an earlier try may
/// have worked, because its answer did not come or said 5xx, a last one that was refused leaves the outcome unknown;
/// where all said 5xx, they failed. One thread at a time.
class CallTries {
 public:
  struct Options {
    std::int64_t wait_ns = 30'000'000'000;  ///< SDKs wait 20 s at most between two tries
    std::size_t max_waiting = 256;          ///< at it the oldest is told, as the last try that it may well be
  };
  using Tell = std::function<void(ReadCall&&)>;

  CallTries(const Options& options, Tell tell);

  void take(ReadCall&& call);
  /// `now`: boot ns.
  void expire(std::int64_t now);
  void tell_all();

  std::uint64_t folded() const { return folded_; }    ///< tries that were not the last of their call
  std::uint64_t crowded() const { return crowded_; }  ///< told before their time, for want of room
  std::size_t waiting() const { return waiting_.size(); }

 private:
  using Key = std::tuple<std::uint32_t, std::uint64_t, std::string>;  // process, and whatever names the call
  struct Waiting {
    ReadCall call;
    std::list<Key>::iterator place;
    bool unanswered = false;  ///< an earlier try was
    bool broken = false;      ///< to an earlier one the server said that it failed itself
  };
  void tell(std::map<Key, Waiting>::iterator which);

  const Options options_;
  const Tell tell_;
  std::map<Key, Waiting> waiting_;
  std::list<Key> order_;  // the latest try comes last
  std::uint64_t folded_ = 0, crowded_ = 0;
};

}  // namespace plumbline::agent
