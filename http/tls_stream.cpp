#include "http/tls_stream.hpp"

#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <cerrno>
#include <new>

namespace plumbline::http::detail {

TlsStream::TlsStream(Plain plain, boost::asio::ssl::context& context)
    : plain_(std::move(plain)), ssl_(SSL_new(context.native_handle()), SSL_free) {
  BIO* bio = ssl_ ? BIO_new(method()) : nullptr;
  if (bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  // HTTP says by itself how long a message is, so that an end without a word of TLS cuts nothing off unseen.
  SSL_set_options(ssl_.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  // A part of a record may be taken, and it may then stand elsewhere.
  SSL_set_mode(ssl_.get(),
               SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
}

void TlsStream::begin() {
  ERR_clear_error();
}

boost::system::error_code TlsStream::error_of(int want) {
  const unsigned long code = ERR_get_error();
  if (want == SSL_ERROR_ZERO_RETURN || code == 0) return boost::asio::error::eof;
  return {static_cast<int>(code), boost::asio::error::get_ssl_category()};
}

BIO_METHOD* TlsStream::method() {
  static BIO_METHOD* const made = [] {
    BIO_METHOD* fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "plumbline");
    if (fresh == nullptr) throw std::bad_alloc();
    BIO_meth_set_read(fresh, read);
    BIO_meth_set_write(fresh, write);
    BIO_meth_set_ctrl(fresh, control);
    return fresh;
  }();
  return made;
}

int TlsStream::read(BIO* bio, char* bytes, int size) {
  auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (stream.in_taken_ < stream.in_size_) {
    const std::size_t part = std::min(stream.in_size_ - stream.in_taken_, static_cast<std::size_t>(size));
    std::copy_n(stream.in_.data() + stream.in_taken_, part, bytes);
    stream.in_taken_ += part;
    return static_cast<int>(part);
  }
  for (;;) {
    const ssize_t got =
        ::recv(stream.plain_.socket().native_handle(), bytes, static_cast<std::size_t>(size), MSG_DONTWAIT);
    if (got >= 0) return static_cast<int>(got);
    if (errno == EINTR) continue;
    if (errno == EAGAIN) BIO_set_retry_read(bio);
    return -1;
  }
}

int TlsStream::write(BIO* bio, const char* bytes, int size) {
  auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  std::size_t sent = 0;
  while (stream.out_.empty() && sent < static_cast<std::size_t>(size)) {
    const ssize_t went = ::send(stream.plain_.socket().native_handle(), bytes + sent,
                                static_cast<std::size_t>(size) - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (went > 0) sent += static_cast<std::size_t>(went);
    if (went >= 0 || errno == EINTR) continue;
    if (errno != EAGAIN) return -1;
    break;
  }
  // Taken all the same: it is written before OpenSSL is called again. At most a flight of a handshake, or a record.
  stream.out_.append(bytes + sent, static_cast<std::size_t>(size) - sent);
  return size;
}

long TlsStream::control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

}  // namespace plumbline::http::detail
