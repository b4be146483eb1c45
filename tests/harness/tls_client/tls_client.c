/* One call of EC2 over TLS, through a server's socket file, by whatever OpenSSL it is linked to; then waits until it may
 * end. Declares what it uses itself, so that it builds against glibc and musl alike.
 *
 *   tls_client SOCKET GROUP_ID FILE DELAY      ends once FILE is there, at most after 60 s
 *
 * DELAY: milliseconds before it connects, as the way to a cloud takes: a name to look up, TCP, TLS. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* openssl/ssl.h */
typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
const void* TLS_client_method(void);
SSL_CTX* SSL_CTX_new(const void* method);
SSL* SSL_new(SSL_CTX* context);
int SSL_set_fd(SSL* connection, int fd);
int SSL_connect(SSL* connection);
int SSL_write(SSL* connection, const void* buffer, int size);
int SSL_read(SSL* connection, void* buffer, int size);

int main(int argc, char** argv) {
  if (argc != 5) return 64;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
  usleep((unsigned)atoi(argv[4]) * 1000);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0) {
    perror("connect");
    return 1;
  }
  char body[256], request[1024], answer[1024];
  snprintf(body, sizeof body, "Action=DeleteSecurityGroup&Version=2016-11-15&GroupId=%s", argv[2]);
  snprintf(request, sizeof request,
           "POST / HTTP/1.1\r\nHost: ec2.eu-west-1.amazonaws.com\r\nContent-Type: application/x-www-form-urlencoded\r\n"
           "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261127/eu-west-1/ec2/aws4_request, "
           "SignedHeaders=host, Signature=plumbline-canary-secret\r\nContent-Length: %zu\r\n\r\n%s",
           strlen(body), body);
  SSL* connection = SSL_new(SSL_CTX_new(TLS_client_method()));
  SSL_set_fd(connection, fd);
  if (SSL_connect(connection) != 1) return 2;
  if (SSL_write(connection, request, (int)strlen(request)) <= 0) return 3;
  int size = 0, count = 0;
  while (size < (int)sizeof answer - 1 && (count = SSL_read(connection, answer + size, (int)sizeof answer - 1 - size)) > 0) {
    answer[size += count] = 0;
    if (strstr(answer, "</DeleteSecurityGroupResponse>")) break;
  }
  if (strncmp(answer, "HTTP/1.1 200", 12) != 0) return 4;
  for (int i = 0; i < 600 && access(argv[3], F_OK) != 0; ++i) usleep(100000);
  return 0;
}
