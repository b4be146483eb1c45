// A source that is a blob of Azure Blob Storage.
#pragma once

#include <string>

#include "fetch/azure_credentials.hpp"
#include "fetch/origin.hpp"

namespace plumbline::fetch {

struct AzureLocation {
  std::string account;  ///< the storage account
  std::string container;
  std::string blob;  ///< as it is named, not percent-encoded; may hold "/"
};

/// "azblob://ACCOUNT/CONTAINER/BLOB/PATH". `invalid_argument`: a name that Azure does not allow
/// (https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata).
Result<AzureLocation> parse_azure_location(const std::string& location);

struct AzureBlobOptions {
  AzureLocation where;
  std::string endpoint;    ///< of the account's blobs; "" = https://ACCOUNT.blob.core.windows.net. May have a path, as
                           ///< Azurite's has: http://127.0.0.1:10000/ACCOUNT
  std::string ca_file;     ///< PEM, for `endpoint`; "" = the system's
  bool anonymous = false;  ///< the container is public: no credentials are looked for
  AzureCredentialOptions credentials;
  FetchLimits limits;
};

/// GET with If-None-Match (https://learn.microsoft.com/rest/api/storageservices/get-blob); the version is the ETag.
/// Credentials go to the endpoint and to nobody else.
class AzureBlobOrigin final : public Origin {
 public:
  /// `clock` outlives the origin. `invalid_argument`: an endpoint that is none, or to which credentials would travel
  /// unencrypted.
  static Result<std::unique_ptr<Origin>> make(AzureBlobOptions options, const Clock& clock);

  Result<Fetched> fetch(const std::string& known,
                        const std::function<Result<void>(std::string_view bytes)>& take) override;

 private:
  AzureBlobOrigin(AzureBlobOptions options, const Clock& clock);
  Result<WebAnswer> ask(const std::string& known);
  Error failure(const WebAnswer& answer) const;

  const AzureBlobOptions options_;
  const std::string url_;
  const std::string shown_;  ///< the place in errors
  AzureCredentials credentials_;
};

}  // namespace plumbline::fetch
