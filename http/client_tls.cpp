#include "http/client_tls.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <cerrno>
#include <memory>

#include "include/util/fd.hpp"

namespace plumbline::http {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
};

/// Why OpenSSL did not take the file.
Error refused(const std::string& what, const std::string& path, const std::string& fix) {
  std::array<char, 256> text{};
  ::ERR_error_string_n(::ERR_peek_last_error(), text.data(), text.size());
  ::ERR_clear_error();
  if (const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); !file)
    return io_error(what + " " + path, errno, "check the path and its permissions");
  return invalid(what + " " + path, text.data(), fix);
}

}  // namespace

Result<void> check_client_tls(const std::string& ca_file, const std::string& certificate_file,
                              const std::string& key_file) {
  const std::unique_ptr<SSL_CTX, FreeContext> context(::SSL_CTX_new(::TLS_client_method()));
  ::ERR_clear_error();
  if (!ca_file.empty() && ::SSL_CTX_load_verify_file(context.get(), ca_file.c_str()) != 1)
    return refused("read the CA file", ca_file, "give PEM: who signs the other end's certificate");
  if (!certificate_file.empty() && ::SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1)
    return refused("read the certificate", certificate_file, "give PEM: our own certificate first");
  if (!key_file.empty() && ::SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return refused("read the key", key_file, "give the certificate's own key, PEM, without a password");
  return {};
}

}  // namespace plumbline::http
