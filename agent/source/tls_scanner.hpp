// Finds files with TLS in them before they run: what is installed on the host, what lies in image layers, what runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "agent/source/mapped_files.hpp"
#include "agent/source/mount_table.hpp"
#include "agent/source/tls_files.hpp"
#include "include/util/fd.hpp"

namespace plumbline::agent {

/// Looks on a thread of its own, as a node has tens of thousands of files: first what runs, then folders in the order
/// in which they are given. Before whatever file is next come programs that are about to be executed, or are executed
/// for the first time, files that are mapped to be executed for the first time, and then, of a layer that came or of
/// the root of a container that began to run, those files whose names speak of TLS, as a language's runtime loads them
/// when the program asks for them.
class TlsScanner {
 public:
  struct Options {
    std::string host_root;             ///< where the host's files are seen from here; "" = at "/"
    std::vector<std::string> folders;  ///< on the host
    std::string proc_root = "/proc";
    /// Executions, and as many mapped files, that wait to be looked at; more are dropped, and counted.
    std::size_t max_waiting = 4096;
  };
  /// Folders of a usual host: where programs and libraries are installed, and where runtimes keep image layers.
  static std::vector<std::string> usual_folders();

  TlsScanner(TlsFiles& files, Options options);
  ~TlsScanner() { stop(); }
  TlsScanner(const TlsScanner&) = delete;
  TlsScanner& operator=(const TlsScanner&) = delete;

  /// Who tells on_mapped(), and is told which files it has to tell of again; nullptr: nobody does. Not owned. Before
  /// start().
  void set_mapped(MappedFiles* mapped) { mapped_ = mapped; }
  void start();
  /// Thread-safe.
  void on_mapped(const mapped_record& record);
  /// Thread-safe.
  void on_executed(std::uint32_t tgid, std::uint32_t mount_ns);
  /// A process is about to execute a file. `done` is called once, from any thread: with true when the file, what it is
  /// linked to and the likely files of a new root were looked at, with false where they will not be. Thread-safe.
  void on_executing(Fd exe, std::uint32_t tgid, std::function<void(bool was_looked_at)> done);
  /// Something was mounted or unmounted on the host, for who has no mount table of it (a test). Thread-safe.
  void on_mounted();
  /// Ends the looking; hooks stay. Repeatable.
  void stop();

  struct Counters {
    std::atomic<std::uint64_t> executions{0};  ///< looked at
    std::atomic<std::uint64_t> dropped{0};
    std::atomic<std::uint64_t> gone{0};  ///< ended before they were looked at
    std::atomic<std::uint64_t> late{0};  ///< that ran already when what they run or map was hooked: calls may be missed
    std::atomic<std::uint64_t> mapped{0};  ///< files that were mapped and not looked at before
    /// … that could not be had any more, or were too many: the next mapping is looked at.
    std::atomic<std::uint64_t> mapped_missed{0};
    std::atomic<std::uint64_t> roots{0};   ///< root file systems of containers that were looked through
    std::atomic<std::uint64_t> layers{0};  ///< looks at the likely files of new folders, when something was mounted
    std::atomic<bool> first_pass_done{false};
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Execution {
    std::uint32_t tgid = 0, mount_ns = 0;
    Fd exe{};                      ///< of one that is held
    std::shared_ptr<bool> done{};  ///< …: true once it was looked at; who waits is told when nobody has it any more
  };
  struct Root {
    Fd folder;
    std::shared_ptr<bool> done;  ///< of whoever waits for its likely files
  };
  void run(const std::stop_token& stop);
  void wait();
  void look_at_running(const std::stop_token& stop);
  void take_urgent(const std::stop_token& stop);
  void take_executions(const std::stop_token& stop);
  void look_at(Execution execution);
  void look_at_mapped(const mapped_record& record);
  void look_at_next_time(const mapped_key& key);
  void note_root(Fd root, std::uint32_t mount_ns, std::shared_ptr<bool> done);
  bool is_new(int root, std::uint32_t mount_ns);
  void let_go_of_roots(const std::set<std::uint64_t>& devices);
  void remember_host_root();
  void look_at_mounts(const std::stop_token& stop);
  void look_at_new_layers(const std::stop_token& stop);
  void look_at_likely(int root, const std::stop_token& stop);
  void look_through_roots(const std::stop_token& stop);
  void look_at_libraries(int root, int exe);

  TlsFiles& files_;
  const Options options_;
  Counters counters_;
  std::string host_process_;
  std::uint32_t host_mount_ns_ = 0;  ///< whose folders are gone through as such
  /// Device, inode and change time (ns) of roots; bounded.
  std::set<std::tuple<std::uint64_t, std::uint64_t, std::int64_t>> known_roots_;
  std::set<std::uint64_t> devices_;                           // of what was mounted on the host
  std::set<std::pair<std::uint64_t, std::string>> overlays_;  // … and where, of overlays
  using Layers = std::map<std::pair<std::uint64_t, std::uint64_t>, std::chrono::steady_clock::time_point>;
  std::optional<Layers> layers_;         // device and inode, and when it came
  std::deque<Root> fresh_roots_;         // whose likely files come next
  std::deque<Fd> roots_;                 // that wait to be looked through
  std::stop_source* walking_ = nullptr;  // of the root that is looked through now
  std::uint64_t walked_device_ = 0;
  const Fd wake_;                     // an eventfd
  std::optional<MountTable> mounts_;  // of the host
  MappedFiles* mapped_ = nullptr;
  std::mutex mutex_;            // guards the next four
  std::deque<Execution> held_;  // before those that wait
  std::deque<Execution> waiting_;
  std::deque<mapped_record> mapped_waiting_;
  bool is_mounted_ = true;  // something was, since mounts were looked at
  std::stop_source stopping_;
  std::thread thread_;
};

}  // namespace plumbline::agent
