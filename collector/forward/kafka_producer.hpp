// librdkafka's producer: configuration, life time and callbacks. What a report means is kafka.cpp's business.
#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "collector/forward/kafka.hpp"

namespace plumbline::collector {

/// What is sent of a record.
struct KafkaMessage {
  std::uint64_t seq = 0;  ///< comes back with the report
  std::string key;        ///< one key, one partition (murmur2, as Java's clients have it)
  std::string value;
  std::string record_uid;  ///< header, by which a consumer drops repeats
  std::string type;        ///< header
};

/// One thread; callbacks run in poll() on it. Messages never expire: each is reported once, in order within its
/// partition, or dies with the producer.
class KafkaProducer {
 public:
  using Report = std::function<void(std::uint64_t seq, rd_kafka_resp_err_t code)>;
  using Trouble = std::function<void(rd_kafka_resp_err_t code, const std::string& reason)>;

  /// Reads the TLS files. `password`: of SASL; "" = none. With `connect` false it has no broker, and only finds out
  /// whether the options can be used.
  static Result<std::unique_ptr<KafkaProducer>> make(const KafkaOptions& options, const std::string& password,
                                                     bool connect, Report report, Trouble trouble);
  ~KafkaProducer();  ///< drops what is under way
  KafkaProducer(const KafkaProducer&) = delete;
  KafkaProducer& operator=(const KafkaProducer&) = delete;

  /// NO_ERROR: a report will come. Anything else: it was not taken.
  rd_kafka_resp_err_t send(const KafkaMessage& message);
  /// Serves reports and troubles; waits for one at most so long. 0 = serves all that wait.
  void poll(std::chrono::milliseconds wait);
  /// It broke its promises and will take nothing any more; a trouble said why.
  bool is_over() const { return is_over_; }

 private:
  explicit KafkaProducer(std::string topic, Report report, Trouble trouble)
      : topic_(std::move(topic)), report_(std::move(report)), trouble_(std::move(trouble)) {}

  static void on_report(rd_kafka_t* client, const rd_kafka_message_t* message, void* self);
  static void on_error(rd_kafka_t* client, int code, const char* reason, void* self);
  static void on_log(const rd_kafka_t* client, int level, const char* facility, const char* text);

  std::string topic_;
  Report report_;
  Trouble trouble_;
  rd_kafka_t* client_ = nullptr;
  bool is_over_ = false;
};

}  // namespace plumbline::collector
