// Destinations that take what comes and count it, in one thread, so cheap that the core is the sender's:
//
//   bench_receiver KIND=PORT…
//
// KIND: webhook (204), otlp (200), bulk (Elasticsearch's _bulk: each item 201). Commands on standard input, one a line:
//   count         prints {"KIND": {"requests": N, "distinct": N}, …}: distinct are the ids of findings (findings.hpp)
//   refuse        answers 503 from now on, and counts nothing     accept   as before
//   close         ends all connections and listens no more        open     listens again
//   slow N        takes N microseconds for each request            ids FILE   writes the ids that came, one a line
// Ends with its standard input.
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::string_view epoch = "-5eed5eed-";  // of all ids, behind eight digits of the node and before twenty

/// Which numbers came, of each node.
class Seen {
 public:
  void take_all(std::string_view text) {
    for (auto at = text.find(epoch); at != std::string_view::npos; at = text.find(epoch, at + epoch.size())) {
      if (at < 8 || at + epoch.size() + 20 > text.size()) continue;
      std::size_t number = 0;
      const char* const digits = text.data() + at + epoch.size();
      std::from_chars(digits, digits + 20, number);
      auto& of_node = nodes_[std::string(text.substr(at - 8, 8))];
      if (of_node.size() <= number) of_node.resize(number * 2 + 1);
      if (!of_node[number]) ++count_;
      of_node[number] = true;
    }
  }
  std::size_t count() const { return count_; }
  void write(std::ostream& out) const {
    for (const auto& [node, numbers] : nodes_)
      for (std::size_t i = 0; i < numbers.size(); ++i) {
        if (!numbers[i]) continue;
        const std::string digits = std::to_string(i);
        out << node << epoch << std::string(20 - digits.size(), '0') << digits << '\n';
      }
  }

 private:
  std::map<std::string, std::vector<bool>> nodes_;
  std::size_t count_ = 0;
};

struct Door {
  std::string kind;
  std::uint16_t port = 0;
  int listener = -1;
  std::size_t requests = 0;
  Seen seen;
};

struct Connection {
  Door* door = nullptr;
  std::string text;
};

class Receiver {
 public:
  explicit Receiver(std::vector<Door> doors) : doors_(std::move(doors)), epoll_(::epoll_create1(0)) {
    for (auto& door : doors_) open(door);
    watch(STDIN_FILENO);
  }

