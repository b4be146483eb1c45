// What chat sinks have in common: a secret URL in a file, one message for many records, at most one a second.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "collector/forward/http_poster.hpp"
#include "collector/forward/sink.hpp"
#include "http/url.hpp"

namespace plumbline::collector {

/// `Options` has url_file, ca_file, certificate_file, key_file, timeout, digest_interval and digest_records.
template <class Options>
class DigestSink final : public Sink {
 public:
  using Message = std::string (*)(std::span<const LedgerRecord>);
  /// Of the body of a 400: whether it is for the hook, which a person has to mend, and not for the message.
  using BlamesHook = bool (*)(const std::string& body);
  DigestSink(Options options, Message message, BlamesHook blames_hook, std::shared_ptr<Watchdog> watchdog,
             const Clock& clock)
      : options_(std::move(options)),
        message_(message),
        blames_hook_(blames_hook),
        watchdog_(std::move(watchdog)),
        clock_(clock) {}

  SinkPace pace() const override {
    return {options_.digest_records, options_.digest_interval, std::chrono::seconds(1), {}};
  }

  Delivery deliver(std::span<const LedgerRecord> records) override {
    const auto poster = connect();
    if (!poster) return Delivery::pause(poster.error().message());
    const HttpReply reply = (*poster)->post({}, message_(records), "application/json; charset=utf-8");
    Delivery delivery = delivery_of(reply, records.size());
    if (reply.status == 400 && blames_hook_(reply.body)) delivery.outcome = Delivery::Outcome::paused;
    return delivery;
  }

  void cancel() noexcept override {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (poster_) poster_->cancel();
  }

  /// The connection for the URL that the file holds now: a rotated one takes effect without a restart.
  Result<std::shared_ptr<HttpPoster>> connect() {
    auto url = read_secret_file(options_.url_file);
    if (!url) return url.error();
    const std::string what = "read the URL in " + options_.url_file;
    const auto where = http::parse_url(what, *url);
    if (!where) return where.error();
    if (!http::is_private(*where))
      return invalid(what, "whoever has it can post, and it would travel unencrypted to " + where->host,
                     "write an https:// URL into it");
    const std::lock_guard lock(mutex_);
    if (poster_ && *url == url_) return poster_;
    auto made = HttpPoster::make(
        {*url, options_.ca_file, options_.timeout, options_.certificate_file, options_.key_file}, watchdog_, clock_);
    if (!made) return made.error();
    url_ = std::move(*url);
    poster_ = std::move(*made);
    if (cancelled_) poster_->cancel();
    return poster_;
  }

 private:
  Options options_;
  Message message_;
  BlamesHook blames_hook_;
  std::shared_ptr<Watchdog> watchdog_;
  const Clock& clock_;
  std::mutex mutex_;
  bool cancelled_ = false;
  std::string url_;
  std::shared_ptr<HttpPoster> poster_;
};

/// Errors: a file that cannot be read, or holds no URL: found at start, not with the first finding.
template <class Options>
Result<std::unique_ptr<Sink>> make_digest_sink(const Options& options, typename DigestSink<Options>::Message message,
                                               typename DigestSink<Options>::BlamesHook blames_hook,
                                               std::shared_ptr<Watchdog> watchdog, const Clock& clock) {
  auto sink = std::make_unique<DigestSink<Options>>(options, message, blames_hook, std::move(watchdog), clock);
  const auto checked = sink->connect();
  if (!checked) return checked.error();
  return std::unique_ptr<Sink>(std::move(sink));
}

}  // namespace plumbline::collector
