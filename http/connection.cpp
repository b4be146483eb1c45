#include "http/connection.hpp"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include "http/answers.hpp"
#include "http/peer.hpp"
#include "http/target.hpp"

namespace plumbline::http::detail {
namespace {

namespace beast = boost::beast;
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

// After an early answer the rest of the request is read and thrown away, else closing would reset the connection and
// the client might never see the answer. Both bounds end it.
constexpr std::chrono::seconds linger_time{2};
constexpr std::size_t linger_bytes = 16 << 20;
// So small that it does not count: refusing it would save nothing, and probes must be answered under any load.
constexpr std::size_t small_answer = 4 << 10;
constexpr std::size_t one_record = 16 << 10;  // of TLS (RFC 8446, 5.1)
constexpr std::size_t first_bytes = 512;      // of a request, before there is room for the rest
constexpr int goes_on = 0;                    // no status: the guard let the request through

std::int64_t steady_now() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

/// One request and how to answer it.
struct Connection::Exchange {
  beast::http::request_parser<beast::http::string_body> parser;
  Request request;
  bool head = false;        ///< the answer has no body
  bool keep_alive = false;  ///< the client would like to go on
  unsigned version = 11;
};

Connection::Connection(Core& core, Socket socket, Origin origin, bool refuse)
    : core_(core),
      stream_(std::move(socket), origin.tls ? origin.tls->current() : nullptr),
      buffer_(core.options.header_limit + (48 << 10)),
      wake_timer_(stream_.get_executor()),
      origin_(std::move(origin)),
      refuse_(refuse),
      peer_(peer_name(stream_.plain().socket().native_handle())),
      peer_process_(peer_process(stream_.plain().socket().native_handle())) {}

Connection::~Connection() {
  if (signal_) signal_->disarm();
  const std::lock_guard lock(core_.mutex);
  if (refuse_) --core_.refusing;
  if (leaving_) --core_.leaving;
  core_.connections.erase(this);
  core_.changed.notify_all();
}

void Connection::start() {
  signal_ = std::make_shared<Signal>([weak = weak_from_this(), executor = stream_.get_executor()] {
    asio::post(executor, [weak] {
      if (const auto self = weak.lock()) self->wake_timer_.cancel();
    });
  });
  asio::co_spawn(stream_.get_executor(), [self = shared_from_this()] { return self->run(); }, asio::detached);
}

void Connection::drain() {
  asio::post(stream_.get_executor(), [self = shared_from_this()] {
    if (self->phase_ == Phase::idle) self->stream_.plain().cancel();
    self->signal_->raise();
  });
}

void Connection::abort() {
  asio::post(stream_.get_executor(), [self = shared_from_this()] {
    self->aborted_ = true;
    self->stream_.plain().close();
    self->signal_->raise();
  });
}

void Connection::make_room() {
  leaving_ = true;
  ++core_.leaving;
  abort();
}

/// False: the client is none of ours, or speaks no TLS.
asio::awaitable<bool> Connection::handshake() {
  auto* tls = stream_.tls();
  if (tls == nullptr) co_return true;
  waiting_since_ = steady_now();
  stream_.plain().expires_after(core_.options.header_timeout);
  const auto [ec, n] = co_await tls->async_handshake(as_result);
  if (ec) {
    ++core_.stats.tls_failures;
    const auto trust = trust_of(tls->native_handle());
    if (trust == Trust::expired) ++core_.stats.tls_expired_certificates;
    if (trust == Trust::none) ++core_.stats.tls_untrusted_certificates;
    if (ec != beast::error::timeout) co_await discard();
    co_return false;
  }
  certificate_ = certificate_of(tls->native_handle());
  co_return true;
}

asio::awaitable<void> Connection::run() {
  if (!co_await handshake()) {
    signal_->disarm();
    stream_.plain().close();
    co_return;
  }
  if (refuse_)
    co_await turn_away();
  else
    for (bool first = true; co_await request_begins(first) && co_await exchange();) first = false;
  co_await linger();
  signal_->disarm();
  stream_.plain().close();
}

/// Apart from run(), whose frame each connection that waits would hold with all that is made here.
asio::awaitable<void> Connection::turn_away() {
  const auto most = std::to_string(core_.share(core_.options.max_connections, origin_.unix_socket));
  co_await respond({},
                   unavailable("accept the connection", "all " + most + " connections are in use",
                               "close idle connections, or try again later", "1"),
                   false);
}

/// Waits until a request begins. Most connections are here: of theirs only this frame and few bytes are held. False =
/// the connection ends.
asio::awaitable<bool> Connection::request_begins(bool first) {
  const auto& options = core_.options;
  if (core_.draining || aborted_) co_return false;
  waiting_since_ = steady_now();
  if (buffer_.size() > 0) co_return true;
  phase_ = Phase::idle;
  buffer_.shrink_to_fit();  // what the last request took
  stream_.plain().expires_after(first ? options.header_timeout : options.idle_timeout);
  const auto [ec, n] = co_await stream_.async_read_some(buffer_.prepare(first_bytes), as_result);
  if (ec == beast::error::timeout && first) ++core_.stats.timeouts;
  if (ec) co_return false;
  buffer_.commit(n);
  co_return true;
}

/// Reads the request that has begun and answers it. False = the connection ends.
asio::awaitable<bool> Connection::exchange() {
  const auto& options = core_.options;
  phase_ = Phase::busy;

  Exchange exchange;
  auto& parser = exchange.parser;
  parser.header_limit(static_cast<std::uint32_t>(options.header_limit));
  parser.body_limit(boost::none);  // the route decides
  stream_.plain().expires_after(options.header_timeout);
  if (const auto [ec, n] = co_await beast::http::async_read_header(stream_, buffer_, parser, as_result); ec) {
    if (ec == beast::error::timeout) ++core_.stats.timeouts;
    if (ec == beast::error::timeout || ec == beast::http::error::partial_message || ec == asio::error::eof ||
        ec == beast::http::error::end_of_stream || ec.category() == asio::error::get_system_category())
      co_return false;
    if (ec == beast::http::error::header_limit || ec == beast::http::error::buffer_overflow) {
      ++core_.stats.header_too_large;
      co_return co_await respond(
          exchange,
          problem(431, invalid("read the request header",
                               "it is longer than " + std::to_string(options.header_limit) + " bytes",
                               "send a shorter target, and fewer or shorter fields")),
          false);
    }
    ++core_.stats.bad_requests;
    co_return co_await respond(
        exchange, problem(400, invalid("read the request", ec.message(), "send HTTP/1.1 (RFC 9112)")), false);
  }
  ++core_.stats.requests;

  const auto& message = parser.get();
  Request& request = exchange.request;
  exchange.version = message.version();
  exchange.keep_alive = message.keep_alive();
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  request.peer = peer_;
  request.certificate = certificate_;
  request.is_encrypted = stream_.tls() != nullptr;
  request.peer_process = peer_process_;
  for (const auto& field : message) request.headers.emplace_back(field.name_string(), field.value());
  exchange.head = request.method == "HEAD";
  if (exchange.head) request.method = "GET";

  const auto refuse = [&](int status, const Error& error) {
    ++core_.stats.bad_requests;
    return respond(exchange, problem(status, error), false);
  };
  // A coding that we cannot undo hides where the request ends.
  if (const auto* coding = request.header("Transfer-Encoding"); coding != nullptr && !message.chunked())
    co_return co_await refuse(501, invalid("read the request body", "Transfer-Encoding " + *coding + " is not known",
                                           "send Content-Length or chunked"));

  std::string_view target = request.target;
  std::string_view authority;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    target.remove_prefix(scheme.size());
    authority = target.substr(0, target.find_first_of("/?"));
    target.remove_prefix(authority.size());
  }
  request.path = std::string(target.substr(0, target.find('?')));
  auto query = parse_query(target.substr(std::min(target.size(), request.path.size() + 1)));
  if (!request.path.starts_with('/') || !query)
    co_return co_await refuse(400, invalid("read the request target", "it is not a path with a well-encoded query",
                                           "percent-encode it (RFC 3986)"));
  request.query = std::move(*query);
  if (!host_is_ours(request, authority)) {
    ++core_.stats.bad_hosts;
    co_return co_await refuse(421, make_error(ErrorCode::permission, "serve this Host",
                                              "this address answers only to localhost, 127.0.0.1 and [::1]",
                                              "use http://localhost:PORT, or the Unix socket"));
  }

