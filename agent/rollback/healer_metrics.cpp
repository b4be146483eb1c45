#include "agent/rollback/healer_metrics.hpp"

#include "include/util/metric_text.hpp"

namespace plumbline::agent {

std::string metrics_text(const Healer::Stats& s) {
  std::string text;
  const auto add = [&](const char* name, const char* type, const char* help, std::uint64_t value) {
    append_metric(text, std::string("plumbline_") + name, type, help, value);
  };
  add("rollback_tried_total", "counter", "Files that were to be put back, or brought back.", s.tried);
  add("rollback_done_total", "counter", "Of them, those that were.", s.done);
  add("rollback_refused_total", "counter", "Of them, those that were unsafe, or had changed meanwhile.", s.refused);
  add("rollback_failed_total", "counter", "Of them, those that the system or a validator refused.", s.failed);
  add("rollback_kept_total", "counter", "Contents of files that were kept while they were right.", s.kept);
  add("rollback_not_kept_total", "counter", "Those that could not be: too large, or the disk is full.", s.not_kept);
  add("rollback_evicted_total", "counter",
      "Kept contents that made room for others (rollback.store_bytes): not to be put back.", s.evicted);
  add("rollback_store_bytes", "gauge", "Bytes of kept contents on disk.", s.bytes);
  return text;
}

}  // namespace plumbline::agent
