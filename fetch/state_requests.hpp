// How other people's requests name a source that is kept elsewhere: which of them read its state, and which wrote it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fetch/source_config.hpp"

namespace plumbline::fetch {

/// A request that had to do with a source's state.
struct StateUse {
  std::string name;  ///< of the source
  bool wrote = false;
  enum class Of {
    store,   ///< an object of a store, whose version is its ETag
    object,  ///< one of Kubernetes
    lease,   ///< no state, but the lock of one
  };
  Of of = Of::store;
};

/// The forms in which clients name an object. S3: virtual-hosted and path style
/// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html); Google Cloud Storage: JSON and XML API
/// (https://cloud.google.com/storage/docs/request-endpoints); Azure Blob; Kubernetes: the object's path, on any host,
/// and the Lease by which Terraform's and OpenTofu's backend locks a Secret ("lock-" and its name;
/// internal/backend/remote-state/kubernetes/client.go); https: the URL itself. Immutable.
class StateRequests {
 public:
  StateRequests() = default;
  /// Of those that are locations; an entry that is none, or that its origin refuses, is left out.
  explicit StateRequests(const std::vector<SourceConfig>& sources);

  /// Sources whose state this request reads (GET) or writes (PUT, POST, PATCH). `host` as in Host or `:authority`,
  /// `target` as sent. Who reads a Lease has no lock. Parts of an upload are no writes, its completion is.
  std::vector<StateUse> uses(std::string_view method, std::string_view host, std::string_view target) const;

  bool empty() const { return forms_.empty(); }

 private:
  struct Form {
    std::string name;
    std::string host;  ///< with a port that is not 443; "" = any of these
    std::string host_begins;
    std::string host_ends;
    std::string path;    ///< percent-decoded
    std::string object;  ///< in the query's `name`; "" = it is in the path
    StateUse::Of of = StateUse::Of::store;
  };
  void add_s3(const SourceConfig& source);
  void add_gcs(const SourceConfig& source);
  void add_kubernetes(const SourceConfig& source);
  void add_azure(const SourceConfig& source);

  std::vector<Form> forms_;
};

}  // namespace plumbline::fetch
