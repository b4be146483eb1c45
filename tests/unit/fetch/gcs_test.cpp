// Objects of Google Cloud Storage, and each way to a token for them, against strict doubles of Google's servers.
#include "fetch/gcs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <nlohmann/json.hpp>
#include <set>

#include "baseline/source/base64.hpp"
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

constexpr const char* email = "reader@project.iam.gserviceaccount.com";
constexpr const char* scope = "https://www.googleapis.com/auth/devstorage.read_only";

EVP_PKEY* key() {
  static EVP_PKEY* const made = EVP_RSA_gen(2048);
  return made;
}

std::string pem(EVP_PKEY* of, std::string passphrase = "") {
  BIO* const bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(bio, of, passphrase.empty() ? nullptr : EVP_aes_128_cbc(), nullptr, 0, nullptr,
                                passphrase.data());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  std::string text(bytes, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

json with(json file, const char* name, const json& value) {
  file[name] = value;
  return file;
}

std::string from_base64url(std::string text) {
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  text.append((4 - text.size() % 4) % 4, '=');
  return baseline::decode_base64(text, baseline::Base64::strict).value_or("");
}

bool verifies(const std::string& text, const std::string& signature) {
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  const auto bytes = [](const std::string& of) { return reinterpret_cast<const unsigned char*>(of.data()); };
  const bool good = EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key()) == 1 &&
                    EVP_DigestVerify(context, bytes(signature), signature.size(), bytes(text), text.size()) == 1;
  EVP_MD_CTX_free(context);
  return good;
}

/// Storage, token services and metadata server of one project.
class GoogleDouble {
 public:
  explicit GoogleDouble(const Clock& clock) : clock_(clock) {}

  std::string complaint;       ///< why the last token was refused
  std::set<std::string> good;  ///< tokens that storage takes
  int issued = 0;
  int status = 200;  ///< of storage, to who has a good token
  bool is_public = false;
  std::string etag = "CJbx9PzUhIgDEAE=";
  std::string flavor = "Google";

  StrictServer storage{[this](const Asked& asked) { return store(asked); }};
  StrictServer tokens{[this](const Asked& asked) { return hand_out(asked); }};
  StrictServer metadata{[this](const Asked& asked) { return tell(asked); }};

 private:
  Reply store(const Asked& asked) const {
    if (asked.header("accept-encoding").find("gzip") != std::string::npos) return {500, "would come packed", {}};
    if (!is_public && !good.contains(asked.header("authorization"))) return {401, "Invalid Credentials", {}};
    if (is_public && !asked.header("authorization").empty()) return {500, "who sends credentials to the public?", {}};
    if (asked.target != "/storage/v1/b/states/o/env%2Fprod%20%231%2Fa.tfstate?alt=media")
      return {404, "No such object", {}};
    if (status != 200) return {status, "c4nary", {{"Location", storage.url() + "/elsewhere"}}};
    if (asked.header("if-none-match") == etag) return {304, "", {{"ETag", etag}}};
    return {200, "{\"version\":4}", {{"ETag", etag}}};
  }

  Reply refuse(const std::string& why) {
    complaint = why;
    return {400, R"({"error":"invalid_grant","error_description":"you sent c4nary"})", {}};
  }
  std::string issue() {
    const std::string token = "ya29.c4nary-" + std::to_string(++issued);
    good.insert("Bearer " + token);
    return token;
  }
  Reply token() {
    return {200, json{{"access_token", issue()}, {"expires_in", 3600}, {"token_type", "Bearer"}}.dump(), {}};
  }

  Reply hand_out(const Asked& asked) {
    if (asked.method != "POST") return refuse("no POST");
    if (asked.target == "/impersonate") return impersonate(asked);
    if (asked.header("content-type") != "application/x-www-form-urlencoded") return refuse("no form");
    json form = json::object();
    for (const auto& [name, value] : http::parse_query(asked.body).value_or(http::Fields{})) form[name] = value;
    if (asked.target == "/sts") {
      const bool broad = form["scope"] == "https://www.googleapis.com/auth/cloud-platform";
      if (broad) form["scope"] = scope;
      if (form != json::parse(R"({"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
          "audience": "//iam/pool", "scope": "https://www.googleapis.com/auth/devstorage.read_only",
          "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
          "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "subject_token": "subject.c4nary+/="})"))
        return refuse("no token exchange: " + asked.body);
      Reply reply = token();
      if (broad) good.clear();  // federated tokens of this scope are for IAM
      return reply;
    }
    if (asked.target != "/token") return {404, "", {}};
    if (form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer") return bearer(form["assertion"]);
    if (form != json::parse(R"({"grant_type": "refresh_token", "client_id": "id.apps",
                                "client_secret": "secret c4nary&", "refresh_token": "1//c4nary"})"))
      return refuse("an unknown grant: " + asked.body);
    return token();
  }

  /// https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests
  Reply bearer(const std::string& jwt) {
    const auto first = jwt.find('.'), last = jwt.rfind('.');
    if (first == last) return refuse("no JWT");
    if (!verifies(jwt.substr(0, last), from_base64url(jwt.substr(last + 1)))) return refuse("its signature is wrong");
    const json header = json::parse(from_base64url(jwt.substr(0, first)));
    const json claims = json::parse(from_base64url(jwt.substr(first + 1, last - first - 1)));
    const std::int64_t now = clock_.wall() / 1'000'000'000;
    if (header != json{{"alg", "RS256"}, {"typ", "JWT"}, {"kid", "kid-1"}}) return refuse("header " + header.dump());
    if (claims !=
        json{{"iss", email}, {"scope", scope}, {"aud", tokens.url() + "/token"}, {"iat", now}, {"exp", now + 3600}})
      return refuse("claims " + claims.dump());
    return token();
  }

  Reply impersonate(const Asked& asked) {
    const json body = json::parse(asked.body, nullptr, false);
    if (asked.header("authorization") != "Bearer ya29.c4nary-1" || asked.header("content-type") != "application/json" ||
        body != json{{"scope", json::array({scope})}, {"lifetime", "3600s"}})
      return {403, R"({"error":{"status":"PERMISSION_DENIED","message":"c4nary"}})", {}};
    return {200, json{{"accessToken", issue()}, {"expireTime", rfc3339(clock_.wall() + 3'600'000'000'000)}}.dump(), {}};
  }

  Reply tell(const Asked& asked) {
    if (asked.header("metadata-flavor") != "Google") return {403, "", {}};
    if (asked.target != "/computeMetadata/v1/instance/service-accounts/default/token") return {404, "", {}};
    Reply reply = token();
    reply.headers.emplace_back("Metadata-Flavor", flavor);
    return reply;
  }

  const Clock& clock_;
};

class Gcs : public testing::Test {
 protected:
  Gcs() {
    options_.where = parse_gcs_location("gs://states/env/prod #1/a.tfstate").value();
    options_.endpoint = google_.storage.url();
    options_.credentials.environment = environment_of(environment_);
    environment_ = {{"HOME", home_.path()}, {"GCE_METADATA_HOST", "127.0.0.1:1"}};
  }
  ~Gcs() override {
    for (const StrictServer* server : {&google_.storage, &google_.tokens, &google_.metadata})
      EXPECT_THAT(server->problems(), IsEmpty());
  }
  json service_account() const {
    return with(with(json::parse(R"({"type": "service_account", "private_key_id": "kid-1",
                                     "client_email": "reader@project.iam.gserviceaccount.com"})"),
                     "private_key", pem(key())),
                "token_uri", google_.tokens.url() + "/token");
  }
  json authorized_user() const {
    return with(json::parse(R"({"type": "authorized_user", "client_id": "id.apps", "client_secret": "secret c4nary&",
                                "refresh_token": "1//c4nary"})"),
                "token_uri", google_.tokens.url() + "/token");
  }
  json external_account() const {
    return with(with(json::parse(R"({"type": "external_account", "audience": "//iam/pool",
                                     "subject_token_type": "urn:ietf:params:oauth:token-type:jwt"})"),
                     "credential_source", {{"file", home_.write("subject", "subject.c4nary+/=\n")}}),
                "token_url", google_.tokens.url() + "/sts");
  }
  std::string write(const std::string& name, const json& content) const { return home_.write(name, content.dump()); }
  void use(const json& content) { options_.credentials.file = write("credentials.json", content); }

  /// "fetched VERSION", "unchanged VERSION" or the error; with one origin for all calls.
  std::string fetch(const std::string& known = "") {
    if (!origin_) {
      auto made = GcsOrigin::make(options_, clock_);
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
    EXPECT_THAT(said, AllOf(Not(HasSubstr("c4nary")), Not(HasSubstr("PRIVATE KEY")))) << "c4nary is in every secret";
    return said;
  }
  std::string anew() {
    origin_.reset();
    return fetch();
  }

  FakeClock clock_;
  TempDir home_;
  GoogleDouble google_{clock_};
  Variables environment_;
  GcsOptions options_;
  std::unique_ptr<Origin> origin_;
  std::string bytes_;
  ErrorCode code_ = ErrorCode::internal;
  const std::string fetched_ = "fetched CJbx9PzUhIgDEAE=";
};

