// What the configuration says reaches the origin that is made of it: one server plays the store of each scheme.
#include "fetch/make_origin.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/fetch/fakes.hpp"
#include "tests/unit/fetch/strict_server.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::fetch {
namespace {

using namespace test;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class MakeOrigin : public testing::Test {
 protected:
  MakeOrigin() {
    config_.name = "net";
    config_.kind = "terraform_state";
    config_.endpoint = server_.url();
  }
  ~MakeOrigin() override { EXPECT_THAT(server_.problems(), IsEmpty()); }

  Result<std::unique_ptr<Origin>> make(const std::string& location) {
    config_.path = config_.location = location;
    return make_origin(config_, clock_);
  }
  /// What the origin of `location` brings, or the error; CANARY is in every secret.
  std::string fetch(const std::string& location) {
    auto origin = make(location);
    std::string got;
    const auto fetched = origin ? (*origin)->fetch("",
                                                   [&](std::string_view bytes) -> Result<void> {
                                                     got = bytes;
                                                     return {};
                                                   })
                                : Result<Fetched>(origin.error());
    if (!fetched) got = fetched.error().message();
    EXPECT_THAT(got, Not(HasSubstr("CANARY")));
    return got;
  }
  /// The last request, "METHOD TARGET AUTHORIZATION".
  std::string asked() const {
    const Asked last = server_.asked().back();
    return last.method + " " + last.target + " " + last.header("authorization");
  }

  const TempDir dir_;
  FakeClock clock_;
  SourceConfig config_;
  StrictServer server_{[](const Asked& request) {
    if (request.target == "/token") return Reply{200, R"({"access_token":"CANARY-token","expires_in":3600})", {}};
    return Reply{200, "of " + request.target.substr(0, request.target.find('?')), {}};
  }};
};

TEST_F(MakeOrigin, of_an_object_in_s3) {
  config_.region = "eu-west-1";
  config_.credentials_file = dir_.write("keys", "[default]\naws_access_key_id=AKIA\naws_secret_access_key=CANARY\n");
  EXPECT_EQ(fetch("s3://states/a b"), "of /states/a%20b");
  EXPECT_THAT(asked(), HasSubstr("Credential=AKIA/20261125/eu-west-1/s3/"));
}

TEST_F(MakeOrigin, of_an_object_in_google_cloud_storage) {
  config_.credentials_file =
      dir_.write("user.json", R"({"type": "authorized_user", "client_id": "id", "client_secret": "CANARY",
                                  "refresh_token": "CANARY", "token_uri": ")" +
                                  server_.url() + R"(/token"})");
  EXPECT_EQ(fetch("gs://states/a b"), "of /storage/v1/b/states/o/a%20b");
  EXPECT_THAT(asked(), HasSubstr("Bearer CANARY-token"));
}

TEST_F(MakeOrigin, of_a_blob_of_azure) {
  config_.credentials_file = dir_.write("sas", "sv=1&sig=CANARY\n");
  EXPECT_EQ(fetch("azblob://account/states/a b"), "of /states/a%20b");
  EXPECT_EQ(asked(), "GET /states/a%20b?sv=1&sig=CANARY ");
}

TEST_F(MakeOrigin, of_a_url_and_of_an_object_of_kubernetes) {
  config_.token_file = dir_.write("token", "CANARY\n");
  EXPECT_EQ(fetch(server_.url() + "/net?sig=CANARY"), "of /net");
  EXPECT_EQ(asked(), "GET /net?sig=CANARY Bearer CANARY");
  EXPECT_THAT(fetch("kubernetes://infra/secrets/net"), HasSubstr("no object of Kubernetes"));
  EXPECT_EQ(asked(), "GET /api/v1/namespaces/infra/secrets/net Bearer CANARY");
  config_.node_name = "node-1";
  EXPECT_THAT(fetch("kubernetes:///pods"), HasSubstr("no object of Kubernetes"));
  EXPECT_EQ(asked(), "GET /api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&limit=500 Bearer CANARY");
}

TEST_F(MakeOrigin, of_a_command) {
  config_.command = {"/bin/pwd"};
  config_.directory = dir_.path();
  EXPECT_EQ(fetch("command://pwd"), dir_.path() + "\n");
}

TEST_F(MakeOrigin, gives_up_after_the_configured_time) {
  config_.command = {"/bin/sleep", "1000"};
  config_.timeout = std::chrono::milliseconds(100);
  EXPECT_THAT(fetch("command://sleep"), HasSubstr("did not end in time"));
}

TEST_F(MakeOrigin, names_the_baseline_where_nothing_can_be_made) {
  for (const auto& [location, why] :
       std::vector<std::pair<std::string, std::string>>{{"ftp://h/x", "its scheme is not known"},
                                                        {"s3://states", "no key"},
                                                        {"gs://states", "no bucket and object"},
                                                        {"azblob://account/states", "no account, container and blob"},
                                                        {"kubernetes://infra/pods/x", "configmaps"},
                                                        {"kubernetes://pods", "kubernetes:///pods"},
                                                        {"https://user:CANARY@h/", "password"}}) {
    const auto origin = make(location);
    ASSERT_FALSE(origin) << location;
    EXPECT_EQ(origin.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(origin.error().message(), AllOf(HasSubstr("baseline net: "), HasSubstr(why), Not(HasSubstr("CANARY"))));
  }
  config_.endpoint = "http://192.0.2.1";
  for (const char* location : {"gs://states/a", "azblob://account/states/a", "kubernetes://infra/secrets/net"})
    EXPECT_THAT(make(location).error().message(), HasSubstr("unencrypted to 192.0.2.1")) << location;
  EXPECT_THAT(server_.asked(), IsEmpty());
}

TEST_F(MakeOrigin, is_checked_for_all_that_are_locations) {
  config_.path = config_.location = "/srv/net.tfstate";
  std::vector<SourceConfig> sources{config_};
  EXPECT_TRUE(check_origins(sources)) << "a path is no location";
  config_.path = config_.location = "gs://states";
  sources.push_back(config_);
  EXPECT_THAT(check_origins(sources).error().message(), HasSubstr("write gs://BUCKET/OBJECT"));
}

}  // namespace
}  // namespace plumbline::fetch
