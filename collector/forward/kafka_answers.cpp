#include "collector/forward/kafka_answers.hpp"

namespace plumbline::collector {
namespace {

/// It says the client's nonce twice in the last message of SCRAM (librdkafka's pull request 4895), which brokers took
/// until they looked closer.
bool is_bad_at_scram(const KafkaOptions& options) {
  return options.sasl_mechanism.starts_with("SCRAM") && rd_kafka_version() < 0x02060100;
}

/// What to do; "" = nothing but to try again.
std::string fix_of(rd_kafka_resp_err_t code, const KafkaOptions& options) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return "create the topic " + options.topic +
             ", or let the user see it (ACL DESCRIBE): no topic is made by itself";
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      return "name another topic";
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return "grant the user WRITE and DESCRIBE on the topic " + options.topic;
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return "grant the user IDEMPOTENT_WRITE on the cluster, which brokers before 2.8 ask for";
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
      return "check sasl, its password_file and the certificate" +
             std::string(is_bad_at_scram(options)
                             ? "; SCRAM of librdkafka before 2.6.1 is refused by Kafka 4: use PLAIN "
                               "over TLS or a certificate there"
                             : "");
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
      return "set sasl.mechanism to one that the listener has";
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
      return "look at the topic's and the broker's configuration: an idempotent producer with acks=all has to be "
             "allowed";
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
      return "set this host's clock, or the topic's message.timestamp limits";
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
      return "raise max_message_bytes (" + std::to_string(options.max_message_bytes) +
             ") here and max.message.bytes of the topic, and replay";
    default:
      return "";
  }
}

}  // namespace

Delivery::Outcome outcome_of_kafka(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return Delivery::Outcome::delivered;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
      return Delivery::Outcome::refused;
    default:
      // Whatever has a way out that a person must go.
      return fix_of(code, {}).empty() ? Delivery::Outcome::retry : Delivery::Outcome::paused;
  }
}

std::string kafka_trouble(rd_kafka_resp_err_t code, const std::string& reason, const KafkaOptions& options) {
  const std::string fix = fix_of(code, options);
  return std::string(rd_kafka_err2str(code)) + (reason.empty() ? "" : ": " + reason) + (fix.empty() ? "" : "; " + fix);
}

}  // namespace plumbline::collector
