#include "http/server.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <thread>

#include "http/connection.hpp"
#include "http/listen.hpp"
#include "include/util/metric_text.hpp"

namespace plumbline::http {
namespace {

namespace asio = boost::asio;
using detail::Core;
using detail::Origin;
using Acceptor = asio::basic_socket_acceptor<detail::Protocol>;

// Connections past the cap that are being told so; further ones are closed without a word.
constexpr std::size_t max_refusing = 64;
// Out of descriptors or memory: accept() fails at once, so wait instead of spinning.
constexpr std::chrono::milliseconds accept_pause{50};

struct Listener {
  Acceptor acceptor;
  Origin origin;
  std::string unix_path;
  ::dev_t device = 0;
  ::ino_t inode = 0;
};

/// Where all connections are in use: ends the one whose client has owed a request for longest, so that connections
/// that ask for nothing keep nobody out. TCP makes room for the Unix socket, not the other way round. With Core::mutex
/// held, and the result dropped without it, as it may be the last owner. nullptr: every one of them is being answered.
std::shared_ptr<detail::Connection> make_room(Core& core, bool for_unix_socket) {
  detail::Connection* longest = nullptr;  // one in the map lives: its destructor waits for the lock to leave it
  for (const auto& [connection, weak] : core.connections) {
    const auto since = connection->waiting_since();
    if (since == 0 || (connection->of_unix_socket() && !for_unix_socket)) continue;
    if (longest == nullptr || since < longest->waiting_since()) longest = connection;
  }
  auto leaves = longest == nullptr ? nullptr : longest->weak_from_this().lock();
  if (leaves) leaves->make_room();
  return leaves;
}

asio::awaitable<void> accept_all(Core& core, Listener& listener) {
  constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
  asio::steady_timer pause(listener.acceptor.get_executor());
  while (!core.draining) {
    detail::Socket socket(asio::make_strand(core.io));
    if (const auto [ec] = co_await listener.acceptor.async_accept(socket, as_result); ec) {
      if (ec == asio::error::operation_aborted) co_return;
      ++core.stats.accept_errors;
      pause.expires_after(accept_pause);
      co_await pause.async_wait(as_result);
      continue;
    }
    ++core.stats.accepted;
    if (!listener.origin.unix_socket) {
      const int on = 1;
      ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    std::shared_ptr<detail::Connection> connection, leaves;
    {
      const std::lock_guard lock(core.mutex);
      const std::size_t most = core.share(core.options.max_connections, listener.origin.unix_socket);
      bool refuse = core.in_use() >= most;
      if (refuse) leaves = make_room(core, listener.origin.unix_socket);
      if (leaves) {
        ++core.stats.evicted_connections;
        refuse = false;
      }
      if (refuse) {
        ++core.stats.refused_connections;
        if (core.refusing >= max_refusing) continue;
        ++core.refusing;
      }
      connection = std::make_shared<detail::Connection>(core, std::move(socket), listener.origin, refuse);
      core.connections[connection.get()] = connection;
    }
    connection->start();
  }
}

}  // namespace

class Server::Impl {
 public:
  Core core;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::vector<std::thread> threads;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
  bool stopped = false;

