/* One call of EC2 over TLS by an OpenSSL that is linked into this program.
 *
 *   openssl_inside https://HOST:PORT/ CERTIFICATE AUTHORIZATION FORM */
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char** argv) {
  char host[256], name[256], request[2048], answer[2048] = "";
  if (argc != 5 || sscanf(argv[1], "https://%255[^/]", host) != 1) return 64;
  snprintf(name, sizeof name, "%.*s", (int)strcspn(host, ":"), host);
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  if (SSL_CTX_load_verify_locations(context, argv[2], NULL) != 1) return 1;
  SSL* connection = SSL_new(context);
  BIO* socket = BIO_new_connect(host);
  if (SSL_set1_host(connection, name) != 1 || SSL_set_tlsext_host_name(connection, name) != 1) return 1;
  if (BIO_do_connect(socket) != 1) return 2;
  SSL_set_bio(connection, socket, socket);
  if (SSL_connect(connection) != 1) return 3;
  int size = snprintf(request, sizeof request,
                      "POST / HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                      "Authorization: %s\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                      host, argv[3], strlen(argv[4]), argv[4]);
  if (SSL_write(connection, request, size) != size) return 4;
  size_t count = 0;
  for (size_t at = 0; at < sizeof answer - 1; at += count)
    if (SSL_read_ex(connection, answer + at, sizeof answer - 1 - at, &count) != 1) break;
  SSL_free(connection);
  SSL_CTX_free(context);
  return strncmp(answer, "HTTP/1.1 200", 12) == 0 ? 0 : 5;
}
