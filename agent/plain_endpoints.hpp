// Whom the configuration wants to be listened to without TLS: URLs to addresses.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "include/abi/plain.h"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// "127.0.0.1:4566", "[fd00::1]:9000".
std::string text_of(const plain_endpoint& endpoint);

/// Addresses of http://HOST:PORT, at most 16. Asks the system's resolver where HOST is a name, unless `numeric`: then
/// it is `unavailable`. Errors: `invalid_argument`, no URL of plain HTTP; `unavailable`, the name has no address now.
Result<std::vector<plain_endpoint>> resolve_endpoint(const std::string& url, bool numeric = false);

/// Keeps the addresses of a list of URLs. Names are looked up on a thread of its own, which is there only where there
/// are names: at once, and every minute, since what they stand for moves. One that is not found any more keeps its
/// addresses. Any thread.
class PlainEndpoints {
 public:
  struct Row {
    std::string url;
    std::vector<plain_endpoint> addresses;
    std::string why;  ///< why it has none, or those of before
  };
  /// Told whenever an address came or went, with all of them; from any thread, one at a time.
  using Changed = std::function<void(const std::vector<plain_endpoint>& all)>;
  using Resolve = std::function<Result<std::vector<plain_endpoint>>(const std::string& url, bool numeric)>;

  explicit PlainEndpoints(Changed changed, Resolve resolve = resolve_endpoint);
  /// Waits for a look-up that is under way: as long as the resolver may take.
  ~PlainEndpoints();
  PlainEndpoints(const PlainEndpoints&) = delete;
  PlainEndpoints& operator=(const PlainEndpoints&) = delete;

  /// Replaces the list. What is an address is known when it returns.
  void set(const std::vector<std::string>& urls);
  std::vector<Row> rows() const;

 private:
  void look_up();
  /// Whether the row is still wanted and is other than before; tells then.
  void keep(const std::string& url, Result<std::vector<plain_endpoint>> found);
  void tell() const;

  const Changed changed_;
  const Resolve resolve_;
  mutable std::mutex mutex_;  // guards the next four
  std::vector<Row> rows_;
  std::vector<std::string> names_;  // of rows_, those that have to be asked for
  bool has_more_ = false, stops_ = false;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace plumbline::agent