  void run() {
    std::array<epoll_event, 64> events{};
    for (;;) {
      const int ready = ::epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < ready; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == STDIN_FILENO) {
          if (!obey()) return;
        } else if (Door* door = door_of(fd)) {
          accept(*door);
        } else {
          serve(fd);
        }
      }
    }
  }

 private:
  void watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  void open(Door& door) const {
    if (door.listener >= 0) return;
    door.listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    ::setsockopt(door.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(door.port);
    if (::bind(door.listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(door.listener, 1024) != 0) {
      std::perror("cannot listen");
      std::exit(1);
    }
    watch(door.listener);
  }
  void close_all() {
    for (auto& door : doors_) {
      if (door.listener >= 0) ::close(door.listener);
      door.listener = -1;
    }
    for (const auto& [fd, connection] : connections_) ::close(fd);
    connections_.clear();
  }
  Door* door_of(int fd) {
    for (auto& door : doors_)
      if (door.listener == fd) return &door;
    return nullptr;
  }
  void accept(Door& door) {
    for (;;) {
      const int fd = ::accept4(door.listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) return;
      connections_[fd] = {&door, {}};
      watch(fd);
    }
  }
  void end(int fd) {
    ::close(fd);
    connections_.erase(fd);
  }

  void serve(int fd) {
    const auto found = connections_.find(fd);
    if (found == connections_.end()) return;
    Connection& connection = found->second;
    static std::array<char, std::size_t{1} << 18> chunk;
    const ssize_t got = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return end(fd);
    connection.text.append(chunk.data(), static_cast<std::size_t>(got));
    for (std::size_t size; (size = whole_request(connection.text)) != 0;) {
      const std::string answer = answer_to(*connection.door, std::string_view(connection.text).substr(0, size));
      connection.text.erase(0, size);
      // Answers are small, and each client waits for its own: the socket takes them whole.
      if (::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(answer.size())) return end(fd);
    }
  }

  /// Bytes of the first request, 0 where it has not come whole. Senders give a Content-Length.
  static std::size_t whole_request(std::string_view text) {
    const auto head = text.find("\r\n\r\n");
    if (head == std::string_view::npos) return 0;
    std::size_t length = 0;
    for (std::size_t line = text.find("\r\n"); line < head; line = text.find("\r\n", line + 2))
      if (::strncasecmp(text.data() + line + 2, "content-length:", 15) == 0)
        length = std::strtoull(text.data() + line + 17, nullptr, 10);
    const std::size_t size = head + 4 + length;
    return text.size() >= size ? size : 0;
  }

  std::string answer_to(Door& door, std::string_view request) const {
    if (refusing_) return "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    if (slow_us_ > 0) ::usleep(slow_us_);
    ++door.requests;
    door.seen.take_all(request);
    if (door.kind == "webhook") return "HTTP/1.1 204 No Content\r\n\r\n";
    std::string body = "{}";
    if (door.kind == "bulk") {
      std::string items;
      for (auto at = request.find("{\"create\""); at != std::string_view::npos;
           at = request.find("\n{\"create\"", at + 1))
        items += std::string(items.empty() ? "" : ",") + "{\"create\":{\"status\":201}}";
      body = "{\"errors\":false,\"items\":[" + items + "]}";
    }
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }

  /// Carries out the commands that have come; false at their end.
  bool obey() {
    std::array<char, 4096> chunk{};
    const ssize_t got = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (got <= 0) return false;
    commands_.append(chunk.data(), static_cast<std::size_t>(got));
    for (std::size_t end; (end = commands_.find('\n')) != std::string::npos; commands_.erase(0, end + 1))
      carry_out(commands_.substr(0, end));
    std::fflush(stdout);
    return true;
  }
  void carry_out(const std::string& command) {
    if (command == "count") return count();
    if (command.starts_with("ids ")) {
      std::ofstream out(command.substr(4));
      for (const auto& door : doors_) door.seen.write(out);
    } else if (command == "refuse" || command == "accept") {
      refusing_ = command == "refuse";
    } else if (command.starts_with("slow ")) {
      slow_us_ = static_cast<useconds_t>(std::atoi(command.c_str() + 5));
    } else if (command == "close") {
      close_all();
    } else if (command == "open") {
      for (auto& door : doors_) open(door);
    } else {
      std::fprintf(stderr, "no command: %s\n", command.c_str());
      std::exit(64);
    }
    std::puts("done");
  }
  void count() const {
    std::string text;
    for (const auto& door : doors_)
      text += (text.empty() ? "{\"" : ", \"") + door.kind + "\": {\"requests\": " + std::to_string(door.requests) +
              ", \"distinct\": " + std::to_string(door.seen.count()) + "}";
    std::puts((text + "}").c_str());
  }

  std::vector<Door> doors_;
  std::map<int, Connection> connections_;
  std::string commands_;
  bool refusing_ = false;
  useconds_t slow_us_ = 0;
  const int epoll_;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<Door> doors;
  for (int i = 1; i < argc; ++i) {
    const std::string text = argv[i];
    const auto equals = text.find('=');
    if (equals == std::string::npos) {
      std::fprintf(stderr, "%s is no KIND=PORT\n", argv[i]);
      return 64;
    }
    Door door;
    door.kind = text.substr(0, equals);
    door.port = static_cast<std::uint16_t>(std::atoi(text.c_str() + equals + 1));
    doors.push_back(std::move(door));
  }
  Receiver receiver(std::move(doors));
  std::puts("done");
  std::fflush(stdout);
  receiver.run();
  return 0;
}
