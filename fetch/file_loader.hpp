// Reads large files of this node beside the observing thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "fetch/fetcher.hpp"

namespace plumbline::fetch {

/// One after the other, on a thread of its own: reading is work of the CPU, and no server that hangs delays it.
class FileLoader {
 public:
  /// `deliver` is called on that thread.
  explicit FileLoader(std::function<void(Delivered)> deliver);
  ~FileLoader();  ///< stop()
  FileLoader(const FileLoader&) = delete;
  FileLoader& operator=(const FileLoader&) = delete;

  /// Reads the file of the keeper's source once, as SourceKeeper::load() does; what is asked for while it is read, once
  /// more. Any thread.
  void load(std::shared_ptr<SourceKeeper> keeper, bool any_revision);
  /// Ends the reading of a state early and waits for its end. Nothing is delivered afterwards. Repeatable.
  void stop();

 private:
  void run();

  const std::function<void(Delivered)> deliver_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<std::shared_ptr<SourceKeeper>, bool>> waiting_;  // under the lock; with any_revision
  std::stop_source stopping_;
  std::thread thread_;
};

}  // namespace plumbline::fetch
