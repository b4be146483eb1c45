#include "agent/spool_report.hpp"

#include "include/util/metric_text.hpp"
#include "include/wire/json.hpp"

namespace plumbline::agent {
namespace {

using wire::Json;

std::string metric(const std::string& name, const char* type, const char* help, std::uint64_t value) {
  std::string text;
  append_metric(text, "plumbline_" + name, type, help, value);
  return text;
}

std::string spool_json(const Spool& spool) {
  const SpoolStatus s = spool.status();
  return Json{{"next_sequence", s.next_sequence},
              {"acknowledged", s.acknowledged},
              {"checkpoint", s.checkpoint},
              {"bytes", s.bytes},
              {"max_bytes", s.max_bytes},
              {"segments", s.segments},
              {"corrupt_records", s.corrupt_records},
              {"quarantined_bytes", s.quarantined_bytes},
              {"append_failures", s.append_failures}}
      .dump();
}

std::string exporter_json(const Exporter& exporter) {
  const ExporterStatus s = exporter.status();
  const Json j = {{"sent", s.sent},
                  {"acked", s.acked},
                  {"retries", s.retries},
                  {"lag_records", s.lag_records},
                  {"dead_letters", s.dead_letters},
                  {"dead_letters_forgotten", s.dead_letters_forgotten},
                  {"skipped", s.skipped},
                  {"refusals", s.refusals},
                  {"protocol_errors", s.protocol_errors},
                  {"failures", s.failures},
                  {"last_error", wire::json_text(s.last_error)}};
  return j.dump();
}

}  // namespace

StatusSources status_sources(const Spool& spool, const Exporter* exporter) {
  StatusSources sources;
  sources.spool_json = [&spool] { return spool_json(spool); };
  sources.exporter_json = [exporter] { return exporter == nullptr ? std::string("null") : exporter_json(*exporter); };
  sources.extra_metrics = [&spool, exporter] {
    const SpoolStatus s = spool.status();
    std::string text =
        metric("spool_bytes", "gauge", "Bytes of spool segments on disk.", s.bytes) +
        metric("spool_max_bytes", "gauge", "What they may have at most (spool.max_bytes).", s.max_bytes) +
        metric("spool_next_sequence", "gauge", "Sequence of the next record.", s.next_sequence) +
        metric("spool_acknowledged", "gauge", "The collector has everything up to this sequence.", s.acknowledged) +
        metric("spool_corrupt_records_total", "counter", "Damaged records that were set aside.", s.corrupt_records) +
        metric("spool_quarantined_bytes_total", "counter", "Bytes of damaged records, kept beside the spool.",
               s.quarantined_bytes) +
        metric("spool_append_failures_total", "counter", "Appends that failed (disk full, budget).", s.append_failures);
    if (exporter == nullptr) return text;
    const ExporterStatus e = exporter->status();
    return text + metric("export_sent_total", "counter", "Records sent, repeats included.", e.sent) +
           metric("export_acked_total", "counter", "Records that the collector acknowledged.", e.acked) +
           metric("export_retries_total", "counter", "Batches that had to be sent again.", e.retries) +
           metric("export_lag_records", "gauge", "Records that wait for the collector.", e.lag_records) +
           metric("export_dead_letters_total", "counter", "Records that the collector refused for good, set aside.",
                  e.dead_letters) +
           metric("export_dead_letters_forgotten_total", "counter",
                  "Of them, those that later ones pushed out of the file and its predecessor.",
                  e.dead_letters_forgotten) +
           metric("export_skipped_total", "counter", "Records that the spool could not read back any more.",
                  e.skipped) +
           metric("export_refusals_total", "counter", "Batches that the collector called bad.", e.refusals) +
           metric("export_protocol_errors_total", "counter", "Answers of the collector that make no sense.",
                  e.protocol_errors);
  };
  return sources;
}

std::string wire_labels_json(const std::map<std::string, std::string>& labels) {
  return Json(labels).dump();
}

}  // namespace plumbline::agent
