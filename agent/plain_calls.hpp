// Calls without TLS: from the segments that the kernel side copied to what HttpConnections takes.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/decode/plain_streams.hpp"
#include "agent/plain_endpoints.hpp"
#include "agent/source/plain_http.hpp"
#include "cloud/aws/metadata.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::agent {

/// Belongs to one thread, but for what says otherwise. Listens to the metadata services, where it is told to, and to
/// what the configuration names.
class PlainCalls {
 public:
  struct Options {
    std::vector<std::string> urls;  ///< http://HOST:PORT
    bool metadata = true;           ///< whether metadata services are listened to
    PlainStreams::Options streams;
    std::string why_not;  ///< why nobody listens, where `source` is nullptr
  };
  PlainCalls(std::unique_ptr<PlainHttp> source, const Options& options, PlainStreams::Emit emit);

  /// Replaces what the configuration names. Any thread.
  void set_urls(const std::vector<std::string>& urls);

  int ring_fd() const { return source_ ? source_->ring_fd() : -1; }
  void consume();
  void expire(std::int64_t now) { streams_.expire(now); }
  void end_all(std::int64_t now) { streams_.end_all(now); }
  /// Nothing more of a connection is wanted. May be called from within Emit.
  void ignore(std::uint64_t connection);
  /// The metadata service that a connection is with; nullopt: another endpoint, or none of ours. As above.
  std::optional<cloud::aws::MetadataService> metadata_service_of(std::uint64_t connection) const;

  struct Counts {
    plain_counters kernel{};
    PlainStreams::Counters streams;
  };
  Counts counts() const;

  /// "" where somebody listens. Any thread.
  std::string why_not() const;
  /// Whether metadata services are listened to, where anything is. Any thread.
  bool has_metadata() const { return metadata_; }
  /// Those of the configuration. Any thread.
  std::vector<PlainEndpoints::Row> rows() const { return endpoints_.rows(); }
  /// What of plain HTTP is not seen. Any thread.
  std::vector<wire::BlindSpot> blind_spots() const;

 private:
  void listen_to(const std::vector<plain_endpoint>& configured);

  const std::unique_ptr<PlainHttp> source_;
  const bool metadata_;
  mutable std::mutex mutex_;  // guards the next
  std::string why_not_;
  PlainStreams streams_;
  PlainEndpoints endpoints_;  // ends before what it tells
};

}  // namespace plumbline::agent
