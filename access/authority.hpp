// The collector's own certificate authorities: one for nodes that enrol, one for itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "include/util/result.hpp"

namespace plumbline::access {

/// Whom an authority is for: who believes it about nodes is not to believe it about servers.
enum class AuthorityOf : std::uint8_t { nodes, server };

struct AuthorityFiles {
  std::string key, certificate;  ///< PEM
};

/// Any thread.
class Authority {
 public:
  /// Reads `folder`/ca.key and ca.pem, or makes them (0600, in a folder of 0700) where neither is there. Errors name
  /// the file; one without the other is `corrupt`: a new key would know none of the nodes that enrolled before.
  static Result<std::unique_ptr<Authority>> open(const std::string& folder, AuthorityOf whom);
  /// The same of files in a folder that is there.
  static Result<std::unique_ptr<Authority>> read_or_make(const AuthorityFiles& files, AuthorityOf whom);
  /// Reads files that somebody gave us: none are made.
  static Result<std::unique_ptr<Authority>> read(const AuthorityFiles& files, AuthorityOf whom);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  /// PEM of who signs; for ServerTls.
  const std::string& ca_file() const { return ca_file_; }

  /// SHA-256 (hex) of its certificate: tells it from others, and is no secret.
  std::string fingerprint() const;

  /// The certificate (PEM) of `node` for the key of a signing request (PKCS #10, PEM): P-256, P-384, Ed25519, or RSA of
  /// 2,048 bits and more. Of the request nothing but its key is taken. `invalid_argument`: it is none, or not signed by
  /// its own key. It begins some minutes ago, as clocks differ, and not before `not_before` (Unix seconds).
  Result<std::string> sign(const std::string& request, const std::string& node, std::chrono::seconds lasts,
                           std::int64_t not_before = 0) const;

  /// The certificate (PEM) of a server with these DNS names (is_dns_name()), for a request as above.
  Result<std::string> sign_server(const std::string& request, const std::vector<std::string>& names,
                                  std::chrono::seconds lasts) const;

 private:
  struct Impl;
  Authority(std::unique_ptr<Impl> impl, std::string ca_file);
  Result<std::string> sign(const std::string& what, const std::string& request, const std::string& name,
                           const std::string& usage, const std::string& alternative, std::chrono::seconds lasts,
                           std::int64_t not_before) const;
  std::unique_ptr<Impl> impl_;
  const std::string ca_file_;
};

/// SHA-256 (hex) of the public key in a signing request; "" = it is none. Tells whether two requests are of one node.
std::string key_of_request(const std::string& request);

/// A new key (P-256, PEM).
Result<std::string> make_key();
/// A signing request by such a key.
Result<std::string> make_request(const std::string& pem);

/// When a certificate (PEM) begins and ends, in Unix seconds.
struct Lifetime {
  std::int64_t from = 0, until = 0;
};
Result<Lifetime> lifetime_of(const std::string& pem);

}  // namespace plumbline::access
