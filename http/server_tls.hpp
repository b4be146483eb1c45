// A server's certificate, and whom it believes about its clients, as files that may be replaced at any time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "include/util/result.hpp"

struct ssl_st;

namespace boost::asio::ssl {
class context;
}

namespace plumbline::http {

struct TlsFiles {
  std::string certificate_file;  ///< PEM: the server's, and those between it and its root
  std::string key_file;          ///< PEM
  std::string client_ca_file;    ///< PEM: who signs clients' certificates; "" = none is asked for
  std::string own_ca_file;       ///< PEM: the same, of an authority of our own
};

/// TLS 1.2 or later. A client that shows a certificate is refused where `client_ca_file` did not sign it; one that
/// shows none is served, and it is for the routes to ask who it is.
class ServerTls {
 public:
  /// Errors name the file, and what is wrong with it.
  static Result<std::shared_ptr<ServerTls>> load(TlsFiles files);
  ~ServerTls();
  ServerTls(const ServerTls&) = delete;
  ServerTls& operator=(const ServerTls&) = delete;

  /// What a new connection is to use. The files are looked at once a second at most, and read again where one of them
  /// was replaced; what cannot be used leaves the former ones in force. Any thread.
  std::shared_ptr<boost::asio::ssl::context> current();

  struct State {
    std::uint64_t reloads = 0, failures = 0;
    std::string trouble;         ///< of the last try; "" = the files are those in force
    std::int64_t expires_s = 0;  ///< Unix seconds: of the certificate in force
  };
  State state() const;

 private:
  struct Impl;
  explicit ServerTls(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// What became of a client's certificate in a handshake: it was fine or there was none, it is over or not valid yet, or
/// nobody that we know signed it.
enum class Trust : std::uint8_t { fine, expired, none };
Trust trust_of(ssl_st* ssl);

/// Whom a client's certificate names.
struct ClientCertificate {
  std::string common_name;
  std::vector<std::string> dns_names, uris;  ///< subjectAltName: "web-1.example", "spiffe://example/node/web-1"
  std::int64_t not_before = 0;               ///< Unix seconds
};

/// Of a connection whose handshake is over; nullptr where its client showed none. `ssl`: OpenSSL's SSL.
std::shared_ptr<const ClientCertificate> certificate_of(ssl_st* ssl);

}  // namespace plumbline::http
