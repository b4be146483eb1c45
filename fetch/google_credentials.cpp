#include "fetch/google_credentials.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "fetch/encoding.hpp"
#include "fetch/secret.hpp"
#include "fetch/secret_document.hpp"

namespace plumbline::fetch {
namespace {

using oauth::Token;

constexpr const char* finding = "find credentials for Google Cloud";
constexpr const char* own_token_uri = "https://oauth2.googleapis.com/token";
constexpr const char* read_scope = "https://www.googleapis.com/auth/devstorage.read_only";
constexpr const char* broad_scope = "https://www.googleapis.com/auth/cloud-platform";  // to impersonate asks for it
constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t jwt_lifetime = 3'600;  ///< seconds; Google takes no longer one
constexpr std::size_t max_file_bytes = std::size_t{64} << 10;

/// RFC 4648, section 5, without padding, as JWTs have it.
std::string base64url(std::string_view bytes) {
  std::string text = base64(bytes);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  text.erase(std::min(text.find('='), text.size()));
  return text;
}

struct KeyCloser {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }  // clears it
};
using Key = std::unique_ptr<EVP_PKEY, KeyCloser>;

/// nullptr where it is no RSA key in PEM, or one under a passphrase, for which OpenSSL would ask on the terminal.
Key rsa_key(std::string_view pem) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  Key key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  ERR_clear_error();
  if (key && EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) key.reset();
  return key;
}

/// RS256: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3). "" where OpenSSL refuses the key.
std::string rs256(EVP_PKEY* key, const std::string& text) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)), '\0');
  std::size_t size = signature.size();
  const bool done =
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes, text.size()) == 1;
  ERR_clear_error();
  signature.resize(done ? size : 0);
  return signature;
}

/// One search. `file` is where in the chain we are, for errors.
class GoogleSearch {
 public:
  GoogleSearch(const GoogleCredentialOptions& options, const Clock& clock) : options_(options), clock_(clock) {}

  Result<Token> run() const {
    if (!options_.file.empty()) return from_file(options_.file, "");
    std::string tried = "no credentials file is configured";
    if (const auto path = variable("GOOGLE_APPLICATION_CREDENTIALS"); !path.empty())
      return from_file(path, " (GOOGLE_APPLICATION_CREDENTIALS)");
    tried += "; GOOGLE_APPLICATION_CREDENTIALS is not set";
    if (const auto home = variable("HOME"); home.empty()) {
      tried += "; HOME is not set";
    } else {
      const std::string path = home + "/.config/gcloud/application_default_credentials.json";
      if (::access(path.c_str(), F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR)) return from_file(path, "");
      tried += "; there is no " + path;
    }
    auto token = metadata_server();
    if (token) return token;
    return Error{token.error().code, finding, tried + "; metadata server: " + token.error().why,
                 "name a credentials file, or give the pod or machine a service account"};
  }

 private:
  std::string variable(const std::string& name) const { return fetch::variable(options_.environment, name); }

  Result<Token> from_file(const std::string& path, const std::string& named_by) const {
    const std::string what = "use the Google credentials in " + path + named_by;
    const auto text = read_secret_file(what, path, max_file_bytes);
    if (!text) return text.error();
    const auto file = SecretDocument::parse(text->view());
    if (!file) return invalid(what, "it is no JSON object", "make it anew: gcloud iam, or gcloud auth");
    const auto universe = file->text({"universe_domain"});
    if (!universe.empty() && universe != "googleapis.com")
      return Error{ErrorCode::unsupported, what, "it is for another cloud than googleapis.com (universe_domain)", ""};
    const auto type = file->text({"type"});
    if (type == "service_account") return service_account(*file, what);
    if (type == "authorized_user") return authorized_user(*file, what);
    if (type == "external_account") return external_account(*file, what);
    return Error{ErrorCode::unsupported, what,
                 type.empty() ? "it has no `type`" : "its `type` is none that the agent knows",
                 "use one of the type service_account, authorized_user or external_account"};
  }

