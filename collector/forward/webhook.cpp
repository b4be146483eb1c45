#include "collector/forward/webhook.hpp"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include <array>

#include "collector/forward/event.hpp"
#include "collector/forward/http_poster.hpp"
#include "include/util/hex.hpp"

namespace plumbline::collector {
namespace {

class WebhookSink final : public Sink {
 public:
  WebhookSink(std::unique_ptr<HttpPoster> poster, WebhookOptions options, const Clock& clock)
      : poster_(std::move(poster)), options_(std::move(options)), clock_(clock) {}

  SinkPace pace() const override { return {}; }

  Delivery deliver(std::span<const LedgerRecord> records) override {
    const LedgerRecord& record = records.front();
    const std::string body = cloud_event(record, document(options_.format, record));
    // With the node: an id is its node's own.
    std::vector<std::pair<std::string, std::string>> headers = {{"Idempotency-Key", record.node_id + "/" + record.id}};
    if (!options_.hmac_key_file.empty()) {
      // Read each time: a rotated key takes effect without a restart. A file that cannot be read is for a person.
      auto key = read_secret_file(options_.hmac_key_file);
      if (!key) return Delivery::pause(key.error().message());
      headers.emplace_back("Plumbline-Signature", sign_webhook(*key, clock_.wall() / 1'000'000'000, body));
      OPENSSL_cleanse(key->data(), key->size());
    }
    return delivery_of(poster_->post(headers, body, "application/cloudevents+json; charset=utf-8"), 1);
  }

  void cancel() noexcept override { poster_->cancel(); }

 private:
  std::unique_ptr<HttpPoster> poster_;
  WebhookOptions options_;
  const Clock& clock_;
};

}  // namespace

std::string sign_webhook(const std::string& key, std::int64_t unix_seconds, const std::string& body) {
  const std::string time = std::to_string(unix_seconds);
  const std::string text = time + "." + body;
  std::array<unsigned char, 32> mac{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), mac.data(), &size);
  return "t=" + time + ",v1=" + to_hex(std::as_bytes(std::span(mac)));
}

Result<std::unique_ptr<Sink>> make_webhook_sink(const WebhookOptions& options, std::shared_ptr<Watchdog> watchdog,
                                                const Clock& clock) {
  if (!options.hmac_key_file.empty()) {
    const auto key = read_secret_file(options.hmac_key_file);
    if (!key) return key.error();
  }
  auto poster =
      HttpPoster::make({options.url, options.ca_file, options.timeout, options.certificate_file, options.key_file},
                       std::move(watchdog), clock);
  if (!poster) return poster.error();
  return std::unique_ptr<Sink>(std::make_unique<WebhookSink>(std::move(*poster), options, clock));
}

}  // namespace plumbline::collector