  Listener& add(detail::Protocol protocol, Fd fd, Origin origin) {
    auto listener =
        std::make_unique<Listener>(Listener{Acceptor(asio::make_strand(core.io)), std::move(origin), "", 0, 0});
    listener->acceptor.assign(protocol, fd.release());
    listeners.push_back(std::move(listener));
    return *listeners.back();
  }
};

Server::Server(ServerOptions options) : impl_(std::make_unique<Impl>()) {
  impl_->core.options = options;
}

// NOLINTNEXTLINE(bugprone-exception-escape): where nothing can be posted any more, the process is at its end
Server::~Server() {
  stop();
}

void Server::route(std::string method, std::string pattern, Handler handler, RouteOptions options) {
  impl_->core.router.add({std::move(method), std::move(pattern), {}, std::move(handler), options});
}
void Server::route_async(std::string method, std::string pattern, AsyncHandler handler, RouteOptions options) {
  impl_->core.router.add({std::move(method), std::move(pattern), {}, std::move(handler), options});
}
void Server::route_stream(std::string method, std::string pattern, StreamHandler handler, RouteOptions options) {
  impl_->core.router.add({std::move(method), std::move(pattern), {}, std::move(handler), options});
}
void Server::set_guard(Guard guard) {
  impl_->core.guard = std::move(guard);
}

std::vector<RouteInfo> Server::routes() const {
  std::vector<RouteInfo> all;
  for (const auto& route : impl_->core.router.routes()) all.push_back({route.method, route.pattern});
  return all;
}

Result<std::uint16_t> Server::listen_tcp(const std::string& host, std::uint16_t port) {
  auto bound = detail::bind_tcp(host, port);
  if (!bound) return bound.error();
  impl_->add(detail::Protocol(bound->family, IPPROTO_TCP), std::move(bound->fd),
             {false, bound->loopback_host, nullptr});
  return bound->port;
}

Result<std::uint16_t> Server::listen_tls(const std::string& host, std::uint16_t port, std::shared_ptr<ServerTls> tls) {
  auto bound = detail::bind_tcp(host, port);
  if (!bound) return bound.error();
  impl_->add(detail::Protocol(bound->family, IPPROTO_TCP), std::move(bound->fd), {false, "", std::move(tls)});
  return bound->port;
}

Result<void> Server::listen_unix(const std::string& path, unsigned mode) {
  auto bound = detail::bind_unix(path, mode);
  if (!bound) return bound.error();
  auto& listener = impl_->add(detail::Protocol(AF_UNIX, 0), std::move(bound->fd), {true, "", nullptr});
  listener.unix_path = path;
  listener.device = bound->device;
  listener.inode = bound->inode;
  return {};
}

void Server::start() {
  auto& core = impl_->core;
  for (const auto& listener : impl_->listeners) core.reserve = core.reserve || listener->origin.unix_socket;
  core.answers.limit(core.options.answer_bytes, core.share(core.options.answer_bytes, false));
  impl_->work.emplace(core.io.get_executor());
  for (const auto& listener : impl_->listeners)
    asio::co_spawn(
        listener->acceptor.get_executor(), [&core, &entry = *listener] { return accept_all(core, entry); },
        asio::detached);
  // The process's signals belong to its main thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (unsigned i = 0; i < std::max(1u, core.options.threads); ++i)
    impl_->threads.emplace_back([&core] {
      pthread_setname_np(pthread_self(), "plumb-http");
      core.io.run();
    });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Server::stop() {
  if (std::exchange(impl_->stopped, true)) return;
  auto& core = impl_->core;
  core.draining = true;
  for (const auto& listener : impl_->listeners) {
    // Removed first, so that nobody connects to a socket that will not answer.
    struct stat now{};
    if (!listener->unix_path.empty() && ::stat(listener->unix_path.c_str(), &now) == 0 &&
        now.st_dev == listener->device && now.st_ino == listener->inode)
      ::unlink(listener->unix_path.c_str());
    asio::post(listener->acceptor.get_executor(), [&entry = *listener] {
      boost::system::error_code ignored;
      entry.acceptor.close(ignored);
    });
  }
  if (impl_->threads.empty()) return;

  const auto each = [&](void (detail::Connection::*what)()) {
    std::vector<std::shared_ptr<detail::Connection>> alive;  // dropped unlocked: a destructor takes the lock
    {
      const std::lock_guard lock(core.mutex);
      for (const auto& [key, weak] : core.connections)
        if (auto connection = weak.lock()) alive.push_back(std::move(connection));
    }
    for (const auto& connection : alive) ((*connection).*what)();
  };
  const auto none = [&] { return core.connections.empty(); };
  each(&detail::Connection::drain);
  {
    std::unique_lock lock(core.mutex);
    core.changed.wait_for(lock, core.options.drain_timeout, none);
  }
  each(&detail::Connection::abort);
  impl_->work.reset();
  for (auto& thread : impl_->threads) thread.join();
  impl_->threads.clear();
}

ServerStats Server::stats() const {
  auto& core = impl_->core;
  const auto& s = core.stats;
  ServerStats out;
  {
    const std::lock_guard lock(core.mutex);
    out.connections = core.in_use();
  }
  out.streams = s.streams;
  out.answer_bytes = core.answers.waiting();
  out.accepted = s.accepted;
  out.accept_errors = s.accept_errors;
  out.refused_connections = s.refused_connections;
  out.evicted_connections = s.evicted_connections;
  out.refused_streams = s.refused_streams;
  out.refused_answers = s.refused_answers;
  out.requests = s.requests;
  out.responses_2xx = s.responses_2xx;
  out.responses_4xx = s.responses_4xx;
  out.responses_5xx = s.responses_5xx;
  out.bad_requests = s.bad_requests;
  out.bad_hosts = s.bad_hosts;
  out.header_too_large = s.header_too_large;
  out.body_too_large = s.body_too_large;
  out.timeouts = s.timeouts;
  out.answer_timeouts = s.answer_timeouts;
  out.handler_failures = s.handler_failures;
  out.stream_bytes = s.stream_bytes;
  out.tls_failures = s.tls_failures;
  out.tls_expired_certificates = s.tls_expired_certificates;
  out.tls_untrusted_certificates = s.tls_untrusted_certificates;
  return out;
}

std::string metrics_text(const ServerStats& stats, std::string_view prefix) {
  std::string text;
  const auto line = [&](std::string_view name, std::string_view type, std::string_view help, std::uint64_t value) {
    append_metric(text, std::string(prefix).append("_").append(name), type, help, value);
  };
  line("connections", "gauge", "Open connections.", stats.connections);
  line("streams", "gauge", "Open event streams.", stats.streams);
  line("answer_bytes", "gauge", "Bytes of answers that wait to be written.", stats.answer_bytes);
  line("connections_accepted_total", "counter", "Connections accepted.", stats.accepted);
  line("accept_errors_total", "counter", "Failed accepts, for example out of descriptors.", stats.accept_errors);
  line("connections_refused_total", "counter", "Connections past the cap.", stats.refused_connections);
  line("connections_evicted_total", "counter", "Connections that asked for nothing, ended to make room.",
       stats.evicted_connections);
  line("streams_refused_total", "counter", "Event streams past the cap.", stats.refused_streams);
  line("answers_refused_total", "counter", "Answers past the budget for bytes that wait.", stats.refused_answers);
  line("requests_total", "counter", "Requests read.", stats.requests);
  line("responses_2xx_total", "counter", "Answers below 400.", stats.responses_2xx);
  line("responses_4xx_total", "counter", "Answers that blame the client.", stats.responses_4xx);
  line("responses_5xx_total", "counter", "Answers that blame the server.", stats.responses_5xx);
  line("bad_requests_total", "counter", "Requests that are not HTTP or ambiguous.", stats.bad_requests);
  line("bad_hosts_total", "counter", "Requests refused for their Host.", stats.bad_hosts);
  line("header_too_large_total", "counter", "Requests with a header past the limit.", stats.header_too_large);
  line("body_too_large_total", "counter", "Requests with a body past the limit.", stats.body_too_large);
  line("timeouts_total", "counter", "Headers, bodies or writes that took too long.", stats.timeouts);
  line("answer_timeouts_total", "counter", "Answers that came too late.", stats.answer_timeouts);
  line("handler_failures_total", "counter", "Handlers that threw or dropped the request.", stats.handler_failures);
  line("stream_bytes_total", "counter", "Bytes of events written.", stats.stream_bytes);
  line("tls_failures_total", "counter", "TLS handshakes that came to nothing.", stats.tls_failures);
  line("tls_expired_certificates_total", "counter", "Clients' certificates that are over, or not valid yet.",
       stats.tls_expired_certificates);
  line("tls_untrusted_certificates_total", "counter", "Clients' certificates of another authority.",
       stats.tls_untrusted_certificates);
  return text;
}

}  // namespace plumbline::http
