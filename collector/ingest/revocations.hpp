// Certificates that were taken back, from the store to the door.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "access/gate.hpp"
#include "collector/store/store.hpp"

namespace plumbline::collector {

/// The gate refuses what the store knows of now.
Result<void> apply_revocations(const Store& store, access::Gate& gate);

/// Looks each second what another collector of the store was told. Where the store cannot be reached, what was known
/// stays.
class RevocationWatch {
 public:
  /// Both outlive this.
  RevocationWatch(const Store& store, access::Gate& gate) : store_(store), gate_(gate) {}
  ~RevocationWatch() { stop(); }
  RevocationWatch(const RevocationWatch&) = delete;
  RevocationWatch& operator=(const RevocationWatch&) = delete;

  void start();
  void stop();

 private:
  const Store& store_;
  access::Gate& gate_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace plumbline::collector
