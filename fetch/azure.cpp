#include "fetch/azure.hpp"

#include <algorithm>

#include "fetch/encoding.hpp"
#include "fetch/oauth.hpp"
#include "fetch/secret.hpp"

namespace plumbline::fetch {
namespace {

// Any version since 2017-11-09 takes tokens of Entra ID; this one Azurite and Azure Stack know, too.
constexpr const char* api_version = "2021-08-06";
constexpr std::string_view scheme = "azblob://";

bool is_lower_or_digit(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_account(const std::string& name) {
  return name.size() >= 3 && name.size() <= 24 && std::all_of(name.begin(), name.end(), is_lower_or_digit);
}

bool is_container(const std::string& name) {
  if (name == "$root" || name == "$web" || name == "$logs") return true;
  return name.size() >= 3 && name.size() <= 63 && !name.starts_with('-') && !name.ends_with('-') &&
         name.find("--") == std::string::npos &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return is_lower_or_digit(c) || c == '-'; });
}

/// Segments "." and ".." would be taken out of a URL on the way, and the answer be another blob's.
bool is_blob(const std::string& name) {
  const std::string framed = "/" + name + "/";
  return !name.empty() && name.size() <= 1024 && framed.find("/./") == std::string::npos &&
         framed.find("/../") == std::string::npos &&
         std::none_of(name.begin(), name.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

std::string url_of(const AzureBlobOptions& options) {
  return options.endpoint + "/" + percent_encode(options.where.container) + "/" +
         percent_encode(options.where.blob, /*keep_slash=*/true);
}

}  // namespace

Result<AzureLocation> parse_azure_location(const std::string& location) {
  const std::string what = "read the location of a source";
  const std::string shape = "write azblob://ACCOUNT/CONTAINER/BLOB";
  if (!location.starts_with(scheme)) return invalid(what, "it does not begin with azblob://", shape);
  const std::string rest = location.substr(scheme.size());
  const auto first = rest.find('/');
  const auto second = first == std::string::npos ? first : rest.find('/', first + 1);
  if (second == std::string::npos) return invalid(what, "it names no account, container and blob", shape);
  AzureLocation out{rest.substr(0, first), rest.substr(first + 1, second - first - 1), rest.substr(second + 1)};
  if (!is_account(out.account)) return invalid(what, "its account is not 3 to 24 lower-case letters and digits", shape);
  if (!is_container(out.container))
    return invalid(what, "its container is not 3 to 63 lower-case letters, digits and single dashes", shape);
  if (!is_blob(out.blob))
    return invalid(what, "its blob's name is empty, too long, or holds a control character, '.' or '..' as a part",
                   shape);
  return out;
}

Result<std::unique_ptr<Origin>> AzureBlobOrigin::make(AzureBlobOptions options, const Clock& clock) {
  if (options.endpoint.empty()) options.endpoint = "https://" + options.where.account + ".blob.core.windows.net";
  while (options.endpoint.ends_with('/')) options.endpoint.pop_back();
  const std::string what = "use the endpoint of " + options.where.account;
  if (options.endpoint.find_first_of("?#") != std::string::npos)
    return invalid(what, "it has a query or fragment", "a SAS token belongs into the credentials file");
  if (!options.anonymous)
    if (auto safe = safe_for_secrets(what, options.endpoint); !safe) return safe.error();
  return std::unique_ptr<Origin>(new AzureBlobOrigin(std::move(options), clock));
}

AzureBlobOrigin::AzureBlobOrigin(AzureBlobOptions options, const Clock& clock)
    : options_(std::move(options)),
      url_(url_of(options_)),
      shown_(std::string(scheme) + options_.where.account + "/" + options_.where.container + "/" + options_.where.blob),
      credentials_(options_.credentials, clock) {}

Result<Fetched> AzureBlobOrigin::fetch(const std::string& known,
                                       const std::function<Result<void>(std::string_view bytes)>& take) {
  const auto answer = oauth::ask_with(credentials_, [&] { return ask(known); });
  if (!answer) return answer.error();
  if (!is_answered(*answer, known)) return failure(*answer);
  return take_object(*answer, known, shown_, take);
}

Result<WebAnswer> AzureBlobOrigin::ask(const std::string& known) {
  WebRequest request;
  request.url = url_;
  request.ca_file = options_.ca_file;
  request.limits = options_.limits;
  request.headers.emplace_back("x-ms-version", api_version);
  if (!known.empty()) request.headers.emplace_back("If-None-Match", known);
  if (!options_.anonymous)
    if (auto ready = credentials_.authorize(request, options_.where.account); !ready) return ready.error();
  return exchange(request);
}

Error AzureBlobOrigin::failure(const WebAnswer& answer) const {
  const std::string code(answer.header("x-ms-error-code"));
  const char* fix = "compare account, container and blob with the location";
  if (code == "AuthenticationFailed")
    fix = "is the key or SAS token this account's and not over, and the node's clock right?";
  else if (answer.status == 401 || answer.status == 403)
    fix = "give the identity the role Storage Blob Data Reader, or the SAS token the permission r";
  return refused("fetch " + shown_, answer, code, fix);
}

}  // namespace plumbline::fetch
