#include "collector/forward/tls_stream.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <thread>

#include "include/util/fd.hpp"

namespace plumbline::collector {
namespace {

using Steady = std::chrono::steady_clock;

constexpr int first_word_ms = 1000;
// A peer that vanished is found out in so long, so that what was sent to it is still at hand.
constexpr unsigned user_timeout_ms = 30'000;

std::string openssl_says() {
  std::array<char, 200> text{};
  const auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "the connection ended";
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

}  // namespace

struct TlsStream::Impl {
  Impl(TlsStreamOptions wanted, std::shared_ptr<Watchdog> dog) : options(std::move(wanted)), watchdog(std::move(dog)) {}

  std::string where() const { return options.host + ":" + options.port; }
  Error failure(const std::string& why) const {
    return Error{ErrorCode::unavailable, "send syslog to " + where(), why, ""};
  }

  void shut_down() {
    const std::lock_guard lock(socket_mutex);
    if (shared) ::shutdown(shared.get(), SHUT_RDWR);
  }
  Steady::time_point deadline() const { return Steady::now() + options.timeout; }

  /// nullptr with `trouble` where a file cannot be used.
  std::unique_ptr<SSL_CTX, SslFree> context(std::string& trouble) const {
    std::unique_ptr<SSL_CTX, SslFree> made(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_min_proto_version(made.get(), TLS1_2_VERSION);
    SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER, nullptr);
    const bool own = !options.certificate_file.empty();
    const bool ca = options.ca_file.empty() ? SSL_CTX_set_default_verify_paths(made.get()) == 1
                                            : SSL_CTX_load_verify_file(made.get(), options.ca_file.c_str()) == 1;
    if (!ca)
      trouble = "ca_file cannot be used: " + openssl_says();
    else if (own && SSL_CTX_use_certificate_chain_file(made.get(), options.certificate_file.c_str()) != 1)
      trouble = "certificate_file cannot be used: " + openssl_says();
    else if (own && SSL_CTX_use_PrivateKey_file(made.get(), options.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
      trouble = "key_file cannot be used: " + openssl_says();
    return trouble.empty() ? std::move(made) : nullptr;
  }

  /// Each address of the host in turn. False: `why` has the last one's trouble.
  bool dial(std::string& why) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int code = ::getaddrinfo(options.host.c_str(), options.port.c_str(), &hints, &found); code != 0) {
      why = ::gai_strerror(code);
      return false;
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, ::freeaddrinfo);
    why = "it has no address";
    for (const addrinfo* one = all.get(); one != nullptr; one = one->ai_next) {
      Fd fresh(::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol));
      if (!fresh) continue;
      {
        const std::lock_guard lock(socket_mutex);
        shared = Fd(::fcntl(fresh.get(), F_DUPFD_CLOEXEC, 0));
        if (cancelled) ::shutdown(fresh.get(), SHUT_RDWR);
      }
      const int on = 1;
      ::setsockopt(fresh.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      ::setsockopt(fresh.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
      ::setsockopt(fresh.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof user_timeout_ms);
      if (::connect(fresh.get(), one->ai_addr, one->ai_addrlen) == 0) {
        socket = std::move(fresh);
        return true;
      }
      why = std::strerror(errno);
    }
    return false;
  }

  bool handshake(SSL_CTX* made, std::string& why) {
    ssl.reset(SSL_new(made));
    SSL_set_fd(ssl.get(), socket.get());
    in6_addr unused{};
    const bool address = ::inet_pton(AF_INET, options.host.c_str(), &unused) == 1 ||
                         ::inet_pton(AF_INET6, options.host.c_str(), &unused) == 1;
    if (address) {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), options.host.c_str());
    } else {
      SSL_set_tlsext_host_name(ssl.get(), options.host.c_str());
      SSL_set1_host(ssl.get(), options.host.c_str());
    }
    ERR_clear_error();
    if (SSL_connect(ssl.get()) == 1) return true;
    const long verified = SSL_get_verify_result(ssl.get());
    why = "the TLS handshake failed: " +
          (verified != X509_V_OK ? std::string(X509_verify_cert_error_string(verified)) : openssl_says());
    return false;
  }

