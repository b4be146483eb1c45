#include "collector/forward/kafka.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>

#include "collector/forward/alert.hpp"
#include "collector/forward/file_identity.hpp"
#include "collector/forward/http_poster.hpp"
#include "collector/forward/kafka_answers.hpp"
#include "collector/forward/kafka_producer.hpp"

namespace plumbline::collector {
namespace {

using Steady = std::chrono::steady_clock;
using Outcome = Delivery::Outcome;

constexpr std::size_t max_records = 1000;
constexpr std::size_t max_bytes = std::size_t{4} << 20;  // of one deliver(), so that few bodies are held twice
// A cluster with no connection at all has so long to come back before the wait is given up: a broker that closed an
// idle connection is no trouble.
constexpr auto down_for = std::chrono::seconds(3);
constexpr auto slice = std::chrono::milliseconds(50);  // how soon cancel() is seen

KafkaMessage message_of(const LedgerRecord& record, Format format) {
  Alert alert = alert_of(record);
  std::string text = document(format, record, alert);
  return {record.seq, std::move(alert.uid), std::move(text), std::move(alert.record_uid), std::move(alert.type)};
}

Result<std::string> read_password(const KafkaOptions& options) {
  if (options.sasl_mechanism.empty()) return std::string();
  return read_secret_file(options.sasl_password_file);
}

class KafkaSink final : public Sink {
 public:
  explicit KafkaSink(KafkaOptions options) : options_(std::move(options)) {}

  SinkPace pace() const override { return {max_records, {}, {}, {}}; }

  Delivery deliver(std::span<const LedgerRecord> offered) override {
    if (const auto ready = connect(); !ready) return Delivery::pause(ready.error().message());
    const auto deadline = Steady::now() + options_.timeout;
    const auto records = offered.first(send_all(offered));
    auto stop = wait_for(records, deadline);
    if (!stop) stop = try_alone(records, deadline);
    if (stop && stop->outcome == Outcome::paused) {
      forget();
      return *stop;
    }
    Delivery delivery = settle_all(records);
    if (producer_->is_over()) forget();
    return delivery;
  }

  void cancel() noexcept override { cancelled_ = true; }

 private:
  /// Of a record that was handed to the producer.
  struct Fate {
    std::optional<rd_kafka_resp_err_t> code;  ///< nullopt: under way
    bool alone = false;  ///< nothing else was in its request, or none was made: a refusal is its own
    Outcome outcome() const { return outcome_of_kafka(code.value_or(RD_KAFKA_RESP_ERR_NO_ERROR)); }
  };

  /// A producer that was made with the files as they are now.
  Result<void> connect() {
    auto password = read_password(options_);
    if (!password) return password.error();
    std::string files = identity_of(options_.ca_file) + "|" + identity_of(options_.certificate_file) + "|" +
                        identity_of(options_.key_file);
    if (producer_ && (files != files_ || *password != password_)) forget();
    if (!producer_) {
      auto made = KafkaProducer::make(
          options_, *password, true,
          [this](std::uint64_t seq, rd_kafka_resp_err_t code) {
            fates_[seq].code = code;
            if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return;
            trouble_.clear();
            down_since_.reset();
          },
          [this](rd_kafka_resp_err_t code, const std::string& reason) { note(code, reason); });
      if (!made) return made.error();
      producer_ = std::move(*made);
      files_ = std::move(files);
      password_ = std::move(*password);
    }
    producer_->poll(std::chrono::milliseconds(0));
    // A trouble of the time when nobody looked is no news.
    code_ = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (down_since_) down_since_ = Steady::now();
    return {};
  }

  /// What the producer says of its connections.
  void note(rd_kafka_resp_err_t code, const std::string& reason) {
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !down_since_) down_since_ = Steady::now();
    // Neither "all are down" nor the disconnects that follow cover up what a person can use.
    const bool tells_less = code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !trouble_.empty();
    if (tells_less || outcome_of_kafka(code_) == Outcome::paused) return;
    code_ = code;
    trouble_ = kafka_trouble(code, reason, options_);
  }

  /// Ends the producer. What it delivered stays known; all else is sent anew.
  void forget() {
    producer_.reset();
    trouble_.clear();
    down_since_.reset();
    std::erase_if(fates_, [](const auto& entry) {
      return !entry.second.code || *entry.second.code != RD_KAFKA_RESP_ERR_NO_ERROR;
    });
  }