  const RouteMatch match = core_.router.match(exchange.head ? "HEAD" : request.method, request.path);
  if (match.route == nullptr) co_return co_await respond(exchange, not_routed(request, match), parser.is_done());
  if (!co_await admit(exchange, match.route->options.need)) co_return exchange.keep_alive;
  if (!parser.is_done() && !co_await read_body(exchange, match.route->options.body_limit)) co_return false;
  waiting_since_ = 0;
  request.params = match.params;
  co_return co_await dispatch(exchange, match);
}

/// False: it was refused (and answered) or broke off.
asio::awaitable<bool> Connection::read_body(Exchange& exchange, std::size_t limit) {
  auto& parser = exchange.parser;
  const auto too_large = [&] {
    ++core_.stats.body_too_large;
    return respond(
        exchange,
        problem(413, invalid("read the request body", "it is longer than " + std::to_string(limit) + " bytes",
                             limit == 0 ? "send no body" : "send less in one request")),
        false);
  };
  const auto length = parser.content_length();
  if (length && *length > limit) {
    co_await too_large();
    co_return false;
  }
  parser.body_limit(limit);
  if (const auto* expect = exchange.request.header("Expect"); expect != nullptr)
    if (!co_await write("HTTP/1.1 100 Continue\r\n\r\n", "")) co_return false;
  if (length) parser.get().body().reserve(*length);
  stream_.plain().expires_after(core_.options.body_timeout);
  const auto [ec, n] = co_await beast::http::async_read(stream_, buffer_, parser, as_result);
  if (ec == beast::http::error::body_limit || ec == beast::http::error::buffer_overflow) {
    co_await too_large();
    co_return false;
  }
  if (ec == beast::error::timeout) ++core_.stats.timeouts;
  if (ec && ec.category() == make_error_code(beast::http::error::bad_chunk).category() &&
      ec != beast::http::error::partial_message) {
    ++core_.stats.bad_requests;
    co_await respond(exchange, problem(400, invalid("read the request body", ec.message(), "")), false);
  }
  if (ec) co_return false;
  exchange.request.body = std::move(parser.get().body());
  co_return true;
}

asio::awaitable<bool> Connection::dispatch(Exchange& exchange, const RouteMatch& match) {
  std::variant<Response, StreamResponse> answer;
  bool failed = false;
  try {
    if (const auto* plain = std::get_if<Handler>(&match.route->handler))
      answer = (*plain)(exchange.request);
    else if (const auto* later = std::get_if<AsyncHandler>(&match.route->handler)) {
      const std::function<void(Responder)> question = [&](Responder respond) {
        (*later)(std::move(exchange.request), std::move(respond));
      };
      answer = co_await ask(question);
    } else
      answer = std::get<StreamHandler>(match.route->handler)(exchange.request);
  } catch (const std::exception&) {
    failed = true;  // what() may hold anything; it stays out of the answer
  }
  if (aborted_) co_return false;
  if (failed) {
    ++core_.stats.handler_failures;
    answer = failed_handler(*match.route);
  }
  if (auto* endless = std::get_if<StreamResponse>(&answer)) co_return co_await stream(exchange, std::move(*endless));
  co_return co_await respond(exchange, std::get<Response>(std::move(answer)), true);
}

/// Whether the guard lets the request through; else it is answered. Before its body is read: who may nothing, sends
/// nothing.
asio::awaitable<bool> Connection::admit(Exchange& exchange, Need need) {
  if (!core_.guard || need == Need::nothing) co_return true;
  const auto caller = std::make_shared<std::shared_ptr<const Caller>>();
  const std::function<void(Responder)> question = [&](Responder respond) {
    core_.guard(exchange.request, need, [caller, respond = std::move(respond)](Admission admission) {
      if (admission.caller) admission.refusal.status = goes_on;
      *caller = std::move(admission.caller);  // looked at behind `goes_on` alone: a late call races with nobody
      respond(std::move(admission.refusal));
    });
  };
  Response refusal = co_await ask(question);
  if (aborted_) co_return false;
  if (refusal.status == goes_on) exchange.request.caller = std::move(*caller);
  if (exchange.request.caller) co_return true;
  exchange.keep_alive = co_await respond(exchange, std::move(refusal), exchange.parser.is_done());
  co_return false;
}

asio::awaitable<Response> Connection::ask(const std::function<void(Responder)>& question) {
  auto pending = std::make_shared<Pending>(signal_);
  const auto slot = pending->slot;
  const std::weak_ptr<Pending> asked = pending;
  question(Responder(std::move(pending)));
  pending.reset();
  const auto deadline = std::chrono::steady_clock::now() + core_.options.answer_timeout;
  for (;;) {
    const bool dropped = asked.expired();  // looked at before the slot: a call comes before the drop
    {
      const std::lock_guard lock(slot->mutex);
      if (slot->response) co_return std::move(*slot->response);
    }
    if (dropped) {
      ++core_.stats.handler_failures;
      co_return dropped_answer();
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (aborted_) co_return Response{};
    if (left.count() <= 0 || (!co_await wait(left) && !aborted_)) {
      const std::lock_guard lock(slot->mutex);
      if (slot->response) co_return std::move(*slot->response);
      slot->taken = true;  // a later call learns that it came too late
      ++core_.stats.answer_timeouts;
      co_return unavailable("answer the request",
                            "no answer within " + std::to_string(core_.options.answer_timeout.count()) + " ms",
                            "try again: the request may or may not have been carried out", "1");
    }
  }
}

asio::awaitable<bool> Connection::stream(Exchange& exchange, StreamResponse response) {
  auto& stats = core_.stats;
  const auto most = core_.share(core_.options.max_streams, origin_.unix_socket);
  if (++stats.streams > most) {
    --stats.streams;
    ++stats.refused_streams;
    co_return co_await respond(exchange,
                               unavailable("open a stream", "all " + std::to_string(most) + " streams are in use",
                                           "close one, or try again later", "5"),
                               true);
  }
  struct Leave {
    Count& streams;
    ~Leave() { --streams; }
  } const leave{stats.streams};

  std::string head =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
      "X-Content-Type-Options: nosniff\r\nConnection: close\r\n";
  const bool chunked = exchange.version >= 11;
  if (chunked) head += "Transfer-Encoding: chunked\r\n";
  for (const auto& [name, value] : response.headers) append_header(head, name, value);
  head += "Date: " + date_now() + "\r\n\r\n";
  ++stats.responses_2xx;
  if (!co_await write(head, "") || exchange.head) co_return false;

  phase_ = Phase::streaming;
  watch_for_hangup();
  std::shared_ptr<void> subscription;
  if (response.subscribe) subscription = response.subscribe([signal = signal_] { signal->raise(); });
  auto last_write = std::chrono::steady_clock::now();
  while (!core_.draining && !aborted_ && !peer_gone_) {
    std::string chunk = response.next(core_.options.stream_chunk);
    if (chunk.empty()) {
      const auto quiet =
          std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - last_write);
      const auto left = core_.options.ping_interval - quiet;
      if (left.count() > 0 && co_await wait(left)) continue;
      chunk = ": ping\n\n";
    }
    char size[24];
    std::snprintf(size, sizeof size, "%zx\r\n", chunk.size());
    stats.stream_bytes += chunk.size();
    if (chunked) chunk += "\r\n";
    if (!co_await write(chunked ? std::string_view(size) : std::string_view(), chunk)) co_return false;
    last_write = std::chrono::steady_clock::now();
  }
  if (chunked && !aborted_ && !peer_gone_) co_await write("0\r\n\r\n", "");
  co_return false;
}

/// Of the budget for answers, while `response` is written. Where there is no room it becomes a small one that says so.
std::shared_ptr<void> Connection::hold(const Exchange& exchange, Response& response) {
  const std::size_t bytes = response.body.capacity();
  if (exchange.head || bytes <= small_answer) return nullptr;
  const bool done = exchange.parser.get().method() != beast::http::verb::get;  // and "try again" would be a lie
  auto held = core_.answers.hold(origin_.unix_socket, bytes, done);
  if (held) return held;
  ++core_.stats.refused_answers;
  response = unavailable("answer the request", "too many answers wait to be read by other clients",
                         "try again, or ask for less with limit", "1");
  return nullptr;
}

/// Takes `exchange` for the version and whether the client wants a body; `keep`: whether the server could go on.
asio::awaitable<bool> Connection::respond(const Exchange& exchange, Response response, bool keep) {
  const auto held = hold(exchange, response);
  keep = keep && exchange.keep_alive && !core_.draining;
  auto& stats = core_.stats;
  ++(response.status >= 500 ? stats.responses_5xx : response.status >= 400 ? stats.responses_4xx : stats.responses_2xx);
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head.append(reason_of(response.status)).append("\r\n");
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless) {
    if (find_field(response.headers, "Content-Type") == nullptr) head += "Content-Type: application/json\r\n";
    head += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  }
  for (const auto& [name, value] : response.headers) append_header(head, name, value);
  if (find_field(response.headers, "Cache-Control") == nullptr) head += "Cache-Control: no-store\r\n";
  head += "X-Content-Type-Options: nosniff\r\nDate: " + date_now() + "\r\n";
  if (!keep)
    head += "Connection: close\r\n";
  else if (exchange.version == 10)
    head += "Connection: keep-alive\r\n";
  head += "\r\n";
  if (exchange.head || bodiless) std::string().swap(response.body);
  const bool sent = co_await write(head, response.body);
  co_return sent&& keep;
}

