// Keys that several sinks have.
#pragma once

#include <string>

#include "collector/forward/format.hpp"
#include "include/config/strict_yaml.hpp"

namespace plumbline::collector {

inline void read_format(config::Map& sink, Format& format, const char* what) {
  std::string word = format == Format::ocsf ? "ocsf" : format == Format::ecs ? "ecs" : "plumbline";
  sink.read_word("format", word, format_words(), what);
  format = format_of(word).value_or(format);
}

/// `options` has ca_file, certificate_file, key_file and timeout.
template <class Options>
void read_http(config::Map& sink, Options& options) {
  sink.read("ca_file", options.ca_file,
            "PEM file of the CA that signed the destination's certificate; default: the system's");
  sink.read("certificate_file", options.certificate_file,
            "PEM file of a certificate to show, where the destination asks for one");
  sink.read("key_file", options.key_file, "PEM file of that certificate's key");
  sink.read("timeout", options.timeout, "time for one whole request", {.least = std::chrono::milliseconds(1)});
  if (sink.describing()) return;
  if (options.certificate_file.empty() != options.key_file.empty())
    sink.refuse(options.key_file.empty() ? "certificate_file" : "key_file",
                "a certificate needs its key, and a key its certificate", "give both certificate_file and key_file");
}

/// `options` has digest_interval and digest_records.
template <class Options>
void read_digest(config::Map& sink, Options& options) {
  std::uint32_t records = static_cast<std::uint32_t>(options.digest_records);
  sink.read("digest_interval", options.digest_interval, "how long a record waits for company");
  sink.read("digest_records", records, "send the digest early when this many wait", {.least = 1, .most = 500});
  options.digest_records = records;
}

/// Chat and pagers: whoever sets one up wants no history.
inline bool is_for_people(const std::string& kind) {
  return kind == "slack" || kind == "teams" || kind == "pagerduty" || kind == "alertmanager";
}

}  // namespace plumbline::collector
