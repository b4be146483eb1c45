// Access tokens for Google Cloud, found where Application Default Credentials are
// (https://cloud.google.com/docs/authentication/application-default-credentials).
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "fetch/environment.hpp"
#include "fetch/oauth.hpp"
#include "include/util/clock.hpp"
#include "include/util/result.hpp"

namespace plumbline::fetch {

struct GoogleCredentialOptions {
  std::string file;  ///< a credentials file (JSON); "" = look in the environment
  Environment environment;
  /// For each token request.
  FetchLimits limits{std::chrono::milliseconds(5'000), std::chrono::milliseconds(20'000)};
};

/// The first of: the configured file, $GOOGLE_APPLICATION_CREDENTIALS, gcloud's file in $HOME, the metadata server
/// ($GCE_METADATA_HOST). A link that is there but does not work ends the search: another identity than the one that was
/// meant is not tried. Files of the types service_account, authorized_user, and external_account with a `file` source.
/// Used by one thread.
class GoogleCredentials {
 public:
  /// `clock` outlives this.
  GoogleCredentials(GoogleCredentialOptions options, const Clock& clock);

  /// An access token that may read objects, valid until the next call. Kept until five minutes before its end. Errors:
  /// `unavailable` may work later; `not_found`, `permission`, `invalid_argument` and `unsupported` need a person.
  Result<std::string_view> token();

  bool cached() const { return cache_.usable(clock_).has_value(); }
  /// The server refused the token before its time: the next token() asks for another.
  void forget() { cache_.forget(); }

 private:
  const GoogleCredentialOptions options_;
  const Clock& clock_;
  oauth::TokenCache cache_;
};

}  // namespace plumbline::fetch
