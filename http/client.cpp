#include "http/client.hpp"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "http/transport.hpp"
#include "http/url.hpp"

namespace plumbline::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using detail::Transport;
using Message = beast::http::request<beast::http::string_body>;

/// What one call needs.
struct Call {
  const Endpoint& endpoint;
  const ClientOptions& options;
  Message message;
  const Client::StreamCalls* stream = nullptr;
  Transport::Deadline deadline = Transport::Deadline::max();
};

Error failure(const Call& call, const error_code& ec, const std::string& doing) {
  const std::string what = doing + " " + call.endpoint.text;
  const bool socket = !call.endpoint.unix_path.empty();
  if (ec == asio::error::access_denied || ec == error_code(EPERM, boost::system::system_category()))
    return {ErrorCode::permission, what, "permission denied",
            socket ? "run it as root, or as a member of the socket's group" : "check the firewall"};
  std::string why = ec.message();
  std::string fix;
  if (ec == beast::error::timeout) {
    why = "no answer in time";
    fix = "look at the server's log and load";
  } else if (socket && ec == error_code(ENOENT, boost::system::system_category())) {
    why = "there is no such socket";
    fix = "start the agent, or name its socket with --socket";
  } else if (ec == asio::error::connection_refused) {
    why = "nobody listens there";
    fix = socket ? "start the agent" : "start the server, or check address and port";
  } else if (ec.category() == asio::error::get_addrinfo_category()) {
    why = ::gai_strerror(ec.value());  // Asio has words for two of these only
    fix = "check the host's name";
  } else if (ec.category() == asio::error::get_ssl_category()) {
    fix = ERR_GET_REASON(static_cast<unsigned long>(ec.value())) == SSL_R_WRONG_VERSION_NUMBER
              ? "write http:// where the server speaks no TLS"
              : "check the certificate, its name and the CA file";
  } else if (ec == beast::http::error::end_of_stream || ec == asio::error::eof || ec == asio::error::connection_reset ||
             ec == asio::error::broken_pipe) {
    why = "the connection was closed";
    fix = socket ? "look at the agent's log; it may have ended" : "look at the server's log; it may have ended";
  } else if (ec.category() == make_error_code(beast::http::error::bad_version).category()) {
    fix = "check that it is a Plumbline agent or collector";
  }
  return {ErrorCode::unavailable, what, why, fix};
}

Transport::Deadline within(const Call& call, std::chrono::milliseconds limit) {
  return std::min(call.deadline, std::chrono::steady_clock::now() + limit);
}

Response take_response(beast::http::response<beast::http::string_body> message) {
  Response response;
  response.status = static_cast<int>(message.result_int());
  for (const auto& field : message) response.headers.emplace_back(field.name_string(), field.value());
  response.body = std::move(message.body());
  return response;
}

Result<Response> read_events(const Call& call, Transport& transport, beast::flat_buffer& buffer,
                             beast::http::response_parser<beast::http::empty_body>& head) {
  beast::http::response_parser<beast::http::buffer_body> parser(std::move(head));
  if (call.stream->on_open) call.stream->on_open();
  SseParser events;
  char bytes[16 << 10];
  while (!parser.is_done()) {
    parser.get().body().data = bytes;
    parser.get().body().size = sizeof bytes;
    transport.expires_at(within(call, call.options.stream_silence));
    error_code ec;
    beast::http::read_some(transport, buffer, parser, ec);
    const std::size_t got = sizeof bytes - parser.get().body().size;
    const bool wanted = events.feed({bytes, got}, call.stream->on_event);
    if (call.stream->on_id && !events.last_id().empty()) call.stream->on_id(events.last_id());
    if (!wanted) return Response{};
    if (ec && ec != beast::http::error::need_buffer) return failure(call, ec, "read the event stream of");
  }
  return failure(call, beast::http::error::end_of_stream, "read the event stream of");
}

Result<Response> talk(const Call& call, Transport& transport) {
  error_code ec;
  transport.expires_at(within(call, call.options.timeout));
  beast::http::write(transport, call.message, ec);
  if (ec) return failure(call, ec, "ask");
  beast::flat_buffer buffer;
  beast::http::response_parser<beast::http::empty_body> head;
  head.body_limit(boost::none);
  beast::http::read_header(transport, buffer, head, ec);
  if (ec) return failure(call, ec, "ask");
  if (call.stream != nullptr && head.get().result_int() == 200) return read_events(call, transport, buffer, head);
  beast::http::response_parser<beast::http::string_body> parser(std::move(head));
  parser.body_limit(call.options.max_body);
  beast::http::read(transport, buffer, parser, ec);
  if (ec) return failure(call, ec, "read the answer of");
  return take_response(parser.release());
}

