// A source that is an object in Google Cloud Storage.
#pragma once

#include <memory>
#include <string>

#include "fetch/google_credentials.hpp"
#include "fetch/origin.hpp"

namespace plumbline::fetch {

struct GcsLocation {
  std::string bucket;
  std::string object;  ///< as it is named, not percent-encoded; may hold "/"
};

/// "gs://BUCKET/OBJECT". `invalid_argument`: a name that Google does not allow
/// (https://cloud.google.com/storage/docs/buckets#naming, https://cloud.google.com/storage/docs/objects#naming).
Result<GcsLocation> parse_gcs_location(const std::string& location);

struct GcsOptions {
  GcsLocation where;
  std::string endpoint;  ///< "" = $STORAGE_EMULATOR_HOST, which gets no credentials, or https://storage.googleapis.com
  std::string ca_file;   ///< PEM, for `endpoint`; "" = the system's
  bool anonymous = false;  ///< the object is public: no credentials are looked for
  GoogleCredentialOptions credentials;
  FetchLimits limits;
};

/// GET with If-None-Match (https://cloud.google.com/storage/docs/json_api/v1/objects/get); the version is the ETag.
/// Credentials go to the endpoint and to nobody else.
class GcsOrigin final : public Origin {
 public:
  /// `clock` outlives the origin. `invalid_argument`: an endpoint that is none, or to which credentials would travel
  /// unencrypted.
  static Result<std::unique_ptr<Origin>> make(GcsOptions options, const Clock& clock);

  Result<Fetched> fetch(const std::string& known,
                        const std::function<Result<void>(std::string_view bytes)>& take) override;

 private:
  GcsOrigin(GcsOptions options, const Clock& clock);
  Result<WebAnswer> ask(const std::string& known);
  Error failure(const WebAnswer& answer) const;

  const GcsOptions options_;
  const std::string url_;
  const std::string shown_;  ///< the place in errors
  GoogleCredentials credentials_;
};

}  // namespace plumbline::fetch
