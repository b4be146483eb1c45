// A strict double of the collector: a real HTTP/1.1 server on loopback that takes nothing but what the contract says
// (include/wire/record.hpp), and can be told to misbehave. It is not the collector: it keeps records in memory.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "include/util/fd.hpp"
#include "include/wire/record.hpp"

namespace plumbline::agent {

enum class Mood {
  proper,       ///< stores, acknowledges
  half_answer,  ///< stores, and dies in the middle of the acknowledgement
  garbage,      ///< stores, and answers 200 with something that is no acknowledgement
  error_500,    ///< stores nothing
  busy,         ///< 429 with Retry-After: 1
  too_much,     ///< acknowledges more than it was sent
  hang_up,      ///< closes without an answer
  hang,         ///< reads the request and says nothing more
  trickle,      ///< sends one byte of the answer's head every now and then
};

class CollectorDouble {
 public:
  CollectorDouble();
  ~CollectorDouble();

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  void next(std::vector<Mood> moods);   ///< for the next requests; then proper again
  void refuse(std::uint64_t sequence);  ///< a batch with it is answered with 400
  void require_token(std::string token);

  /// Waits until `done` is true of the state below; false after 20 s, which is a hang, not a measurement.
  template <class F>
  bool wait(F done) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), done);
  }

  // Read these inside wait(), or after the exporter has stopped.
  std::map<std::uint64_t, wire::Record> stored;
  std::vector<wire::Batch> batches;   ///< headers of all that were stored; records moved out
  std::vector<std::string> problems;  ///< what broke the contract
  std::uint64_t duplicates = 0;
  std::uint64_t requests = 0;
  std::uint64_t connections = 0;

 private:
  void run();
  void serve(int socket);
  std::string answer(const std::string& head, const std::string& body, Mood mood);
  void store(wire::Batch batch);

  Fd listener_;
  Fd stop_;
  int port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Mood> moods_;
  std::vector<std::uint64_t> refused_;
  std::string token_;
  std::thread thread_;
};

}  // namespace plumbline::agent
