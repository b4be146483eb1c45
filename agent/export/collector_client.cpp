#include "agent/export/collector_client.hpp"

#include <httplib.h>

#include <algorithm>
#include <fstream>

#include "http/httplib_error.hpp"
#include "http/retry.hpp"
#include "http/socket_cutter.hpp"
#include "http/url.hpp"
#include "include/util/loopback.hpp"

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

class CollectorClient final : public Transport {
 public:
  CollectorClient(CollectorClientOptions options, const http::Url& url, const Clock& clock)
      : options_(std::move(options)),
        origin_(url.origin),
        path_(url.target + "/v1/batches"),
        clock_(clock),
        client_(url.origin) {
    const auto each = std::chrono::duration_cast<std::chrono::milliseconds>(options_.timeout) + std::chrono::seconds(1);
    client_.set_connection_timeout(each);
    client_.set_read_timeout(each);
    client_.set_write_timeout(each);
    client_.set_keep_alive(true);
    client_.set_follow_location(false);
    client_.set_tcp_nodelay(true);
    if (!options_.ca_file.empty()) client_.set_ca_cert_path(options_.ca_file);
    client_.set_socket_options([this](socket_t socket) {
      httplib::default_socket_options(socket);
      cutter_.opened(socket);
    });
  }

  bool valid() const { return client_.is_valid(); }
  void cancel() noexcept override { cutter_.cancel(); }
  Answer post(const std::string& body) override;

 private:
  const CollectorClientOptions options_;
  const std::string origin_;
  const std::string path_;
  const Clock& clock_;
  http::SocketCutter cutter_;
  httplib::Client client_;
};

Answer CollectorClient::post(const std::string& body) {
  Answer answer;
  if (cutter_.cancelled()) return {0, "", std::nullopt, "the agent is stopping"};
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
  const httplib::Result result = client_.send(request);
  const bool overdue = cutter_.end();
  if (!result || overdue) {
    answer.error = origin_ + ": " + (overdue ? "no whole answer in time" : http::why_of(result.error()));
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
  if (!options.token_file.empty() && !url->tls && !is_loopback(url->host))
    return invalid("read the collector's URL", "the token would travel unencrypted to " + url->host, "use https://");
  auto client = std::make_unique<CollectorClient>(options, *url, clock);
  if (!client->valid())
    return invalid("read the collector's URL", "host or port make no sense", "write https://host:port");
  return std::unique_ptr<Transport>(std::move(client));
}

}  // namespace plumbline::agent
