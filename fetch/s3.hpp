// A source that is an object in Amazon S3, or in a store that speaks its protocol (MinIO, Ceph).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "fetch/aws_credentials.hpp"
#include "fetch/origin.hpp"
#include "fetch/web.hpp"
#include "include/util/clock.hpp"
#include "include/util/result.hpp"

namespace plumbline::fetch {

struct S3Location {
  std::string bucket;
  std::string key;  ///< as it is named, not percent-encoded; may begin with '/'
};

/// "s3://BUCKET/KEY"; '?', '#' and '%' are letters of the key. `invalid_argument`: another scheme, a bucket that is no
/// bucket's name, no key, one of more than 1024 bytes, or with a control character.
Result<S3Location> parse_s3_location(const std::string& text);

struct S3Options {
  std::string bucket;
  std::string key;
  std::string region;            ///< "" = AWS_REGION, AWS_DEFAULT_REGION, or that of the credentials file's profile
  std::string endpoint;          ///< "https://host:port" of a store of one's own; "" = Amazon's in that region
  std::string credentials_file;  ///< "" = the ambient chain of aws::CredentialsChain
  std::string ca_file;           ///< PEM for the endpoint; "" = AWS_CA_BUNDLE, or the system's
  Environment environment;       ///< where region and credentials are looked for
  FetchLimits limits;
};

/// Where the GET for one object goes.
struct S3Place {
  std::string origin;  ///< "https://host:port"
  std::string host;    ///< as in the Host header
  std::string path;    ///< percent-encoded, '/' excepted: as it is sent and signed
};

/// Amazon's host with the bucket in front; or the bucket in the path, where an endpoint is given or the bucket's name
/// is no host's label. `options` as S3Origin::make() lets them through.
S3Place s3_place(const S3Options& options, const std::string& region);

/// One object. Each fetch is a GET with If-None-Match, signed anew; a version is the object's ETag with its quotes.
/// What is refused as stale is asked for once more with fresh credentials.
///
/// Errors name s3://BUCKET/KEY, the store's error code, and the right region or the clock's difference where it is
/// that.
class S3Origin final : public Origin {
 public:
  /// `clock` must outlive the origin. `invalid_argument`: as parse_s3_location(), or an endpoint that is none.
  static Result<std::unique_ptr<Origin>> make(S3Options options, const Clock& clock);

  Result<Fetched> fetch(const std::string& known,
                        const std::function<Result<void>(std::string_view bytes)>& take) override;

 private:
  S3Origin(S3Options options, const Clock& clock);
  Result<WebAnswer> get(const std::string& region, const aws::Keys& keys, const std::string& known) const;
  Error explain(const WebAnswer& answer, const std::string& region, const std::string& source) const;
  Error skewed(const WebAnswer& answer) const;

  const S3Options options_;
  const std::string name_;  ///< for people: "fetch s3://bucket/key"
  const Clock& clock_;
  aws::CredentialsChain chain_;
};

}  // namespace plumbline::fetch
