#include "fetch/azure_credentials.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <initializer_list>
#include <map>

#include "baseline/source/base64.hpp"
#include "fetch/encoding.hpp"
#include "fetch/hmac.hpp"
#include "fetch/secret.hpp"
#include "http/url.hpp"

namespace plumbline::fetch {
namespace {

using oauth::Token;

constexpr const char* finding = "find credentials for Azure Storage";
constexpr const char* token_scope = "https://storage.azure.com/.default";

/// "Mon, 24 Nov 2026 01:47:30 GMT" (RFC 9110, section 5.6.7), in English whatever the locale is.
std::string http_date(WallNs at) {
  constexpr std::array<const char*, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = at / 1'000'000'000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[48];
  std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[static_cast<std::size_t>(utc.tm_wday)],
                utc.tm_mday, months[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                utc.tm_sec);
  return text;
}

/// What SharedKey signs (https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key), for a request
/// without a body and without a query.
Result<std::string> string_to_sign(const WebRequest& request, const std::string& account) {
  const auto url = http::parse_url(finding, request.url);
  if (!url) return url.error();
  std::map<std::string, std::string> ours;  // x-ms-…, sorted; we write their names in lower case
  for (const auto& [name, value] : request.headers)
    if (name.starts_with("x-ms-")) ours[name] = value;
  std::string text = request.method + "\n";
  for (const char* name : {"Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type",
                           "Date", "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"}) {
    const auto at = std::find_if(request.headers.begin(), request.headers.end(),
                                 [&](const auto& header) { return header.first == name; });
    if (at != request.headers.end()) text += at->second;
    text += '\n';
  }
  for (const auto& [name, value] : ours) text += name + ":" + value + "\n";
  return text + "/" + account + url->target;
}

/// `key`: in base64. `where`: names it in errors.
Result<void> sign(WebRequest& request, const std::string& account, const Secret& key, const std::string& where) {
  auto decoded = baseline::decode_base64(key.view(), baseline::Base64::strict);
  if (!decoded || decoded->empty())
    return invalid("use " + where, "it is neither a SAS token nor a storage account key in base64",
                   "copy it whole: a SAS token begins with sv= or ?, a key ends with =");
  const Secret raw = Secret::take(*decoded);
  const auto text = string_to_sign(request, account);
  if (!text) return text.error();
  const std::string signature = base64(bytes_of(hmac_sha256(raw.view(), *text)));
  request.headers.emplace_back("Authorization", "SharedKey " + account + ":" + signature);
  return {};
}

/// `sas`: with or without its "?".
Result<void> add_sas(WebRequest& request, const Secret& sas, const std::string& where) {
  const std::string_view token = sas.view().substr(sas.view().starts_with('?') ? 1 : 0);
  const bool in_query = is_header_text(token) && token.find('#') == std::string_view::npos;
  if (!in_query || (!token.starts_with("sig=") && token.find("&sig=") == std::string_view::npos))
    return invalid("use " + where, "it is no SAS token: it holds no signature (sig=)",
                   "copy the query of a SAS URL whole");
  request.url.append("?").append(token);  // last, so that a URL that grew leaves no piece of it behind
  return {};
}

bool is_sas(const Secret& secret) {
  return secret.view().starts_with('?') || secret.view().starts_with("sv=");
}

/// One search for a token of Microsoft Entra ID. `tried` says why each link gave nothing.
class EntraSearch {
 public:
  EntraSearch(const AzureCredentialOptions& options, const Clock& clock, std::string tried)
      : options_(options), clock_(clock), tried_(std::move(tried)) {}

  Result<Token> run() {
    if (has("workload identity", {"AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID", "AZURE_TENANT_ID"}))
      return workload_identity();
    if (has("client secret", {"AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID", "AZURE_TENANT_ID"})) return client_secret();
    auto token = managed_identity();
    if (token) return token;
    return Error{token.error().code, finding, tried_ + "; managed identity: " + token.error().why,
                 "name a file with a SAS token or an account key, or give the pod or machine an identity"};
  }

 private:
  std::string variable(const std::string& name) const { return fetch::variable(options_.environment, name); }

  bool has(const std::string& link, std::initializer_list<const char*> names) {
    for (const char* name : names) {
      if (!variable(name).empty()) continue;
      tried_ += "; " + link + ": " + name + " is not set";
      return false;
    }
    return true;
  }