asio::awaitable<bool> Connection::write(std::string_view head, std::string_view body) {
  const std::array buffers{asio::buffer(head.data(), head.size()), asio::buffer(body.data(), body.size())};
  stream_.plain().expires_after(core_.options.write_timeout);
  boost::system::error_code failed;
  if (stream_.tls() == nullptr) {
    failed = std::get<0>(co_await asio::async_write(stream_, buffers, as_result));
  } else if (body.size() <= one_record) {
    const std::string whole = std::string(head).append(body);
    failed = std::get<0>(co_await asio::async_write(stream_, asio::buffer(whole), as_result));
  } else {
    // One at a time: of two, Beast's TLS stream ends behind the first as if it were all.
    for (const auto& buffer : buffers)
      if (!failed) failed = std::get<0>(co_await asio::async_write(stream_, buffer, as_result));
  }
  if (failed == beast::error::timeout) ++core_.stats.timeouts;
  co_return !failed;
}

/// True: the signal was raised or the connection aborted; false: `limit` has passed.
asio::awaitable<bool> Connection::wait(std::chrono::milliseconds limit) {
  wake_timer_.expires_after(limit);
  while (!signal_->lower() && !aborted_) {
    const auto [ec] = co_await wake_timer_.async_wait(as_result);
    if (!ec) co_return false;
  }
  co_return true;
}

