#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>

#include "collector/forward/sink.hpp"
#include "collector/forward/watchdog.hpp"
#include "include/util/clock.hpp"

namespace plumbline::collector {

struct SlackOptions {
  std::string url_file;  ///< holds the incoming-webhook URL: whoever has it can post, so it is a secret
  std::string ca_file;
  std::chrono::milliseconds timeout = std::chrono::seconds(10);
  std::chrono::milliseconds digest_interval = std::chrono::seconds(30);  ///< how long a record waits for company
  std::size_t digest_records = 500;                                      ///< … or until so many wait
  std::string certificate_file{};  ///< of our own, where the destination asks for one; "" = none
  std::string key_file{};
};

/// Collects records into one message (Slack takes one a second from a webhook and answers more with 429).
Result<std::unique_ptr<Sink>> make_slack_sink(const SlackOptions& options, std::shared_ptr<Watchdog> watchdog,
                                              const Clock& clock);

/// The message for these records, as JSON. Findings of one drift are one line; at most 20 lines, worst first, then how
/// many more; texts are escaped for Slack's markup.
std::string slack_message(std::span<const LedgerRecord> records);

}  // namespace plumbline::collector
