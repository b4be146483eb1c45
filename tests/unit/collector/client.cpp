#include "tests/unit/collector/client.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>

#include "include/wire/batch.hpp"

namespace plumbline::collector::test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

}  // namespace

bool Client::connect() {
  if (fd_) return true;
  buffer_.clear();
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // A server that hangs fails the test instead of hanging it.
  const timeval limit{20, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const sockaddr_in address = loopback(port_);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
  fd_ = std::move(fd);
  return true;
}

bool Client::send(const std::string& bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::send(fd_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

bool Client::receive() {
  char chunk[65536];
  const ssize_t n = ::recv(fd_.get(), chunk, sizeof chunk, 0);
  if (n <= 0) return false;
  buffer_.append(chunk, static_cast<std::size_t>(n));
  return true;
}

std::optional<Reply> Client::request(const std::string& method, const std::string& target, const std::string& body,
                                     const std::vector<std::string>& headers) {
  if (!connect()) return std::nullopt;
  std::string bytes = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n";
  for (const auto& header : headers) bytes += header + "\r\n";
  if (!body.empty() || method == "POST") bytes += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  bytes += "\r\n" + body;
  // A refusal may come before the body is read whole: look for it even where sending failed.
  (void)send(bytes);
  std::size_t end;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (receive()) continue;
    fd_.reset();
    return std::nullopt;
  }
  Reply reply;
  reply.status = std::stoi(buffer_.substr(9, 3));
  for (std::size_t at = buffer_.find("\r\n"); at < end;) {
    const auto next = buffer_.find("\r\n", at + 2);
    const std::string line = buffer_.substr(at + 2, next - at - 2);
    std::string key = line.substr(0, line.find(':'));
    std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return std::tolower(c); });
    reply.headers[key] = line.substr(std::min(line.size(), line.find(':') + 2));
    at = next;
  }
  const std::size_t length =
      reply.headers.count("content-length") != 0 ? std::stoul(reply.headers["content-length"]) : 0;
  while (buffer_.size() < end + 4 + length) {
    if (receive()) continue;
    fd_.reset();
    return std::nullopt;
  }
  reply.body = buffer_.substr(end + 4, length);
  buffer_.erase(0, end + 4 + length);
  if (reply.headers["connection"] == "close") fd_.reset();
  return reply;
}

std::optional<Reply> Client::post(const wire::Batch& batch, const std::vector<std::string>& headers) {
  std::vector<std::string> all = {"Content-Type: application/x-ndjson", "Content-Encoding: zstd"};
  all.insert(all.end(), headers.begin(), headers.end());
  return request("POST", "/v1/batches", wire::zstd_compress(wire::encode_batch(batch)).value(), all);
}

bool Client::open_stream(const std::string& target, const std::vector<std::string>& headers) {
  if (!connect()) return false;
  std::string bytes = "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n";
  for (const auto& header : headers) bytes += header + "\r\n";
  return send(bytes + "\r\n");
}

std::string Client::read_until(const std::string& text) {
  while (buffer_.find(text) == std::string::npos)
    if (!receive()) return "";
  return buffer_;
}

std::uint16_t free_port() {
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

}  // namespace plumbline::collector::test
