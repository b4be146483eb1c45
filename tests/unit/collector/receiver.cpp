#include "tests/unit/collector/receiver.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace plumbline::collector::test {

Receiver::Receiver(std::function<Answer(const Received&, std::size_t)> answer) : answer_(std::move(answer)) {
  listener_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_.get(), 64) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no loopback port for the receiver");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { accept_all(); });
}

Receiver::~Receiver() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    ::shutdown(listener_.get(), SHUT_RDWR);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  thread_.join();
  for (auto& connection : connections_) connection.join();
}

void Receiver::accept_all() {
  for (;;) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex_);
    if (fd < 0 || stopping_) {
      if (fd >= 0) ::close(fd);
      if (stopping_) return;
      continue;
    }
    open_.push_back(fd);
    connections_.emplace_back([this, fd] { serve(fd); });
  }
}

void Receiver::serve(int fd) {
  std::string buffer;
  char chunk[8192];
  for (bool going = true; going;) {
    std::size_t header_end = 0;
    Received request;
    std::size_t length = 0;
    for (;;) {
      header_end = buffer.find("\r\n\r\n");
      if (header_end != std::string::npos && length == 0 && request.headers.empty()) {
        std::size_t at = buffer.find("\r\n");
        request.request_line = buffer.substr(0, at);
        while (at < header_end) {
          const auto end = buffer.find("\r\n", at + 2);
          const std::string line = buffer.substr(at + 2, end - at - 2);
          std::string key = line.substr(0, line.find(':'));
          std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return std::tolower(c); });
          const auto value = line.find_first_not_of(' ', line.find(':') + 1);
          request.headers[key] = value == std::string::npos ? "" : line.substr(value);
          at = end;
        }
        length = std::stoul(request.headers.count("content-length") != 0 ? request.headers["content-length"] : "0");
      }
      if (header_end != std::string::npos && buffer.size() >= header_end + 4 + length) break;
      const ssize_t n = ::recv(fd, chunk, sizeof chunk, 0);
      if (n <= 0) {
        going = false;
        break;
      }
      buffer.append(chunk, static_cast<std::size_t>(n));
    }
    if (!going) break;
    request.body = buffer.substr(header_end + 4, length);
    buffer.erase(0, header_end + 4 + length);
    std::unique_lock lock(mutex_);
    const Answer answer = answer_(request, requests_.size());
    requests_.push_back(std::move(request));
    changed_.notify_all();
    if (answer.hang) {
      changed_.wait(lock, [this] { return stopping_; });
      break;
    }
    lock.unlock();
    if (::send(fd, answer.bytes.data(), answer.bytes.size(), MSG_NOSIGNAL) < 0 || answer.close) break;
  }
  const std::lock_guard lock(mutex_);
  std::erase(open_, fd);
  ::close(fd);
}

std::vector<Received> Receiver::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

bool Receiver::wait_for(std::size_t count) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return requests_.size() >= count; });
}

}  // namespace plumbline::collector::test
