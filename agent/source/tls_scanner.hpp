// Finds files with TLS in them before they run: what is installed on the host, what lies in image layers, what runs.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "agent/source/tls_files.hpp"
#include "include/util/fd.hpp"

namespace plumbline::agent {

/// Looks on a thread of its own, as a node has tens of thousands of files: first what runs, then folders in the order
/// in which they are given, with programs that are executed for the first time before whatever folder is next.
class TlsScanner {
 public:
  struct Options {
    std::string host_root;             ///< where the host's files are seen from here; "" = at "/"
    std::vector<std::string> folders;  ///< on the host
    std::string proc_root = "/proc";
    std::size_t max_waiting = 4096;  ///< executions that wait to be looked at; more are dropped, and counted
  };
  /// Folders of a usual host: where programs and libraries are installed, and where runtimes keep image layers.
  static std::vector<std::string> usual_folders();

  TlsScanner(TlsFiles& files, Options options);
  ~TlsScanner() { stop(); }
  TlsScanner(const TlsScanner&) = delete;
  TlsScanner& operator=(const TlsScanner&) = delete;

  void start();
  /// Thread-safe.
  void on_executed(std::uint32_t tgid, std::uint32_t mount_ns);
  /// TlsFiles::read_changes() told of it. Thread-safe.
  void on_changed(const TlsFileChange& change);
  /// Ends the looking; hooks stay. Repeatable.
  void stop();

  struct Counters {
    std::atomic<std::uint64_t> executions{0};  ///< looked at
    std::atomic<std::uint64_t> dropped{0};
    std::atomic<std::uint64_t> gone{0};   ///< ended before they were looked at
    std::atomic<std::uint64_t> roots{0};  ///< root file systems of containers that were looked through
    std::atomic<bool> first_pass_done{false};
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Execution {
    std::uint32_t tgid = 0, mount_ns = 0;
  };
  void run(const std::stop_token& stop);
  void look_at_running(const std::stop_token& stop);
  void take_executions(const std::stop_token& stop);
  void look_at(const Execution& execution);
  void remember(Fd root, std::uint32_t mount_ns);
  void look_through_roots(const std::stop_token& stop);
  void look_at_libraries(int root, int exe);

  TlsFiles& files_;
  const Options options_;
  Counters counters_;
  std::uint32_t host_mount_ns_ = 0;  ///< whose folders are gone through as such
  /// Mount namespace, and inode and change time (ns) of its root; bounded.
  std::set<std::tuple<std::uint32_t, std::uint64_t, std::int64_t>> known_roots_;
  std::deque<Fd> roots_;  ///< that wait to be looked through
  std::mutex mutex_;      // guards the next four
  std::condition_variable wake_;
  std::deque<Execution> waiting_;
  std::vector<TlsFileChange> changed_;
  std::stop_source stopping_;
  std::thread thread_;
};

}  // namespace plumbline::agent
