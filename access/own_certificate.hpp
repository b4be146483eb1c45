// A server's certificate that it makes and renews itself, and how clients learn who signs it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "access/access_config.hpp"
#include "access/authority.hpp"
#include "fetch/origin.hpp"
#include "include/util/clock.hpp"

namespace plumbline::access {

/// An authority (ten years), a key, and a certificate of it in a folder of their own (or the authority elsewhere, where
/// several servers share it): server.pem is replaced when two
/// thirds of its time are over, and http::ServerTls takes it up. With a ConfigMap, a thread sees to it that this says
/// the authority's certificate: no more than that leaves the folder.
class OwnCertificate {
 public:
  struct State {
    std::uint64_t renewals = 0;
    std::uint64_t failures = 0;  ///< of renewals, and of telling the ConfigMap
    std::string trouble;         ///< of the last try; "" = all is as it should be
  };
  /// What changed for the better or the worse, for the log; on the thread.
  using Tell = std::function<void(const State& state)>;

  /// Makes what is missing. `config.folder` is given; `config.api` as find_kubernetes_api() gives it, where there is a
  /// ConfigMap. `clock` outlives this. Errors as of Authority::open().
  static Result<std::unique_ptr<OwnCertificate>> open(OwnCertificateConfig config, const Clock& clock, Tell tell);
  ~OwnCertificate() { stop(); }
  OwnCertificate(const OwnCertificate&) = delete;
  OwnCertificate& operator=(const OwnCertificate&) = delete;

  std::string certificate_file() const { return config_.folder + "/server.pem"; }
  std::string key_file() const { return config_.folder + "/server.key"; }
  /// Who signs it, for clients.
  const std::string& ca_file() const { return authority_->ca_file(); }

  void start();
  void stop();  ///< cuts what is under way; repeatable

  /// Does what is due now. The thread's own; public for its test.
  Result<void> step();
  State state() const;

 private:
  OwnCertificate(OwnCertificateConfig config, const Clock& clock, Tell tell);
  Result<void> renew();
  Result<void> publish();
  void run();

  const OwnCertificateConfig config_;
  const Clock& clock_;
  const Tell tell_;
  std::unique_ptr<Authority> authority_;
  fetch::FetchLimits limits_{std::chrono::milliseconds(3'000), std::chrono::milliseconds(10'000), {}};
  std::stop_source stopping_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  State state_;
  std::thread thread_;
};

}  // namespace plumbline::access
