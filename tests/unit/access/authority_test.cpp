#include "access/authority.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <ctime>
#include <filesystem>
#include <fstream>

#include "http/client.hpp"
#include "http/server.hpp"
#include "tests/unit/support/certificates.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::access {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::chrono::seconds hour{3'600};

TEST(Authority, signs_certificates_that_a_server_takes_as_of_that_node) {
  const TempDir dir;
  const auto authority = Authority::open(dir / "enrolment", AuthorityOf::nodes).value();
  const std::string key = make_key().value();
  const auto certificate = authority->sign(make_request(key).value(), "web 1,URI:x", hour);
  ASSERT_TRUE(certificate) << certificate.error().message();
  const auto lifetime = lifetime_of(*certificate).value();
  EXPECT_LE(lifetime.from, std::time(nullptr));
  EXPECT_NEAR(static_cast<double>(lifetime.until - std::time(nullptr)), 3'600, 60);
  dir.write("node.key", key);
  dir.write("node.pem", *certificate);

  const plumbline::test::Authority theirs;
  theirs.write_certificate(dir / "server-ca.pem");
  theirs.issue(dir / "server.pem", dir / "server.key", {"server", "DNS:localhost"});
  http::Server server;
  server.route("GET", "/who", [](const http::Request& r) {
    return http::text_response(r.certificate ? r.certificate->uris.at(0) + " " + r.certificate->common_name : "nobody");
  });
  const auto port = server
                        .listen_tls("127.0.0.1", 0,
                                    http::ServerTls::load({dir / "server.pem", dir / "server.key",
                                                           dir / "server-ca.pem", authority->ca_file()})
                                        .value())
                        .value();
  server.start();
  http::ClientOptions options;
  options.ca_file = dir / "server-ca.pem";
  options.certificate_file = dir / "node.pem";
  options.key_file = dir / "node.key";
  const auto told =
      http::Client(http::parse_endpoint("https://localhost:" + std::to_string(port)).value(), options).get("/who");
  ASSERT_TRUE(told) << told.error().message();
  EXPECT_EQ(told->body, "spiffe://plumbline/node/web%201%2CURI%3Ax plumbline node");

  const auto other = Authority::open(dir / "other", AuthorityOf::nodes).value();
  dir.write("node.pem", other->sign(make_request(key).value(), "web-1", hour).value());
  EXPECT_FALSE(
      http::Client(http::parse_endpoint("https://localhost:" + std::to_string(port)).value(), options).get("/who"))
      << "another collector's";
}

TEST(Authority, signs_from_a_moment_on) {
  const TempDir dir;
  const auto authority = Authority::open(dir / "nodes", AuthorityOf::nodes).value();
  const auto request = make_request(make_key().value()).value();
  const std::int64_t now = std::time(nullptr);
  const auto from = [&](std::int64_t not_before) {
    return lifetime_of(authority->sign(request, "web-1", hour, not_before).value())->from;
  };
  EXPECT_LE(from(0), now - 200) << "clocks differ";
  EXPECT_LE(from(now - 10'000), now - 200);
  EXPECT_EQ(from(now - 7), now - 7) << "those of before were revoked";
}

TEST(Authority, of_files_that_were_given_is_none_that_is_made) {
  const TempDir dir;
  const AuthorityFiles files{dir / "a.key", dir / "a.pem"};
  EXPECT_EQ(Authority::read(files, AuthorityOf::nodes).error().code, ErrorCode::not_found);
  const auto made = Authority::read_or_make(files, AuthorityOf::nodes).value();
  const auto read = Authority::read(files, AuthorityOf::nodes).value();
  EXPECT_EQ(read->fingerprint(), made->fingerprint());
  EXPECT_EQ(read->ca_file(), files.certificate);
  const auto other = Authority::read_or_make({dir / "b.key", dir / "b.pem"}, AuthorityOf::nodes).value();
  EXPECT_NE(other->fingerprint(), made->fingerprint());
}

TEST(Authority, is_made_once_and_kept_for_itself) {
  const TempDir dir;
  const std::string folder = dir / "enrolment";
  ASSERT_TRUE(Authority::open(folder, AuthorityOf::nodes));
  struct stat status{};
  ASSERT_EQ(::stat((folder + "/ca.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat(folder.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
  const auto read = [&](const std::string& name) {
    std::ifstream file(folder + "/" + name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string key = read("ca.key");
  EXPECT_THAT(key, StartsWith("-----BEGIN PRIVATE KEY-----"));
  ASSERT_TRUE(Authority::open(folder, AuthorityOf::nodes));
  EXPECT_EQ(read("ca.key"), key);

  std::ofstream(folder + "/ca.key") << make_key().value();
  EXPECT_THAT(Authority::open(folder, AuthorityOf::nodes).error().message(), HasSubstr("do not belong together"));
  std::filesystem::remove(folder + "/ca.key");
  const auto missing = Authority::open(folder, AuthorityOf::nodes);
  ASSERT_FALSE(missing) << "a new key would know none of the nodes";
  EXPECT_THAT(missing.error().message(), HasSubstr("ca.key is missing"));
}

TEST(Authority, takes_nothing_of_a_request_but_a_key_that_signed_it) {
  const TempDir dir;
  const auto authority = Authority::open(dir / "enrolment", AuthorityOf::nodes).value();
  const auto why = [&](const std::string& request) {
    const auto made = authority->sign(request, "web-1", hour);
    return made ? "" : made.error().message();
  };
  EXPECT_THAT(why(""), HasSubstr("PKCS #10"));
  EXPECT_THAT(why(std::string(100'000, 'x')), HasSubstr("PKCS #10"));
  std::string request = make_request(make_key().value()).value();
  EXPECT_EQ(why(request), "");
  const std::string one = key_of_request(request), two = key_of_request(make_request(make_key().value()).value());
  EXPECT_EQ(one.size(), 64U);
  EXPECT_NE(one, two);
  EXPECT_EQ(key_of_request("x"), "");
  char& digit = request[request.size() - 60];  // of the signature
  digit = digit == 'A' ? 'B' : 'A';
  EXPECT_THAT(why(request), HasSubstr("its own key signed"));
}

}  // namespace
}  // namespace plumbline::access