  /// `invalid_argument` where one of them is no text of the file.
  static Result<void> require(const SecretDocument& file, const std::string& what,
                              std::initializer_list<const char*> names) {
    std::string missing;
    for (const char* name : names)
      if (file.text({name}).empty()) missing += (missing.empty() ? "" : ", ") + std::string(name);
    if (missing.empty()) return {};
    return invalid(what, "it lacks " + missing, "make it anew: gcloud iam, or gcloud auth");
  }

  WebRequest& to(WebRequest& request, std::string url) const {
    request.url = std::move(url);
    request.limits = options_.limits;
    return request;
  }

  static std::string token_uri(const SecretDocument& file) {
    const auto uri = file.text({"token_uri"});
    return uri.empty() ? own_token_uri : std::string(uri);
  }

  /// https://developers.google.com/identity/protocols/oauth2/service-account#httprest
  Result<Token> service_account(const SecretDocument& file, const std::string& what) const {
    if (auto whole = require(file, what, {"client_email", "private_key"}); !whole) return whole.error();
    const std::string uri = token_uri(file);
    if (auto safe = safe_for_secrets(what, uri); !safe) return safe.error();
    const Key key = rsa_key(file.text({"private_key"}));
    if (!key)
      return invalid(what, "its private_key is no RSA key in PEM", "make a new key: gcloud iam service-accounts keys");
    const std::int64_t now = clock_.wall() / second;
    nlohmann::json header = {{"alg", "RS256"}, {"typ", "JWT"}};
    if (const auto id = file.text({"private_key_id"}); !id.empty()) header["kid"] = id;
    const nlohmann::json claims = {{"iss", file.text({"client_email"})},
                                   {"scope", read_scope},
                                   {"aud", uri},
                                   {"iat", now},
                                   {"exp", now + jwt_lifetime}};
    const auto part = [](const nlohmann::json& json) {  // replace: dump() would throw at what is no UTF-8
      return base64url(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    };
    const std::string text = part(header) + "." + part(claims);
    const std::string signature = rs256(key.get(), text);
    if (signature.empty()) return invalid(what, "nothing can be signed with its private_key", "make a new key");
    const Secret assertion(text + "." + base64url(signature));
    WebRequest request;
    post_form(to(request, uri),
              {{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"}, {"assertion", assertion.view()}});
    return oauth::request_token(request, what,
                                "is the key deleted, the service account disabled, the node's clock wrong?", clock_);
  }

  /// https://developers.google.com/identity/protocols/oauth2/web-server#offline
  Result<Token> authorized_user(const SecretDocument& file, const std::string& what) const {
    if (auto whole = require(file, what, {"client_id", "client_secret", "refresh_token"}); !whole) return whole.error();
    const std::string uri = token_uri(file);
    if (auto safe = safe_for_secrets(what, uri); !safe) return safe.error();
    WebRequest request;
    post_form(to(request, uri), {{"grant_type", "refresh_token"},
                                 {"client_id", file.text({"client_id"})},
                                 {"client_secret", file.text({"client_secret"})},
                                 {"refresh_token", file.text({"refresh_token"})}});
    return oauth::request_token(request, what, "log in again: gcloud auth application-default login", clock_);
  }

  /// Workload identity federation: https://google.aip.dev/auth/4117, and
  /// https://cloud.google.com/iam/docs/reference/sts/rest
  Result<Token> external_account(const SecretDocument& file, const std::string& what) const {
    if (auto whole = require(file, what, {"audience", "subject_token_type", "token_url"}); !whole) return whole.error();
    const std::string url(file.text({"token_url"}));
    const std::string impersonation(file.text({"service_account_impersonation_url"}));
    if (auto safe = safe_for_secrets(what, url); !safe) return safe.error();
    if (!impersonation.empty())
      if (auto safe = safe_for_secrets(what, impersonation); !safe) return safe.error();
    const auto subject = subject_token(file, what);
    if (!subject) return subject.error();
    WebRequest request;
    post_form(to(request, url), {{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"},
                                 {"audience", file.text({"audience"})},
                                 {"scope", impersonation.empty() ? read_scope : broad_scope},
                                 {"requested_token_type", "urn:ietf:params:oauth:token-type:access_token"},
                                 {"subject_token_type", file.text({"subject_token_type"})},
                                 {"subject_token", subject->view()}});
    auto token =
        oauth::request_token(request, what, "does the pool's provider know this token's issuer and audience?", clock_);
    if (!token || impersonation.empty()) return token;
    return impersonate(impersonation, token->value, what);
  }

  static Result<Secret> subject_token(const SecretDocument& file, const std::string& what) {
    const std::string path(file.text({"credential_source", "file"}));
    if (path.empty())
      return Error{ErrorCode::unsupported, what, "its credential_source is no file",
                   "use a `file` source, such as a projected service account token"};
    auto text = read_secret_file(what + ": its subject token " + path, path, max_file_bytes);
    if (!text) return text;
    std::string_view token = text->view();
    std::optional<SecretDocument> json;
    if (file.text({"credential_source", "format", "type"}) == "json") {
      json = SecretDocument::parse(token);
      const std::string field(file.text({"credential_source", "format", "subject_token_field_name"}));
      token = json ? json->text({field.c_str()}) : std::string_view();
    }
    token = token.substr(0, token.find_last_not_of(" \r\n") + 1);
    if (token.empty()) return invalid(what, "there is no token in " + path, "compare credential_source with that file");
    return Secret(token);
  }

  /// https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
  Result<Token> impersonate(const std::string& url, const Secret& token, const std::string& what) const {
    WebRequest request;
    to(request, url).method = "POST";
    request.headers.emplace_back("Authorization", bearer(token.view()));
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = nlohmann::json{{"scope", {read_scope}}, {"lifetime", "3600s"}}.dump();
    const std::int64_t asked = clock_.boot(), asked_wall = clock_.wall();
    const auto answer = exchange(request);
    if (!answer) return answer.error();
    const auto document = SecretDocument::parse(answer->body);
    if (answer->status != 200)
      return refused(what + ": impersonate its service account", *answer,
                     document ? std::string(document->text({"error", "status"})) : "",
                     "give the federated identity the role Workload Identity User on the service account");
    const auto value = document ? document->text({"accessToken"}) : std::string_view();
    const auto expires = document ? parse_rfc3339(document->text({"expireTime"})) : std::nullopt;
    if (!expires || value.empty() || !is_header_text(value))
      return invalid(what + ": impersonate its service account", "the answer holds no access token with an end", "");
    return Token{Secret(value), asked + (*expires - asked_wall)};
  }

  /// https://cloud.google.com/compute/docs/access/authenticate-workloads#applications
  Result<Token> metadata_server() const {
    const std::string host = variable("GCE_METADATA_HOST");
    WebRequest request;
    to(request, "http://" + (host.empty() ? "metadata.google.internal" : host) +
                    "/computeMetadata/v1/instance/service-accounts/default/token");
    request.headers = {{"Metadata-Flavor", "Google"}};
    // It is a neighbour: who does not answer at once is not there.
    request.limits.connect = std::min(request.limits.connect, std::chrono::milliseconds(1'000));
    const std::int64_t asked = clock_.boot();
    const auto answer = exchange(request);
    if (!answer) return within(finding, answer.error());
    if (answer->header("metadata-flavor") != "Google")
      return Error{ErrorCode::unavailable, finding, "who answers is not it (no Metadata-Flavor: Google)", ""};
    return oauth::read_token(*answer, finding, "", asked);
  }

  const GoogleCredentialOptions& options_;
  const Clock& clock_;
};

}  // namespace

GoogleCredentials::GoogleCredentials(GoogleCredentialOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

Result<std::string_view> GoogleCredentials::token() {
  if (const auto usable = cache_.usable(clock_)) return *usable;
  auto token = GoogleSearch(options_, clock_).run();
  if (!token) return token.error();
  return cache_.keep(std::move(*token));
}

}  // namespace plumbline::fetch
