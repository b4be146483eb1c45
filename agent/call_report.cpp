// What CallWatch says of itself.
#include <algorithm>
#include <map>

#include "agent/call_watch.hpp"
#include "include/util/metric_text.hpp"
#include "include/wire/json.hpp"

namespace plumbline::agent {
namespace {

using wire::Json;

constexpr std::size_t most_rows = 200;  // of files, in one answer

struct Metric {
  const char* name;
  const char* help;
  std::uint64_t value;
  const char* type = "counter";
};

Json plain_status(const PlainCalls& plain, const PlainCalls::Counts& counts) {
  Json endpoints = Json::array();
  for (const auto& row : plain.rows()) {
    Json addresses = Json::array();
    for (const auto& address : row.addresses) addresses.push_back(text_of(address));
    endpoints.push_back(
        {{"url", wire::json_text(row.url)}, {"addresses", std::move(addresses)}, {"why", wire::json_text(row.why)}});
  }
  return {{"heard", plain.why_not().empty()},         {"why", wire::json_text(plain.why_not())},
          {"metadata", plain.has_metadata()},         {"endpoints", std::move(endpoints)},
          {"connections", counts.kernel.connections}, {"records", counts.kernel.records},
          {"records_lost", counts.kernel.lost},       {"holes", counts.streams.holes}};
}

Json scope_status(const CallScope& scope, const CallScope::Counts& counts, std::uint64_t left_out) {
  return {{"has_patterns", !scope.is_empty()},
          {"cgroups", counts.cgroups},
          {"cgroups_excluded", counts.excluded},
          {"calls_left_out", left_out}};
}

Json keyring_status(const access::TokenKeyring* keyring) {
  Json places = Json::array();
  if (keyring != nullptr)
    for (const auto& row : keyring->rows())
      places.push_back({{"from", row.from}, {"keys", row.keys}, {"why", wire::json_text(row.why)}});
  return places;
}

/// " and 3 others", of as many in all.
std::string and_others(std::size_t count) {
  return count > 1 ? " and " + std::to_string(count - 1) + " others" : "";
}

}  // namespace

/// As the host has it.
std::string CallWatch::host_path(const std::string& path) const {
  const auto& root = options_.scanner.host_root;
  return !root.empty() && path.starts_with(root + "/") ? path.substr(root.size()) : path;
}

std::vector<TlsFileRow> CallWatch::file_rows() const {
  auto rows = files_.rows();
  for (auto& row : rows) row.path = host_path(row.path);
  return rows;
}

wire::Json CallWatch::gate_json() const {
  if (!gate_) return {{"enabled", false}, {"why", wire::json_text(why_no_gate_)}};
  const auto& c = gate_->counters();
  return {{"enabled", true},
          {"limit_ms", options_.gate_limit.count()},
          {"file_systems", c.filesystems.load()},
          {"file_systems_refused", c.ungated.load()},
          {"held", c.held.load()},
          {"late", c.late.load()},
          {"crowded", c.crowded.load()}};
}

std::string CallWatch::status_json() const {
  const Counts c = counts();
  std::map<std::string, std::pair<std::size_t, std::size_t>> stacks;  // → hooked, refused
  Json files = Json::array(), refused = Json::array();
  const auto rows = file_rows();
  for (const auto& row : rows) {
    auto& [hooked, not_hooked] = stacks[row.stack.empty() ? "unknown" : row.stack];
    ++(row.error.empty() ? hooked : not_hooked);
    if (row.error.empty() && files.size() < most_rows)
      files.push_back({{"path", wire::json_text(row.path)}, {"stack", row.stack}, {"hooks", row.hooks}});
    if (!row.error.empty() && refused.size() < most_rows)
      refused.push_back(
          {{"path", wire::json_text(row.path)}, {"stack", row.stack}, {"why", wire::json_text(row.error)}});
  }
  Json written = Json::array();
  for (const auto& file : files_.written_now())
    if (written.size() < most_rows)
      written.push_back({{"path", wire::json_text(host_path(file.path))}, {"since", rfc3339(file.from)}});
  Json coverage = Json::object();
  for (const auto& [stack, counted] : stacks)
    coverage[stack] = {{"hooked", counted.first}, {"refused", counted.second}};
  const auto& looked = files_.counters();
  return Json{
      {"enabled", true},
      {"one_link_a_file", capture_->has_multi_links()},
      {"session_probes", capture_->has_session_probes()},
      {"return_probes",
       wire::json_text(options_.files.why_no_return_probes.empty() ? "harmless" : options_.files.why_no_return_probes)},
      {"first_pass_done", scanner_.counters().first_pass_done.load()},
      {"stacks", std::move(coverage)},
      {"files_looked_at", looked.looked.load()},
      {"files", std::move(files)},
      {"files_refused", std::move(refused)},
      {"files_written_into", std::move(written)},
      {"roots_looked_through", scanner_.counters().roots.load()},
      {"layers_looked_at", scanner_.counters().layers.load()},
      {"programs_gone_before_a_look", scanner_.counters().gone.load()},
      {"first_calls_maybe_missed", scanner_.counters().late.load()},
      {"mapped_files_looked_at", scanner_.counters().mapped.load()},
      {"mapped_files_by", mapped_ ? mapped_->hook() : "nobody"},
      {"exec_gate", gate_json()},
      {"connections", c.http.connections},
      {"connections_ignored", c.http.ignored},
      {"requests", c.http.http.requests},
      {"calls", c.writes},
      {"calls_unmapped", c.unmapped},
      {"calls_not_read", lost_in(c)},
      {"connections_unseen", c.begun.unseen},
      {"tries_folded", c.folded},
      {"records", c.kernel.records},
      {"records_lost", c.kernel.lost},
      {"scope", scope_status(scope_, c.scope, c.kernel.excluded)},
      {"plain_http", plain_status(plain_, c.plain)},
      {"token_keys", keyring_status(options_.keyring.get())},
      {"credentials_handed_out", c.handed_out}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string CallWatch::metrics_text() const {
  const Counts c = counts();
  static const ExecGate::Counters no_gate;
  const auto& gate = gate_ ? gate_->counters() : no_gate;
  const auto& files = files_.counters();
  const auto& http = c.http.http;
  const auto& plain = c.plain.kernel;
  std::string text;
  for (const Metric& m : {
           Metric{"tls_calls_total", "Calls of hooked TLS functions.", c.kernel.calls},
           {"tls_records_total", "Pieces of plaintext that were copied.", c.kernel.records},
           {"tls_records_lost_total", "Of them, those that found the ring full.", c.kernel.lost},
           {"tls_unreadable_total", "Pieces whose memory was not there.", c.kernel.unreadable},
           {"tls_over_budget_total", "Pieces behind what is copied of a message.", c.kernel.over_budget},
           {"tls_ignored_total", "Calls on connections of no interest.", c.kernel.ignored},
           {"tls_excluded_total", "Calls by programs in excluded cgroups, which are left alone.", c.kernel.excluded},
           {"calls_scope_cgroups_total", "Cgroups that were asked about.", c.scope.cgroups},
           {"calls_scope_excluded_total", "Of them, those that are left alone.", c.scope.excluded},
           {"calls_scope_unknown_total", "Times when whoever was to be asked was gone.", c.scope.unknown},
           {"tls_crowded_total", "Requests on connections that were one too many of their cgroup.", c.kernel.crowded},
           {"tls_entries_lost_total", "Returns of hooked functions whose entry was not seen.", c.kernel.entries_lost},
           {"tls_executions_lost_total", "First executions that found the ring full.", c.kernel.executed_lost},
           {"tls_files_hooked_total", "Files whose TLS functions were hooked.", files.hooked.load()},
           {"tls_files_refused_total", "Files with TLS that could not be hooked.", files.refused.load()},
           {"tls_files_unhooked_total", "Times when a file's hooks ended, as somebody wrote into it.",
            files.written.load()},
           {"tls_files_let_go_total", "Of them, those that made room for others of their kind.", files.let_go.load()},
           {"tls_files_written_into", "Files with TLS that are not hooked now, as somebody writes into them.",
            files_.written_now().size(), "gauge"},
           {"tls_first_calls_maybe_missed_total", "Programs that ran already when what they run or map was hooked.",
            scanner_.counters().late.load()},
           {"tls_executions_gone_total", "First executions that ended before they were looked at.",
            scanner_.counters().gone.load()},
           {"tls_executions_dropped_total", "First executions that were too many to be looked at.",
            scanner_.counters().dropped.load()},
           {"tls_mapped_total", "Files that were mapped to be executed and not looked at before.",
            scanner_.counters().mapped.load()},
           {"tls_served_files_total", "Programs and libraries on FUSE that were started or loaded, and not looked at.",
            c.kernel.served_programs + c.mapped.served},
           {"tls_mapped_missed_total", "Times when such a file could not be looked at: its next mapping is.",
            scanner_.counters().mapped_missed.load() + c.mapped.lost},
           {"tls_files_came_total", "Files that came into watched folders.", files.came.load()},
           {"tls_folders_unwatched_total", "Folders that could not be watched for files that come.",
            files.unwatched.load()},
           {"tls_warm_hooks_spared_total", "Hooks beforehand that were not made, as too much started.",
            warmer_.spared()},
           {"exec_gate_held_total", "Executions that were held until their file was looked at.", gate.held.load()},
           {"exec_gate_late_total", "Of them, those that were let go before.", gate.late.load()},
           {"exec_gate_crowded_total", "Executions that were not held, as too many were.", gate.crowded.load()},
           {"plain_connections_total", "Connections with endpoints without TLS.", plain.connections},
           {"plain_records_total", "Pieces of their segments that were copied.", plain.records},
           {"plain_records_lost_total", "Of them, those that found the ring full.", plain.lost},
           {"plain_unreadable_total", "Segments whose headers are not understood.", plain.unreadable},
           {"plain_untracked_total", "Connections that the kernel had no memory for.", plain.untracked},
           {"plain_over_budget_total", "Segments behind what is copied of a message.", plain.over_budget},
           {"plain_early_total", "Segments that came before what is before them.", c.plain.streams.early},
           {"plain_repeated_total", "Segments of which some bytes had been there.", c.plain.streams.repeated},
           {"plain_holes_total", "Places of a stream that are missing.", c.plain.streams.holes},
           {"plain_crowded_total", "Of them, those that were not waited for.", c.plain.streams.crowded},
           {"plain_evicted_total", "Connections that made room for others.", c.plain.streams.evicted},
           {"credentials_handed_out_total", "Answers of metadata services with credentials.", c.handed_out},
           {"http_connections_total", "Connections on which HTTP was seen.", c.http.connections},
           {"http_connections_evicted_total", "Of them, those that made room for others.", c.http.evicted},
           {"http_connections_broken_off_total", "Of these, those with something under way.", c.http.broken_off},
           {"http_connections_ignored_total", "Times when one was left alone, as nothing on it was ours.",
            c.http.ignored},
           {"http_connections_looked_again_total", "Times when one that was left alone was looked at again.",
            c.http.looked_again},
           {"http_requests_total", "Requests whose head was read.", http.requests},
           {"http_without_response_total", "Exchanges whose response was not seen.", http.without_response},
           {"http_lost_bytes_total", "Bytes of messages that were not captured.", http.lost_bytes},
           {"http_desyncs_total", "Times when the next message was lost.", http.desyncs},
           {"http_refused_total", "Heads and frames against the grammar.", http.refused},
           {"http_guessed_total", "Of refused and too long heads, those whose request was told all the same.",
            http.guessed},
           {"http_too_long_total", "Heads over their bound.", http.too_long},
           {"http_too_many_total", "Requests over a bound, delivered early.", http.too_many},
           {"http_bodies_cut_total", "Bodies of which less was kept than was wanted.", http.bodies_cut},
           {"http_dead_directions_total", "Directions that cannot be read any more.", http.dead_directions},
           {"http_held_bytes", "Bytes of exchanges under way.", http.held_bytes, "gauge"},
           {"calls_unmapped_total", "Requests to a cloud that the tables do not know.", c.unmapped},
           {"calls_cut_total", "Of them, those of which too little was read to know.", c.cut},
           {"calls_of_states_total", "Requests for the state of a baseline that worked.", c.states},
           {"tls_connections_begun_total", "TLS connections whose first message was read.", c.begun.hellos.hellos},
           {"tls_connections_lost_total", "Of them, those that found the ring full.", c.begun.hellos.lost},
           {"tls_connections_unreadable_total", "First messages whose memory was not there.",
            c.begun.hellos.unreadable},
           {"tls_connections_unnamed_total", "TLS connections that began without a name that can be read.",
            c.begun.unnamed},
           {"tls_connections_named_by_dns_total", "Of them, those whose address DNS gave for a cloud's host.",
            c.begun.named_by_dns},
           {"tls_connections_ambiguous_total", "Of them, those whose address DNS gave for several services.",
            c.begun.names_ambiguous},
           {"dns_answers_total", "Answers of DNS that programs received.", c.begun.answers.answers},
           {"dns_answers_lost_total", "Answers of DNS that found the ring full.", c.begun.answers.lost},
           {"dns_answers_unreadable_total", "Answers of DNS that did not lie in one piece.",
            c.begun.answers.unreadable},
           {"dns_names_crowded_total", "Names of clouds that made room for others before their time.",
            c.begun.names_crowded},
           {"calls_unseen_connections_total", "Connections to a cloud of which no plaintext was seen.", c.begun.unseen},
           {"calls_unseen_crowded_total", "Connections that were too many to wait for their plaintext.",
            c.begun.unseen_crowded},
           {"calls_folded_total", "Tries that were not the last of their call.", c.folded},
           {"calls_crowded_total", "Calls that were told before another try could come.", c.crowded},
           {"calls_waits_total", "Seconds for which calls waited for the spool.", c.waits},
       }) {
    append_metric(text, std::string("plumbline_") + m.name, m.type, m.help, m.value);
  }
  return text;
}

std::vector<wire::BlindSpot> CallWatch::blind_spots() const {
  std::vector<wire::BlindSpot> all = {
      {"tls_without_plaintext", "node",
       "Calls by programs whose TLS library is not known (Java, rustls, BoringSSL without symbols) are not seen.",
       "there is no function to hook by its name or table", "use the provider's audit log beside it"}};
  if (const auto unplaced = counts().scope.unplaced; unplaced > 0)
    all.push_back({"calls_scope", "node",
                   "To which cgroup some programs belong is not known, so none of calls.exclude_cgroups fits them.",
                   "the agent has a cgroup namespace of its own, and the host's cgroups are not where it looks",
                   "mount the host's /sys/fs/cgroup into the agent's container"});
  for (const auto& pattern : options_.excluded)
    all.push_back({"calls_excluded", pattern, "Calls of programs in such cgroups are not looked at.",
                   "calls.exclude_cgroups says so", ""});
  if (gate_)
    all.push_back(
        {"tls_first_call", "node",
         "A program that starts in a mount namespace of its own (rootless, a container's own tmpfs), or while too "
         "many start, is hooked while it starts, and a library in an unusual folder when it is loaded: a call within "
         "the next 15 milliseconds may be missed, once a file.",
         std::to_string(gate_->counters().late) + " were let go before they were looked at, " +
             std::to_string(gate_->counters().crowded) + " were too many; " +
             std::to_string(gate_->counters().ungated) + " mounts are not gated",
         "raise calls.exec_gate"});
  else
    all.push_back({"tls_first_call", "node",
                   "A program that was not looked at before it runs is hooked while it starts, and a library when it "
                   "is loaded: a "
                   "call within the next 15 milliseconds may be missed, once a file.",
                   scanner_.counters().first_pass_done
                       ? "it came after the folders were looked through, or lies elsewhere"
                       : "the folders are still being looked through",
                   "name its folder in calls.folders, or set calls.exec_gate"});
  if (!options_.why_no_mapped.empty())
    all.push_back({"tls_library_elsewhere", "node",
                   "A library that lies in none of calls.folders and no usual folder, or is loaded late, may never be "
                   "looked at: calls through it are not seen.",
                   options_.why_no_mapped, "a kernel from 6.1 on, or name its folder in calls.folders"});
  if (const auto counted = counts(); counted.kernel.served_programs + counted.mapped.served > 0)
    all.push_back({"tls_served_files", "node", "Calls of programs and through libraries that lie on FUSE are not seen.",
                   std::to_string(counted.kernel.served_programs + counted.mapped.served) +
                       " were started or loaded; whoever serves them could let the agent wait for ever",
                   "have them on a file system of the kernel's own"});
  if (!why_no_gate_.empty())
    all.push_back({"exec_gate", "node",
                   "First executions are not held until they were looked at, though calls.exec_gate says so.",
                   why_no_gate_, "grant what it needs, or set calls.exec_gate to 0s"});
  for (auto& spot : plain_.blind_spots()) all.push_back(std::move(spot));
  if (!options_.files.why_no_return_probes.empty())
    all.push_back({"tls_return_probes", "OpenSSL, GnuTLS, s2n", "Calls through these libraries are not seen.",
                   options_.files.why_no_return_probes, "a kernel before 6.11 or from 6.14 on"});
  if (!options_.why_no_hellos.empty())
    all.push_back({"calls_unseen_not_told", "node",
                   "Which programs talk to clouds without their plaintext being seen is not told.",
                   options_.why_no_hellos, "a kernel that takes fentry programs"});
  if (options_.why_no_hellos.empty() && !options_.why_no_dns.empty())
    all.push_back({"calls_unseen_not_named", "node",
                   "Whom a program talks to unseen is not told where it does not ask for it by name.",
                   options_.why_no_dns, "a kernel that takes fentry programs"});
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [who, times] : unseen_rows_)
      all.push_back(
          {"calls_unseen", who.first + " → " + who.second,
           "This program talks to a cloud, " + std::to_string(times) + " times so far, and its calls are not seen.",
           "no hook knows its TLS library", "use the provider's audit log beside it"});
  }
  std::map<std::pair<std::string, std::string>, std::pair<std::size_t, std::string>> refused;  // stack, why → how many
  for (const auto& row : file_rows())
    if (!row.error.empty() && row.error != options_.files.why_no_return_probes) {
      auto& [count, example] = refused[{row.stack, row.error}];
      ++count;
      example = row.path;
    }
  if (const auto written = files_.written_now(); !written.empty()) {
    const auto first = std::min_element(written.begin(), written.end(),
                                        [](const auto& one, const auto& other) { return one.from < other.from; });
    all.push_back({"tls_file_not_hooked", host_path(first->path),
                   "Calls through this file" + and_others(written.size()) + " are not seen.",
                   "somebody writes into it, since " + rfc3339(first->from),
                   "it is hooked again once nobody wrote into it for a second (later, for who goes on)"});
  }
  for (const auto& [what, counted] : refused)
    all.push_back({"tls_file_not_hooked", counted.second,
                   "Calls through this file" + and_others(counted.first) + " are not seen.", what.second, ""});
  return all;
}

}  // namespace plumbline::agent
