#include "collector/api/health.hpp"

#include <unistd.h>

#include <fstream>

#include "collector/api/enrolment.hpp"
#include "collector/api/views.hpp"
#include "collector/telemetry/metrics.hpp"
#include "http/health.hpp"
#include "http/page.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

constexpr double stuck_seconds = 60;
constexpr double slow_seconds = 10;

http::HealthCheck writer_check(const StoreStats& stats, double limit) {
  if (stats.busy_seconds < limit) return {"store_writer", true, ""};
  return {"store_writer", false,
          "a commit has been under way for " + std::to_string(static_cast<int>(stats.busy_seconds)) + " s"};
}

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

bool is_live(const StoreStats& stats) {
  return writer_check(stats, stuck_seconds).ok;
}

http::Response show_live(const ApiParts& parts, const http::Request& request) {
  return http::health_response(request, {writer_check(parts.store.stats(), stuck_seconds)});
}

http::Response show_ready(const ApiParts& parts, const http::Request& request) {
  const StoreStats stats = parts.store.stats();
  return http::health_response(request,
                               {writer_check(stats, slow_seconds),
                                {"store_writable", stats.writable, stats.writable ? "" : stats.last_error},
                                {"serving", !parts.draining, parts.draining ? "the collector is stopping" : ""}});
}

http::Response show_started(const ApiParts&, const http::Request& request) {
  return http::health_response(request, {{"started", true, ""}});
}