  /// Whether the peer is still there, waiting so long for a word of it.
  bool is_open(int wait_ms) {
    if (!ssl) return false;
    pollfd ready{socket.get(), POLLIN | POLLRDHUP, 0};
    if (::poll(&ready, 1, wait_ms) == 0) return true;
    const int flags = ::fcntl(socket.get(), F_GETFL);
    ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK);
    // A syslog receiver says nothing; what comes are session tickets, alerts, or the end.
    std::array<char, 256> ignored{};
    int got = 1;
    while (got > 0) got = SSL_read(ssl.get(), ignored.data(), static_cast<int>(ignored.size()));
    const int error = SSL_get_error(ssl.get(), got);
    ::fcntl(socket.get(), F_SETFL, flags);
    return error == SSL_ERROR_WANT_READ && !cancelled;
  }

  void drop() {
    ssl.reset();
    socket.reset();
    const std::lock_guard lock(socket_mutex);
    shared.reset();
  }

  TlsStreamOptions options;
  std::shared_ptr<Watchdog> watchdog;
  Fd socket;
  std::unique_ptr<SSL, SslFree> ssl;
  std::mutex socket_mutex;
  Fd shared;  ///< the same socket, for who ends it from outside
  std::atomic<bool> cancelled = false;
};

TlsStream::TlsStream(TlsStreamOptions options, std::shared_ptr<Watchdog> watchdog)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(watchdog))) {}
TlsStream::~TlsStream() = default;

Result<void> TlsStream::connect() {
  impl_->drop();
  std::string why;
  const auto context = impl_->context(why);
  if (!context) return Error{ErrorCode::corrupt, "send syslog to " + impl_->where(), why, "check the file"};
  std::atomic<bool> overdue = false;
  const Watchdog::Guard guard(*impl_->watchdog, impl_->deadline(), [this, &overdue] {
    overdue = true;
    impl_->shut_down();
  });
  bool there = impl_->dial(why) && impl_->handshake(context.get(), why);
  if (there && SSL_version(impl_->ssl.get()) >= TLS1_3_VERSION && !impl_->is_open(first_word_ms)) {
    there = false;
    why = "the peer ended the connection right after the handshake: it wants a certificate, or another one";
  }
  if (there && !overdue) return {};
  impl_->drop();
  return impl_->failure(overdue ? "it took too long" : why);
}

Result<void> TlsStream::write(std::string_view bytes) {
  if (!impl_->ssl) return impl_->failure("not connected");
  std::atomic<bool> overdue = false;
  const auto deadline = impl_->deadline();
  std::string why;
  {
    const Watchdog::Guard guard(*impl_->watchdog, deadline, [this, &overdue] {
      overdue = true;
      impl_->shut_down();
    });
    ERR_clear_error();
    while (!bytes.empty() && why.empty()) {
      const auto part = std::min(bytes.size(), std::size_t{16} << 10);
      const int written = SSL_write(impl_->ssl.get(), bytes.data(), static_cast<int>(part));
      if (written <= 0)
        why = "the peer ended the connection: " + openssl_says();
      else
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    // Bytes in our own kernel are lost where the peer goes; those in its kernel, only where the peer crashes.
    for (int unacknowledged = 1; why.empty() && unacknowledged > 0;) {
      if (::ioctl(impl_->socket.get(), SIOCOUTQ, &unacknowledged) != 0) break;
      if (unacknowledged > 0 && (overdue || impl_->cancelled)) why = "the peer did not acknowledge in time";
      if (unacknowledged > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  if (why.empty() && !overdue && impl_->is_open(0)) return {};
  impl_->drop();
  return impl_->failure(overdue ? "it took too long" : why.empty() ? "the peer ended the connection" : why);
}

bool TlsStream::alive() {
  return impl_->is_open(0);
}

void TlsStream::close() {
  if (impl_->ssl) SSL_shutdown(impl_->ssl.get());
  impl_->drop();
}

void TlsStream::cancel() noexcept {
  impl_->cancelled = true;
  impl_->shut_down();
}

}  // namespace plumbline::collector
