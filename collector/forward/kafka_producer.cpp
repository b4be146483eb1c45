#include "collector/forward/kafka_producer.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "collector/telemetry/log.hpp"

namespace plumbline::collector {
namespace {

using Settings = std::vector<std::pair<const char*, std::string>>;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

Settings settings_of(const KafkaOptions& options, const std::string& password, bool connect) {
  Settings settings{
      {"client.id", "plumbline"},
      {"enable.idempotence", "true"},
      {"acks", "all"},
      {"max.in.flight.requests.per.connection", "5"},
      // Given up is nothing: a record that expired inside would be overtaken by those behind it.
      {"message.timeout.ms", "0"},
      {"linger.ms", "5"},
      {"message.max.bytes", std::to_string(options.max_message_bytes)},
      // A misspelt topic is told, not made.
      {"allow.auto.create.topics", "false"},
      {"topic.metadata.propagation.max.ms", "5000"},
      {"partitioner", "murmur2_random"},
      {"socket.keepalive.enable", "true"},
      {"reconnect.backoff.max.ms", "2000"},
  };
  if (connect) settings.emplace_back("bootstrap.servers", joined(options.brokers));
  const bool sasl = !options.sasl_mechanism.empty();
  settings.emplace_back("security.protocol", std::string(sasl ? "sasl_" : "") + (options.tls ? "ssl" : "plaintext"));
  if (options.tls) {
    settings.emplace_back("ssl.endpoint.identification.algorithm", "https");
    if (!options.ca_file.empty()) settings.emplace_back("ssl.ca.location", options.ca_file);
    if (!options.certificate_file.empty()) {
      settings.emplace_back("ssl.certificate.location", options.certificate_file);
      settings.emplace_back("ssl.key.location", options.key_file);
    }
  }
  if (sasl) {
    settings.emplace_back("sasl.mechanisms", options.sasl_mechanism);
    settings.emplace_back("sasl.username", options.sasl_user);
    settings.emplace_back("sasl.password", password);
  }
  return settings;
}

void* opaque_of(std::uint64_t seq) {
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(seq));  // NOLINT: a number that comes back as it went
}

}  // namespace

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::make(const KafkaOptions& options, const std::string& password,
                                                           bool connect, Report report, Trouble trouble) {
  // OpenSSL's words for it do not name the file.
  for (const auto* path : {&options.ca_file, &options.certificate_file, &options.key_file})
    if (!path->empty() && ::access(path->c_str(), R_OK) != 0)
      return io_error("read " + *path, errno, "check the path and its permissions");
  const std::string what = "prepare the producer of Kafka's topic " + options.topic;
  std::array<char, 512> why{};
  std::unique_ptr<rd_kafka_conf_t, void (*)(rd_kafka_conf_t*)> conf(rd_kafka_conf_new(), rd_kafka_conf_destroy);
  // The library's own words stay out of the error where the value is a secret.
  for (const auto& [key, value] : settings_of(options, password, connect))
    if (rd_kafka_conf_set(conf.get(), key, value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK)
      return invalid(what, std::string(key) == "sasl.password" ? "the password cannot be used" : why.data(), "");
  std::unique_ptr<KafkaProducer> made(new KafkaProducer(options.topic, std::move(report), std::move(trouble)));
  rd_kafka_conf_set_opaque(conf.get(), made.get());
  rd_kafka_conf_set_dr_msg_cb(conf.get(), on_report);
  rd_kafka_conf_set_error_cb(conf.get(), on_error);
  rd_kafka_conf_set_log_cb(conf.get(), on_log);
  made->client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), why.data(), why.size());
  if (made->client_ == nullptr)
    return invalid(what, why.data(), "check ca_file, certificate_file and key_file: PEM files that belong together");
  static_cast<void>(conf.release());  // the client's from here on
  return made;
}

KafkaProducer::~KafkaProducer() {
  if (client_ == nullptr) return;
  rd_kafka_purge(client_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
  rd_kafka_destroy(client_);
}

rd_kafka_resp_err_t KafkaProducer::send(const KafkaMessage& message) {
  std::array<rd_kafka_vu_t, 7> parts{};
  parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  parts[0].u.cstr = topic_.c_str();
  parts[1].vtype = RD_KAFKA_VTYPE_KEY;
  parts[1].u.mem.ptr = const_cast<char*>(message.key.data());
  parts[1].u.mem.size = message.key.size();
  parts[2].vtype = RD_KAFKA_VTYPE_VALUE;
  parts[2].u.mem.ptr = const_cast<char*>(message.value.data());
  parts[2].u.mem.size = message.value.size();
  parts[3].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  parts[3].u.i = RD_KAFKA_MSG_F_COPY;
  parts[4].vtype = RD_KAFKA_VTYPE_OPAQUE;
  parts[4].u.ptr = opaque_of(message.seq);
  const auto header = [](rd_kafka_vu_t& part, const char* name, const std::string& value) {
    part.vtype = RD_KAFKA_VTYPE_HEADER;
    part.u.header.name = name;
    part.u.header.val = value.data();
    part.u.header.size = static_cast<ssize_t>(value.size());
  };
  header(parts[5], "record_uid", message.record_uid);
  header(parts[6], "type", message.type);
  rd_kafka_error_t* error = rd_kafka_produceva(client_, parts.data(), parts.size());
  if (error == nullptr) return RD_KAFKA_RESP_ERR_NO_ERROR;
  const auto code = rd_kafka_error_code(error);
  rd_kafka_error_destroy(error);
  return code;
}

void KafkaProducer::poll(std::chrono::milliseconds wait) {
  rd_kafka_poll(client_, static_cast<int>(wait.count()));
}

void KafkaProducer::on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
  static_cast<KafkaProducer*>(self)->report_(reinterpret_cast<std::uintptr_t>(message->_private), message->err);
}

void KafkaProducer::on_error(rd_kafka_t* client, int code, const char* reason, void* self) {
  auto cause = static_cast<rd_kafka_resp_err_t>(code);
  std::array<char, 512> fatal{};
  if (cause == RD_KAFKA_RESP_ERR__FATAL) {
    cause = rd_kafka_fatal_error(client, fatal.data(), fatal.size());
    reason = fatal.data();
  }
  auto* producer = static_cast<KafkaProducer*>(self);
  producer->is_over_ = producer->is_over_ || code == RD_KAFKA_RESP_ERR__FATAL;
  producer->trouble_(cause, reason);
}

void KafkaProducer::on_log(const rd_kafka_t*, int, const char* facility, const char* text) {
  log(LogLevel::debug, "librdkafka", {{"about", facility}, {"says", text}});
}

}  // namespace plumbline::collector
