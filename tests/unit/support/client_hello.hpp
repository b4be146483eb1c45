// First messages of TLS clients, as OpenSSL makes them.
#pragma once

#include <openssl/ssl.h>

#include <string>

namespace plumbline::agent::test {

/// `host` nullptr: without a name.
inline std::string hello(const char* host, int newest = TLS1_3_VERSION) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_max_proto_version(context, newest);
  SSL* ssl = SSL_new(context);
  if (host != nullptr) SSL_set_tlsext_host_name(ssl, host);
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
  SSL_set_connect_state(ssl);
  SSL_do_handshake(ssl);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out, &bytes);
  std::string text(bytes, static_cast<std::size_t>(size));
  SSL_free(ssl);
  SSL_CTX_free(context);
  return text;
}

}  // namespace plumbline::agent::test
