#include "access/own_certificate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>

#include "http/client.hpp"
#include "http/server.hpp"
#include "tests/unit/fetch/strict_server.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::access {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

constexpr std::int64_t day = std::int64_t{24} * 3600 * 1'000'000'000;

/// Begins now, as certificates do.
class SetClock final : public Clock {
 public:
  WallNs now = SystemClock().wall();
  WallNs wall() const override { return now; }
  std::int64_t boot() const override { return now; }
};

std::string read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

OwnCertificateConfig config_in(const TempDir& dir) {
  OwnCertificateConfig config;
  config.names = {"collector.example", "localhost"};
  config.folder = dir / "tls";
  return config;
}

std::unique_ptr<OwnCertificate> open(OwnCertificateConfig config, const Clock& clock) {
  auto own = OwnCertificate::open(std::move(config), clock, nullptr);
  EXPECT_TRUE(own) << own.error().message();
  return std::move(*own);
}

/// What a client that believes `ca_file` is told by a server with these files.
Result<http::Response> ask(const OwnCertificate& own, const std::string& host, const std::string& ca_file) {
  http::Server server;
  server.route("GET", "/who", [](const http::Request&) { return http::text_response("us"); });
  const auto port =
      server.listen_tls("127.0.0.1", 0, http::ServerTls::load({own.certificate_file(), own.key_file(), "", ""}).value())
          .value();
  server.start();
  http::ClientOptions options;
  options.ca_file = ca_file;
  return http::Client(http::parse_endpoint("https://" + host + ":" + std::to_string(port)).value(), options)
      .get("/who");
}

TEST(OwnCertificate, is_one_that_who_knows_its_authority_takes_by_its_names_alone) {
  const TempDir dir;
  SetClock clock;
  const auto own = open(config_in(dir), clock);
  const auto told = ask(*own, "localhost", own->ca_file());
  ASSERT_TRUE(told) << told.error().message();
  EXPECT_EQ(told->body, "us");
  EXPECT_FALSE(ask(*own, "127.0.0.1", own->ca_file())) << "no name of its";
  EXPECT_FALSE(ask(*own, "localhost", "")) << "nobody else knows the authority";
  const auto nodes = Authority::open(dir / "nodes", AuthorityOf::nodes).value();
  EXPECT_FALSE(ask(*own, "localhost", nodes->ca_file())) << "nor does that of nodes";
}

TEST(OwnCertificate, is_another_when_two_thirds_of_its_time_are_over_by_the_same_key_and_authority) {
  const TempDir dir;
  SetClock clock;
  const auto own = open(config_in(dir), clock);
  const std::string first = read(dir / "tls/server.pem"), key = read(dir / "tls/server.key"),
                    ca = read(dir / "tls/ca.pem");
  clock.now += 19 * day;
  ASSERT_TRUE(own->step());
  EXPECT_EQ(read(dir / "tls/server.pem"), first);
  clock.now += 2 * day;
  ASSERT_TRUE(own->step());
  EXPECT_NE(read(dir / "tls/server.pem"), first);
  EXPECT_EQ(read(dir / "tls/server.key"), key);
  EXPECT_EQ(read(dir / "tls/ca.pem"), ca);
  EXPECT_EQ(own->state().renewals, 1U);
}

TEST(OwnCertificate, of_another_start_is_by_the_same_authority_for_its_new_names) {
  const TempDir dir;
  SetClock clock;
  auto config = config_in(dir);
  config.names = {"old.example"};
  const std::string ca = (open(config, clock), read(dir / "tls/ca.pem"));
  const auto own = open(config_in(dir), clock);
  EXPECT_EQ(read(dir / "tls/ca.pem"), ca);
  EXPECT_TRUE(ask(*own, "localhost", own->ca_file()));
}

/// A cluster with one ConfigMap that our account may patch.
struct ConfigMapServer {
  Json data = Json::object();
  bool is_there = true;
  fetch::test::StrictServer server{[this](const fetch::test::Asked& asked) -> fetch::test::Reply {
    if (asked.header("authorization") != "Bearer ours") return {401, "{}", {}};
    if (asked.method != "PATCH" || asked.header("content-type") != "application/merge-patch+json")
      return {415, "{}", {}};
    if (asked.target != "/api/v1/namespaces/plumbline/configmaps/ca") return {403, "{}", {}};
    if (!is_there) return {404, "{}", {}};
    data.merge_patch(Json::parse(asked.body).at("data"));
    return {200, "{}", {}};
  }};
};

TEST(OwnCertificate, tells_the_config_map_who_signs_it_and_again_where_that_was_lost) {
  const TempDir dir;
  SetClock clock;
  ConfigMapServer cluster;
  auto config = config_in(dir);
  config.config_map = "plumbline/ca";
  config.api = {cluster.server.url(), dir.write("token", "ours\n"), ""};
  const auto own = open(config, clock);
  ASSERT_TRUE(own->step()) << own->state().trouble;
  EXPECT_EQ(cluster.data, Json({{"ca.crt", read(dir / "tls/ca.pem")}}));
  EXPECT_THAT(cluster.data["ca.crt"].get<std::string>(), StartsWith("-----BEGIN CERTIFICATE-----"));
  cluster.server.change([&] { cluster.is_there = false; });
  const auto lost = own->step();
  ASSERT_FALSE(lost);
  EXPECT_THAT(lost.error().message(), HasSubstr("plumbline/ca"));
  EXPECT_THAT(lost.error().message(), HasSubstr("404"));
  EXPECT_EQ(own->state().failures, 1U);
  cluster.server.change([&] { cluster.is_there = true, cluster.data = Json::object(); });
  ASSERT_TRUE(own->step());
  EXPECT_TRUE(cluster.data.contains("ca.crt"));
  EXPECT_EQ(own->state().trouble, "");
  EXPECT_TRUE(cluster.server.problems().empty());
}

TEST(OwnCertificate, on_its_thread_tells_what_became_of_it_and_ends_when_stopped) {
  const TempDir dir;
  const SetClock clock;
  ConfigMapServer cluster;
  cluster.is_there = false;
  auto config = config_in(dir);
  config.config_map = "plumbline/ca";
  config.api = {cluster.server.url(), dir.write("token", "ours\n"), ""};
  std::promise<std::string> told;
  const auto own = OwnCertificate::open(config, clock, [&](const OwnCertificate::State& state) {
                     told.set_value(state.trouble);
                   }).value();
  own->start();
  EXPECT_THAT(told.get_future().get(), HasSubstr("plumbline/ca"));
  own->stop();  // within the pause before the next try, which would tell a second time
  own->stop();
  EXPECT_EQ(own->state().failures, 1U);
}

TEST(OwnCertificate, whose_authority_is_damaged_is_none) {
  const TempDir dir;
  SetClock clock;
  (void)open(config_in(dir), clock);
  std::filesystem::remove(dir / "tls/ca.key");
  const auto own = OwnCertificate::open(config_in(dir), clock, nullptr);
  ASSERT_FALSE(own);
  EXPECT_THAT(own.error().message(), HasSubstr("ca.key is missing"));
}

}  // namespace
}  // namespace plumbline::access
