#include "fetch/state_requests.hpp"

#include <algorithm>
#include <optional>

#include "fetch/azure.hpp"
#include "fetch/gcs.hpp"
#include "fetch/kubernetes_origin.hpp"
#include "fetch/s3.hpp"
#include "http/target.hpp"
#include "http/url.hpp"
#include "include/util/lower.hpp"

namespace plumbline::fetch {
namespace {

/// "Store:443" → "store".
std::string plain_host(std::string_view authority) {
  std::string host = lower(authority);
  if (host.ends_with(":443")) host.resize(host.size() - 4);
  return host;
}

struct Place {
  std::string host;  ///< "" = there is none
  std::string path;  ///< percent-decoded, without a slash at its end
};

Place place_of(const std::string& url) {
  const auto parsed = http::parse_url("read a source's URL", url);
  if (!parsed) return {};
  const std::string host = parsed->host.find(':') == std::string::npos ? parsed->host : "[" + parsed->host + "]";
  std::string path = http::percent_decode(parsed->target.substr(0, parsed->target.find('?'))).value_or("");
  while (path.ends_with('/')) path.pop_back();
  return {plain_host(host + ":" + parsed->port), std::move(path)};
}

}  // namespace

StateRequests::StateRequests(const std::vector<SourceConfig>& sources) {
  for (const auto& source : sources) {
    const std::string& at = source.location;
    if (at.starts_with("s3://")) {
      add_s3(source);
    } else if (at.starts_with("gs://")) {
      add_gcs(source);
    } else if (at.starts_with("azblob://")) {
      add_azure(source);
    } else if (at.starts_with("kubernetes://")) {
      add_kubernetes(source);
    } else if (at.starts_with("https://")) {
      if (Place place = place_of(at); !place.host.empty())
        forms_.push_back({source.name, std::move(place.host), "", "", std::move(place.path), ""});
    }
  }
}

void StateRequests::add_kubernetes(const SourceConfig& source) {
  const auto where = parse_kubernetes_location(source.location);
  if (!where) return;
  const std::string in_namespace = "/namespaces/" + where->object_namespace + "/";
  forms_.push_back({source.name, "", "", "", "/api/v1" + in_namespace + where->resource + "/" + where->name, "",
                    StateUse::Of::object});
  if (where->resource != "secrets") return;
  forms_.push_back({source.name, "", "", "",
                    "/apis/coordination.k8s.io/v1" + in_namespace + "leases/lock-" + where->name, "",
                    StateUse::Of::lease});
}

void StateRequests::add_s3(const SourceConfig& source) {
  const auto where = parse_s3_location(source.location);
  if (!where) return;
  const std::string bucket = lower(where->bucket), key = "/" + where->key;
  if (source.endpoint.empty()) {
    for (const char* cloud : {".amazonaws.com", ".amazonaws.com.cn"}) {
      forms_.push_back({source.name, "", bucket + ".s3", cloud, key, ""});
      forms_.push_back({source.name, "", "s3", cloud, "/" + where->bucket + key, ""});
    }
  } else if (const Place own = place_of(source.endpoint); !own.host.empty()) {
    forms_.push_back({source.name, own.host, "", "", own.path + "/" + where->bucket + key, ""});
    forms_.push_back({source.name, bucket + "." + own.host, "", "", own.path + key, ""});
  }
}

void StateRequests::add_gcs(const SourceConfig& source) {
  const auto where = parse_gcs_location(source.location);
  if (!where) return;
  std::vector<Place> places = {{"storage.googleapis.com", ""}, {"www.googleapis.com", ""}};
  if (!source.endpoint.empty()) places = {place_of(source.endpoint)};
  for (const auto& [host, base] : places) {
    if (host.empty()) continue;
    const std::string of_bucket = "/storage/v1/b/" + where->bucket + "/o";
    forms_.push_back({source.name, host, "", "", base + of_bucket + "/" + where->object, ""});
    forms_.push_back({source.name, host, "", "", base + "/download" + of_bucket + "/" + where->object, ""});
    forms_.push_back({source.name, host, "", "", base + "/" + where->bucket + "/" + where->object, ""});
    forms_.push_back({source.name, host, "", "", base + "/upload" + of_bucket, where->object});
  }
}

void StateRequests::add_azure(const SourceConfig& source) {
  const auto where = parse_azure_location(source.location);
  if (!where) return;
  const Place own =
      source.endpoint.empty() ? Place{lower(where->account) + ".blob.core.windows.net", ""} : place_of(source.endpoint);
  if (!own.host.empty())
    forms_.push_back({source.name, own.host, "", "", own.path + "/" + where->container + "/" + where->blob, ""});
}

std::vector<StateUse> StateRequests::uses(std::string_view method, std::string_view authority,
                                          std::string_view target) const {
  std::vector<StateUse> found;
  const bool wrote = method == "PUT" || method == "POST" || method == "PATCH";
  if (forms_.empty() || (!wrote && method != "GET")) return found;
  const std::string host = plain_host(authority);
  const auto question = std::min(target.find('?'), target.size());
  std::optional<std::string> path;
  for (const auto& form : forms_) {
    const bool is_host =
        !form.host.empty() ? host == form.host : host.starts_with(form.host_begins) && host.ends_with(form.host_ends);
    if (!is_host || (form.of == StateUse::Of::lease && !wrote)) continue;
    if (!path) path = http::percent_decode(target.substr(0, question)).value_or("");
    if (*path != form.path) continue;
    const auto query = http::parse_query(target.substr(std::min(question + 1, target.size())));
    if (!query) continue;
    const std::string* object = http::find_field(*query, "name");
    if (!form.object.empty() && (object == nullptr || *object != form.object)) continue;
    if (http::find_field(*query, "partNumber") != nullptr || http::find_field(*query, "uploads") != nullptr) continue;
    found.push_back({form.name, wrote, form.of});
  }
  return found;
}

}  // namespace plumbline::fetch
