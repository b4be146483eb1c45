// Which service of Amazon ECS each container of this node is of: its agent says so, and no label does.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

#include "include/util/result.hpp"

namespace plumbline::fetch {

struct EcsServicesOptions {
  std::string metadata_url;  ///< of the agent's task metadata endpoint, without a path: "http://127.0.0.1:51679"
  std::string containers;    ///< docker_containers
  std::chrono::milliseconds interval{5'000};
  std::chrono::milliseconds timeout{2'000};  ///< for one question
};

/// Asks ECS' agent on this node, on a thread of its own, once for each container that it runs, by
/// GET METADATA_URL/v4/ID/task: the endpoint that the container itself is given, which needs no permission.
/// Thread-safe.
///
/// Bounded: 4,096 containers, those past it are not asked about, and counted; one that gave no answer six times is not
/// asked about again.
class EcsServices {
 public:
  /// One look at all containers.
  struct Round {
    std::uint64_t known = 0;    ///< containers about which nothing more is to be asked
    std::uint64_t failed = 0;   ///< questions without an answer in this round
    std::uint64_t crowded = 0;  ///< containers past the bound
    std::string why;            ///< of the last failure; "" = there was none
  };
  /// `told` is called on that thread after each round.
  EcsServices(EcsServicesOptions options, std::function<void(const Round&)> told);
  ~EcsServices();  ///< stop()
  EcsServices(const EcsServices&) = delete;
  EcsServices& operator=(const EcsServices&) = delete;

  void start();
  /// Cuts a question that is under way. Repeatable.
  void stop();

  /// By Docker's id of the container. "" = of none, or not known (yet).
  std::string service_of(const std::string& container_id) const;

  /// What start() does again and again; for tests.
  Round look();

 private:
  struct Known {
    std::string service;
    int failures = 0;
    bool settled = false;
  };
  void run();
  bool ask(const std::string& id, Known& known, Round& round);
  Result<std::string> service_by(std::string_view metadata_id, const std::string& task, int& status) const;

  const EcsServicesOptions options_;
  const std::function<void(const Round&)> told_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Known> known_;  // written by the one thread, under the lock
  std::stop_source stopping_;
  std::thread thread_;
};

}  // namespace plumbline::fetch