/// "null" where the collector is served in clear.
static std::string tls_json(const ApiParts& parts) {
  if (parts.tls == nullptr) return "null";
  const auto state = parts.tls->state();
  wire::JsonObject json;
  if (parts.own_certificate != nullptr) {
    const auto own = parts.own_certificate->state();
    json.raw("own", wire::JsonObject()
                        .number("renewals", own.renewals)
                        .number("failures", own.failures)
                        .text("why", own.trouble)
                        .str());
  }
  return json.text("expires_at", rfc3339(state.expires_s * 1'000'000'000))
      .number("reloads", state.reloads)
      .number("failures", state.failures)
      .text("why", state.trouble)
      .str();
}

http::Response show_status(const ApiParts& parts, const http::Request& request) {
  if (const auto checked = http::check_query(request.query, {}); !checked) return http::problem(checked.error());
  const auto nodes = parts.store.nodes();
  if (!nodes) return http::problem(nodes.error());
  const auto refused = parts.store.count_dead_letters("ingest");
  if (!refused) return http::problem(refused.error());
  std::uint64_t silent = 0, missing = 0, open = 0;
  for (const NodeRow& node : *nodes) {
    silent += node.silent_since != 0 ? 1 : 0;
    missing += node.missing;
    open += node.open_drifts;
  }
  const StoreStats stats = parts.store.stats();
  const IngestStats& ingest = parts.ingest.stats();
  wire::JsonObject store, agents, batches, queries, json;
  store.number("last_seq", stats.last_seq).flag("writable", stats.writable);
  if (stats.last_error.empty())
    store.null("last_error");
  else
    store.text("last_error", stats.last_error);
  store.number("queued_bytes", stats.queued_bytes).number("commits", stats.commits);
  store.number("commit_failures", stats.commit_failures).number("stored", stats.stored);
  store.number("duplicates", stats.duplicates).number("rejected", stats.rejected);
  store.number("expired", stats.expired);
  if (stats.retention_held_by.empty())
    store.null("retention_held_by");
  else
    store.text("retention_held_by", stats.retention_held_by);
  store.number("cursors_fenced", stats.cursors_fenced).number("lost_connections", stats.lost_connections);
  store.number("drifts_unreadable", stats.drifts_unreadable);
  store.number("conflicts", stats.conflicts).number("sequence_gaps", stats.sequence_gaps);
  store.number("sequence_resets", stats.sequence_resets).number("queries_cut", stats.queries_cut);
  agents.number("nodes", nodes->size()).number("silent", silent).number("missing_records", missing);
  agents.number("silence_after_seconds", std::chrono::duration<double>(parts.silence_after).count());
  batches.number("acknowledged", ingest.batches.load()).number("heartbeats", ingest.heartbeats.load());
  batches.number("records", ingest.records.load()).number("wrong_node", ingest.wrong_node.load());
  batches.number("malformed", ingest.malformed.load()).number("too_large", ingest.too_large.load());
  batches.number("busy", ingest.busy.load()).number("unavailable", ingest.unavailable.load());
  batches.number("dead_letters", *refused);
  const QueryPool::Stats asked = parts.queries.stats();
  queries.number("waiting", asked.waiting).number("refused", asked.refused);
  json.text("version", PLUMBLINE_VERSION).text("started_at", rfc3339(parts.started_at));
  json.number("open_drifts", open).raw("store", store.str()).raw("agents", agents.str()).raw("batches", batches.str());
  json.raw("queries", queries.str()).raw("access", parts.gate.status_json());
  json.raw("tls", tls_json(parts)).raw("enrolment", enrolment_json(parts));
  std::vector<std::string> sinks;
  for (const auto& sink : parts.sinks) {
    const SinkStatus status = sink->status();
    const auto letters = parts.store.count_dead_letters("sink:" + status.name);
    sinks.push_back(sink_json(status, letters ? *letters : 0, parts.clock.wall()));
  }
  return http::json_response(json.raw("sinks", wire::json_array(sinks)).str());
}

http::Response show_metrics(const ApiParts& parts, const http::Request&) {
  MetricsText out;
  const StoreStats stats = parts.store.stats();
  const IngestStats& ingest = parts.ingest.stats();
  out.family("build_info", "gauge", "Version of the collector.");
  out.sample(1, {{"version", PLUMBLINE_VERSION}});
  out.family("records_total", "counter", "Records received, by what became of them.");
  out.sample(static_cast<double>(stats.stored), {{"result", "stored"}});
  out.sample(static_cast<double>(stats.duplicates), {{"result", "duplicate"}});
  out.sample(static_cast<double>(stats.rejected), {{"result", "rejected"}});
  out.counter("record_conflicts_total", "Rejected records whose id was stored before with another body.",
              stats.conflicts);
  out.counter("sequence_gap_total", "Holes in the sequences of nodes.", stats.sequence_gaps);
  out.counter("sequence_reset_total", "Spools of nodes that began anew.", stats.sequence_resets);
  out.family("batches_total", "counter", "Requests to /v1/batches, by their answer.");
  out.sample(static_cast<double>(ingest.batches.load()), {{"result", "acknowledged"}});
  out.sample(static_cast<double>(ingest.wrong_node.load()), {{"result", "wrong_node"}});
  out.sample(static_cast<double>(ingest.malformed.load()), {{"result", "malformed"}});
  out.sample(static_cast<double>(ingest.too_large.load()), {{"result", "too_large"}});
  out.sample(static_cast<double>(ingest.busy.load()), {{"result", "busy"}});
  out.sample(static_cast<double>(ingest.unavailable.load()), {{"result", "unavailable"}});
  out.counter("heartbeats_total", "Acknowledged batches without records.", ingest.heartbeats.load());
  out.counter("ingest_bytes_total", "Bytes of acknowledged batches, as sent.", ingest.bytes.load());
  ingest.ack_seconds.write(out, "ack_seconds", "From a whole request to its durable acknowledgement.");
  out.gauge("ledger_seq", "Last row of the ledger.", static_cast<double>(stats.last_seq));
  out.gauge("store_writable", "1: the last commit succeeded.", stats.writable ? 1 : 0);
  out.gauge("store_queued_bytes", "Bodies that wait for a commit.", static_cast<double>(stats.queued_bytes));
  out.counter("store_commits_total", "Commits of the store.", stats.commits);
  out.counter("store_commit_failures_total", "Commits that failed, with nothing stored.", stats.commit_failures);
  out.family("store_commit_seconds_total", "counter", "Time spent in commits.");
  out.sample(stats.commit_seconds);
  out.counter("store_queries_cut_total", "Questions that took the store too long.", stats.queries_cut);
  out.counter("store_expired_rows_total", "Rows of the ledger that were removed, their time being over.",
              stats.expired);
  out.gauge("store_retention_held", "1: a sink has not passed what is over its time.",
            stats.retention_held_by.empty() ? 0 : 1);
  out.counter("store_lost_connections_total", "Connections to the store's server that were lost.",
              stats.lost_connections);
  out.counter("drifts_unreadable_total",
              "Drifts that became forgotten, or open again, without a row of the ledger: their record is damaged.",
              stats.drifts_unreadable);
  out.counter("sink_cursors_fenced_total", "Moves of cursors that came after another collector took the sink.",
              stats.cursors_fenced);
  const QueryPool::Stats queries = parts.queries.stats();
  out.gauge("queries_waiting", "Questions that wait for a thread.", static_cast<double>(queries.waiting));
  out.counter("queries_refused_total", "Questions turned away because too many waited.", queries.refused);
  if (const auto nodes = parts.store.nodes()) {
    double silent = 0, missing = 0, open = 0;
    for (const NodeRow& node : *nodes) {
      silent += node.silent_since != 0 ? 1 : 0;
      missing += static_cast<double>(node.missing);
      open += static_cast<double>(node.open_drifts);
    }
    out.family("nodes", "gauge", "Nodes that report, by state; without those that were forgotten.");
    out.sample(static_cast<double>(nodes->size()) - silent, {{"state", "heard"}});
    out.sample(silent, {{"state", "silent"}});
    out.gauge("missing_records", "Records that holes in sequences stand for.", missing);
    out.gauge("open_drifts", "Drifts in state open.", open);
  }
  const auto sinks = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
    out.family(name, type, help);
    for (const auto& sink : parts.sinks) {
      const SinkStatus status = sink->status();
      out.sample(static_cast<double>(value(status)), {{"sink", status.name}});
    }
  };
  const WallNs now = parts.clock.wall();
  sinks("sink_lag_records", "gauge", "Ledger rows that a sink has not passed.",
        [](const SinkStatus& s) { return s.lag_records; });
  sinks("sink_oldest_age_seconds", "gauge", "Age of the oldest record that waits for a sink.",
        [&](const SinkStatus& s) {
          return s.oldest_undelivered_at == 0 ? 0.0 : static_cast<double>(now - s.oldest_undelivered_at) / 1e9;
        });
  sinks("sink_breaker_open", "gauge", "1: a sink failed several times in a row, or is paused.",
        [](const SinkStatus& s) { return s.breaker == "closed" ? 0 : 1; });
  sinks("sink_delivered_total", "counter", "Records delivered.", [](const SinkStatus& s) { return s.delivered; });
  sinks("sink_filtered_total", "counter", "Rows that are not for a sink.",
        [](const SinkStatus& s) { return s.filtered; });
  sinks("sink_silenced_total", "counter", "Records that a silence held back.",
        [](const SinkStatus& s) { return s.silenced; });
  sinks("sink_attempts_total", "counter", "Deliveries tried.", [](const SinkStatus& s) { return s.attempts; });
  sinks("sink_retries_total", "counter", "Deliveries that failed and are tried again.",
        [](const SinkStatus& s) { return s.retries; });
  sinks("sink_dead_letters_total", "counter", "Records that a sink refused for good.",
        [](const SinkStatus& s) { return s.dead_letters; });
  sinks("sink_delivery_seconds_total", "counter", "Time spent delivering.",
        [](const SinkStatus& s) { return s.delivery_seconds; });
  if (parts.enrolment != nullptr) {
    const auto enrolled = parts.enrolment->tokens.stats();
    out.family("enrolment_total", "counter", "Tokens that nodes enrol by, and renewals, by what became of them.");
    out.sample(static_cast<double>(enrolled.made), {{"result", "made"}});
    out.sample(static_cast<double>(enrolled.used), {{"result", "used"}});
    out.sample(static_cast<double>(enrolled.unknown), {{"result", "unknown"}});
    out.sample(static_cast<double>(enrolled.expired), {{"result", "expired"}});
    out.sample(static_cast<double>(enrolled.replayed), {{"result", "replayed"}});
    out.sample(static_cast<double>(parts.enrolment->renewed.load()), {{"result", "renewed"}});
  }
  if (parts.tls != nullptr) {
    const auto state = parts.tls->state();
    out.gauge("tls_certificate_expires_seconds", "When the server's certificate ends, in Unix seconds.",
              static_cast<double>(state.expires_s));
    out.counter("tls_reloads_total", "Certificates that were replaced and read.", state.reloads);
    out.counter("tls_reload_failures_total", "Certificates that were replaced and are of no use.", state.failures);
  }
  if (parts.own_certificate != nullptr) {
    const auto own = parts.own_certificate->state();
    out.counter("tls_own_renewals_total", "Certificates of our own that took the place of another.", own.renewals);
    out.counter("tls_own_failures_total", "Renewals that failed, and clients that could not be told who signs it.",
                own.failures);
  }
  out.gauge("resident_bytes", "Memory of the collector.", static_cast<double>(resident_bytes()));
  return http::text_response(out.text() + parts.gate.metrics_text("plumbline_collector_access") +
                                 http::metrics_text(parts.server.stats(), "plumbline_collector_http"),
                             "text/plain; version=0.0.4; charset=utf-8");
}

}  // namespace plumbline::collector
