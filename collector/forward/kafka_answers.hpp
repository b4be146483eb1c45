// What the errors of Kafka's protocol and of librdkafka mean for a record. Pure.
#pragma once

#include <librdkafka/rdkafka.h>

#include <string>

#include "collector/forward/kafka.hpp"

namespace plumbline::collector {

/// `delivered`, `retry`, `refused` (the record is at fault) or `paused` (a person has to act).
/// Source: librdkafka's rdkafka.h, and the errors of a produce response in Kafka's protocol guide.
Delivery::Outcome outcome_of_kafka(rd_kafka_resp_err_t code);

/// What went wrong, and what to do about it. `reason`: what librdkafka says more; "" = nothing.
std::string kafka_trouble(rd_kafka_resp_err_t code, const std::string& reason, const KafkaOptions& options);

}  // namespace plumbline::collector
