#include "fetch/gcs.hpp"

#include <algorithm>

#include "fetch/encoding.hpp"
#include "fetch/oauth.hpp"
#include "fetch/secret.hpp"

namespace plumbline::fetch {
namespace {

constexpr std::string_view scheme = "gs://";

bool is_bucket(const std::string& name) {
  return name.size() >= 3 && name.size() <= 222 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
         });
}

bool is_object(const std::string& name) {
  return !name.empty() && name.size() <= 1024 && name != "." && name != ".." &&
         std::none_of(name.begin(), name.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

std::string url_of(const GcsOptions& options) {
  return options.endpoint + "/storage/v1/b/" + percent_encode(options.where.bucket) + "/o/" +
         percent_encode(options.where.object) + "?alt=media";
}

/// An emulator holds nothing that a credential is needed for, and is no one to whom it should go.
void use_emulator(GcsOptions& options, std::string host) {
  options.endpoint = host.find("://") == std::string::npos ? "http://" + host : std::move(host);
  options.anonymous = true;
}

}  // namespace

Result<GcsLocation> parse_gcs_location(const std::string& location) {
  const std::string what = "read the location of a source";
  const std::string shape = "write gs://BUCKET/OBJECT";
  if (!location.starts_with(scheme)) return invalid(what, "it does not begin with gs://", shape);
  const std::string rest = location.substr(scheme.size());
  const auto slash = rest.find('/');
  if (slash == std::string::npos) return invalid(what, "it names no bucket and object", shape);
  GcsLocation out{rest.substr(0, slash), rest.substr(slash + 1)};
  if (!is_bucket(out.bucket))
    return invalid(what, "its bucket is not 3 or more lower-case letters, digits, dashes, underscores and dots", shape);
  if (!is_object(out.object))
    return invalid(what, "its object's name is empty, too long, '.', '..' or holds a control character", shape);
  return out;
}

Result<std::unique_ptr<Origin>> GcsOrigin::make(GcsOptions options, const Clock& clock) {
  if (options.endpoint.empty())
    if (auto host = variable(options.credentials.environment, "STORAGE_EMULATOR_HOST"); !host.empty())
      use_emulator(options, std::move(host));
  if (options.endpoint.empty()) options.endpoint = "https://storage.googleapis.com";
  while (options.endpoint.ends_with('/')) options.endpoint.pop_back();
  const std::string what = "use the endpoint of gs://" + options.where.bucket;
  if (options.endpoint.find_first_of("?#") != std::string::npos)
    return invalid(what, "it has a query or fragment", "write https://host:port");
  if (!options.anonymous)
    if (auto safe = safe_for_secrets(what, options.endpoint); !safe) return safe.error();
  return std::unique_ptr<Origin>(new GcsOrigin(std::move(options), clock));
}

GcsOrigin::GcsOrigin(GcsOptions options, const Clock& clock)
    : options_(std::move(options)),
      url_(url_of(options_)),
      shown_(std::string(scheme) + options_.where.bucket + "/" + options_.where.object),
      credentials_(options_.credentials, clock) {}

Result<Fetched> GcsOrigin::fetch(const std::string& known,
                                 const std::function<Result<void>(std::string_view bytes)>& take) {
  const auto answer = oauth::ask_with(credentials_, [&] { return ask(known); });
  if (!answer) return answer.error();
  if (!is_answered(*answer, known)) return failure(*answer);
  return take_object(*answer, known, shown_, take);
}

Result<WebAnswer> GcsOrigin::ask(const std::string& known) {
  WebRequest request;
  request.url = url_;
  request.ca_file = options_.ca_file;
  request.limits = options_.limits;
  if (!known.empty()) request.headers.emplace_back("If-None-Match", known);
  if (!options_.anonymous) {
    const auto token = credentials_.token();
    if (!token) return token.error();
    request.headers.emplace_back("Authorization", bearer(*token));
  }
  return exchange(request);
}

Error GcsOrigin::failure(const WebAnswer& answer) const {
  const char* fix = "compare bucket and object with the location";
  if (answer.status == 401 || answer.status == 403)
    fix = options_.anonymous ? "the object is not public: give the agent credentials"
                             : "give the identity the role Storage Object Viewer on the bucket";
  return refused("fetch " + shown_, answer, "", fix);
}

}  // namespace plumbline::fetch