  /// Those that are not under way already; how many records of `offered` this delivery is about.
  std::size_t send_all(std::span<const LedgerRecord> offered) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < offered.size(); ++i) {
      if (fates_.contains(offered[i].seq)) continue;
      const KafkaMessage message = message_of(offered[i], options_.format);
      bytes += message.value.size();
      if (i > 0 && bytes > max_bytes) return i;
      send(message, offered.size() == 1 && fates_.empty());
    }
    return offered.size();
  }

  void send(const KafkaMessage& message, bool alone) {
    fates_[message.seq] = {std::nullopt, alone};
    const auto code = producer_->send(message);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) fates_[message.seq] = {code, true};
  }

  /// nullopt: all are settled. Else why it makes no sense to wait for more now.
  std::optional<Delivery> wait_for(std::span<const LedgerRecord> records, Steady::time_point deadline) {
    for (std::size_t settled = 0;;) {
      while (settled < records.size() && fates_[records[settled].seq].code) {
        const Fate& fate = fates_[records[settled].seq];
        if (fate.outcome() == Outcome::paused) return Delivery::pause(kafka_trouble(*fate.code, "", options_));
        ++settled;
      }
      if (settled == records.size()) return std::nullopt;
      if (outcome_of_kafka(code_) == Outcome::paused) return Delivery::pause(trouble_);
      const auto now = Steady::now();
      const bool down = down_since_ && now - *down_since_ >= down_for;
      if (cancelled_ || down || producer_->is_over() || now >= deadline) return Delivery::again(trouble_);
      producer_->poll(slice);
    }
  }

  /// A broker refuses a whole request; which record is at fault shows when each is sent by itself.
  std::optional<Delivery> try_alone(std::span<const LedgerRecord> records, Steady::time_point deadline) {
    for (std::size_t i = 0; i < records.size(); ++i) {
      const Fate& fate = fates_[records[i].seq];
      if (fate.alone || fate.outcome() != Outcome::refused) continue;
      send(message_of(records[i], options_.format), true);
      if (auto stop = wait_for(records.subspan(i, 1), deadline)) return stop;
    }
    return std::nullopt;
  }

  Delivery settle_all(std::span<const LedgerRecord> records) {
    Delivery delivery = Delivery::done(records.size());
    for (std::size_t i = 0; i < records.size(); ++i) {
      const Fate fate = fates_[records[i].seq];
      if (fate.code) fates_.erase(records[i].seq);
      if (fate.code && fate.outcome() == Outcome::delivered) continue;
      const bool refused = fate.code && fate.outcome() == Outcome::refused && fate.alone;
      delivery.exceptions.push_back({i, refused, why_of(fate)});
    }
    return delivery;
  }

  std::string why_of(const Fate& fate) const {
    if (fate.code) return kafka_trouble(*fate.code, "", options_);
    return trouble_.empty() ? "no broker took it in time" : trouble_;
  }

  const KafkaOptions options_;
  std::atomic<bool> cancelled_ = false;

  // The sink's thread only:
  /// By ledger_seq. What the producer holds, and what it reported; the forwarder offers each of these again until it is
  /// settled, so that there are never more than it offers at once.
  std::map<std::uint64_t, Fate> fates_;
  rd_kafka_resp_err_t code_ = RD_KAFKA_RESP_ERR_NO_ERROR;  ///< the last trouble's since deliver() began
  std::optional<Steady::time_point> down_since_;  ///< all brokers, or since deliver() began; nullopt = they are not
  std::string trouble_;  ///< what the producer said last, and nothing has been delivered since; "" = nothing
  std::string files_;
  std::string password_;
  std::unique_ptr<KafkaProducer> producer_;  // last: its callbacks use the above
};

}  // namespace

Result<std::unique_ptr<Sink>> make_kafka_sink(const KafkaOptions& options) {
  const auto password = read_password(options);
  if (!password) return password.error();
  const auto fine = KafkaProducer::make(
      options, *password, false, [](std::uint64_t, rd_kafka_resp_err_t) {},
      [](rd_kafka_resp_err_t, const std::string&) {});
  if (!fine) return fine.error();
  return std::unique_ptr<Sink>(std::make_unique<KafkaSink>(options));
}

}  // namespace plumbline::collector
