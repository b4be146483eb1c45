// A TLS connection between two ends in one process' memory, for what hooks OpenSSL.
#pragma once

#include <openssl/ssl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace plumbline::agent::test {

inline constexpr unsigned key_size = 16;

/// Both ends, joined in memory, with a key that both know instead of certificates.
class Ends {
 public:
  Ends() {
    SSL_CTX_set_cipher_list(context_, "PSK-AES128-GCM-SHA256");
    SSL_CTX_set_max_proto_version(context_, TLS1_2_VERSION);
    SSL_CTX_set_psk_client_callback(context_,
                                    [](SSL*, const char*, char* identity, unsigned, unsigned char* key, unsigned) {
                                      std::strcpy(identity, "x");
                                      return static_cast<unsigned>(std::fill_n(key, key_size, 'k') - key);
                                    });
    SSL_CTX_set_psk_server_callback(context_, [](SSL*, const char*, unsigned char* key, unsigned) {
      return static_cast<unsigned>(std::fill_n(key, key_size, 'k') - key);
    });
    for (SSL** end : {&client, &server}) *end = SSL_new(context_);
    BIO *left = nullptr, *right = nullptr;
    BIO_new_bio_pair(&left, 1 << 20, &right, 1 << 20);
    SSL_set_bio(client, left, left);
    SSL_set_bio(server, right, right);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
  }
  Ends(const Ends&) = delete;
  Ends& operator=(const Ends&) = delete;
  ~Ends() {
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(context_);
  }
  void shake_hands() const {
    for (int round = 0; round < 10; ++round) {
      const bool here = SSL_do_handshake(client) == 1, there = SSL_do_handshake(server) == 1;
      if (here && there) return;
    }
    ::_exit(4);
  }
  SSL* client = nullptr;
  SSL* server = nullptr;

 private:
  SSL_CTX* context_ = SSL_CTX_new(TLS_method());
};

/// Ends the process where it does not work.
inline void say(SSL* from, SSL* to, const std::string& text) {
  std::size_t count = 0;
  std::string heard(text.size(), '\0');
  if (SSL_write_ex(from, text.data(), text.size(), &count) != 1) ::_exit(1);
  for (std::size_t at = 0; at < heard.size(); at += count)
    if (SSL_read_ex(to, heard.data() + at, heard.size() - at, &count) != 1) ::_exit(2);
}

}  // namespace plumbline::agent::test
