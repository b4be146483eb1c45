#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "collector/forward/format.hpp"
#include "collector/forward/sink.hpp"

namespace plumbline::collector {

struct KafkaOptions {
  std::vector<std::string> brokers;  ///< "host:port" of some; the rest of the cluster is learnt from them
  std::string topic;
  Format format = Format::ocsf;
  bool tls = true;
  std::string ca_file;           ///< PEM; "" = the system's
  std::string certificate_file;  ///< of our own; "" = none is shown
  std::string key_file;
  std::string sasl_mechanism;  ///< PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; "" = no SASL
  std::string sasl_user;
  std::string sasl_password_file;
  std::uint64_t max_message_bytes = 1'000'000;  ///< a little below what brokers and topics take unless told otherwise
  std::chrono::milliseconds timeout = std::chrono::seconds(30);  ///< one deliver() waits no longer
};

/// A topic of Kafka by an idempotent producer with acks=all: records of one drift stay in one partition, in order.
/// While the producer lives, a record that is tried again does not double, whatever became of brokers meanwhile; a
/// collector that ends in between sends what was under way once more, with the same `record_uid` in its header. Files
/// are read at each delivery, and what changed makes a new producer. Errors: files that cannot be used.
Result<std::unique_ptr<Sink>> make_kafka_sink(const KafkaOptions& options);

}  // namespace plumbline::collector
