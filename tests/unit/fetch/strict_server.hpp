// A strict double of somebody else's HTTP server, with plain sockets.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "include/util/fd.hpp"

namespace plumbline::fetch::test {

struct Asked {
  std::string method;
  std::string target;                          ///< as it was on the wire
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;

  std::string header(const std::string& name) const {
    const auto at = headers.find(name);
    return at == headers.end() ? "" : at->second;
  }
};

struct Reply {
  int status = 200;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Listens on 127.0.0.1 and refuses, with 400 and an entry in problems(), what no proper server would take: no or
/// another Host, a header twice, a name with blanks, bytes that are not printable, a broken percent-encoding, a body
/// without Content-Length, a GET with a body, a head of more than 64 KiB. What passes goes to the handler, which stands
/// for one service and has to be as strict about its own: missing headers, credentials, signatures, which it verifies
/// by itself. The handler runs on the server's thread and under the lock: a test that changes what the handler reads
/// does so in change().
class StrictServer {
 public:
  using Handler = std::function<Reply(const Asked&)>;

  /// `keep_open`: a connection serves as many requests as its client sends.
  explicit StrictServer(Handler handler, bool keep_open = false)
      : handler_(std::move(handler)),
        keep_open_(keep_open),
        listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_.get(), 16) != 0 ||
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
      std::abort();
    authority_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { run(); });
  }
  ~StrictServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);  // accept() returns with an error
    thread_.join();
  }
  StrictServer(const StrictServer&) = delete;
  StrictServer& operator=(const StrictServer&) = delete;

  const std::string& authority() const { return authority_; }
  std::string url() const { return "http://" + authority_; }
  std::vector<Asked> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  std::size_t connections() const {
    const std::lock_guard lock(mutex_);
    return connections_;
  }
  std::vector<std::string> problems() const {
    const std::lock_guard lock(mutex_);
    return problems_;
  }
  template <class Change>
  void change(Change change) {
    const std::lock_guard lock(mutex_);
    change();
  }

 private:
  void run() {
    for (;;) {
      const Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!socket) return;
      const timeval patience{10, 0};
      ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      {
        const std::lock_guard lock(mutex_);
        ++connections_;
      }
      while (serve(socket.get()) && keep_open_) {
      }
    }
  }

  /// False: nothing more comes.
  bool serve(int socket) {
    Asked asked;
    std::string problem = read(socket, asked);
    if (problem == "nothing came") return false;
    Reply reply{400, "no proper request", {}};
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(asked);
      if (problem.empty())
        reply = handler_(asked);
      else
        problems_.push_back(std::move(problem));
    }
    std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " X\r\n";
    if (!keep_open_) text += "Connection: close\r\n";
    for (const auto& [name, value] : reply.headers) text += name + ": " + value + "\r\n";
    if (reply.status != 304) text += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
    text += "\r\n" + (reply.status == 304 ? "" : reply.body);
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t n = ::send(socket, text.data() + done, text.size() - done, MSG_NOSIGNAL);
      if (n <= 0) return false;
      done += static_cast<std::size_t>(n);
    }
    return true;
  }

  static bool receive(int socket, std::string& bytes) {
    char more[16384];
    const ssize_t n = ::recv(socket, more, sizeof more, 0);
    if (n > 0) bytes.append(more, static_cast<std::size_t>(n));
    return n > 0;
  }

  /// "" or what is wrong with the request.
  std::string read(int socket, Asked& asked) const {
    std::string bytes;
    while (bytes.find("\r\n\r\n") == std::string::npos) {
      if (bytes.size() > 65536) return "the head is too long";
      if (!receive(socket, bytes)) return bytes.empty() ? "nothing came" : "the head ends early";
    }
    const std::size_t end = bytes.find("\r\n\r\n");
    std::string head = bytes.substr(0, end + 2);
    asked.body = bytes.substr(end + 4);
    const std::string line = take_line(head);
    const auto first = line.find(' '), last = line.rfind(' ');
    if (first == last || line.substr(last) != " HTTP/1.1") return "no HTTP/1.1: " + line;
    asked.method = line.substr(0, first);
    asked.target = line.substr(first + 1, last - first - 1);
    while (!head.empty()) {
      const std::string field = take_line(head);
      const auto colon = field.find(": ");
      if (colon == 0 || colon == std::string::npos || field.find_first_of(" \t") < colon) return "no header: " + field;
      std::string name = field.substr(0, colon);
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
      if (!asked.headers.emplace(name, field.substr(colon + 2)).second) return name + " is there twice";
      if (!printable(field, ' ')) return name + " is not printable";
    }
    const std::string length = asked.header("content-length");
    while (!length.empty() && asked.body.size() < std::stoul(length))
      if (!receive(socket, asked.body)) return "the body ends early";
    return wrong_with(asked, length);
  }

  std::string wrong_with(const Asked& asked, const std::string& length) const {
    if (asked.header("host") != authority_) return "another Host: " + asked.header("host");
    if (!asked.target.starts_with('/') || !printable(asked.target, '!')) return "a bad target: " + asked.target;
    for (std::size_t at = 0; (at = asked.target.find('%', at)) != std::string::npos; ++at)
      if (at + 2 >= asked.target.size() || std::isxdigit(static_cast<unsigned char>(asked.target[at + 1])) == 0 ||
          std::isxdigit(static_cast<unsigned char>(asked.target[at + 2])) == 0)
        return "a broken percent-encoding: " + asked.target;
    if (asked.method == "GET" && (!asked.body.empty() || !length.empty())) return "a GET with a body";
    if (asked.method != "GET" && length != std::to_string(asked.body.size()))
      return "a body without its Content-Length";
    return "";
  }

  static bool printable(const std::string& text, unsigned char least) {
    return std::all_of(text.begin(), text.end(), [&](unsigned char c) { return c >= least && c < 0x7f; });
  }
  static std::string take_line(std::string& head) {
    const auto end = head.find("\r\n");
    std::string line = head.substr(0, end);
    head.erase(0, end + 2);
    return line;
  }

  const Handler handler_;
  const bool keep_open_;
  static inline std::mutex mutex_;  ///< one for all: the servers of one cloud share what they know
  std::vector<Asked> asked_;
  std::vector<std::string> problems_;
  std::size_t connections_ = 0;
  Fd listener_;
  std::string authority_;
  std::thread thread_;
};

}  // namespace plumbline::fetch::test
