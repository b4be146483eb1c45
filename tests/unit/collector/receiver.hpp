// A double of a sink's destination: a real HTTP/1.1 server on a loopback port that answers as its test says, also
// badly.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "include/util/fd.hpp"

namespace plumbline::collector::test {

struct Received {
  std::string request_line;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

/// What to send back, byte for byte; then, where `close` is set, the connection ends. `hang`: nothing, for good.
struct Answer {
  std::string bytes = "HTTP/1.1 204 No Content\r\n\r\n";
  bool close = false;
  bool hang = false;

  static Answer status(int code, const std::string& headers = "", const std::string& body = "") {
    return {"HTTP/1.1 " + std::to_string(code) + " x\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body,
            false, false};
  }
};

class Receiver {
 public:
  /// `answer` is called with each request, and its number from 0, one at a time.
  explicit Receiver(std::function<Answer(const Received&, std::size_t)> answer = [](const auto&, auto) {
    return Answer{};
  });
  ~Receiver();
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url(const std::string& path = "/hook") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  std::vector<Received> requests() const;
  /// Waits until `count` requests came in; false after 20 s.
  bool wait_for(std::size_t count) const;

 private:
  void accept_all();
  void serve(int fd);

  std::function<Answer(const Received&, std::size_t)> answer_;
  Fd listener_;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<Received> requests_;
  std::vector<int> open_;
  bool stopping_ = false;
  std::thread thread_;
  std::vector<std::thread> connections_;
};

/// Waits until `condition` holds; false after 20 s. For conditions that nothing signals.
template <class Condition>
bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace plumbline::collector::test
