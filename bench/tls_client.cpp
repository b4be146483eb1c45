// A client of bench_tls_server that does as little as a client of OpenSSL can, so that what its probes cost shows.
//
//   bench_tls_client PORT requests cloud|other COUNT          COUNT small requests over one connection
//   bench_tls_client PORT upload|download cloud|other BYTES   one body, in calls of 16 KiB
//   bench_tls_client PORT calls AGENT_SOCKET COUNT            calls that change sg-0 … of AWS, each until its finding
//   is told
//
// Prints one JSON line. cloud: a host of AWS, whose calls are read; other: nobody's, given up before time is taken.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "bench/finding_stream.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using plumbline::bench::die;
using plumbline::bench::FindingStream;

constexpr std::size_t piece = 16384;  // bytes of one call
constexpr int warm_up = 200;          // requests: a connection is given up after 16 of another host

class Connection {
 public:
  explicit Connection(int port) : buffer_(piece), body_(piece, 'x') {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("connect");
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SSL_set_fd(connection_, socket_);
    if (SSL_connect(connection_) != 1) die("shake hands");
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    SSL_free(connection_);
    SSL_CTX_free(context_);
    ::close(socket_);
  }

  void write(const char* data, std::size_t size) {
    if (SSL_write(connection_, data, static_cast<int>(size)) != static_cast<int>(size)) die("write");
  }
  void write_body(std::size_t size) {
    for (; size > 0; size -= std::min(size, piece)) write(body_.data(), std::min(size, piece));
  }
  void read_answer() {
    std::size_t had = read();
    const std::string_view first(buffer_.data(), had);  // the server writes a whole head at once
    const auto length = first.find("Content-Length: "), head = first.find("\r\n\r\n");
    if (!first.starts_with("HTTP/1.1 200") || length > head || head == std::string_view::npos) die("an answer");
    const std::size_t wanted = std::strtoull(first.data() + length + 16, nullptr, 10) + head + 4;
    while (had < wanted) had += read();
  }
  void ask(const std::string& request) {
    write(request.data(), request.size());
    read_answer();
  }

 private:
  std::size_t read() {
    const int count = SSL_read(connection_, buffer_.data(), static_cast<int>(buffer_.size()));
    if (count <= 0) die("read");
    return static_cast<std::size_t>(count);
  }

  SSL_CTX* context_ = SSL_CTX_new(TLS_client_method());
  SSL* connection_ = SSL_new(context_);
  int socket_ = -1;
  std::vector<char> buffer_, body_;
};

/// `more`: header lines. A request of AWS' EC2 and one of nobody are of one size but for the host.
std::string request_to(bool is_cloud, const std::string& more, const std::string& form) {
  return std::string("POST / HTTP/1.1\r\nHost: ") +
         (is_cloud ? "ec2.eu-west-1.amazonaws.com" : "api.service.internal.example") +
         "\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
         (is_cloud
              ? "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261127/eu-west-1/ec2/aws4_request, "
                "SignedHeaders=host, Signature=0\r\n"
              : "Authorization: Bearer "
                "0000000000000000000000000000000000000000000000000000000000000000000000000000000\r\n") +
         more + "Content-Length: " + std::to_string(form.size()) + "\r\n\r\n" + form;
}

/// A body of Amazon S3, or of nobody.
std::string transfer_of(bool is_cloud, const char* verb, const std::string& more) {
  return std::string(verb) + " /key HTTP/1.1\r\nHost: " +
         (is_cloud ? "bucket.s3.eu-west-1.amazonaws.com" : "files.service.internal.example") +
         "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261127/eu-west-1/" +
         (is_cloud ? "s3" : "none") + "/aws4_request, SignedHeaders=host, Signature=0\r\n" + more + "\r\n";
}

double cpu_ns() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto ns = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_usec) * 1e3;
  };
  return ns(used.ru_utime) + ns(used.ru_stime);
}

/// Takes the time of `act`, wall and CPU of this process, and prints both for one of `count`.
template <class Act>
void measure(double count, const Act& act) {
  const double cpu = cpu_ns();
  const auto start = Clock::now();
  act();
  const double wall = std::chrono::duration<double, std::nano>(Clock::now() - start).count();
  std::printf("{\"wall_ns\": %.3f, \"cpu_ns\": %.3f}\n", wall / count, (cpu_ns() - cpu) / count);
}

void call(int port, const char* agent_socket, int count) {
  FindingStream stream(agent_socket);
  Connection connection(port);
  std::vector<double> micros;
  for (int i = 0; i < count; ++i) {
    const auto request =
        request_to(true, "", "Action=DeleteSecurityGroup&Version=2016-11-15&GroupId=sg-" + std::to_string(i));
    const auto start = Clock::now();
    connection.ask(request);
    stream.await_finding();
    micros.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    stream.finish_finding();
  }
  std::sort(micros.begin(), micros.end());
  const auto at = [&](double part) {
    return micros[static_cast<std::size_t>(part * static_cast<double>(micros.size() - 1))];
  };
  std::printf("{\"p50_us\": %.0f, \"p99_us\": %.0f, \"max_us\": %.0f, \"calls\": %d}\n", at(0.5), at(0.99),
              micros.back(), count);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr,
                 "usage: bench_tls_client PORT requests|upload|download|calls cloud|other|AGENT_SOCKET COUNT\n");
    return 64;
  }
  const int port = std::atoi(argv[1]);
  const std::string what = argv[2];
  const std::size_t count = std::strtoull(argv[4], nullptr, 10);
  if (what == "calls") {
    call(port, argv[3], static_cast<int>(count));
    return 0;
  }
  const bool is_cloud = std::string_view(argv[3]) == "cloud";
  const auto small = request_to(is_cloud, "", "Action=DescribeSecurityGroups&Version=2016-11-15&GroupId.1=sg-1");
  Connection connection(port);
  for (int i = 0; i < warm_up; ++i) connection.ask(small);
  if (what == "requests") {
    measure(static_cast<double>(count), [&] {
      for (std::size_t i = 0; i < count; ++i) connection.ask(small);
    });
  } else if (what == "upload") {
    const auto head = transfer_of(is_cloud, "PUT", "Content-Length: " + std::to_string(count) + "\r\n");
    measure(static_cast<double>(count), [&] {
      connection.write(head.data(), head.size());
      connection.write_body(count);
      connection.read_answer();
    });
  } else {
    const auto head = transfer_of(is_cloud, "GET", "X-Send: " + std::to_string(count) + "\r\n");
    measure(static_cast<double>(count), [&] { connection.ask(head); });
  }
}
