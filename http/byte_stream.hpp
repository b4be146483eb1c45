// A connection's bytes, in clear or by TLS, behind one type, so that Beast's parsers are compiled once. Private to
// http/.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <utility>
#include <variant>

#include "http/tls_stream.hpp"

namespace plumbline::http::detail {

namespace asio = boost::asio;
using Protocol = asio::generic::stream_protocol;  // TCP and Unix sockets share one instantiation
using Socket = Protocol::socket;

/// Models Beast's AsyncReadStream and AsyncWriteStream. On one strand.
class ByteStream {
 public:
  using Plain = TlsStream::Plain;
  using executor_type = Plain::executor_type;

  /// `context` nullptr: in clear. Else handshake() comes first.
  ByteStream(Socket socket, std::shared_ptr<asio::ssl::context> context)
      : context_(std::move(context)), stream_(make(std::move(socket), context_.get())) {}

  executor_type get_executor() { return plain().get_executor(); }
  Plain& plain() { return tls() != nullptr ? tls()->plain() : std::get<Plain>(stream_); }
  TlsStream* tls() { return std::get_if<TlsStream>(&stream_); }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    if (auto* secure = tls()) return secure->async_read_some(buffers, std::forward<Token>(token));
    return std::get<Plain>(stream_).async_read_some(buffers, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    if (auto* secure = tls()) return secure->async_write_some(buffers, std::forward<Token>(token));
    return std::get<Plain>(stream_).async_write_some(buffers, std::forward<Token>(token));
  }

 private:
  using Either = std::variant<Plain, TlsStream>;
  static Either make(Socket socket, asio::ssl::context* context) {
    if (context == nullptr) return Either(std::in_place_type<Plain>, std::move(socket));
    return Either(std::in_place_type<TlsStream>, Plain(std::move(socket)), *context);
  }

  const std::shared_ptr<asio::ssl::context> context_;  // outlives the stream
  Either stream_;
};

}  // namespace plumbline::http::detail
