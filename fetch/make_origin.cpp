#include "fetch/make_origin.hpp"

#include "baseline/baseline.hpp"
#include "baseline/kubelet.hpp"
#include "fetch/azure.hpp"
#include "fetch/command_origin.hpp"
#include "fetch/gcs.hpp"
#include "fetch/http_origin.hpp"
#include "fetch/kubernetes_origin.hpp"
#include "fetch/pods_origin.hpp"
#include "fetch/s3.hpp"

namespace plumbline::fetch {
namespace {

using Made = Result<std::unique_ptr<Origin>>;

Made make_s3(const SourceConfig& config, const FetchLimits& limits, const Clock& clock) {
  const auto where = parse_s3_location(config.location);
  if (!where) return where.error();
  return S3Origin::make({.bucket = where->bucket,
                         .key = where->key,
                         .region = config.region,
                         .endpoint = config.endpoint,
                         .credentials_file = config.credentials_file,
                         .ca_file = config.ca_file,
                         .environment = {},
                         .limits = limits},
                        clock);
}

Made make_gcs(const SourceConfig& config, const FetchLimits& limits, const Clock& clock) {
  const auto where = parse_gcs_location(config.location);
  if (!where) return where.error();
  return GcsOrigin::make({.where = *where,
                          .endpoint = config.endpoint,
                          .ca_file = config.ca_file,
                          .credentials = {.file = config.credentials_file, .environment = {}, .limits = limits},
                          .limits = limits},
                         clock);
}

Made make_azure(const SourceConfig& config, const FetchLimits& limits, const Clock& clock) {
  const auto where = parse_azure_location(config.location);
  if (!where) return where.error();
  return AzureBlobOrigin::make({.where = *where,
                                .endpoint = config.endpoint,
                                .ca_file = config.ca_file,
                                .credentials = {.file = config.credentials_file, .environment = {}, .limits = limits},
                                .limits = limits},
                               clock);
}

Made make_kubernetes(const SourceConfig& config, const FetchLimits& limits, std::shared_ptr<PodRegister> pods) {
  const KubernetesApi api{config.endpoint, config.token_file, config.ca_file};
  if (config.location == baseline::pods_location)
    return make_pods_origin({config.node_name, api, limits, {}, std::move(pods)});
  const auto where = parse_kubernetes_location(config.location);
  if (!where) return where.error();
  return make_kubernetes_origin({*where, api, limits});
}

Made of_location(const SourceConfig& config, const FetchLimits& limits, const Clock& clock,
                 std::shared_ptr<PodRegister> pods) {
  const std::string& at = config.location;
  if (!config.command.empty())
    return make_command_origin({config.command, config.directory.empty() ? "/" : config.directory, limits});
  if (at.starts_with("http://") || at.starts_with("https://"))
    return make_http_origin({at, config.token_file, config.ca_file, limits});
  if (at.starts_with("s3://")) return make_s3(config, limits, clock);
  if (at.starts_with("gs://")) return make_gcs(config, limits, clock);
  if (at.starts_with("azblob://")) return make_azure(config, limits, clock);
  if (at.starts_with("kubernetes://")) return make_kubernetes(config, limits, std::move(pods));
  return invalid("read the location " + config.path, "its scheme is not known",
                 "use https://, s3://, gs://, azblob://, kubernetes:// or an absolute path");
}

}  // namespace

Result<std::unique_ptr<Origin>> make_origin(const SourceConfig& config, const Clock& clock, std::stop_token stop,
                                            std::shared_ptr<PodRegister> pods) {
  FetchLimits limits;
  limits.whole = config.timeout;
  limits.stop = std::move(stop);
  auto origin = of_location(config, limits, clock, std::move(pods));
  if (origin) return origin;
  Error error = origin.error();
  error.what = "baseline " + config.name + ": " + error.what;
  return error;
}

Result<void> check_origins(std::span<const SourceConfig> sources) {
  const SystemClock clock;
  for (const auto& source : sources)
    if (baseline::is_location(source.path))
      if (auto origin = make_origin(source, clock); !origin) return origin.error();
  return {};
}

}  // namespace plumbline::fetch