TEST(GcsLocation, is_a_bucket_and_an_object) {
  const auto where = parse_gcs_location("gs://my-bucket.example/a/b c#1").value();
  EXPECT_EQ(where.bucket + " | " + where.object, "my-bucket.example | a/b c#1");
  for (const char* bad : {"s3://bucket/o", "gs://bucket", "gs://bucket/", "gs:///o", "gs://bu@cket/o", "gs://Bucket/o",
                          "gs://bucket/..", "gs://bucket/a\nb"})
    EXPECT_THAT(parse_gcs_location(bad).error().message(), HasSubstr("write gs://BUCKET/OBJECT")) << bad;
}

TEST_F(Gcs, an_object_is_fetched_when_it_changed) {
  use(service_account());
  EXPECT_EQ(fetch(), fetched_) << google_.complaint;
  EXPECT_EQ(bytes_, "{\"version\":4}");
  EXPECT_EQ(fetch("CJbx9PzUhIgDEAE="), "unchanged CJbx9PzUhIgDEAE=");
  EXPECT_EQ(bytes_, "");
  EXPECT_EQ(google_.storage.asked().back().header("if-none-match"), "CJbx9PzUhIgDEAE=");
  google_.storage.change([&] { google_.etag = "CK2"; });
  EXPECT_EQ(fetch("CJbx9PzUhIgDEAE="), "fetched CK2");
  EXPECT_EQ(google_.tokens.asked().size(), 1u) << "one token does";
  const auto refused =
      origin_->fetch("", [](std::string_view) -> Result<void> { return invalid("read it", "it is bad"); });
  EXPECT_EQ(refused.error().message(), "read it: it is bad");
}

