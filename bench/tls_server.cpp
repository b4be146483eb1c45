// The other end of bench_tls_client: speaks HTTP/1.1 over TLS on a loopback port that it prints, one connection after
// the other. It has OpenSSL linked in and no symbols, so that no probe finds it: what is measured is the client's cost.
//
// A request's `X-Send: N` asks for a body of N bytes; its own body is read and thrown away. Its argument: microseconds
// for which it thinks before it answers, as a server that works does.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr std::size_t piece = 16384;  // bytes: what one TLS record holds

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

/// A key and a certificate of this run; the client takes any.
void certify(SSL_CTX* context) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  X509_set_pubkey(certificate, key);
  if (X509_sign(certificate, key, EVP_sha256()) == 0 || SSL_CTX_use_certificate(context, certificate) != 1 ||
      SSL_CTX_use_PrivateKey(context, key) != 1)
    die("make a certificate");
  X509_free(certificate);
  EVP_PKEY_free(key);
}

/// The number behind `name` in a head; 0 = it has none.
std::size_t number_of(const std::string& head, const char* name) {
  const auto at = head.find(name);
  return at == std::string::npos ? 0 : std::strtoull(head.c_str() + at + std::string(name).size(), nullptr, 10);
}

bool write_all(SSL* connection, const char* data, std::size_t size) {
  return SSL_write(connection, data, static_cast<int>(size)) == static_cast<int>(size);
}

/// False: the client is done.
bool answer(SSL* connection, std::vector<char>& buffer, unsigned thinking_us) {
  std::string head;
  std::size_t end = std::string::npos;
  while ((end = head.find("\r\n\r\n")) == std::string::npos) {
    const int count = SSL_read(connection, buffer.data(), static_cast<int>(buffer.size()));
    if (count <= 0) return false;
    head.append(buffer.data(), static_cast<std::size_t>(count));
  }
  std::size_t had = head.size() - end - 4;
  for (const std::size_t wanted = number_of(head, "Content-Length: "); had < wanted;) {
    const int count = SSL_read(connection, buffer.data(), static_cast<int>(buffer.size()));
    if (count <= 0) return false;
    had += static_cast<std::size_t>(count);
  }
  std::size_t left = number_of(head, "X-Send: ");
  std::string first =
      "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: " + std::to_string(left == 0 ? 300 : left) +
      "\r\n\r\n";
  if (left == 0) first.append(300, ' ');
  if (thinking_us > 0) ::usleep(thinking_us);
  if (!write_all(connection, first.data(), first.size())) return false;
  for (; left > 0; left -= std::min(left, piece))
    if (!write_all(connection, buffer.data(), std::min(left, piece))) return false;
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const auto thinking_us = argc > 1 ? static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10)) : 0u;
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c)
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  certify(context);
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener, 8) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    die("listen");
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  std::vector<char> buffer(4 * piece, 'x');
  for (;;) {
    const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) die("accept");
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SSL* connection = SSL_new(context);
    SSL_set_fd(connection, socket);
    if (SSL_accept(connection) == 1)
      while (answer(connection, buffer, thinking_us)) {
      }
    SSL_free(connection);
    ::close(socket);
  }
}