  /// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#third-case-access-token-request-with-a-federated-credential
  Result<Token> workload_identity() const {
    const std::string path = variable("AZURE_FEDERATED_TOKEN_FILE");
    const auto assertion = read_secret_line(path);
    if (!assertion) return assertion.error();
    WebRequest request;
    post_form(request, {{"grant_type", "client_credentials"},
                        {"client_id", variable("AZURE_CLIENT_ID")},
                        {"scope", token_scope},
                        {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
                        {"client_assertion", assertion->view()}});
    return ask_entra(request, "exchange the token in " + path + " for one of Azure (workload identity)",
                     "is the federated credential's issuer and subject that of this service account?");
  }

  Result<Token> client_secret() const {
    const Secret secret = secret_variable(options_.environment, "AZURE_CLIENT_SECRET");
    WebRequest request;
    post_form(request, {{"grant_type", "client_credentials"},
                        {"client_id", variable("AZURE_CLIENT_ID")},
                        {"scope", token_scope},
                        {"client_secret", secret.view()}});
    return ask_entra(request, "get a token of Azure with AZURE_CLIENT_SECRET",
                     "has the secret ended? compare AZURE_CLIENT_ID and AZURE_TENANT_ID, too");
  }

  Result<Token> ask_entra(WebRequest& request, const std::string& what, const std::string& fix) const {
    std::string authority = variable("AZURE_AUTHORITY_HOST");
    if (authority.empty()) authority = "https://login.microsoftonline.com";
    while (authority.ends_with('/')) authority.pop_back();
    if (auto safe = safe_for_secrets("use AZURE_AUTHORITY_HOST", authority); !safe) return safe.error();
    request.url = authority + "/" + percent_encode(variable("AZURE_TENANT_ID")) + "/oauth2/v2.0/token";
    request.limits = options_.limits;
    return oauth::request_token(request, what, fix, clock_);
  }

  /// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
  Result<Token> managed_identity() const {
    WebRequest request;
    request.url = options_.imds_endpoint + "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" +
                  percent_encode("https://storage.azure.com/");
    if (const std::string id = variable("AZURE_CLIENT_ID"); !id.empty())
      request.url += "&client_id=" + percent_encode(id);
    request.headers = {{"Metadata", "true"}};
    request.limits = options_.limits;
    // It is a neighbour: who does not answer at once is not there, and outside of Azure nobody refuses the connection.
    request.limits.connect = std::min(request.limits.connect, std::chrono::milliseconds(1'000));
    return oauth::request_token(request, "get a token of the managed identity", "give this machine an identity",
                                clock_);
  }

  const AzureCredentialOptions& options_;
  const Clock& clock_;
  std::string tried_;
};

}  // namespace

AzureCredentials::AzureCredentials(AzureCredentialOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

Result<void> AzureCredentials::authorize(WebRequest& request, const std::string& account) {
  request.headers.emplace_back("x-ms-date", http_date(clock_.wall()));
  if (!options_.file.empty()) {
    const auto secret = read_secret_line(options_.file);
    if (!secret) return secret.error();
    const std::string where = "the credential in " + options_.file;
    return is_sas(*secret) ? add_sas(request, *secret, where) : sign(request, account, *secret, where);
  }
  std::string tried = "no credentials file is configured";
  const std::string owner = variable(options_.environment, "AZURE_STORAGE_ACCOUNT");
  for (const char* name : {"AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_KEY"}) {
    const Secret secret = secret_variable(options_.environment, name);
    if (secret.empty()) {
      tried += std::string("; ") + name + " is not set";
    } else if (!owner.empty() && owner != account) {
      tried += std::string("; ") + name + " is for another account (AZURE_STORAGE_ACCOUNT)";
    } else {
      return std::string_view(name) == "AZURE_STORAGE_KEY" ? sign(request, account, secret, name)
                                                           : add_sas(request, secret, name);
    }
  }
  auto usable = cache_.usable(clock_);
  if (!usable) {
    auto token = EntraSearch(options_, clock_, std::move(tried)).run();
    if (!token) return token.error();
    usable = cache_.keep(std::move(*token));
  }
  request.headers.emplace_back("Authorization", bearer(*usable));
  return {};
}

}  // namespace plumbline::fetch
