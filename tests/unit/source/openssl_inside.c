/* Has OpenSSL in it, as programs do that are linked to its archives; never runs. */
#include <openssl/ssl.h>

int main(void) {
  char byte = 0;
  SSL* connection = SSL_new(SSL_CTX_new(TLS_method()));
  return SSL_write(connection, &byte, 1) + SSL_read(connection, &byte, 1);
}
