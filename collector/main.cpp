// plumbline-collector: parse the arguments, build the collector, run until a signal.
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <string>

#include "collector/collector.hpp"
#include "collector/keys/shared_keys.hpp"
#include "collector/store/migrate.hpp"
#include "collector/telemetry/log.hpp"
#include "include/util/service_manager.hpp"

namespace {

using namespace plumbline;
using collector::LogLevel;

// sysexits.h, as DESIGN section 6 names them.
constexpr int exit_usage = 64;
constexpr int exit_unavailable = 69;
constexpr int exit_permission = 77;
constexpr int exit_config = 78;

/// A delivery that cannot be interrupted may still look at the clock when main() has returned.
const SystemClock system_clock;

int fail(const Error& error, int otherwise) {
  std::fprintf(stderr, "plumbline-collector: %s\n", error.message().c_str());
  return error.code == ErrorCode::permission ? exit_permission : otherwise;
}

struct Arguments {
  std::string config = "/etc/plumbline/collector.yaml";
  bool check = false;
  bool schema = false;
  std::string migrate_from;
  std::string make_keys;
  bool adopt_keys = false;
};

/// The exit code where the process is to end at once, else -1.
int parse(int argc, char** argv, Arguments& out) {
  CLI::App app("Plumbline collector: keeps what agents find, shows it and forwards it.", "plumbline-collector");
  app.set_version_flag("--version", std::string("plumbline-collector ") + PLUMBLINE_VERSION);
  app.add_option("--config", out.config, "configuration file")->capture_default_str();
  app.add_flag("--check-config", out.check, "read the configuration as at start, say what is wrong, and end");
  app.add_flag("--config-schema", out.schema, "print the JSON Schema of the configuration, and end");
  app.add_option("--migrate-from", out.migrate_from,
                 "copy the ledger of this SQLite file to store.postgres, and end; while a collector uses the file, run "
                 "it again afterwards");
  app.add_option("--make-keys", out.make_keys,
                 "make what is missing of the keys that collectors of one PostgreSQL share in this folder, and end");
  app.add_flag("--adopt-keys", out.adopt_keys, "make the keys of keys_dir those of the store, and end");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  return -1;
}

/// The process holds a token, keys and URLs with secrets, and what it writes is not for every user's eyes.
void keep_to_ourselves() {
  ::prctl(PR_SET_DUMPABLE, 0);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::umask(077);
}

/// SIGTERM, SIGINT and SIGHUP wait in this set for run(); every thread inherits the mask.
sigset_t block_signals() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a destination that goes away is an error of its sink, not the end of the process
  return ends;
}

int exit_code(const Error& error) {
  return error.code == ErrorCode::invalid_argument || error.code == ErrorCode::not_found ? exit_config
                                                                                         : exit_unavailable;
}

int check(const collector::CollectorConfig& config) {
  const auto checked = collector::Collector::check(config, system_clock);
  if (!checked) return fail(checked.error(), exit_code(checked.error()));
  return std::puts("the configuration is valid") < 0 ? 1 : 0;
}

/// The next signal of `ends`. Meanwhile whoever watches this process is told that it lives, for as long as it does.
int wait_for(const sigset_t& ends, const collector::Collector& collector) {
  constexpr timespec between{10, 0};
  for (;;) {
    if (const int signal = sigtimedwait(&ends, nullptr, &between); signal > 0) return signal;
    if (collector.live()) tell_service_manager("WATCHDOG=1");
  }
}

int migrate(const collector::CollectorConfig& config, const std::string& path) {
  if (!config.postgres)
    return fail(invalid("take over " + path, "the configuration has no store.postgres", "name the database there"),
                exit_config);
  const auto done = collector::migrate(path, *config.postgres);
  if (!done) return fail(done.error(), exit_code(done.error()));
  std::printf("copied %llu rows, up to position %llu\n", static_cast<unsigned long long>(done->rows),
              static_cast<unsigned long long>(done->last_seq));
  if (done->altered > 0)
    std::printf("of %llu, bytes that PostgreSQL does not hold are U+FFFD now\n",
                static_cast<unsigned long long>(done->altered));
  if (done->whole) return std::puts("all is there: collectors can be started on it") < 0 ? 1 : 0;
  std::puts("a collector still uses the file: stop it, and run this once more for the rest");
  return exit_unavailable;
}

int make_keys(const std::string& folder) {
  const auto made = collector::make_shared_keys(folder);
  if (!made) return fail(made.error(), exit_code(made.error()));
  for (const auto& file : *made) std::printf("made %s\n", file.c_str());
  std::printf("give all of %s to each collector of the store as keys_dir, and node.key to agents that take baselines\n",
              folder.c_str());
  return 0;
}

int adopt_keys(const collector::CollectorConfig& config) {
  const auto adopted = collector::Collector::adopt_keys(config);
  if (!adopted) return fail(adopted.error(), exit_code(adopted.error()));
  return std::puts("the keys here are the store's now: collectors with others will not start") < 0 ? 1 : 0;
}

int run(const collector::CollectorConfig& config) {
  const sigset_t ends = block_signals();
  collector::set_log_level(config.log_level);
  auto built = collector::Collector::build(config, system_clock);
  if (!built) return fail(built.error(), exit_code(built.error()));
  log(LogLevel::info, "the collector serves",
      {{"listen", config.host + ":" + std::to_string((*built)->port())},
       {"store", config.postgres ? collector::shown_target(*config.postgres) : config.sqlite_path},
       {"sinks", std::to_string(config.sinks.size())},
       {"version", PLUMBLINE_VERSION}});
  tell_service_manager("READY=1");
  int signal = 0;
  while ((signal = wait_for(ends, **built)) == SIGHUP) {
    log(LogLevel::info, "all baselines are read again; other keys take effect at the next start");
    (*built)->reload();
  }
  tell_service_manager("STOPPING=1");
  log(LogLevel::info, "the collector stops", {{"signal", std::to_string(signal)}});
  built->reset();
  log(LogLevel::info, "the collector has stopped");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (const int code = parse(argc, argv, arguments); code >= 0) return code;
  if (arguments.schema) return std::puts(collector::collector_config_schema().c_str()) < 0 ? 1 : 0;
  keep_to_ourselves();
  if (!arguments.make_keys.empty()) return make_keys(arguments.make_keys);
  const auto config = collector::load_collector_config(arguments.config);
  if (!config) return fail(config.error(), exit_config);
  if (arguments.check) return check(*config);
  if (arguments.adopt_keys) return adopt_keys(*config);
  if (!arguments.migrate_from.empty()) return migrate(*config, arguments.migrate_from);
  return run(*config);
}
