// The thread that listens to what programs say to clouds: from what the probes copied to calls that somebody takes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "access/token_keyring.hpp"
#include "agent/begun_connections.hpp"
#include "agent/call_scope.hpp"
#include "agent/correlate/principals.hpp"
#include "agent/decode/call_tries.hpp"
#include "agent/plain_calls.hpp"
#include "agent/source/exec_gate.hpp"
#include "agent/source/hook_warmer.hpp"
#include "agent/source/mapped_files.hpp"
#include "agent/source/tls_scanner.hpp"
#include "cloud/body/secret_prints.hpp"
#include "include/util/clock.hpp"
#include "include/util/fd.hpp"
#include "include/wire/finding.hpp"
#include "include/wire/json.hpp"

namespace plumbline::agent {

/// Its own threads: one reads the rings, decodes and queues, one looks for files to hook, one answers for the exec
/// gate. All public functions are for the thread that made it, but those that say otherwise.
class CallWatch {
 public:
  struct Options {
    CaptureOptions capture;
    TlsFiles::Options files;
    TlsScanner::Options scanner;
    HttpConnections::Options connections;
    CallTries::Options tries;
    BegunConnections::Options begun;
    std::string why_no_hellos;  ///< why nobody tells whom programs begin connections with; "" = somebody does
    std::string why_no_dns;     ///< why nobody reads answers of DNS; "" = somebody does
    std::string why_no_mapped;  ///< why nobody tells which files programs map; "" = somebody does
    std::chrono::milliseconds gate_limit{0};  ///< how long a first execution is held at most; 0 = none is
    Principals::Options principals;
    std::vector<std::string> excluded;  ///< of CallScope
    PlainCalls::Options plain;
    std::shared_ptr<const cloud::SecretPrints> prints;    ///< nullptr: secrets are not compared
    std::shared_ptr<const access::TokenKeyring> keyring;  ///< nullptr: bearer tokens are not proven
    std::size_t max_queued = 1024;  ///< calls that wait to be taken; at it the ring fills, and then tells of its loss
  };
  /// Loads the probes and tests what they do to a process. Errors: the kernel's.
  static Result<std::unique_ptr<CallWatch>> open(Options options, const Clock& clock);
  /// As open(), with somebody else's probes; `hellos` nullptr: of connections that no probe sees nothing is told;
  /// `plain` nullptr: calls without TLS are not seen; `answers` as of BegunConnections; `mapped` nullptr: files that
  /// are mapped are not looked at.
  CallWatch(std::unique_ptr<Capture> capture, Options options, const Clock& clock,
            std::unique_ptr<Hellos> hellos = nullptr, std::unique_ptr<PlainHttp> plain = nullptr,
            std::unique_ptr<DnsAnswers> answers = nullptr, std::unique_ptr<MappedFiles> mapped = nullptr);
  /// Ends all hooks at once.
  ~CallWatch();
  CallWatch(const CallWatch&) = delete;
  CallWatch& operator=(const CallWatch&) = delete;

  /// `wake` is called from another thread, when there is something to take and nothing was before.
  void start(std::function<void()> wake);

  /// The next call that waits; false = none does. Any one thread.
  bool take(ReadCall& call);
  /// What keeps the state of baselines elsewhere; requests for it are told too, also of those that only read.
  void set_states(std::shared_ptr<const fetch::StateRequests> states);
  /// Replaces the endpoints that are listened to without TLS, but for the metadata services. Any thread.
  void set_plain_urls(const std::vector<std::string>& urls) { plain_.set_urls(urls); }
  /// What the kernel side could not hand over since this was last asked: calls among it are lost.
  struct Lost {
    std::uint64_t pieces = 0;
    WallNs from = 0, until = 0;  ///< it was in this time
  };
  Lost take_lost();
  /// Stretches that ended since this was last asked, in which calls through a file were not seen, as somebody wrote
  /// into it.
  std::vector<UnhookedFile> take_unhooked();
  /// Ends looking and listening; what is still under way is told as it is, and waits to be taken. Hooks end with this
  /// object. Repeatable.
  void stop();

  /// One JSON object for GET /v1/status; any thread.
  std::string status_json() const;
  /// Prometheus text; any thread.
  std::string metrics_text() const;
  /// What of this node's TLS is not seen; any thread.
  std::vector<wire::BlindSpot> blind_spots() const;

 private:
  /// What was counted, as the listening thread last told it.
  struct Counts {
    capture_counters kernel{};
    mapped_counters mapped{};
    HttpConnections::Counters http;
    std::uint64_t folded = 0;    ///< tries that were not the last of their call
    std::uint64_t crowded = 0;   ///< calls told as failed before their time
    std::uint64_t unmapped = 0;  ///< requests to a cloud that the tables do not know
    std::uint64_t cut = 0;       ///< of them, those of which too little was read to know
    std::uint64_t writes = 0;    ///< calls that were queued
    std::uint64_t states = 0;    ///< requests for the state of a baseline that worked
    BegunConnections::Counts begun;
    PlainCalls::Counts plain;
    CallScope::Counts scope;
    std::uint64_t handed_out = 0;  ///< answers of metadata services with credentials
    std::uint64_t waits = 0;       ///< seconds for which the queue was full
  };
  void open_gate();
  void listen();
  void on_executed(const executed_record& record);
  bool is_out_of_scope(const mark_actor& actor);
  void tell_counts();
  static std::uint64_t lost_in(const Counts& counts);  // pieces
  HttpConnections::Interest want(const HttpMessage& head, std::uint64_t connection) const;
  void deliver(const HttpExchange& exchange, const mark_actor& actor, std::uint64_t connection);
  std::shared_ptr<const fetch::StateRequests> states() const;
  void queue(ReadCall&& call);
  void tell_unseen(const mark_actor& actor, const UnseenHost& unseen);
  wire::Json gate_json() const;
  std::vector<TlsFileRow> file_rows() const;
  std::string host_path(const std::string& path) const;
  Counts counts() const;

  const Options options_;
  const Clock& clock_;
  std::unique_ptr<Capture> capture_;
  std::unique_ptr<MappedFiles> mapped_;  // nullptr: nobody tells
  TlsFiles files_;
  TlsScanner scanner_;
  HookWarmer warmer_;
  std::unique_ptr<ExecGate> gate_;  // nullptr: nothing is held
  std::string why_no_gate_;         // though one was asked for
  std::function<void()> wake_;

  // The listening thread's.
  HttpConnections connections_;
  PlainCalls plain_;  // tells connections_
  CallTries tries_;
  BegunConnections begun_;
  Principals principals_;
  CallScope scope_;
  Counts counts_;
  std::stop_source stopping_;
  const Fd wake_up_;  // an eventfd, so that it stops at once

  mutable std::mutex mutex_;                                                  // guards the next six
  std::map<std::pair<std::string, std::string>, std::uint64_t> unseen_rows_;  // program, host → times told; bounded
  std::shared_ptr<const fetch::StateRequests> states_ = std::make_shared<fetch::StateRequests>();
  std::condition_variable room_;
  std::deque<ReadCall> queued_;
  Counts told_;
  Lost lost_;              // not taken yet
  WallNs counted_at_ = 0;  // when told_ was read
  std::thread thread_;
};

}  // namespace plumbline::agent
