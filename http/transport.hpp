// One connected stream of bytes with a deadline: Unix socket, TCP or TLS behind one type, so that Beast's parsers are
// compiled once and not once a kind.
#pragma once

#include <openssl/ssl.h>

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "http/client.hpp"
#include "include/util/fd.hpp"

namespace plumbline::http::detail {

/// Models Beast's SyncReadStream and SyncWriteStream. Errors: errno, `asio::error::eof` where the peer closed in order,
/// `beast::error::timeout` past the deadline, the SSL category for TLS. Not thread-safe.
class Transport {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  using error_code = boost::system::error_code;

  Transport();
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// Where all that follows ends.
  void expires_at(Deadline deadline) { deadline_ = deadline; }

  /// Each address that the host has, in turn; the last one's error.
  void connect(const Endpoint& endpoint, error_code& ec);
  /// After connect(). Files are those of ClientOptions; `trouble` names the one that cannot be used.
  void start_tls(const std::string& host, const ClientOptions& options, error_code& ec, std::string& trouble);

  template <class Buffers>
  std::size_t read_some(const Buffers& buffers, error_code& ec) {
    const boost::asio::mutable_buffer part = first<boost::asio::mutable_buffer>(buffers);
    return read(part.data(), part.size(), ec);
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers, error_code& ec) {
    const boost::asio::const_buffer part = first<boost::asio::const_buffer>(buffers);
    return write(part.data(), part.size(), ec);
  }
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers) {
    return checked([&](error_code& ec) { return read_some(buffers, ec); });
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers) {
    return checked([&](error_code& ec) { return write_some(buffers, ec); });
  }

 private:
  template <class Buffer, class Buffers>
  static Buffer first(const Buffers& buffers) {
    for (auto it = boost::asio::buffer_sequence_begin(buffers); it != boost::asio::buffer_sequence_end(buffers); ++it)
      if (const Buffer part(*it); part.size() > 0) return part;
    return {};
  }
  template <class Action>
  static std::size_t checked(Action action) {
    error_code ec;
    const std::size_t size = action(ec);
    if (ec) throw boost::system::system_error(ec);
    return size;
  }

  std::size_t read(void* bytes, std::size_t size, error_code& ec);
  std::size_t write(const void* bytes, std::size_t size, error_code& ec);
  std::size_t read_socket(void* bytes, std::size_t size, error_code& ec);
  std::size_t write_socket(const void* bytes, std::size_t size, error_code& ec);
  int millis_left() const;
  bool wait(short events, error_code& ec) const;
  bool connect_to(int family, const void* address, unsigned size, error_code& ec);
  template <class Action>
  int tls(Action action, error_code& ec);
  bool send_tls_output(error_code& ec);

  Fd socket_;
  Deadline deadline_ = Deadline::max();
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)>
      ssl_;  // over memory: send() can be told to raise no SIGPIPE, OpenSSL cannot
};

}  // namespace plumbline::http::detail
