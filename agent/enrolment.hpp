// How this node gets its certificate from a collector, and another one before that ends.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "fetch/origin.hpp"
#include "include/util/clock.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

struct EnrolmentOptions {
  std::string url;         ///< of the collector
  std::string ca_file;     ///< "" = the system's
  std::string token_file;  ///< a token of the collector's for this node; needed until there is a certificate
  std::string folder;      ///< of key.pem and certificate.pem; made where it is missing, mode 0700
  std::chrono::milliseconds retry{5'000};
  std::chrono::milliseconds look{60'000};  ///< whether it is time for another
  fetch::FetchLimits limits{std::chrono::milliseconds(5'000), std::chrono::milliseconds(15'000), {}};
};

/// On a thread of its own. The key never leaves the folder; it is made once, so that a renewal replaces one file.
class Enrolment {
 public:
  /// `clock` outlives this.
  Enrolment(EnrolmentOptions options, const Clock& clock);
  ~Enrolment() { stop(); }
  Enrolment(const Enrolment&) = delete;
  Enrolment& operator=(const Enrolment&) = delete;

  static std::string key_file(const std::string& folder) { return folder + "/key.pem"; }
  static std::string certificate_file(const std::string& folder) { return folder + "/certificate.pem"; }

  void start();
  void stop();  ///< cuts what is under way; repeatable

  /// What is due now is done: a first certificate, or another one where two thirds of its time are over. True: there is
  /// one in force. The thread's own; public for its test.
  Result<bool> step();

 private:
  void run();
  Result<std::string> key() const;
  Result<void> ask(const std::string& path, bool is_first);

  EnrolmentOptions options_;
  const Clock& clock_;
  std::stop_source stopping_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace plumbline::agent
