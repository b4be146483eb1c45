#include "collector/forward/splunk.hpp"

#include <openssl/rand.h>

#include <array>
#include <condition_variable>
#include <mutex>

#include "collector/forward/answers.hpp"
#include "collector/forward/http_auth.hpp"
#include "include/util/hex.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t max_records = 2000;
constexpr std::size_t max_request_bytes = std::size_t{512} << 10;  // HEC's own limit is 1 MB

/// A random GUID; HEC keeps acknowledgements by channel.
std::string new_channel() {
  std::array<std::byte, 16> bytes{};
  RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  const std::string hex = to_hex(bytes);
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" +
         hex.substr(20);
}

/// One request that HEC took, and the records in it.
struct Sent {
  std::size_t end = 0;  ///< the first record behind it
  std::uint64_t ack_id = 0;
  bool acked = false;
};

class SplunkSink final : public Sink {
 public:
  SplunkSink(std::unique_ptr<HttpPoster> poster, SplunkOptions options)
      : poster_(std::move(poster)), options_(std::move(options)), channel_(new_channel()) {
    base_ = poster_->target();
    if (!base_.ends_with('/')) base_ += '/';
    base_ += "services/collector/";
    if (options_.sourcetype.empty())
      options_.sourcetype = options_.format == Format::ocsf  ? "plumbline:ocsf"
                            : options_.format == Format::ecs ? "plumbline:ecs"
                                                             : "plumbline:record";
  }

  SinkPace pace() const override { return {max_records, {}, {}, {}}; }

  Delivery deliver(std::span<const LedgerRecord> records) override {
    HttpHeaders headers;
    const auto token = read_header_secret(options_.token_file);
    if (!token) return Delivery::pause(token.error().message());
    headers.emplace_back("Authorization", "Splunk " + *token);
    if (options_.acknowledge) headers.emplace_back("X-Splunk-Request-Channel", channel_);

    std::vector<Sent> sent;
    for (std::size_t begin = 0; begin < records.size();) {
      std::string body;
      std::size_t end = begin;
      for (; end < records.size(); ++end) {
        const std::string event = event_of(records[end]);
        if (end > begin && body.size() + event.size() > max_request_bytes) break;
        body += event;
      }
      const HttpReply reply = poster_->post(headers, body, "application/json", base_ + "event");
      const HecAnswer answer = read_hec_answer(reply.body);
      Delivery delivery = delivery_of_hec(reply, answer, end - begin);
      if (delivery.outcome != Delivery::Outcome::delivered) {
        if (!sent.empty()) break;  // what went before is settled first; this one is met again
        return delivery;
      }
      sent.push_back({end, answer.ack_id.value_or(0), !options_.acknowledge});
      begin = end;
      if (begin < records.size() && cancelled()) break;
    }
    return wait_for_acks(sent, headers);
  }

  void cancel() noexcept override {
    {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
      changed_.notify_all();
    }
    poster_->cancel();
  }

 private:
  std::string event_of(const LedgerRecord& record) const {
    wire::JsonObject event;
    const std::int64_t at = record.at / 1'000'000;
    std::string thousandths = std::to_string(at % 1000);
    thousandths.insert(0, 3 - std::min<std::size_t>(thousandths.size(), 3), '0');
    event.raw("time", std::to_string(at / 1000) + "." + thousandths).text("host", record.node);
    event.text("source", options_.source).text("sourcetype", options_.sourcetype);
    if (!options_.index.empty()) event.text("index", options_.index);
    event.raw("event", document(options_.format, record));
    event.raw("fields", wire::JsonObject().text("record_uid", record.node_id + "/" + record.id).str());
    return event.str();
  }

  Delivery delivery_of_hec(const HttpReply& reply, const HecAnswer& answer, std::size_t count) const {
    Delivery delivery = delivery_of_batch(reply, count);
    // 7: an index that the token may not write; 10, 11: no channel; 14: no acknowledgement. All of them are the
    // configuration's fault, and no record's.
    if (delivery.outcome == Delivery::Outcome::split &&
        (answer.code == 7 || answer.code == 10 || answer.code == 11 || answer.code == 14))
      return Delivery::pause(delivery.why);
    if (delivery.outcome != Delivery::Outcome::delivered || !options_.acknowledge || answer.ack_id) return delivery;
    return Delivery::pause(
        "the token has no indexer acknowledgement; turn it on for the token, or set acknowledge: false, with which an "
        "indexer that crashes loses records");
  }

  bool cancelled() {
    const std::lock_guard lock(mutex_);
    return cancelled_;
  }

  /// Delivered is what stands before the first request that is not acknowledged in time.
  Delivery wait_for_acks(std::vector<Sent>& sent, const HttpHeaders& headers) {
    const auto deadline = Steady::now() + options_.ack_timeout;
    std::string trouble = "the indexer did not acknowledge in time";
    for (;;) {
      std::size_t done = 0;
      while (done < sent.size() && sent[done].acked) ++done;
      if (done == sent.size()) return Delivery::done(sent.back().end);
      if (Steady::now() >= deadline || cancelled()) {
        channel_ = new_channel();  // an old channel's late acknowledgements mean nothing any more
        return done == 0 ? Delivery::again(trouble) : Delivery::done(sent[done - 1].end);
      }
      std::vector<std::uint64_t> ids;
      for (const auto& one : sent)
        if (!one.acked) ids.push_back(one.ack_id);
      std::vector<std::string> texts;
      for (const auto id : ids) texts.push_back(std::to_string(id));
      const HttpReply reply = poster_->post(headers, wire::JsonObject().raw("acks", wire::json_array(texts)).str(),
                                            "application/json", base_ + "ack?channel=" + channel_);
      if (reply.status == 200) {
        const auto acked = read_hec_acks(reply.body, ids);
        std::size_t at = 0;
        for (auto& one : sent)
          if (!one.acked) one.acked = acked[at++];
        if (std::find(acked.begin(), acked.end(), false) == acked.end()) continue;
      } else {
        const Delivery delivery = delivery_of_batch(reply, 1);
        if (delivery.outcome == Delivery::Outcome::paused || delivery.outcome == Delivery::Outcome::split)
          return Delivery::pause("asking for acknowledgements: " + delivery.why);
        trouble = "asking for acknowledgements: " + delivery.why;
      }
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, options_.ack_interval, [this] { return cancelled_; });
    }
  }

  std::unique_ptr<HttpPoster> poster_;
  SplunkOptions options_;
  std::string channel_;
  std::string base_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool cancelled_ = false;
};

}  // namespace

Result<std::unique_ptr<Sink>> make_splunk_sink(const SplunkOptions& options, std::shared_ptr<Watchdog> watchdog,
                                               const Clock& clock) {
  if (const auto token = read_header_secret(options.token_file); !token) return token.error();
  auto poster = HttpPoster::make(options.http, std::move(watchdog), clock);
  if (!poster) return poster.error();
  return std::unique_ptr<Sink>(std::make_unique<SplunkSink>(std::move(*poster), options));
}

}  // namespace plumbline::collector
