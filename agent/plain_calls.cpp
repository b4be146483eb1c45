#include "agent/plain_calls.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>

namespace plumbline::agent {
namespace {

cloud::aws::Address address_of(const plain_endpoint& endpoint) {
  cloud::aws::Address address;
  std::memcpy(address.data(), endpoint.address, address.size());
  return address;
}

}  // namespace

PlainCalls::PlainCalls(std::unique_ptr<PlainHttp> source, const Options& options, PlainStreams::Emit emit)
    : source_(std::move(source)),
      metadata_(options.metadata),
      why_not_(source_                   ? ""
               : options.why_not.empty() ? "its hooks were not loaded"
                                         : options.why_not),
      streams_(options.streams, std::move(emit)),
      endpoints_([this](const std::vector<plain_endpoint>& configured) { listen_to(configured); }) {
  endpoints_.set(options.urls);
}

void PlainCalls::set_urls(const std::vector<std::string>& urls) {
  endpoints_.set(urls);
}

void PlainCalls::listen_to(const std::vector<plain_endpoint>& configured) {
  if (!source_) return;
  std::vector<plain_endpoint> all;
  for (const auto& one : metadata_ ? cloud::aws::metadata_endpoints() : decltype(cloud::aws::metadata_endpoints()){}) {
    plain_endpoint endpoint{};
    std::memcpy(endpoint.address, one.address.data(), one.address.size());
    endpoint.port = cloud::aws::metadata_port;
    all.push_back(endpoint);
  }
  all.insert(all.end(), configured.begin(), configured.end());
  const auto set = source_->set_endpoints(all);
  if (!set) spdlog::error("event=plain_http_not_heard why=\"{}\"", set.error().message());
  const std::lock_guard lock(mutex_);
  why_not_ = set ? "" : set.error().message();
}

std::string PlainCalls::why_not() const {
  const std::lock_guard lock(mutex_);
  return why_not_;
}

void PlainCalls::consume() {
  if (source_)
    source_->consume([this](const plain_record& record, std::span<const char> data) { streams_.take(record, data); });
}

void PlainCalls::ignore(std::uint64_t connection) {
  streams_.ignore(connection);
  if (source_) source_->ignore(connection & ~PlainStreams::plain_bit);
}

std::optional<cloud::aws::MetadataService> PlainCalls::metadata_service_of(std::uint64_t connection) const {
  const auto endpoint = streams_.endpoint_of(connection);
  if (!endpoint) return std::nullopt;
  return cloud::aws::metadata_service_at(address_of(*endpoint), endpoint->port);
}

PlainCalls::Counts PlainCalls::counts() const {
  return {source_ ? source_->read_counters() : plain_counters{}, streams_.counters()};
}

std::vector<wire::BlindSpot> PlainCalls::blind_spots() const {
  const std::string why = why_not();
  if (!why.empty())
    return {{"plain_http_not_seen", "node",
             "Calls without TLS are not seen, nor whom the metadata services hand credentials to.", why,
             "a kernel with cgroup v2, and CAP_NET_ADMIN for the agent"}};
  std::vector<wire::BlindSpot> all = {
      {"plain_http_before", "node",
       "Calls without TLS on connections that began before the agent did are not seen, and none to endpoints that "
       "calls.plain_http does not name.",
       "a stream that was not seen from its beginning cannot be put in order",
       "name the endpoint in calls.plain_http"}};
  if (!metadata_)
    all.push_back({"metadata_not_heard", "node", "Whom metadata services hand credentials to is not seen.",
                   "the firmware does not say that this machine is Amazon's, or the configuration wants it so",
                   "set calls.metadata_services to true"});
  for (const auto& row : endpoints_.rows())
    if (row.addresses.empty())
      all.push_back({"plain_http_no_address", row.url, "Calls to this endpoint are not seen.", row.why,
                     "mend its name in calls.plain_http"});
  return all;
}

}  // namespace plumbline::agent
