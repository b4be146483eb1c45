#include "agent/export/collector_client.hpp"

#include <httplib.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <fstream>

#include "fetch/file_origin.hpp"
#include "http/httplib_error.hpp"
#include "http/retry.hpp"
#include "http/socket_cutter.hpp"
#include "http/url.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t max_answer_bytes = std::size_t{4} << 20;
constexpr std::size_t max_token_bytes = 4096;

/// With a path that batches go below, and no query.
Result<http::Url> parse_collector_url(const std::string& text) {
  const std::string what = "read the collector's URL";
  auto url = http::parse_url(what, text);
  if (!url) return url.error();
  if (text.find_first_of("?#") != std::string::npos)
    return invalid(what, "it holds a query or fragment", "write https://host:port");
  while (url->target.ends_with('/')) url->target.pop_back();
  return url;
}

/// The first line of the file; never part of an error.
Result<std::string> read_token(const std::string& path) {
  std::ifstream file(path);
  const int failure = errno;
  if (!file) return io_error("read the collector's token in " + path, failure, "check the path and its permissions");
  std::string token(max_token_bytes, '\0');
  file.read(token.data(), static_cast<std::streamsize>(token.size()));
  token.resize(static_cast<std::size_t>(file.gcount()));
  const bool too_long = token.size() == max_token_bytes;
  token.resize(std::min(token.find_first_of("\r\n"), token.size()));
  const bool printable = std::all_of(token.begin(), token.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
  if (token.empty() || too_long || !printable)
    return invalid("read the collector's token in " + path, "it is empty, too long or not printable",
                   "write the token into it as one line");
  return token;
}

/// The alert (RFC 8446, 6.2) by which the other end refused something in this thread's exchange; 0 = there was none.
/// httplib tells of none, and the one about our certificate mostly comes only when an answer is read.
thread_local int alert = 0;

void note_alert(const SSL*, int where, int value) {
  const bool is_refusal = (where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && (value & 0xFF) != SSL_AD_CLOSE_NOTIFY;
  if (is_refusal) alert = value;
}

std::string why_of(httplib::Error error) {
  if (alert == 0) return http::why_of(error);
  return std::string("the collector ended the TLS handshake: ") + SSL_alert_desc_string_long(alert);
}

class CollectorClient final : public Transport {
 public:
  CollectorClient(CollectorClientOptions options, const http::Url& url, const Clock& clock)
      : options_(std::move(options)), origin_(url.origin), path_(url.target + "/v1/batches"), clock_(clock) {
    connect_anew();
  }

  /// Whether host and port make sense; files may come later.
  bool valid() const { return client_->is_valid() || !options_.certificate_file.empty(); }
  void cancel() noexcept override { cutter_.cancel(); }
  Answer post(const std::string& body) override;

 private:
  std::string files() const;
  void connect_anew();

  const CollectorClientOptions options_;
  const std::string origin_;
  const std::string path_;
  const Clock& clock_;
  http::SocketCutter cutter_;
  std::string files_read_;
  std::unique_ptr<httplib::Client> client_;
};

std::string CollectorClient::files() const {
  std::string versions;
  for (const auto* path : {&options_.ca_file, &options_.certificate_file, &options_.key_file})
    versions += path->empty() ? "|" : fetch::file_version(*path) + "|";
  return versions;
}

/// A client that has read the files as they are now.
void CollectorClient::connect_anew() {
  files_read_ = files();
  client_ = std::make_unique<httplib::Client>(origin_, options_.certificate_file, options_.key_file);
  const auto each = std::chrono::duration_cast<std::chrono::milliseconds>(options_.timeout) + std::chrono::seconds(1);
  client_->set_connection_timeout(each);
  client_->set_read_timeout(each);
  client_->set_write_timeout(each);
  client_->set_keep_alive(true);
  client_->set_follow_location(false);
  client_->set_tcp_nodelay(true);
  if (!options_.ca_file.empty()) client_->set_ca_cert_path(options_.ca_file);
  if (auto* context = client_->ssl_context(); context != nullptr) ::SSL_CTX_set_info_callback(context, note_alert);
  client_->set_socket_options([this](socket_t socket) {
    httplib::default_socket_options(socket);
    cutter_.opened(socket);
  });
}

Answer CollectorClient::post(const std::string& body) {
  Answer answer;
  if (cutter_.cancelled()) return {0, "", std::nullopt, "the agent is stopping"};
  if (files_read_ != files()) connect_anew();
  if (!client_->is_valid())
    return {0, "", std::nullopt, "read " + options_.certificate_file + " and its key: they are missing or of no use"};
  httplib::Request request;
  request.method = "POST";
  request.path = path_;
  request.headers = {{"Content-Type", "application/x-ndjson"},
                     {"Content-Encoding", "zstd"},
                     {"Accept", "application/json, application/problem+json"},
                     {"User-Agent", std::string("plumbline-agent/") + PLUMBLINE_VERSION}};
  if (!options_.token_file.empty()) {
    const auto token = read_token(options_.token_file);
    if (!token) return {0, "", std::nullopt, token.error().message()};
    request.headers.emplace("Authorization", "Bearer " + *token);
  }
  request.body = body;
  request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    if (answer.body.size() + size > max_answer_bytes) return false;
    answer.body.append(data, size);
    return true;
  };
  cutter_.begin(options_.timeout);
  alert = 0;
  const httplib::Result result = client_->send(request);
  const bool overdue = cutter_.end();
  if (!result || overdue) {
    answer.error = origin_ + ": " + (overdue ? "no whole answer in time" : why_of(result.error()));
    return answer;
  }
  answer.status = result->status;
  if (result->has_header("Retry-After"))
    answer.retry_after = http::parse_retry_after(result->get_header_value("Retry-After"), clock_.wall());
  return answer;
}

}  // namespace

Result<std::unique_ptr<Transport>> make_collector_client(const CollectorClientOptions& options, const Clock& clock) {
  const auto url = parse_collector_url(options.url);
  if (!url) return url.error();
  if (!options.token_file.empty() && !http::is_private(*url))
    return invalid("read the collector's URL", "the token would travel unencrypted to " + url->host, "use https://");
  auto client = std::make_unique<CollectorClient>(options, *url, clock);
  if (!client->valid())
    return invalid("read the collector's URL", "host or port make no sense", "write https://host:port");
  return std::unique_ptr<Transport>(std::move(client));
}

}  // namespace plumbline::agent
