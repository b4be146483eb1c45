#include "http/url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/client.hpp"

namespace plumbline::http {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string parts(const std::string& text) {
  const auto url = parse_url("read it", text);
  if (!url) return url.error().message();
  return (url->tls ? "tls " : "plain ") + url->origin + " " + url->host + " " + url->port + " " + url->target;
}

TEST(Url, comes_apart) {
  EXPECT_EQ(parts("https://example.org"), "tls https://example.org example.org 443 /");
  EXPECT_EQ(parts("http://example.org:8080/a/b?c=d#e"), "plain http://example.org:8080 example.org 8080 /a/b?c=d");
  EXPECT_EQ(parts("http://[::1]:80"), "plain http://[::1]:80 ::1 80 /");
  EXPECT_EQ(parts("https://[::1]?q"), "tls https://[::1] ::1 443 /?q");
  EXPECT_EQ(parts("http://h#f"), "plain http://h h 80 /");
  EXPECT_EQ(parts("http://h/a@b"), "plain http://h h 80 /a@b");
}

TEST(Url, is_refused_without_being_told) {
  for (const auto& [text, why] :
       std::vector<std::pair<std::string, std::string>>{{"ftp://s3cret", "neither with http:// nor with https://"},
                                                        {"s3cret", "neither with http:// nor with https://"},
                                                        {"http://", "no host"},
                                                        {"http://:80/s3cret", "no host"},
                                                        {"http://[::1/s3cret", "no host"},
                                                        {"http://u:s3cret@h/", "user or password"},
                                                        {"http://h/s3cret x", "space"},
                                                        {"http://h/s3cret\n", "control character"},
                                                        {"http://h/s3cret\xe4", "not ASCII"},
                                                        {"http://h:/s3cret", "no port"},
                                                        {"http://h:0/s3cret", "no port"},
                                                        {"http://h:65536/s3cret", "no port"},
                                                        {"http://h:80x/s3cret", "no port"},
                                                        {"http://[::1]80/s3cret", "no port"}}) {
    EXPECT_THAT(parts(text), HasSubstr(why)) << text;
    EXPECT_THAT(parts(text), Not(HasSubstr("s3cret")));
  }
}

TEST(Endpoint, is_a_socket_or_an_origin) {
  EXPECT_EQ(parse_endpoint("unix:/run/a.sock")->unix_path, "/run/a.sock");
  const auto https = parse_endpoint("https://[::1]:9650/").value();
  EXPECT_TRUE(https.tls);
  EXPECT_EQ(https.host + " " + https.port, "::1 9650");
  EXPECT_EQ(parse_endpoint("http://localhost")->port, "80");
  for (const char* bad :
       {"unix:", "127.0.0.1:9640", "ftp://x", "http://h:99999", "http://h/v1", "http://h?x", "http://h#x"})
    EXPECT_TRUE(parse_endpoint(bad).has_error()) << bad;
  EXPECT_THAT(parse_endpoint("http://h:1/v1").error().message(), HasSubstr("write it as http://h:1"));
}

}  // namespace
}  // namespace plumbline::http
