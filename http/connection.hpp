// One client connection, as one coroutine on its own strand. Private to http/, and for connection.cpp and server.cpp
// alone: Asio is slow to compile.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "http/answer_budget.hpp"
#include "http/byte_stream.hpp"
#include "http/message.hpp"
#include "http/pending.hpp"
#include "http/router.hpp"
#include "http/server.hpp"

namespace plumbline::http::detail {

using Count = std::atomic<std::uint64_t>;

/// ServerStats as it is written: by every server thread.
struct LiveStats {
  Count streams{0}, accepted{0}, accept_errors{0}, refused_connections{0}, evicted_connections{0}, refused_streams{0},
      refused_answers{0}, requests{0}, responses_2xx{0}, responses_4xx{0}, responses_5xx{0}, bad_requests{0},
      bad_hosts{0}, header_too_large{0}, body_too_large{0}, timeouts{0}, answer_timeouts{0}, handler_failures{0},
      stream_bytes{0}, tls_failures{0}, tls_expired_certificates{0}, tls_untrusted_certificates{0};
};

class Connection;

/// What all connections of one server share. Outlives them: stop() waits until the last one is gone.
struct Core {
  ServerOptions options;
  Router router;
  Guard guard;  ///< empty: everybody may everything
  LiveStats stats;
  AnswerBudget answers;
  asio::io_context io;
  std::atomic<bool> draining{false};
  bool reserve = false;  ///< there is a Unix socket; set before start()

  /// How much of `all` may be in use when another comes through a listener of this kind: TCP leaves a quarter.
  std::size_t share(std::size_t all, bool unix_socket) const {
    return unix_socket || !reserve || all < 2 ? all : all - (all + 3) / 4;
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::map<Connection*, std::weak_ptr<Connection>> connections;
  std::size_t refusing = 0;  ///< of the connections: those that only get their 503
  std::size_t leaving = 0;   ///< of the connections: those that were ended to make room
  std::size_t in_use() const { return connections.size() - refusing - leaving; }  ///< with `mutex` held
};

/// What a listener knows about the connections that it accepts.
struct Origin {
  bool unix_socket = false;
  std::string loopback_host;       ///< the listener's own address where it is a loopback one; "" = no Host check
  std::shared_ptr<ServerTls> tls;  ///< nullptr: in clear
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// `refuse`: past the cap; answers 503 and closes.
  Connection(Core& core, Socket socket, Origin origin, bool refuse);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start();
  void drain();      ///< any thread: finish the answer under way, nothing else
  void abort();      ///< any thread: end now
  void make_room();  ///< with Core::mutex held: abort(), and from now on not among those in use

  /// Since when the client owes the next request, in ns of the steady clock; 0 = it does not, or is ended already.
  std::int64_t waiting_since() const { return leaving_ ? 0 : waiting_since_.load(std::memory_order_relaxed); }
  bool of_unix_socket() const { return origin_.unix_socket; }

 private:
  struct Exchange;
  enum class Phase { idle, busy, streaming };

  asio::awaitable<void> run();
  asio::awaitable<bool> handshake();
  asio::awaitable<void> serve();
  asio::awaitable<void> turn_away();
  asio::awaitable<bool> request_begins(bool first);
  asio::awaitable<bool> exchange();
  asio::awaitable<bool> read_body(Exchange& exchange, std::size_t limit);
  asio::awaitable<bool> dispatch(Exchange& exchange, const RouteMatch& match);
  asio::awaitable<bool> admit(Exchange& exchange, Need need);
  asio::awaitable<Response> ask(const std::function<void(Responder)>& question);
  asio::awaitable<bool> stream(Exchange& exchange, StreamResponse response);
  asio::awaitable<bool> respond(const Exchange& exchange, Response response, bool keep);
  std::shared_ptr<void> hold(const Exchange& exchange, Response& response);
  asio::awaitable<bool> write(std::string_view head, std::string_view body);
  asio::awaitable<bool> wait(std::chrono::milliseconds limit);
  asio::awaitable<void> linger();
  asio::awaitable<void> discard();
  bool host_is_ours(const Request& request, std::string_view authority) const;
  void watch_for_hangup();

  Core& core_;
  ByteStream stream_;
  boost::beast::flat_buffer buffer_;
  asio::steady_timer wake_timer_;
  std::shared_ptr<Signal> signal_;
  const Origin origin_;
  const bool refuse_;
  std::string peer_;
  std::shared_ptr<const ClientCertificate> certificate_;
  std::optional<PeerProcess> peer_process_;
  std::atomic<std::int64_t> waiting_since_{0};
  bool leaving_ = false;       // under Core::mutex
  Phase phase_ = Phase::idle;  // like all below: only on the strand
  bool aborted_ = false;
  bool peer_gone_ = false;
};

}  // namespace plumbline::http::detail