TEST_F(Gcs, refusals_say_what_to_do) {
  use(service_account());
  options_.where.object = "missing";
  EXPECT_THAT(fetch(), HasSubstr("fetch gs://states/missing: it answers 404; compare bucket and object"));
  EXPECT_EQ(code_, ErrorCode::not_found);
  options_.where.object = "env/prod #1/a.tfstate";
  origin_.reset();
  for (const int status : {302, 403, 429, 503}) {
    google_.storage.change([&] { google_.status = status; });
    EXPECT_THAT(fetch(), HasSubstr("it answers " + std::to_string(status)));
    EXPECT_EQ(code_ == ErrorCode::permission, status == 403);
    EXPECT_EQ(code_ == ErrorCode::unavailable, status > 403);
  }
  EXPECT_EQ(google_.storage.asked().size(), 5u) << "no redirect is followed";
}

TEST_F(Gcs, a_token_is_used_until_five_minutes_before_its_end_or_until_it_is_refused) {
  use(service_account());
  fetch();
  clock_.pass(std::chrono::seconds(3299));
  EXPECT_EQ(fetch(), fetched_);
  EXPECT_EQ(google_.tokens.asked().size(), 1u);
  clock_.pass(std::chrono::seconds(1));
  EXPECT_EQ(fetch(), fetched_) << google_.complaint;
  EXPECT_EQ(google_.tokens.asked().size(), 2u);
  google_.storage.change([&] { google_.good.clear(); });
  EXPECT_EQ(fetch(), fetched_);
  EXPECT_EQ(google_.tokens.asked().size(), 3u);
  google_.storage.change([&] { google_.status = 401; });
  EXPECT_THAT(anew(), HasSubstr("it answers 401"));
  EXPECT_EQ(google_.tokens.asked().size(), 4u) << "a fresh one that is refused is not replaced at once";
}

