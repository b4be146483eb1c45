#include "fetch/web.hpp"

#include <httplib.h>
#include <string.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "fetch/encoding.hpp"
#include "fetch/secret.hpp"
#include "http/httplib_error.hpp"
#include "http/socket_cutter.hpp"
#include "http/url.hpp"
#include "include/util/lower.hpp"

namespace plumbline::fetch {
namespace {

Error cancelled(const std::string& what) {
  return {ErrorCode::unavailable, what, "it was cut short, as nobody waits for it any more", ""};
}

}  // namespace

WebRequest::~WebRequest() {
  wipe(url);
  wipe(body);
  for (auto& [name, value] : headers) wipe(value);
}

WebAnswer::~WebAnswer() {
  ::explicit_bzero(body.data(), body.size());
}

std::string_view WebAnswer::header(const std::string& name) const {
  const auto it = headers.find(name);
  return it == headers.end() ? std::string_view() : it->second;
}

std::string bearer(std::string_view token) {
  std::string text;
  text.reserve(7 + token.size());
  return text.append("Bearer ").append(token);
}

void post_form(WebRequest& request, std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  std::size_t most = 0;  // so that the body does not grow by itself and leave secrets behind
  for (const auto& [name, value] : fields) most += name.size() + 3 * value.size() + 2;
  request.body.reserve(most);
  for (const auto& [name, value] : fields) {
    if (!request.body.empty()) request.body += '&';
    request.body.append(name) += '=';
    append_percent_encoded(request.body, value);
  }
  request.method = "POST";
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
}

/// A client of one server; `kept` as long as the server keeps its connection.
struct WebConnection::Client {
  Client(const http::Url& url, const WebRequest& request, bool kept)
      : origin(url.origin), ca_file(request.ca_file), certificate_file(request.certificate_file) {
    // By host and port: httplib's own reading of URLs takes no IPv6 address with letters.
    const int port = std::atoi(url.port.c_str());
    if (url.tls)
      made = std::make_unique<httplib::SSLClient>(url.host, port, request.certificate_file, request.key_file);
    else
      made = std::make_unique<httplib::ClientImpl>(url.host, port);
    made->set_follow_location(false);
    made->set_keep_alive(kept);
    made->set_decompress(false);  // what is signed, counted and cached are the bytes that were sent
    if (!ca_file.empty()) made->set_ca_cert_path(ca_file.c_str());
    made->set_socket_options([this](socket_t socket) {
      httplib::default_socket_options(socket);
      cutter.opened(socket);
    });
  }

  const std::string origin, ca_file, certificate_file;
  std::unique_ptr<httplib::ClientImpl> made;
  http::SocketCutter cutter;
};

WebConnection::WebConnection() = default;
WebConnection::~WebConnection() = default;

Result<WebAnswer> WebConnection::exchange(const WebRequest& request) {
  return exchange(request, true);
}

Result<WebAnswer> exchange(const WebRequest& request) {
  return WebConnection().exchange(request, false);
}

Result<WebAnswer> WebConnection::exchange(const WebRequest& request, bool kept) {
  const auto url = http::parse_url("read the URL of a source", request.url);
  if (!url) return url.error();
  const std::string what = "ask " + url->origin;
  if (!client_ || client_->origin != url->origin || client_->ca_file != request.ca_file ||
      client_->certificate_file != request.certificate_file)
    client_ = std::make_unique<Client>(*url, request, kept);
  httplib::ClientImpl& client = *client_->made;
  if (!client.is_valid() && !request.certificate_file.empty())
    return Error{ErrorCode::unavailable, what,
                 request.certificate_file + " and its key are missing or of no use, or host and port make no sense",
                 "give both as PEM"};
  if (!client.is_valid()) return invalid(what, "host or port make no sense", "write https://host:port/path");
  const std::stop_callback on_stop(request.limits.stop, [&] { client_->cutter.cancel(); });
  client.set_connection_timeout(request.limits.connect);
  client.set_read_timeout(request.limits.whole);
  client.set_write_timeout(request.limits.whole);

  httplib::Request sent;
  sent.method = request.method;
  sent.path = url->target;
  for (const auto& [name, value] : request.headers) sent.headers.emplace(name, value);
  if (!sent.has_header("Host")) sent.headers.emplace("Host", url->origin.substr(url->origin.find("://") + 3));
  if (!sent.has_header("User-Agent"))
    sent.headers.emplace("User-Agent", std::string("plumbline-agent/") + PLUMBLINE_VERSION);
  sent.body = request.body;
  WebAnswer answer;
  bool too_long = false;
  sent.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    too_long = answer.body.size() + size > request.max_bytes;
    if (too_long) return false;
    if (answer.body.capacity() < answer.body.size() + size) {
      // A string that grows by itself leaves its old bytes behind.
      std::string larger;
      larger.reserve(std::max(2 * answer.body.capacity(), answer.body.size() + size));
      larger = answer.body;
      ::explicit_bzero(answer.body.data(), answer.body.size());
      answer.body.swap(larger);
    }
    answer.body.append(data, size);
    return true;
  };
  if (request.limits.stop.stop_requested()) return cancelled(what);
  client_->cutter.begin(request.limits.whole);
  const httplib::Result result = client.send(sent);
  const bool overdue = client_->cutter.end();
  if (client_->cutter.cancelled()) return cancelled(what);
  if (too_long)
    return invalid(what, "its answer is longer than " + std::to_string(request.max_bytes >> 20) + " MiB",
                   "split the source, or give the agent a file");
  if (!result || overdue)
    return Error{ErrorCode::unavailable, what, overdue ? "no whole answer in time" : http::why_of(result.error()),
                 "is it up, and reachable from this node?"};
  answer.status = result->status;
  for (const auto& [name, value] : result->headers) answer.headers[lower(name)] = value;
  return answer;
}

bool is_answered(const WebAnswer& answer, const std::string& known) {
  return answer.status == 200 || (answer.status == 304 && !known.empty());
}

Result<Fetched> take_object(const WebAnswer& answer, const std::string& known, const std::string& shown,
                            const std::function<Result<void>(std::string_view bytes)>& take) {
  if (answer.status == 304) return Fetched{true, known};
  const std::string etag(answer.header("etag"));
  if (!etag.empty() && etag == known) return Fetched{true, known};
  // Stores that keep objects as gzip unpack them for who does not accept it, as we do not.
  if (const auto encoding = answer.header("content-encoding"); !encoding.empty() && encoding != "identity")
    return invalid("fetch " + shown, "it comes with a Content-Encoding", "store it plain");
  if (auto taken = take(answer.body); !taken) return taken.error();
  return Fetched{false, etag};
}

Error refused(const std::string& what, const WebAnswer& answer, const std::string& hint, const std::string& fix) {
  const int status = answer.status;
  const ErrorCode code = status == 401 || status == 403   ? ErrorCode::permission
                         : status == 404 || status == 410 ? ErrorCode::not_found
                         : status == 429 || status >= 500 ? ErrorCode::unavailable
                                                          : ErrorCode::invalid_argument;
  std::string why = "it answers " + std::to_string(status);
  if (status >= 300 && status < 400) why += ", a redirect, which is not followed: credentials could go with it";
  // Codes such as "AccessDenied": letters only, so that nothing of a body gets into a log.
  if (!hint.empty() && hint.size() <= 64 && std::all_of(hint.begin(), hint.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '_' || c == '.';
      }))
    why += " (" + hint + ")";
  return {code, what, why, fix};
}

Error within(const std::string& what, const Error& part) {
  return {part.code, what, part.what + ": " + part.why, part.fix};
}

}  // namespace plumbline::fetch
