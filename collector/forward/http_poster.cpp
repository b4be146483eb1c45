#include "collector/forward/http_poster.hpp"

#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <mutex>

#include "collector/forward/file_identity.hpp"
#include "collector/forward/retry.hpp"
#include "http/client_tls.hpp"
#include "http/httplib_error.hpp"
#include "http/retry.hpp"
#include "http/url.hpp"
#include "include/util/fd.hpp"

namespace plumbline::collector {
namespace {

constexpr std::size_t excerpt_bytes = 200;

std::string printable(const std::string& text) {
  std::string out;
  for (const char c : text.substr(0, excerpt_bytes)) out += c >= ' ' && c < '\x7f' ? c : ' ';
  return out;
}

}  // namespace

struct HttpPoster::Impl {
  Impl(http::Url parsed, PosterOptions wanted, std::shared_ptr<Watchdog> dog, const Clock& time)
      : url(std::move(parsed)), options(std::move(wanted)), watchdog(std::move(dog)), clock(time) {}

  std::string files() const {
    return identity_of(options.ca_file) + "|" + identity_of(options.certificate_file) + "|" +
           identity_of(options.key_file);
  }

  /// A client that has read the files as they are now.
  void connect_anew() {
    files_read = files();
    client = std::make_unique<httplib::Client>(url.origin, options.certificate_file, options.key_file);
    // These bound one system call each; the watchdog bounds the whole and comes first.
    const auto each = options.timeout + std::chrono::seconds(1);
    client->set_connection_timeout(each);
    client->set_read_timeout(each);
    client->set_write_timeout(each);
    client->set_keep_alive(true);
    client->set_follow_location(false);
    client->set_tcp_nodelay(true);
    if (!options.ca_file.empty()) client->set_ca_cert_path(options.ca_file);
    client->set_socket_options([this](socket_t connecting) {
      httplib::default_socket_options(connecting);
      const std::lock_guard lock(socket_mutex);
      socket = Fd(::dup(connecting));
      if (cancelled) ::shutdown(connecting, SHUT_RDWR);
    });
  }

  // httplib's own stop() waits for a connect that is under way, so the socket is shut down through a second
  // descriptor of it, taken before it connects.
  void shut_down() {
    const std::lock_guard lock(socket_mutex);
    if (socket) ::shutdown(socket.get(), SHUT_RDWR);
  }

  http::Url url;
  PosterOptions options;
  std::shared_ptr<Watchdog> watchdog;
  const Clock& clock;
  std::unique_ptr<httplib::Client> client;
  std::string files_read;
  std::mutex socket_mutex;
  Fd socket;
  std::atomic<bool> cancelled = false;
};

HttpPoster::HttpPoster(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpPoster::~HttpPoster() = default;

Result<std::unique_ptr<HttpPoster>> HttpPoster::make(const PosterOptions& options, std::shared_ptr<Watchdog> watchdog,
                                                     const Clock& clock) {
  auto url = http::parse_url("read a sink's URL", options.url);
  if (!url) return url.error();
  auto impl = std::make_unique<Impl>(std::move(*url), options, std::move(watchdog), clock);
  if (options.certificate_file.empty() != options.key_file.empty())
    return invalid("read a sink's certificate", "a certificate needs its key, and a key its certificate",
                   "give both certificate_file and key_file");
  if (const auto fine = http::check_client_tls(options.ca_file, options.certificate_file, options.key_file); !fine)
    return fine.error();
  impl->connect_anew();
  if (!impl->client->is_valid())
    return invalid("read a sink's URL", "host or port make no sense", "write https://host:port/path");
  return std::unique_ptr<HttpPoster>(new HttpPoster(std::move(impl)));
}

const std::string& HttpPoster::target() const {
  return impl_->url.target;
}

HttpReply HttpPoster::post(const std::vector<std::pair<std::string, std::string>>& headers, const std::string& body,
                           const std::string& content_type, const std::string& target) {
  if (impl_->cancelled) return {0, "the collector is stopping", "", "", std::nullopt};
  if (impl_->files_read != impl_->files()) impl_->connect_anew();
  std::atomic<bool> overdue = false;
  HttpReply reply;
  httplib::Request request;
  request.method = "POST";
  request.path = target.empty() ? impl_->url.target : target;
  for (const auto& [key, value] : headers) request.headers.emplace(key, value);
  request.headers.emplace("Content-Type", content_type);
  request.headers.emplace("User-Agent", std::string("plumbline-collector/") + PLUMBLINE_VERSION);
  request.body = body;
  std::string answer;
  request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    if (answer.size() + size > impl_->options.max_answer_bytes) return false;
    answer.append(data, size);
    return true;
  };
  std::optional<httplib::Result> sent;
  {
    const Watchdog::Guard guard(*impl_->watchdog, std::chrono::steady_clock::now() + impl_->options.timeout,
                                [this, &overdue] {
                                  overdue = true;
                                  impl_->shut_down();
                                });
    sent = impl_->client->send(request);
  }
  const httplib::Result& result = *sent;
  if (!result || overdue) {
    reply.error = impl_->url.origin + ": " + (overdue ? "no whole answer in time" : http::why_of(result.error()));
    return reply;
  }
  reply.status = result->status;
  reply.excerpt = printable(answer);
  reply.body = std::move(answer);
  if (result->has_header("Retry-After"))
    reply.retry_after = http::parse_retry_after(result->get_header_value("Retry-After"), impl_->clock.wall());
  return reply;
}

void HttpPoster::cancel() noexcept {
  impl_->cancelled = true;
  impl_->shut_down();
}

Delivery delivery_of(const HttpReply& reply, std::size_t count) {
  if (reply.status == 0) return Delivery::again(reply.error);
  Delivery delivery;
  delivery.outcome = outcome_of_status(reply.status);
  if (delivery.outcome == Delivery::Outcome::delivered) return Delivery::done(count);
  delivery.retry_after = reply.retry_after;
  delivery.why = "HTTP " + std::to_string(reply.status) + (reply.excerpt.empty() ? "" : ": " + reply.excerpt);
  if (reply.status >= 300 && reply.status < 400)
    delivery.why += " (redirects are not followed: configure the final URL)";
  return delivery;
}

Delivery delivery_of_batch(const HttpReply& reply, std::size_t count) {
  Delivery delivery = delivery_of(reply, count);
  if (delivery.outcome != Delivery::Outcome::refused) return delivery;
  const bool of_records = reply.status == 400 || reply.status == 413 || reply.status == 422;
  delivery.outcome = of_records ? Delivery::Outcome::split : Delivery::Outcome::paused;
  return delivery;
}

Result<std::string> read_secret_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(4096, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(text.size())) && file.gcount() == 0) {
    const int failure = errno;
    if (file.is_open())
      return invalid("read the secret in " + path, "the file is empty, or not a file", "write the secret into it");
    return io_error("read the secret in " + path, failure, "check the path and its permissions");
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() == 4096) return invalid("read the secret in " + path, "the file is longer than 4095 bytes", "");
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (text.empty())
    return invalid("read the secret in " + path, "the file holds only a line end", "write the secret into it");
  return text;
}

}  // namespace plumbline::collector