/// Sends what is written, then waits until the client has closed too.
asio::awaitable<void> Connection::linger() {
  if (auto* tls = stream_.tls(); tls != nullptr && !aborted_) {
    stream_.plain().expires_after(linger_time);
    co_await tls->async_shutdown(as_result);  // and waits for the client's own; else the end may be somebody's cut
  }
  if (peer_gone_) co_return;
  co_await discard();
}

/// Reads what still comes, and throws it away: else our end would become a reset, which takes from the client what was
/// written last, the reason in an answer or in an alert of TLS.
asio::awaitable<void> Connection::discard() {
  boost::system::error_code ignored;
  stream_.plain().socket().shutdown(Socket::shutdown_send, ignored);
  if (ignored || core_.draining) co_return;
  phase_ = Phase::idle;
  if (!refuse_) waiting_since_ = steady_now();  // a refused one takes no room that it could give back
  stream_.plain().expires_after(linger_time);
  buffer_.clear();
  for (std::size_t total = 0; total < linger_bytes;) {
    const auto [ec, n] = co_await stream_.plain().async_read_some(buffer_.prepare(16 << 10), as_result);
    if (ec) co_return;
    total += n;
  }
}

bool Connection::host_is_ours(const Request& request, std::string_view authority) const {
  if (origin_.loopback_host.empty()) return true;
  const auto* field = request.header("Host");
  std::size_t hosts = 0;
  for (const auto& [name, value] : request.headers) hosts += find_field({{name, ""}}, "Host") != nullptr ? 1 : 0;
  if (hosts > 1) return false;
  const std::string host = host_of_authority(!authority.empty() ? authority : field != nullptr ? *field : "");
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]" || host == origin_.loopback_host;
}

/// A client that went away is noticed at once, not at the next write. One that sends instead is not listened to.
void Connection::watch_for_hangup() {
  stream_.plain().socket().async_wait(Socket::wait_read, [weak = weak_from_this()](boost::system::error_code ec) {
    const auto self = weak.lock();
    if (ec || !self) return;
    char byte;
    if (::recv(self->stream_.plain().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0) return;
    self->peer_gone_ = true;
    self->signal_->raise();
  });
}

}  // namespace plumbline::http::detail
