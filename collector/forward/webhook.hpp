#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "collector/forward/format.hpp"
#include "collector/forward/sink.hpp"
#include "collector/forward/watchdog.hpp"
#include "include/util/clock.hpp"

namespace plumbline::collector {

struct WebhookOptions {
  std::string url;
  std::string hmac_key_file;  ///< "" = unsigned
  std::string ca_file;
  std::chrono::milliseconds timeout = std::chrono::seconds(10);
  std::string certificate_file{};  ///< of our own, where the destination asks for one; "" = none
  std::string key_file{};
  Format format = Format::plumbline;  ///< of the event's data
};

/// One CloudEvent a request (POST, application/cloudevents+json), with `Idempotency-Key: <node id>/<record id>` and,
/// with a key, `Plumbline-Signature: t=<unix seconds>,v1=<hex HMAC-SHA-256 of "<t>.<body>">`. Delivered at least once:
/// a receiver that must not double compares the former. Errors: a bad URL or unreadable key file.
Result<std::unique_ptr<Sink>> make_webhook_sink(const WebhookOptions& options, std::shared_ptr<Watchdog> watchdog,
                                                const Clock& clock);

/// The signature's value for `body` at `unix_seconds`; exposed for receivers' tests.
std::string sign_webhook(const std::string& key, std::int64_t unix_seconds, const std::string& body);

}  // namespace plumbline::collector
