// Blobs of Azure, and each way to be let in, against strict doubles of Azure's servers.
#include "fetch/azure.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <nlohmann/json.hpp>
#include <set>

#include "http/target.hpp"
#include "tests/unit/fetch/fakes.hpp"
#include "tests/unit/fetch/strict_server.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::fetch {
namespace {

using nlohmann::json;
using namespace test;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string raw_key = "c4nary-account-key-for-tests-only-0123456789";
const std::string key = "YzRuYXJ5LWFjY291bnQta2V5LWZvci10ZXN0cy1vbmx5LTAxMjM0NTY3ODk=";  // raw_key in base64
const std::string sas = "sv=2021-08-06&sr=b&se=2026-12-01T00%3A00%3A00Z&sp=r&sig=c4nary%2BQ%2F7%3D";
const std::string blob = "/statesaccount/infra/env/prod%20%231.tfstate";

/// What the real service signs for itself and compares: made anew from the request as it came.
/// https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key#blob-queue-and-file-services-shared-key-authorization
std::string signature(const Asked& asked) {
  std::string text = asked.method + "\n";
  for (const char* name : {"content-encoding", "content-language", "content-length", "content-md5", "content-type",
                           "date", "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"})
    text += asked.header(name) + "\n";
  for (const auto& [name, value] : asked.headers)
    if (name.starts_with("x-ms-")) text += name + ":" + value + "\n";
  text += "/statesaccount" + asked.target;
  unsigned char mac[32], encoded[48];
  unsigned size = 0;
  HMAC(EVP_sha256(), raw_key.data(), static_cast<int>(raw_key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &size);
  EVP_EncodeBlock(encoded, mac, static_cast<int>(size));
  return reinterpret_cast<const char*>(encoded);
}

/// Storage in Azurite's path style, Microsoft Entra ID and the instance metadata service.
class AzureDouble {
 public:
  explicit AzureDouble(const Clock& clock) : clock_(clock) {}

  std::set<std::string> good;  ///< "Bearer …" that storage takes
  int issued = 0;
  int status = 200;  ///< of storage, to who is let in
  bool is_public = false;
  bool conditional = true;  ///< storage heeds If-None-Match
  std::string etag = "\"0x8D1\"";
  std::string tenant_secret = "secret c4nary~&";

  StrictServer storage{[this](const Asked& asked) { return store(asked); }};
  StrictServer entra{[this](const Asked& asked) { return hand_out(asked); }};
  StrictServer imds{[this](const Asked& asked) { return tell(asked); }};

 private:
  static Reply refuse(int status, const std::string& code) {
    return {status, "<Error><Code>" + code + "</Code>c4nary</Error>", {{"x-ms-error-code", code}}};
  }

  Reply store(const Asked& asked) const {
    const std::string authorization = asked.header("authorization");
    const std::string path = asked.target.substr(0, asked.target.find('?'));
    const std::string query = asked.target.substr(path.size());
    if (asked.header("x-ms-version") != "2021-08-06") return refuse(400, "InvalidHeaderValue");
    if (authorization.empty() && query.empty() && !is_public) return refuse(409, "PublicAccessNotPermitted");
    if (!query.empty() && (query != "?" + sas || !authorization.empty())) return refuse(403, "AuthenticationFailed");
    if (!authorization.empty() && asked.header("x-ms-date") != "Wed, 25 Nov 2026 0" + clock_time() + " GMT")
      return refuse(403, "AuthenticationFailed");
    if (authorization.starts_with("SharedKey ") && authorization != "SharedKey statesaccount:" + signature(asked))
      return refuse(403, "AuthenticationFailed");
    if (authorization.starts_with("Bearer ") && !good.contains(authorization))
      return refuse(401, "InvalidAuthenticationInfo");
    if (path != blob) return refuse(404, "BlobNotFound");
    if (status != 200) return refuse(status, status == 403 ? "AuthorizationPermissionMismatch" : "c4nary in words");
    if (conditional && asked.header("if-none-match") == etag) return {304, "", {{"ETag", etag}}};
    return {200, "{\"version\":4}", {{"ETag", etag}}};
  }
  std::string clock_time() const { return rfc3339(clock_.wall()).substr(12, 7); }

  std::string issue() {
    const std::string token = "eyJ.c4nary-" + std::to_string(++issued);
    good.insert("Bearer " + token);
    return token;
  }

  Reply hand_out(const Asked& asked) {
    if (asked.method != "POST" || asked.target != "/tenant-1/oauth2/v2.0/token") return {404, "", {}};
    json form = json::object();
    for (const auto& [name, value] : http::parse_query(asked.body).value_or(http::Fields{})) form[name] = value;
    json expected = json::parse(R"({"grant_type": "client_credentials", "client_id": "client-1",
                                    "scope": "https://storage.azure.com/.default"})");
    if (form.contains("client_secret")) {
      expected["client_secret"] = tenant_secret;
    } else {
      expected["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
      expected["client_assertion"] = "eyJ.federated.c4nary";
    }
    if (form != expected || asked.header("content-type") != "application/x-www-form-urlencoded")
      return {401, R"({"error":"invalid_client","error_description":"c4nary"})", {}};
    return {200, json{{"access_token", issue()}, {"expires_in", 3600}, {"token_type", "Bearer"}}.dump(), {}};
  }

  Reply tell(const Asked& asked) {
    if (asked.header("metadata") != "true" || !asked.header("x-forwarded-for").empty()) return {400, "", {}};
    if (!asked.target.starts_with(
            "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fstorage."
            "azure.com%2F"))
      return {400, R"({"error":"invalid_request"})", {}};
    return {200, json{{"access_token", issue()}, {"expires_in", "3600"}, {"token_type", "Bearer"}}.dump(), {}};
  }

  const Clock& clock_;
};

class Azure : public testing::Test {
 protected:
  Azure() {
    options_.where = parse_azure_location("azblob://statesaccount/infra/env/prod #1.tfstate").value();
    options_.endpoint = azure_.storage.url() + "/statesaccount/";
    options_.credentials.imds_endpoint = "http://127.0.0.1:1";
    options_.credentials.environment = environment_of(environment_);
  }
  ~Azure() override {
    for (const StrictServer* server : {&azure_.storage, &azure_.entra, &azure_.imds})
      EXPECT_THAT(server->problems(), IsEmpty());
  }
  void use(const std::string& line) { options_.credentials.file = home_.write("credential", line + "\n"); }
  void use_client_secret() {
    environment_["AZURE_AUTHORITY_HOST"] = azure_.entra.url() + "/";
    environment_["AZURE_TENANT_ID"] = "tenant-1";
    environment_["AZURE_CLIENT_ID"] = "client-1";
    environment_["AZURE_CLIENT_SECRET"] = "secret c4nary~&";
  }

  /// "fetched VERSION", "unchanged VERSION" or the error; with one origin for all calls.
  std::string fetch(const std::string& known = "") {
    if (!origin_) {
      auto made = AzureBlobOrigin::make(options_, clock_);
      if (!made) return made.error().message();
      origin_ = std::move(*made);
    }
    bytes_.clear();
    const auto fetched = origin_->fetch(known, [&](std::string_view bytes) -> Result<void> {
      bytes_ = bytes;
      return {};
    });
    if (!fetched) code_ = fetched.error().code;
    const std::string said =
        fetched ? (fetched->unchanged ? "unchanged " : "fetched ") + fetched->version : fetched.error().message();
    EXPECT_THAT(said, AllOf(Not(HasSubstr("c4nary")), Not(HasSubstr(key)))) << "c4nary is in every secret";
    return said;
  }
  std::string anew() {
    origin_.reset();
    return fetch();
  }
  std::string authorization() const { return azure_.storage.asked().back().header("authorization"); }

  FakeClock clock_;
  TempDir home_;
  AzureDouble azure_{clock_};
  Variables environment_;
  AzureBlobOptions options_;
  std::unique_ptr<Origin> origin_;
  std::string bytes_;
  ErrorCode code_ = ErrorCode::internal;
  const std::string fetched_ = "fetched \"0x8D1\"";
};

TEST(AzureLocation, is_an_account_a_container_and_a_blob) {
  const auto where = parse_azure_location("azblob://acc0unt/my-states/a/b c#1").value();
  EXPECT_EQ(where.account + " | " + where.container + " | " + where.blob, "acc0unt | my-states | a/b c#1");
  EXPECT_EQ(parse_azure_location("azblob://acc0unt/$web/a")->container, "$web");
  for (const char* bad :
       {"https://acc0unt/states/a", "azblob://acc0unt", "azblob://acc0unt/states", "azblob://acc0unt/states/",
        "azblob://ac/states/a", "azblob://acc-unt/states/a", "azblob://acc.evil.org:1/states/a",
        "azblob://acc0unt/a--b/a", "azblob://acc0unt/States/a", "azblob://acc0unt/states/a/../b",
        "azblob://acc0unt/states/.", "azblob://acc0unt/states/a\nb"})
    EXPECT_THAT(parse_azure_location(bad).error().message(), HasSubstr("write azblob://ACCOUNT/CONTAINER/BLOB")) << bad;
}

TEST_F(Azure, a_blob_is_fetched_when_it_changed_with_a_signature_by_the_accounts_key) {
  use(key);
  EXPECT_EQ(fetch(), fetched_);
  EXPECT_EQ(bytes_, "{\"version\":4}");
  // Computed by hand with Python's hmac over the string to sign of the documentation.
  EXPECT_EQ(authorization(), "SharedKey statesaccount:3ngFUyn2ZAicTlwqNef1+h75Fen3zsdVWWBBvaBmvGQ=");
  EXPECT_EQ(fetch("\"0x8D1\""), "unchanged \"0x8D1\"");
  EXPECT_EQ(bytes_, "");
  EXPECT_EQ(authorization(), "SharedKey statesaccount:Xkh7s4UPjUooliqzu0sSjmDm5J7AfC6d+nrN6OcVkVY=");
  azure_.storage.change([&] { azure_.conditional = false; });
  EXPECT_EQ(fetch("\"0x8D1\""), "unchanged \"0x8D1\"") << "its ETag is what it was";
  EXPECT_EQ(bytes_, "");
  azure_.storage.change([&] { azure_.etag = "\"0x8D2\""; });
  EXPECT_EQ(fetch("\"0x8D1\""), "fetched \"0x8D2\"");
  const auto refused =
      origin_->fetch("", [](std::string_view) -> Result<void> { return invalid("read it", "it is bad"); });
  EXPECT_EQ(refused.error().message(), "read it: it is bad");
}

TEST_F(Azure, refusals_say_what_to_do) {
  use("bm90IHRoZSBrZXk=");
  EXPECT_THAT(fetch(), HasSubstr("it answers 403 (AuthenticationFailed); is the key or SAS token this account's"));
  EXPECT_EQ(code_, ErrorCode::permission);
  use(key);
  options_.where.blob = "missing";
  EXPECT_THAT(anew(), HasSubstr("fetch azblob://statesaccount/infra/missing: it answers 404 (BlobNotFound); compare"));
  EXPECT_EQ(code_, ErrorCode::not_found);
  options_.where.blob = "env/prod #1.tfstate";
  origin_.reset();
  azure_.storage.change([&] { azure_.status = 403; });
  EXPECT_THAT(fetch(),
              AllOf(HasSubstr("403 (AuthorizationPermissionMismatch)"), HasSubstr("Storage Blob Data Reader")));
  azure_.storage.change([&] { azure_.status = 503; });
  EXPECT_THAT(fetch(), HasSubstr("it answers 503;"));
  EXPECT_EQ(code_, ErrorCode::unavailable);
}

TEST_F(Azure, a_sas_token_goes_into_the_query_as_it_is) {
  for (const std::string& line : {sas, "?" + sas}) {
    use(line);
    EXPECT_EQ(anew(), fetched_);
    EXPECT_EQ(azure_.storage.asked().back().target, blob + "?" + sas);
  }
  EXPECT_EQ(fetch("\"0x8D1\""), "unchanged \"0x8D1\"");
  azure_.storage.change([&] { azure_.status = 403; });
  EXPECT_THAT(fetch(), HasSubstr("the SAS token the permission r"));
}

TEST_F(Azure, the_links_of_the_chain_are_tried_in_order) {
  options_.credentials.imds_endpoint = azure_.imds.url();
  EXPECT_EQ(anew(), fetched_);
  EXPECT_THAT(azure_.imds.asked().back().target, Not(HasSubstr("client_id")));
  environment_["AZURE_CLIENT_ID"] = "client-1";
  EXPECT_EQ(anew(), fetched_);
  EXPECT_THAT(azure_.imds.asked().back().target, HasSubstr("&client_id=client-1"));
  use_client_secret();
  EXPECT_EQ(anew(), fetched_);
  EXPECT_THAT(azure_.entra.asked().back().body, HasSubstr("client_secret="));
  environment_["AZURE_FEDERATED_TOKEN_FILE"] = home_.write("federated", "eyJ.federated.c4nary");
  EXPECT_EQ(anew(), fetched_);
  EXPECT_THAT(azure_.entra.asked().back().body, HasSubstr("client_assertion="));
  environment_["AZURE_STORAGE_KEY"] = key;
  EXPECT_EQ(anew(), fetched_);
  EXPECT_THAT(authorization(), HasSubstr("SharedKey "));
  environment_["AZURE_STORAGE_SAS_TOKEN"] = sas;
  EXPECT_EQ(anew(), fetched_);
  EXPECT_THAT(azure_.storage.asked().back().target, HasSubstr(sas));
  use(key);
  EXPECT_EQ(anew(), fetched_);
  EXPECT_THAT(authorization(), HasSubstr("SharedKey "));
  options_.credentials.file.clear();
  environment_["AZURE_STORAGE_ACCOUNT"] = "anotheraccount";
  EXPECT_EQ(anew(), fetched_);
  EXPECT_THAT(authorization(), HasSubstr("Bearer ")) << "keys go to their own account only";
  EXPECT_EQ(azure_.imds.asked().size(), 2u);
}

TEST_F(Azure, a_chain_without_a_link_says_why_each_gave_nothing) {
  environment_ = {
      {"AZURE_STORAGE_ACCOUNT", "anotheraccount"}, {"AZURE_STORAGE_KEY", key}, {"AZURE_CLIENT_SECRET", "c4nary"}};
  EXPECT_EQ(fetch(),
            "find credentials for Azure Storage: no credentials file is configured; AZURE_STORAGE_SAS_TOKEN is not "
            "set; AZURE_STORAGE_KEY is for another account (AZURE_STORAGE_ACCOUNT); workload identity: "
            "AZURE_FEDERATED_TOKEN_FILE is not set; client secret: AZURE_CLIENT_ID is not set; managed identity: ask "
            "http://127.0.0.1:1: cannot connect; name a file with a SAS token or an account key, or give the pod or "
            "machine an identity");
  EXPECT_EQ(code_, ErrorCode::unavailable);
  EXPECT_THAT(azure_.storage.asked(), IsEmpty());
}

TEST_F(Azure, a_link_that_is_there_and_does_not_work_ends_the_search) {
  options_.credentials.imds_endpoint = azure_.imds.url();
  use_client_secret();
  azure_.entra.change([&] { azure_.tenant_secret = "a newer one"; });
  EXPECT_THAT(fetch(), AllOf(HasSubstr("AZURE_CLIENT_SECRET: it answers 401 (invalid_client)"),
                             HasSubstr("has the secret ended")));
  EXPECT_EQ(code_, ErrorCode::permission);
  environment_["AZURE_FEDERATED_TOKEN_FILE"] = home_ / "missing";
  EXPECT_THAT(fetch(), AllOf(HasSubstr("missing"), HasSubstr("No such file")));
  environment_["AZURE_FEDERATED_TOKEN_FILE"] = home_.write("federated", "eyJ.other.c4nary");
  EXPECT_THAT(fetch(),
              AllOf(HasSubstr("federated"), HasSubstr("401 (invalid_client)"), HasSubstr("issuer and subject")));
  environment_["AZURE_AUTHORITY_HOST"] = "http://192.0.2.1";
  EXPECT_THAT(fetch(), AllOf(HasSubstr("AZURE_AUTHORITY_HOST"), HasSubstr("unencrypted to 192.0.2.1")));
  EXPECT_THAT(azure_.imds.asked(), IsEmpty());
  EXPECT_THAT(azure_.storage.asked(), IsEmpty());
}

TEST_F(Azure, a_token_is_used_until_five_minutes_before_its_end_or_until_it_is_refused) {
  options_.credentials.imds_endpoint = azure_.imds.url();
  fetch();
  clock_.pass(std::chrono::seconds(3299));
  EXPECT_EQ(fetch(), fetched_);
  EXPECT_EQ(azure_.imds.asked().size(), 1u);
  clock_.pass(std::chrono::seconds(1));
  EXPECT_EQ(fetch(), fetched_);
  EXPECT_EQ(azure_.imds.asked().size(), 2u);
  azure_.storage.change([&] { azure_.good.clear(); });
  EXPECT_EQ(fetch(), fetched_);
  EXPECT_EQ(azure_.imds.asked().size(), 3u);
  azure_.storage.change([&] { azure_.status = 401; });
  EXPECT_THAT(anew(), HasSubstr("it answers 401"));
  EXPECT_EQ(azure_.imds.asked().size(), 4u) << "a fresh one that is refused is not replaced at once";
}

TEST_F(Azure, bad_credentials_are_refused_by_name_and_without_their_text) {
  for (const auto& [line, why] : std::map<std::string, std::string>{{"", "empty"},
                                                                    {"c4nary key", "not printable"},
                                                                    {"c4nary!", "neither a SAS token nor"},
                                                                    {key.substr(1), "neither a SAS token nor"},
                                                                    {"sv=2021-08-06&c4nary", "it holds no signature"},
                                                                    {sas + "#c4nary", "it holds no signature"}}) {
    use(line);
    EXPECT_THAT(anew(), AllOf(HasSubstr(home_ / "credential"), HasSubstr(why)));
    EXPECT_EQ(code_, ErrorCode::invalid_argument);
  }
  options_.credentials.file = home_ / "none";
  EXPECT_THAT(anew(), HasSubstr("No such file"));
  options_.credentials.file.clear();
  environment_["AZURE_STORAGE_KEY"] = "c4nary";
  EXPECT_THAT(anew(), HasSubstr("use AZURE_STORAGE_KEY: it is neither"));
  environment_["AZURE_STORAGE_SAS_TOKEN"] = "sig=c4nary x";
  EXPECT_THAT(anew(), HasSubstr("use AZURE_STORAGE_SAS_TOKEN: it is no SAS token"));
  EXPECT_THAT(azure_.storage.asked(), IsEmpty());
}

TEST_F(Azure, credentials_go_nowhere_unencrypted_and_none_to_what_is_public) {
  use(key);
  options_.endpoint = "http://192.0.2.1/statesaccount";
  EXPECT_THAT(fetch(), HasSubstr("a credential would travel unencrypted to 192.0.2.1"));
  options_.endpoint = "https://statesaccount.example/?sig=c4nary";
  EXPECT_THAT(fetch(), HasSubstr("has a query"));
  options_.endpoint = azure_.storage.url() + "/statesaccount";
  options_.anonymous = true;
  EXPECT_THAT(anew(), HasSubstr("409 (PublicAccessNotPermitted)"));
  azure_.storage.change([&] { azure_.is_public = true; });
  EXPECT_EQ(fetch(), fetched_);
}

}  // namespace
}  // namespace plumbline::fetch
