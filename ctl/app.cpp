#include "ctl/app.hpp"

#include <CLI/CLI.hpp>
#include <functional>
#include <ostream>

#include "ctl/commands.hpp"
#include "ctl/completion.hpp"
#include "ctl/text.hpp"
#include "include/util/nearest.hpp"

namespace plumbline::ctl {
namespace {

constexpr const char* footer =
    "Exit codes: 0 no open drift, 1 error, 2 open drift (drift, status, show, explain), 64 usage, 69 unreachable,\n"
    "77 permission, 78 configuration.";

/// One command line being read: what the options write to, and which command was chosen.
struct Parsed {
  Options options;
  std::string format = "table";
  std::string id;
  std::string shell;
  DriftOptions drift;
  ResourceOptions resources;
  WatchOptions watch;
  BaselineOptions baseline;
  DecodeOptions decode;
  SimulateOptions simulate;
  std::string probe;
  RollbackOptions rollback;
  RunOptions run;
  SilenceOptions silence;
  bool ended_silences = false;
  PrepareOptions prepare;
  CleanupOptions cleanup;
  RolloutOptions rollout;
  TokenOptions token;
  double timeout = 10;
  double simulate_timeout = 10;
  double simulate_reported = 0;
  double cleanup_wait = 0;
  double rollout_wait = 120;
  std::function<int(const Context&)> command;
};

void add_options(CLI::App& app, Parsed& parsed) {
  auto& o = parsed.options;
  auto* socket = app.add_option("--socket", o.socket, "the agent's Unix socket")->capture_default_str();
  auto* url = app.add_option("--url", o.url, "an agent over TCP, for example http://127.0.0.1:9640");
  auto* collector = app.add_option("--collector", o.collector, "a collector, for example https://collector:9650");
  url->excludes(socket);
  collector->excludes(socket)->excludes(url);
  app.add_option("--token-file", o.token_file, "file with a bearer token");
  app.add_option("--ca-file,--ca", o.ca_file, "PEM file of the CA that signed the server's certificate");
  auto* certificate = app.add_option("--cert", o.certificate_file, "PEM file of a certificate to show");
  auto* key = app.add_option("--key", o.key_file, "PEM file of its key");
  certificate->needs(key);
  key->needs(certificate);
  app.add_option("--timeout", parsed.timeout, "seconds to wait for an answer")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_option("-o,--output", parsed.format, "table, json or ndjson")
      ->check(CLI::IsMember({"table", "json", "ndjson"}).description(""))
      ->type_name("FORMAT")
      ->capture_default_str();
}

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

/// What installs and removes an agent, by hand or by the Helm chart.
template <class Add>
void add_node_commands(const Add& add, Parsed& parsed) {
  auto* preparing = add("prepare", "make a node's folders for an agent that is not root; run as root",
                        [&](const Context& c) { return prepare_node(c, parsed.prepare); });
  preparing->add_option("--owner", parsed.prepare.owner, "UID:GID that the agent runs as")->required();
  preparing->add_option("--canary", parsed.prepare.canary, "a file to make for plumb simulate");
  preparing->add_option("folders", parsed.prepare.folders, "state, socket and pins")->required();

  auto* cleaning =
      add("cleanup", "remove what an agent that is gone has left on this node; run as root", [&](const Context& c) {
        parsed.cleanup.wait = milliseconds(parsed.cleanup_wait);
        return clean_up(c, parsed.cleanup);
      });
  cleaning->add_option("--wait", parsed.cleanup_wait, "seconds to wait for the end of an agent that still runs")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  cleaning->add_option("folders", parsed.cleanup.folders, "what to remove, with all that is in it")
      ->default_val(std::vector<std::string>{"/sys/fs/bpf/plumbline", "/run/plumbline", "/var/lib/plumbline"})
      ->capture_default_str();

  auto* rollout =
      add("rollout", "wait until a DaemonSet's pods are ready; for hooks of the Helm chart", [&](const Context& c) {
        parsed.rollout.wait = milliseconds(parsed.rollout_wait);
        return await_rollout(c, parsed.rollout);
      });
  rollout->add_option("name", parsed.rollout.name, "a DaemonSet of the pod's namespace")->required();
  rollout->add_option("--wait", parsed.rollout_wait, "seconds to wait")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  add("pause", "do nothing until ended; for hooks of the Helm chart", pause_until_ended);
  rollout->add_option("--api-server", parsed.rollout.api, "URL; default: the cluster's, as pods are told it");
  rollout->add_option("--service-account", parsed.rollout.account, "folder with token, ca.crt and namespace")
      ->default_val("/var/run/secrets/kubernetes.io/serviceaccount");
}

/// A collector's silences of alerts.
void add_silence_commands(CLI::App& app, Parsed& parsed) {
  auto* silences = app.add_subcommand("silence", "what a collector wakes nobody for: create, list, end");
  silences->require_subcommand(1);
  silences->fallthrough();
  const auto add = [&](const char* name, const char* description, std::function<int(const Context&)> command) {
    auto* sub = silences->add_subcommand(name, description);
    sub->fallthrough();
    sub->callback([&parsed, command = std::move(command)] { parsed.command = command; });
    return sub;
  };
  auto& silence = parsed.silence;
  auto* creating = add("create", "hold back pages and messages of matching drift, until a time",
                       [&](const Context& c) { return create_silence(c, silence); });
  creating->add_option("--resource", silence.resource, "of this address; * stands for any characters");
  creating->add_option("--node", parsed.options.node, "of this node, by name or id; * stands for any characters");
  creating->add_option("--baseline", silence.baseline, "of this baseline; * stands for any characters");
  creating->add_option("--max-severity", silence.max_severity, "what is worse is told all the same");
  creating->add_flag("--all", silence.all, "whatever drifts, anywhere");
  creating->add_option("--for", silence.lasts, "how long, at most 90 days: 30m, 2h, 7d");
  creating->add_option("--until", silence.until, "until this time (RFC 3339)");
  creating->add_option("--reason", silence.reason, "why, for whoever reads the ledger")->required();
  creating->add_option("--by", silence.by, "who you are; default: $USER");
  add("list", "the silences that are active", [&](const Context& c) {
    return list_silences(c, parsed.ended_silences);
  })->add_flag("--ended", parsed.ended_silences, "those that have ended, too");
  auto* ending = add("end", "end one; what is open still is told",
                     [&](const Context& c) { return end_silence(c, parsed.id, silence.by); });
  ending->add_option("id", parsed.id, "its number")->required();
  ending->add_option("--by", silence.by, "who you are; default: $USER");
}

/// What a collector is told of its nodes.
void add_nodes_commands(CLI::App& app, Parsed& parsed) {
  auto* nodes = app.add_subcommand("nodes", "tell a collector of a node: forget, acknowledge, revoke");
  nodes->require_subcommand(1);
  nodes->fallthrough();
  const auto add = [&](const char* name, const char* description, auto command) {
    auto* sub = nodes->add_subcommand(name, description);
    sub->fallthrough();
    sub->add_option("node", parsed.id, "its name or id")->required();
    sub->add_option("--reason", parsed.silence.reason, "why, for whoever reads the ledger")->required();
    sub->add_option("--by", parsed.silence.by, "who you are; default: $USER");
    sub->callback([&parsed, command] {
      parsed.command = [&parsed, command](const Context& c) {
        return command(c, parsed.id, parsed.silence.reason, parsed.silence.by);
      };
    });
  };
  add("forget", "it is gone for good: it counts no more, and its drift is closed as forgotten", forget_node);
  add("acknowledge", "somebody has looked at its missing records and conflicts: pages of them end", acknowledge_node);
  add("revoke", "its certificates of before now are refused, until it enrols anew", revoke_node);
}

/// `baseline` and `decode`.
template <class Add>
void add_source_commands(CLI::App& app, Parsed& parsed, const SourceCommands& sources, const Add& add) {
  auto* baselines = app.add_subcommand("baseline", "what IaC sources say: compile, inspect, diff");
  baselines->require_subcommand(1);
  const auto add_baseline = [&](const char* name, const char* description,
                                int (*command)(const Context&, const BaselineOptions&)) {
    auto* sub = baselines->add_subcommand(name, description);
    sub->fallthrough();
    baselines->fallthrough();
    sub->callback([&parsed, command] {
      parsed.command = [&parsed, command](const Context& c) { return command(c, parsed.baseline); };
    });
    sub->add_option("--source", parsed.baseline.source, "kind of the files, where their looks do not tell");
    sub->add_option("--name", parsed.baseline.name, "name of the source in addresses; default: the file's");
    sub->add_option("--key-file", parsed.baseline.key_file,
                    "key of the fingerprints, which must be there; default: the agent's, where readable");
    return sub->add_option("files", parsed.baseline.files, "sources or indexes")->required();
  };
  add_baseline("inspect", "what sources or indexes hold, and what was skipped and why", sources.inspect);
  add_baseline("diff", "what changed between two revisions; exit code 2 where anything did", sources.diff)->expected(2);
  add_baseline("compile", "sources to one index file", sources.compile);
  auto* compiling = baselines->get_subcommand("compile");
  compiling->add_option("--out", parsed.baseline.out, "the index to write")->required();
  compiling->add_flag("--new-key", parsed.baseline.new_key, "make the --key-file, which must not be there yet")
      ->needs("--key-file");
  compiling->add_flag("--hashes-only", parsed.baseline.hashes_only, "keep no values, also where they are short");

  add("decode", "HTTP requests from a file or pipe (NDJSON) to cloud operations; needs no agent",
      [&app, &parsed, run = sources.decode](const Context& c) {
        Context context = c;  // programs read it: a table only where somebody asks for one
        if (app.get_option("--output")->empty()) context.options.format = Format::ndjson;
        return run(context, parsed.decode);
      })
      ->add_option("file", parsed.decode.file, "requests, one JSON object a line; default: standard input");
  app.get_subcommand("decode")->footer(decode_format);
}

void add_commands(CLI::App& app, Parsed& parsed, const SourceCommands& sources) {
  const auto add = [&](const char* name, const char* description, std::function<int(const Context&)> command) {
    auto* sub = app.add_subcommand(name, description);
    sub->fallthrough();  // global options may stand behind the command
    sub->callback([&parsed, command = std::move(command)] { parsed.command = command; });
    return sub;
  };
  const auto add_node = [&](CLI::App* sub) {
    sub->add_option("--node", parsed.options.node, "only of this node, by name or id; a collector's");
  };
  add("status", "how the agent or collector is doing", show_status);

  auto* drift = add("drift", "what is out of true", [&](const Context& c) { return list_drift(c, parsed.drift); });
  drift->add_flag("--all", parsed.drift.all, "closed drift too");
  drift->add_option("--state", parsed.drift.state, "only open, resolved, accepted, contested or suppressed");
  drift->add_option("--resource", parsed.drift.resource, "only this address; * stands for any characters");
  drift->add_option("--since", parsed.drift.since, "only what changed since this time (RFC 3339)");
  add_node(drift);

  auto* show = add("show", "one drift: what, who, evidence, how to put it back",
                   [&](const Context& c) { return show_drift(c, parsed.id); });
  auto* explain =
      add("explain", "why a drift has its verdict", [&](const Context& c) { return explain_drift(c, parsed.id); });
  for (auto* one : {show, explain}) {
    one->add_option("id", parsed.id, "id, address or path")->required();
    add_node(one);
  }

  auto* watching =
      add("watch", "findings and drift as they happen", [&](const Context& c) { return watch(c, parsed.watch); });
  watching->add_option("--from", parsed.watch.from, "resume after this event id");
  watching->add_option("--count", parsed.watch.count, "end after so many events");

  auto* resources = add("resources", "managed resources and whether they match",
                        [&](const Context& c) { return list_resources(c, parsed.resources); });
  resources->add_option("--resource", parsed.resources.resource, "only this address; * stands for any characters");
  resources->add_option("--comparison", parsed.resources.comparison, "only match, mismatch or not_comparable");
  resources->add_option("--owner-of", parsed.resources.owner_of, "who owns this path, id, ARN or other name")
      ->check(CLI::Validator(
          [](const std::string& word) { return word.empty() ? "is empty: give a path, id, ARN or other name" : ""; },
          ""));
  add_node(resources);

  if (sources.decode != nullptr) add_source_commands(app, parsed, sources, add);

  add("probe", "a health check, for kubelet and its like: exit code 0 or 1",
      [&](const Context& c) { return probe(c, parsed.probe); })
      ->add_option("check", parsed.probe, "livez, readyz or startupz")
      ->required()
      ->check(CLI::IsMember({"livez", "readyz", "startupz"}));

  add("doctor", "what works here, what does not, and what helps", doctor);

  auto* simulating = add("simulate", "make a harmless change and time its finding",
                         [&](const Context& c) { return simulate(c, parsed.simulate); });
  simulating->add_option("--resource", parsed.simulate.resource, "change a file of this address");
  simulating->add_option("--wait", parsed.simulate_timeout, "seconds to wait for the finding")
      ->check(CLI::Range(0.1, 600.0))
      ->capture_default_str();
  simulating->add_option("--reported", parsed.simulate_reported, "also wait so many seconds until the collector has it")
      ->check(CLI::Range(0.1, 600.0));

  auto* rolling = add("rollback", "put a drifted file back, where a rule allows it",
                      [&](const Context& c) { return roll_back(c, parsed.rollback); });
  rolling->add_option("id", parsed.rollback.drift, "id, address or path")->required();
  auto* dry = rolling->add_flag("--dry-run", parsed.rollback.dry_run, "show what would be written; change nothing");
  rolling->add_flag("--undo", parsed.rollback.undo, "bring back what was overwritten for it")->excludes(dry);

  auto* running = add("run", "run a command as an approved run: plumb run [OPTIONS] -- COMMAND…",
                      [&](const Context& c) { return run_approved(c, parsed.run); });
  running->add_option("--id", parsed.run.id, "the run's id, as your CI has it; default: one is made");
  running->add_option("--baseline", parsed.run.baselines, "it changes what this baseline has");
  running->add_option("--resource", parsed.run.resources, "it changes what has this address; * stands for anything");
  running->add_option("--path", parsed.run.paths, "it changes this path; * within a segment, ** across");
  running->add_option("--for", parsed.run.lasts, "it is over after this time, at most 24h")
      ->default_str("30m")
      ->default_val("30m");
  running->add_flag("--best-effort", parsed.run.best_effort, "run the command without an approval where none is given");
  running->add_option("command", parsed.run.command, "what to run; --token-file names a token that approves it")
      ->required();
  for (const char* name : {"--baseline", "--resource", "--path"}) running->get_option(name)->allow_extra_args(false);

  auto* tokens = app.add_subcommand("token", "enrolment tokens of a collector: create, list, revoke");
  tokens->require_subcommand(1);
  const auto add_token = [&](const char* name, const char* description, std::function<int(const Context&)> command) {
    auto* sub = tokens->add_subcommand(name, description);
    sub->fallthrough();
    tokens->fallthrough();
    sub->callback([&parsed, command = std::move(command)] { parsed.command = command; });
    return sub;
  };
  auto* creating = add_token("create", "a token by which one node gets its certificate, once",
                             [&](const Context& c) { return create_token(c, parsed.token); });
  creating->add_option("--node", parsed.token.node, "the node's name, as its agent has it")->required();
  creating->add_option("--for", parsed.token.lasts, "it is over after this time, at most 30d")
      ->default_str("24h")
      ->default_val("24h");
  add_token("list", "which there are; not what they are", list_tokens);
  add_token("revoke", "take one back", [&](const Context& c) { return revoke_token(c, parsed.token); })
      ->add_option("id", parsed.token.id, "its id")
      ->required();

  add_silence_commands(app, parsed);
  add_nodes_commands(app, parsed);
  add_node_commands(add, parsed);
  add("completion", "a completion script",
      [&](const Context& c) {
        c.terminal.out << completion_script(app, parsed.shell);
        return exit_code::ok;
      })
      ->add_option("shell", parsed.shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
}

/// CLI11's "A subcommand is required" helps nobody who mistyped one.
std::string why_refused(const CLI::App& app, const CLI::ParseError& error, bool has_sources) {
  if (error.get_name() != "RequiredError" || !app.get_subcommands().empty()) return error.what();
  const auto rest = app.remaining();
  if (rest.empty()) return "name a command";
  const std::string& word = rest.front();
  if (word.starts_with('-')) return "no option is called " + word;
  std::vector<std::string> commands;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    commands.push_back(command->get_name());
  if ((word == "baseline" || word == "decode") && !has_sources)
    return "'" + word + "' is not in the plumb of containers; the package plumbline has it";
  const std::string near(nearest(word, commands));
  return "no command is called " + word + (near.empty() ? "" : "; did you mean " + near + "?");
}

}  // namespace

int run(int argc, const char* const* argv, const Terminal& terminal, const Clock& clock,
        const SourceCommands& sources) {
  CLI::App app("plumb: what drifted on this node or fleet, who did it, and how to put it back", "plumb");
  Parsed parsed;
  app.set_version_flag("--version", "plumb " PLUMBLINE_VERSION);
  app.footer(footer);
  app.require_subcommand(1);
  add_options(app, parsed);
  add_commands(app, parsed, sources);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success))
      return app.exit(error, terminal.out, terminal.err);  // --help, --version
    terminal.err << "plumb: " << printable(why_refused(app, error, sources.decode != nullptr))
                 << "; plumb --help lists commands and options\n";
    return exit_code::usage;
  }
  parsed.options.format = parsed.format == "json"     ? Format::json
                          : parsed.format == "ndjson" ? Format::ndjson
                                                      : Format::table;
  parsed.options.timeout = milliseconds(parsed.timeout);
  parsed.simulate.timeout = milliseconds(parsed.simulate_timeout);
  parsed.simulate.reported = milliseconds(parsed.simulate_reported);
  return parsed.command({parsed.options, terminal, clock});
}

}  // namespace plumbline::ctl
