// A real PostgreSQL server that takes connections by TLS alone, and a password: what is verified, and what errors say.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/collector/client.hpp"
#include "tests/unit/collector/postgres_fixture.hpp"
#include "tests/unit/support/certificates.hpp"

namespace plumbline::collector::test {
namespace {

constexpr const char* password = "s3same-0pen";

class PostgresTls : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string why_not;
    server_ = PostgresServer::make(why_not);
    if (!server_) GTEST_SKIP() << why_not;
    server_->run_sql(std::string("CREATE ROLE remote LOGIN PASSWORD '") + password + "'");
    server_->run_sql("CREATE SCHEMA plumbline AUTHORIZATION remote");
    server_->run_sql("ALTER ROLE remote SET search_path = plumbline");
    authority_.write_certificate(file("ca.pem"));
    plumbline::test::Authority("somebody else").write_certificate(file("other.pem"));
    const std::string data = server_->directory() + "/";
    authority_.issue(data + "server.pem", data + "server.key", {"db", "DNS:localhost"});
    if (::geteuid() == 0) {
      ASSERT_EQ(::chown((data + "server.key").c_str(), 65534, 65534), 0);
      ASSERT_EQ(::chown((data + "server.pem").c_str(), 65534, 65534), 0);
    }
    std::filesystem::permissions(data + "server.key", std::filesystem::perms::owner_read);
    std::ofstream(data + "data/pg_hba.conf") << "local all all trust\nhostssl all remote 127.0.0.1/32 scram-sha-256\n"
                                                "hostssl all remote ::1/128 scram-sha-256\n";
    server_->restart_on(free_port(), {"-c", "ssl=on", "-c", "ssl_cert_file=" + data + "server.pem", "-c",
                                      "ssl_key_file=" + data + "server.key"});
    std::ofstream(file("password")) << password << '\n';
  }
  std::string file(const std::string& name) const { return directory_.path() + "/" + name; }
  PostgresTarget target(const std::string& host, const std::string& query, const std::string& secret = "password") {
    return {"postgresql://remote@" + host + ":" + std::to_string(server_->port()) + "/postgres?" + query, file(secret)};
  }
  /// The message with which it is refused; never with the password.
  std::string refusal(const PostgresTarget& wanted) {
    const auto opened = open_postgres_store({.target = wanted});
    EXPECT_FALSE(opened) << wanted.uri;
    if (opened) return "";
    const std::string message = opened.error().message();
    EXPECT_EQ(message.find(password), std::string::npos) << message;
    EXPECT_NE(message.find("store"), std::string::npos) << message;
    return message;
  }
  static void has(const std::string& message, const char* part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }

  TempDirectory directory_;
  plumbline::test::Authority authority_;
  std::unique_ptr<PostgresServer> server_;
  Made node_;
};

TEST_F(PostgresTls, a_server_whose_certificate_and_name_are_verified_is_used) {
  auto opened =
      open_postgres_store({.target = target("localhost", "sslmode=verify-full&sslrootcert=" + file("ca.pem"))});
  ASSERT_TRUE(opened) << opened.error().message();
  ASSERT_TRUE(store_now(**opened, batch(node_, {finding(node_, 1, "r", "d1")})));
  EXPECT_EQ((*opened)->ledger_after(0, 10, 1 << 20).value().size(), 1u);
  EXPECT_EQ(server_->ask("SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.usename ="
                         " 'remote' AND NOT s.ssl"),
            "0")
      << "each connection, LISTEN's too";
}

TEST_F(PostgresTls, another_authority_and_another_name_are_refused_with_the_way_out) {
  for (const char* mode : {"verify-full", "verify-ca"})
    has(refusal(target("localhost", std::string("sslmode=") + mode + "&sslrootcert=" + file("other.pem"))),
        "certificate");
  const auto name = refusal(target("127.0.0.1", "sslmode=verify-full&sslrootcert=" + file("ca.pem")));
  has(name, "does not match host name \"127.0.0.1\"");
  has(name, "sslrootcert");
  has(refusal(target("localhost", "sslmode=verify-full&sslrootcert=" + file("none.pem"))), "none.pem");
  has(refusal(target("localhost", "sslmode=verify-full")), "certificate");  // the system's authorities did not sign it
  has(refusal(target("localhost", "sslmode=disable")), "no encryption");
}

TEST_F(PostgresTls, a_password_that_is_wrong_or_not_there_is_told_without_it) {
  const std::string query = "sslmode=verify-full&sslrootcert=" + file("ca.pem");
  std::ofstream(file("wrong")) << "wr0ng-w0rd\n";
  const auto wrong = refusal(target("localhost", query, "wrong"));
  has(wrong, "password authentication failed");
  has(wrong, "check store.password_file");
  EXPECT_EQ(wrong.find("wr0ng-w0rd"), std::string::npos) << wrong;
  has(refusal(target("localhost", query, "none")), "read store.password_file");
  std::ofstream(file("empty")) << "\n";
  has(refusal(target("localhost", query, "empty")), "its first line is empty");
  std::ofstream(file("closed")) << password;
  std::filesystem::permissions(file("closed"), std::filesystem::perms::none);
  if (::geteuid() != 0)  // root reads it all the same
    has(refusal(target("localhost", query, "closed")), "Permission denied");
  std::ifstream log(server_->directory() + "/log");
  const std::string text{std::istreambuf_iterator<char>(log), {}};
  EXPECT_NE(text.find("password authentication failed"), std::string::npos) << "the server's own log was looked at";
  EXPECT_EQ(text.find("wr0ng-w0rd"), std::string::npos);
}

}  // namespace
}  // namespace plumbline::collector::test
