// A server's end of TLS over a connection, with no memory of its own while nothing comes or goes. Private to http/.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <memory>
#include <string>
#include <utility>

namespace plumbline::http::detail {

/// Models Beast's AsyncReadStream and AsyncWriteStream. Asio's own stream holds 68 KiB for each connection: two buffers
/// of a record and two within OpenSSL. Here OpenSSL reads and writes the socket itself as long as that gives and takes;
/// only then is waited, into some bytes, by the plain stream, whose deadlines so hold here, too. On one strand.
class TlsStream {
 public:
  using Plain = boost::beast::basic_stream<boost::asio::generic::stream_protocol, boost::asio::any_io_executor>;
  using error_code = boost::system::error_code;

  TlsStream(Plain plain, boost::asio::ssl::context& context);
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  Plain& plain() { return plain_; }
  SSL* native_handle() { return ssl_.get(); }

  /// Completion: (error, 0 or more).
  template <class Token>
  auto async_handshake(Token&& token) {
    return run([](SSL* ssl) { return SSL_accept(ssl); }, std::forward<Token>(token));
  }
  /// Says that this is the end, and waits for the client to say so.
  template <class Token>
  auto async_shutdown(Token&& token) {
    return run(
        [](SSL* ssl) {
          const int done = SSL_shutdown(ssl);
          return done == 0 ? SSL_shutdown(ssl) : done;
        },
        std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    const auto part = first<boost::asio::mutable_buffer>(buffers);
    return run([part](SSL* ssl) { return SSL_read(ssl, part.data(), size_of(part)); }, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    const auto part = first<boost::asio::const_buffer>(buffers);
    return run([part](SSL* ssl) { return SSL_write(ssl, part.data(), size_of(part)); }, std::forward<Token>(token));
  }

 private:
  static constexpr std::size_t one_record = 16 << 10;  // RFC 8446, 5.1

  template <class Buffer>
  static int size_of(const Buffer& buffer) {
    return static_cast<int>(std::min(buffer.size(), one_record));
  }
  template <class Buffer, class Buffers>
  static Buffer first(const Buffers& buffers) {
    for (auto it = boost::asio::buffer_sequence_begin(buffers); it != boost::asio::buffer_sequence_end(buffers); ++it)
      if (const Buffer part(*it); part.size() > 0) return part;
    return {};
  }

  /// Calls `action` until OpenSSL needs nothing more of the socket.
  template <class Action>
  struct Operation {
    TlsStream& stream;
    Action action;
    enum class State { asking, writing, reading, done } state = State::asking;
    int result = 0, want = 0;
    error_code failed{};

    template <class Self>
    void operator()(Self& self, error_code ec = {}, std::size_t size = 0) {
      const State was = state;
      if (was == State::done) return self.complete(failed, count());
      if (ec) return end(self, was, ec);
      if (was == State::writing) stream.out_.erase(0, size);
      if (was == State::reading) stream.came(size);
      if (was != State::writing) want = stream.call(action, result);
      if (!stream.out_.empty()) {
        state = State::writing;
        return stream.plain_.async_write_some(boost::asio::buffer(stream.out_), std::move(self));
      }
      std::string().swap(stream.out_);
      if (result <= 0 && want == SSL_ERROR_WANT_READ) {
        state = State::reading;
        return stream.plain_.async_read_some(boost::asio::buffer(stream.in_), std::move(self));
      }
      end(self, was, result > 0 ? error_code() : error_of(want));
    }

   private:
    std::size_t count() const { return !failed && result > 0 ? static_cast<std::size_t>(result) : 0; }
    template <class Self>
    void end(Self& self, State was, error_code ec) {
      failed = ec;
      if (was != State::asking) return self.complete(failed, count());
      state = State::done;  // not from within the call that began it
      boost::asio::post(stream.plain_.get_executor(), std::move(self));
    }
  };
  template <class Action, class Token>
  auto run(Action action, Token&& token) {
    return boost::asio::async_compose<Token, void(error_code, std::size_t)>(Operation<Action>{*this, std::move(action)},
                                                                            token, plain_);
  }

  template <class Action>
  int call(const Action& action, int& result) {
    begin();
    result = action(ssl_.get());
    return SSL_get_error(ssl_.get(), result);
  }
  void came(std::size_t size) {
    in_size_ = size;
    in_taken_ = 0;
  }
  static void begin();
  static error_code error_of(int want);
  static BIO_METHOD* method();
  static int read(BIO* bio, char* bytes, int size);
  static int write(BIO* bio, const char* bytes, int size);
  static long control(BIO* bio, int command, long number, void* pointer);

  Plain plain_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  std::array<char, 64> in_{};  // what woke us, until OpenSSL takes it
  std::size_t in_size_ = 0, in_taken_ = 0;
  std::string out_;  // what the socket did not take yet
};

}  // namespace plumbline::http::detail
