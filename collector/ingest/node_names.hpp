// Under which name each node id reports.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "collector/store/store.hpp"
#include "http/message.hpp"
#include "include/util/result.hpp"

namespace plumbline::collector {

/// Records and drift are kept by node id, which an agent draws itself and others can read. So an id is of the name that
/// it first came under: who may not speak for that name may not use it. As large as the store's table of nodes. Another
/// collector may have heard of a node first: an id that is new here, or refused, is looked up in the store.
/// Thread-safe.
class NodeNames {
 public:
  /// What the store knows, before the first claim(); it outlives this.
  Result<void> load(const Store& store);

  /// Takes the id for `node`, where `caller` may speak for it and for whoever has the id. Else why not.
  std::string claim(const std::string& node_id, const std::string& node, const http::Caller* caller);

 private:
  std::string judge(const std::string& node_id, const std::string& node, const http::Caller* caller);
  const Store* store_ = nullptr;
  std::mutex mutex_;
  std::map<std::string, std::string> names_;
};

}  // namespace plumbline::collector