Result<Response> run(const Call& call) {
  Transport transport;
  error_code ec;
  transport.expires_at(within(call, call.options.timeout));
  transport.connect(call.endpoint, ec);
  if (ec) return failure(call, ec, ec.category() == asio::error::get_addrinfo_category() ? "find" : "reach");
  if (call.endpoint.tls) {
    std::string trouble;
    transport.expires_at(within(call, call.options.timeout));
    transport.start_tls(call.endpoint.host, call.options, ec, trouble);
    if (!trouble.empty())
      return Error{ErrorCode::corrupt, "read " + trouble, ec.message(),
                   "name a PEM file that holds " +
                       std::string(trouble == call.options.key_file           ? "the certificate's key"
                                   : trouble == call.options.certificate_file ? "the client's certificate"
                                                                              : "the CA's certificate")};
    if (ec) return failure(call, ec, "agree on TLS with");
  }
  return talk(call, transport);
}

Message make_message(const Endpoint& endpoint, const ClientOptions& options, beast::http::verb verb,
                     const std::string& target) {
  Message message(verb, target, 11);
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  message.set(beast::http::field::host, !endpoint.unix_path.empty() ? "localhost"
                                        : v6                        ? "[" + endpoint.host + "]:" + endpoint.port
                                                                    : endpoint.host + ":" + endpoint.port);
  message.set(beast::http::field::user_agent, "plumb/" PLUMBLINE_VERSION);
  if (!options.bearer_token.empty()) message.set(beast::http::field::authorization, "Bearer " + options.bearer_token);
  message.keep_alive(false);
  return message;
}

}  // namespace

Result<Endpoint> parse_endpoint(const std::string& url) {
  Endpoint endpoint;
  endpoint.text = url;
  if (url.starts_with("unix:")) {
    endpoint.unix_path = url.substr(5);
    if (endpoint.unix_path.empty() || endpoint.unix_path.size() > 107)
      return invalid("read the address " + url, "a socket's path has 1 to 107 bytes", "");
    return endpoint;
  }
  const std::string what = "read the address " + url;
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    return invalid(what, "it begins neither with http:// nor https:// nor unix:", "write it as http://127.0.0.1:9640");
  const auto parsed = parse_url(what, url);
  if (!parsed) return parsed.error();
  if (parsed->target != "/" || url.find('#') != std::string::npos)
    return invalid(what, "it is more than scheme, host and port", "write it as " + parsed->origin);
  endpoint.tls = parsed->tls;
  endpoint.host = parsed->host;
  endpoint.port = parsed->port;
  return endpoint;
}

Client::Client(Endpoint endpoint, ClientOptions options)
    : endpoint_(std::move(endpoint)), options_(std::move(options)) {}

Result<Response> Client::get(const std::string& target) const {
  return run(Call{endpoint_, options_, make_message(endpoint_, options_, beast::http::verb::get, target)});
}

Result<Response> Client::post(const std::string& target, std::string json) const {
  Call call{endpoint_, options_, make_message(endpoint_, options_, beast::http::verb::post, target)};
  call.message.set(beast::http::field::content_type, "application/json");
  call.message.body() = std::move(json);
  call.message.prepare_payload();
  return run(call);
}

Result<Response> Client::remove(const std::string& target) const {
  return run(Call{endpoint_, options_, make_message(endpoint_, options_, beast::http::verb::delete_, target)});
}

Result<void> Client::stream(const std::string& target, const std::string& last_event_id, const StreamCalls& calls,
                            std::chrono::milliseconds limit) const {
  Call call{endpoint_, options_, make_message(endpoint_, options_, beast::http::verb::get, target), &calls};
  call.message.set(beast::http::field::accept, "text/event-stream");
  if (!last_event_id.empty()) call.message.set("Last-Event-ID", last_event_id);
  if (limit.count() > 0) call.deadline = std::chrono::steady_clock::now() + limit;
  auto result = run(call);
  if (!result) return result.error();
  if (result->status != 200) return error_of(*result, "open the event stream of " + endpoint_.text);
  return {};
}

}  // namespace plumbline::http