TEST_F(Gcs, the_links_of_the_chain_are_tried_in_order) {
  environment_["GCE_METADATA_HOST"] = google_.metadata.authority();
  EXPECT_EQ(anew(), fetched_);
  write(".config/gcloud/application_default_credentials.json", authorized_user());
  EXPECT_EQ(anew(), fetched_) << google_.complaint;
  EXPECT_THAT(google_.tokens.asked().back().body, HasSubstr("grant_type=refresh_token"));
  environment_["GOOGLE_APPLICATION_CREDENTIALS"] = write("external.json", external_account());
  EXPECT_EQ(anew(), fetched_) << google_.complaint;
  EXPECT_EQ(google_.tokens.asked().back().target, "/sts");
  use(service_account());
  EXPECT_EQ(anew(), fetched_) << google_.complaint;
  EXPECT_THAT(google_.tokens.asked().back().body, HasSubstr("jwt-bearer"));
  EXPECT_EQ(google_.metadata.asked().size(), 1u);
}

TEST_F(Gcs, a_chain_without_a_link_says_why_each_gave_nothing) {
  const std::string file = home_ / ".config/gcloud/application_default_credentials.json";
  EXPECT_THAT(fetch(),
              HasSubstr("no credentials file is configured; GOOGLE_APPLICATION_CREDENTIALS is not set; there is no " +
                        file + "; metadata server: ask http://127.0.0.1:1: cannot connect; name a cred"));
  EXPECT_EQ(code_, ErrorCode::unavailable);
  environment_ = {{"GCE_METADATA_HOST", google_.metadata.authority()}};
  google_.metadata.change([&] { google_.flavor = "Elsewhere"; });
  EXPECT_THAT(anew(), AllOf(HasSubstr("HOME is not set"), HasSubstr("no Metadata-Flavor: Google")));
}

TEST_F(Gcs, a_link_that_is_there_and_does_not_work_ends_the_search) {
  environment_["GCE_METADATA_HOST"] = google_.metadata.authority();
  environment_["GOOGLE_APPLICATION_CREDENTIALS"] = home_ / "missing.json";
  EXPECT_THAT(fetch(), AllOf(HasSubstr("missing.json (GOOGLE_APPLICATION_CREDENTIALS)"), HasSubstr("No such file")));
  EXPECT_EQ(code_, ErrorCode::not_found);
  use(with(authorized_user(), "refresh_token", "old-c4nary"));
  EXPECT_THAT(anew(), AllOf(HasSubstr("it answers 400 (invalid_grant)"), HasSubstr("application-default login")));
  EVP_PKEY* const other = EVP_RSA_gen(2048);
  use(with(service_account(), "private_key", pem(other)));
  EVP_PKEY_free(other);
  EXPECT_THAT(anew(), HasSubstr("it answers 400 (invalid_grant)"));
  EXPECT_EQ(google_.complaint, "its signature is wrong");
  EXPECT_THAT(google_.metadata.asked(), IsEmpty());
}

