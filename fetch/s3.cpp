#include "fetch/s3.hpp"

#include <algorithm>
#include <cstdlib>

#include "fetch/encoding.hpp"
#include "http/url.hpp"

namespace plumbline::fetch {
namespace {

constexpr std::string_view scheme = "s3://";
constexpr std::size_t max_key_bytes = 1024;  // S3's own limit

bool is_letter_or_digit(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Amazon's rules, and what its oldest buckets and other stores allow beyond them. Never a '/' or ':': it becomes part
/// of a host or a path.
bool is_bucket(const std::string& name) {
  return name.size() >= 3 && name.size() <= 255 && is_letter_or_digit(name.front()) &&
         is_letter_or_digit(name.back()) && std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return is_letter_or_digit(c) || c == '.' || c == '-' || c == '_';
         });
}

/// Whether it may be a label in front of Amazon's host: TLS's wildcard covers one label, and hosts know no capitals.
bool is_host_label(const std::string& bucket) {
  return bucket.size() <= 63 && std::all_of(bucket.begin(), bucket.end(), [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

Result<void> check(const S3Location& location) {
  const std::string what = "read the S3 location";
  if (!is_bucket(location.bucket))
    return invalid(what, "its bucket is no bucket's name", "write s3://BUCKET/KEY, the bucket from 3 letters on");
  if (location.key.empty()) return invalid(what, "it has no key", "write s3://BUCKET/KEY: one object, not a bucket");
  if (location.key.size() > max_key_bytes || has_control(location.key))
    return invalid(what, "its key has more than 1024 bytes or a control character", "name the object differently");
  return {};
}

/// http:// is let through: the secret key is never sent, and stores inside a cluster often have no TLS.
Result<void> check_endpoint(const std::string& endpoint) {
  if (endpoint.empty()) return {};
  const std::string what = "read the endpoint of an S3 store";
  const auto url = http::parse_url(what, endpoint);
  if (!url) return url.error();
  if (url->target != "/") return invalid(what, "it has a path", "write https://host:port only");
  return {};
}

/// Answers that other credentials may turn into a success. A wrong clock stays wrong.
bool may_be_stale(const WebAnswer& answer, std::string_view code) {
  if (code == "RequestTimeTooSkewed") return false;
  return answer.status == 401 || answer.status == 403 || code == "ExpiredToken" || code == "InvalidToken" ||
         code == "TokenRefreshRequired";
}

/// The bucket's region where the answer says that it is another than `region`; "" = it does not.
std::string other_region(const WebAnswer& answer, std::string_view code, const std::string& region) {
  std::string right(answer.header("x-amz-bucket-region"));
  if (right.empty() && (code == "AuthorizationHeaderMalformed" || code == "PermanentRedirect"))
    right = aws::xml_text(answer.body, "Region");
  const bool sane = right.size() <= 64 && std::all_of(right.begin(), right.end(), [](unsigned char c) {
                      return is_letter_or_digit(c) || c == '-';
                    });
  return sane && right != region ? right : "";
}

std::string fix_of(int status, std::string_view code, const std::string& source) {
  if (code == "NoSuchBucket") return "check the bucket's name, and `endpoint` for a store that is not Amazon's";
  if (code == "InvalidObjectState") return "it is archived: restore the object, or move it to another storage class";
  if (code == "InvalidAccessKeyId" || code == "SignatureDoesNotMatch")
    return "the keys from " + source + " are not this store's: check both halves, and `endpoint`";
  if (code == "ExpiredToken" || code == "InvalidToken" || code == "TokenRefreshRequired")
    return "the session token from " + source + " is no longer good: renew it where it comes from";
  if (status == 401 || status == 403)
    return "let the role or user from " + source +
           " do s3:GetObject on this object, and kms:Decrypt with its key; without s3:ListBucket, one that is missing "
           "looks the same";
  if (status == 404) return "check the key: capitals matter, and it has no leading / unless it was named so";
  if (status == 429 || status >= 500) return "it is asked again later";
  return "check bucket, key, `region` and `endpoint`";
}

}  // namespace

Result<S3Location> parse_s3_location(const std::string& text) {
  if (!text.starts_with(scheme))
    return invalid("read the S3 location", "it does not begin with s3://", "write s3://BUCKET/KEY");
  const std::size_t slash = std::min(text.find('/', scheme.size()), text.size());
  S3Location location{text.substr(scheme.size(), slash - scheme.size()), text.substr(std::min(slash + 1, text.size()))};
  if (const auto good = check(location); !good) return good.error();
  return location;
}

S3Place s3_place(const S3Options& options, const std::string& region) {
  const std::string key = "/" + percent_encode(options.key, true), in_bucket = "/" + options.bucket + key;
  if (options.endpoint.empty()) {
    const std::string host = "s3." + region + "." + std::string(aws::domain_of(region));
    if (!is_host_label(options.bucket)) return {"https://" + host, host, in_bucket};
    return {"https://" + options.bucket + "." + host, options.bucket + "." + host, key};
  }
  const auto url = http::parse_url("read the endpoint of an S3 store", options.endpoint).value();
  std::string host = url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  if (url.port != (url.tls ? "443" : "80")) host += ":" + url.port;
  return {url.origin, host, in_bucket};
}

Result<std::unique_ptr<Origin>> S3Origin::make(S3Options options, const Clock& clock) {
  if (const auto good = check({options.bucket, options.key}); !good) return good.error();
  if (const auto good = check_endpoint(options.endpoint); !good) return good.error();
  if (options.ca_file.empty()) options.ca_file = variable(options.environment, "AWS_CA_BUNDLE");
  return std::unique_ptr<Origin>(new S3Origin(std::move(options), clock));
}

S3Origin::S3Origin(S3Options options, const Clock& clock)
    : options_(std::move(options)),
      name_("fetch s3://" + options_.bucket + "/" + options_.key),
      clock_(clock),
      chain_({.credentials_file = options_.credentials_file,
              .region = options_.region,
              .environment = options_.environment,
              .limits = options_.limits},
             clock) {}

Result<WebAnswer> S3Origin::get(const std::string& region, const aws::Keys& keys, const std::string& known) const {
  const S3Place place = s3_place(options_, region);
  aws::UnsignedRequest unsigned_request;
  unsigned_request.host = place.host;
  unsigned_request.path = place.path;
  WebRequest request;
  request.url = place.origin + place.path;
  request.ca_file = options_.ca_file;
  request.limits = options_.limits;
  request.headers = aws::sign(unsigned_request, {region, "s3"}, keys, clock_.wall());
  request.headers.emplace_back("Host", place.host);
  // Not signed: S3 does not ask for it, and a proxy on the way may rewrite it.
  if (!known.empty() && !has_control(known)) request.headers.emplace_back("If-None-Match", known);
  auto answer = exchange(request);
  if (!answer) return within(name_, answer.error());
  return answer;
}

Result<Fetched> S3Origin::fetch(const std::string& known,
                                const std::function<Result<void>(std::string_view bytes)>& take) {
  const auto region = chain_.region();
  if (!region) return within(name_, region.error());
  for (bool again = false;; again = true) {
    const auto credentials = chain_.get();
    if (!credentials) return within(name_, credentials.error());
    const auto answer = get(*region, credentials->keys, known);
    if (!answer) return answer.error();
    if (answer->status == 304 && !known.empty()) return Fetched{true, known};
    if (answer->status == 200) {
      if (const auto taken = take(answer->body); !taken) return taken.error();
      return Fetched{false, std::string(answer->header("etag"))};
    }
    const std::string_view code = aws::xml_text(answer->body, "Code");
    if (again || !may_be_stale(*answer, code) || !other_region(*answer, code, *region).empty())
      return explain(*answer, *region, credentials->source);
    chain_.forget();
  }
}

Error S3Origin::explain(const WebAnswer& answer, const std::string& region, const std::string& source) const {
  const std::string code(aws::xml_text(answer.body, "Code"));
  if (code == "RequestTimeTooSkewed") return skewed(answer);
  if (const std::string right = other_region(answer, code, region); !right.empty() && answer.status < 404)
    return invalid(name_, "the bucket is in region " + right + ", and " + region + " was asked",
                   "set region: " + right);
  Error error = refused(name_, answer, code, fix_of(answer.status, code, source));
  if (may_be_stale(answer, code)) error.code = ErrorCode::permission;  // a token that has expired is a 400
  return error;
}

Error S3Origin::skewed(const WebAnswer& answer) const {
  std::string why = "this node's clock differs from the store's by more than it allows";
  if (const auto theirs = parse_rfc3339(aws::xml_text(answer.body, "ServerTime"))) {
    const std::int64_t minutes = (clock_.wall() - *theirs) / 60'000'000'000;
    why = "this node's clock is " + std::to_string(std::abs(minutes)) + " minutes " +
          (minutes < 0 ? "behind" : "ahead of") + " the store's";
  }
  return {ErrorCode::permission, name_, why, "synchronise the node's clock, with chrony or systemd-timesyncd"};
}

}  // namespace plumbline::fetch
