// What lets the agent read blobs of Azure.
#pragma once

#include <chrono>
#include <string>

#include "fetch/environment.hpp"
#include "fetch/oauth.hpp"
#include "fetch/web.hpp"
#include "include/util/clock.hpp"
#include "include/util/result.hpp"

namespace plumbline::fetch {

struct AzureCredentialOptions {
  std::string file;  ///< its one line is a SAS token ("?…" or "sv=…") or an account key (base64); "" = look on
  Environment environment;
  std::string imds_endpoint = "http://169.254.169.254";  ///< the instance metadata service
  /// For each token request.
  FetchLimits limits{std::chrono::milliseconds(5'000), std::chrono::milliseconds(20'000)};
};

/// The first of: the configured file, $AZURE_STORAGE_SAS_TOKEN, $AZURE_STORAGE_KEY (both only for
/// $AZURE_STORAGE_ACCOUNT where that is set), workload identity ($AZURE_FEDERATED_TOKEN_FILE), a client secret
/// ($AZURE_CLIENT_SECRET), the managed identity of the machine. A link that is there but does not work ends the search:
/// another identity than the one that was meant is not tried. Used by one thread.
class AzureCredentials {
 public:
  /// `clock` outlives this.
  AzureCredentials(AzureCredentialOptions options, const Clock& clock);

  /// Adds what Azure Storage wants to see to a request whose URL, headers and method are complete: x-ms-date, and a SAS
  /// in the query, a signature or a token. The URL must be safe_for_secrets(). `account`: the storage account's name.
  /// Errors: `unavailable` may work later; `not_found`, `permission` and `invalid_argument` need a person.
  Result<void> authorize(WebRequest& request, const std::string& account);

  bool cached() const { return cache_.usable(clock_).has_value(); }
  /// The server refused the token before its time: the next authorize() asks for another.
  void forget() { cache_.forget(); }

 private:
  const AzureCredentialOptions options_;
  const Clock& clock_;
  oauth::TokenCache cache_;
};

}  // namespace plumbline::fetch
