#include "http/transport.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/core/error.hpp>
#include <cerrno>
#include <climits>
#include <cstring>
#include <tuple>

namespace plumbline::http::detail {
namespace {

using boost::system::error_code;

error_code last_error() {
  return {errno, boost::system::system_category()};
}

error_code tls_error() {
  const unsigned long code = ERR_get_error();
  if (code == 0) return boost::asio::error::eof;
  return {static_cast<int>(code), boost::asio::error::get_ssl_category()};
}

bool is_address(const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

}  // namespace

Transport::Transport() : context_(nullptr, SSL_CTX_free), ssl_(nullptr, SSL_free) {}
Transport::~Transport() = default;

int Transport::millis_left() const {
  if (deadline_ == Deadline::max()) return INT_MAX;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, INT_MAX));
}

bool Transport::wait(short events, error_code& ec) const {
  for (;;) {
    pollfd item{socket_.get(), events, 0};
    const int ready = ::poll(&item, 1, millis_left());
    if (ready > 0) return true;
    if (ready < 0 && errno == EINTR) continue;
    ec = ready == 0 ? error_code(boost::beast::error::timeout) : last_error();
    return false;
  }
}

bool Transport::connect_to(int family, const void* address, unsigned size, error_code& ec) {
  ec.clear();
  socket_ = Fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket_) {
    ec = last_error();
    return false;
  }
  // socket(7): connect() heeds the send timeout, of a Unix socket with a full backlog too; 0 would be none.
  const int millis = std::max(millis_left(), 1);
  const timeval limit{millis / 1000, millis % 1000 * 1000L};
  if (millis < INT_MAX) ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(socket_.get(), static_cast<const sockaddr*>(address), size) == 0) {
    ::fcntl(socket_.get(), F_SETFL, O_NONBLOCK);
    return true;
  }
  ec = errno == EAGAIN || errno == EINPROGRESS ? error_code(boost::beast::error::timeout) : last_error();
  return false;
}

void Transport::connect(const Endpoint& endpoint, error_code& ec) {
  if (!endpoint.unix_path.empty()) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    endpoint.unix_path.copy(address.sun_path, sizeof address.sun_path - 1);
    connect_to(AF_UNIX, &address, sizeof address, ec);
    return;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(endpoint.host.c_str(), endpoint.port.c_str(), &hints, &found);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  if (failed != 0) {
    ec = failed == EAI_SYSTEM ? last_error() : error_code(failed, boost::asio::error::get_addrinfo_category());
    return;
  }
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next)
    if (connect_to(at->ai_family, at->ai_addr, at->ai_addrlen, ec)) return;
}

void Transport::start_tls(const std::string& host, const ClientOptions& options, error_code& ec, std::string& trouble) {
  ERR_clear_error();
  context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  const auto& [ca, own, key] = std::tie(options.ca_file, options.certificate_file, options.key_file);
  if ((ca.empty() ? SSL_CTX_set_default_verify_paths(context_.get())
                  : SSL_CTX_load_verify_file(context_.get(), ca.c_str())) != 1)
    trouble = ca.empty() ? "the system's certificates" : ca;
  else if (!own.empty() && SSL_CTX_use_certificate_chain_file(context_.get(), own.c_str()) != 1)
    trouble = own;
  else if (!own.empty() && SSL_CTX_use_PrivateKey_file(context_.get(), key.c_str(), SSL_FILETYPE_PEM) != 1)
    trouble = key;
  if (!trouble.empty()) {
    ec = tls_error();
    return;
  }
  ssl_.reset(SSL_new(context_.get()));
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  if (is_address(host)) {  // RFC 6066: no server name for addresses
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl_.get(), host.c_str());
    SSL_set1_host(ssl_.get(), host.c_str());
  }
  tls([this] { return SSL_connect(ssl_.get()); }, ec);
}

/// What TLS wants to say, to the socket.
bool Transport::send_tls_output(error_code& ec) {
  char* bytes = nullptr;
  BIO* out = SSL_get_wbio(ssl_.get());
  auto left = static_cast<std::size_t>(BIO_get_mem_data(out, &bytes));
  while (left > 0) {
    const std::size_t sent = write_socket(bytes, left, ec);
    if (ec) return false;
    bytes += sent;
    left -= sent;
  }
  (void)BIO_reset(out);
  return true;
}

/// Repeats `action` until TLS needs nothing more from the peer; its result, or 0 with `ec`.
template <class Action>
int Transport::tls(Action action, error_code& ec) {
  for (;;) {
    ERR_clear_error();
    const int done = action();
    const int want = SSL_get_error(ssl_.get(), done);
    error_code sending;
    if (!send_tls_output(sending) && want != SSL_ERROR_SSL) {
      ec = sending;
      return 0;
    }
    if (done > 0) return done;
    if (want != SSL_ERROR_WANT_READ) {
      ec = want == SSL_ERROR_ZERO_RETURN ? error_code(boost::asio::error::eof) : tls_error();
      return 0;
    }
    std::array<char, 16 << 10> bytes;
    const std::size_t got = read_socket(bytes.data(), bytes.size(), ec);
    if (ec) return 0;
    BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(got));
  }
}

std::size_t Transport::read(void* bytes, std::size_t size, error_code& ec) {
  ec.clear();
  if (!ssl_) return read_socket(bytes, size, ec);
  const auto most = static_cast<int>(std::min<std::size_t>(size, INT_MAX));
  return static_cast<std::size_t>(tls([&] { return SSL_read(ssl_.get(), bytes, most); }, ec));
}

std::size_t Transport::write(const void* bytes, std::size_t size, error_code& ec) {
  ec.clear();
  if (!ssl_) return write_socket(bytes, size, ec);
  const auto most = static_cast<int>(std::min<std::size_t>(size, INT_MAX));
  return static_cast<std::size_t>(tls([&] { return SSL_write(ssl_.get(), bytes, most); }, ec));
}

std::size_t Transport::read_socket(void* bytes, std::size_t size, error_code& ec) {
  while (wait(POLLIN, ec)) {
    const ssize_t got = ::recv(socket_.get(), bytes, size, 0);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    ec = got == 0 ? error_code(boost::asio::error::eof) : last_error();
    break;
  }
  return 0;
}

std::size_t Transport::write_socket(const void* bytes, std::size_t size, error_code& ec) {
  while (wait(POLLOUT, ec)) {
    const ssize_t sent = ::send(socket_.get(), bytes, size, MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno == EAGAIN || errno == EINTR) continue;
    ec = last_error();
    break;
  }
  return 0;
}

}  // namespace plumbline::http::detail