TEST_F(Gcs, federated_tokens_come_from_text_or_json_and_may_impersonate) {
  json file = external_account();
  file["credential_source"] = {{"file", write("subject.json", {{"id_token", "subject.c4nary+/="}})},
                               {"format", {{"type", "json"}, {"subject_token_field_name", "id_token"}}}};
  use(file);
  EXPECT_EQ(anew(), fetched_) << google_.complaint;
  google_.tokens.change([&] { google_.issued = 0; });
  file["service_account_impersonation_url"] = google_.tokens.url() + "/impersonate";
  use(file);
  EXPECT_EQ(anew(), fetched_) << google_.complaint;
  clock_.pass(std::chrono::seconds(3299));
  EXPECT_EQ(fetch(), fetched_) << "with the token it has";
  clock_.pass(std::chrono::seconds(1));
  EXPECT_THAT(fetch(), AllOf(HasSubstr("impersonate its service account: it answers 403"), HasSubstr("Identity User")));
}

TEST_F(Gcs, bad_files_are_refused_by_name_and_without_their_text) {
  const json user = authorized_user(), key_file = service_account(), external = external_account();
  EVP_PKEY* const curve = EVP_EC_gen("P-256");
  const std::vector<std::pair<json, std::string>> files = {
      {"c4nary", "no JSON object"},
      {std::string(70'000, 'x'), "longer than 64 KiB"},
      {{{"refresh_token", "c4nary"}}, "no `type`"},
      {with(user, "type", "impersonated_service_account-c4nary"), "none that the agent knows"},
      {with(user, "universe_domain", "c4nary.example"), "another cloud"},
      {with(user, "refresh_token", 7), "it lacks refresh_token"},
      {{{"type", "service_account"}}, "it lacks client_email, private_key"},
      {with(key_file, "private_key", "-----BEGIN PRIVATE KEY-----\nc4nary\n"), "no RSA key in PEM"},
      {with(key_file, "private_key", pem(key(), "c4nary")), "no RSA key in PEM"},
      {with(key_file, "private_key", pem(curve)), "no RSA key in PEM"},
      {with(key_file, "token_uri", "http://192.0.2.1/c4nary"), "unencrypted to 192.0.2.1"},
      {with(user, "token_uri", "ftp://c4nary"), "neither with http://"},
      {with(external, "token_url", "http://192.0.2.1/"), "unencrypted"},
      {with(external, "service_account_impersonation_url", "http://192.0.2.1/"), "unencrypted"},
      {with(external, "credential_source", {{"url", "http://c4nary"}}), "is no file"},
      {with(external, "credential_source", {{"file", home_ / "none"}}), "No such file"},
      {with(external, "credential_source", {{"file", home_.write("empty", "\n")}}), "no token in"}};
  EVP_PKEY_free(curve);
  for (const auto& [content, why] : files) {
    options_.credentials.file = write("bad.json", content);
    EXPECT_THAT(anew(), AllOf(HasSubstr("bad.json"), HasSubstr(why)));
  }
  EXPECT_THAT(google_.tokens.asked(), IsEmpty());
}

TEST_F(Gcs, credentials_go_nowhere_unencrypted_and_not_to_emulators) {
  use(service_account());
  options_.endpoint = "http://192.0.2.1";
  EXPECT_THAT(fetch(), HasSubstr("a credential would travel unencrypted to 192.0.2.1"));
  options_.endpoint = "https://storage.example/?c4nary";
  EXPECT_THAT(fetch(), HasSubstr("has a query"));
  options_.endpoint.clear();
  google_.storage.change([&] { google_.is_public = true; });
  environment_["STORAGE_EMULATOR_HOST"] = google_.storage.authority() + "/";
  EXPECT_EQ(anew(), fetched_);
  environment_.erase("STORAGE_EMULATOR_HOST");
  options_.endpoint = google_.storage.url();
  options_.anonymous = true;
  EXPECT_EQ(anew(), fetched_);
  EXPECT_THAT(google_.tokens.asked(), IsEmpty());
}

}  // namespace
}  // namespace plumbline::fetch
