#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "agent/agent.hpp"
#include "agent/check_files.hpp"
#include "agent/config/rules_file.hpp"
#include "fetch/handout.hpp"
#include "fetch/make_origin.hpp"

namespace {

/// The message, in which nobody's name begins a line of its own: log_text() is for the values.
class OneLine final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& line) override {
    for (const char c : message.payload) line.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c);
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return spdlog::details::make_unique<OneLine>(); }
};

using plumbline::Error;
using plumbline::ErrorCode;
namespace agent = plumbline::agent;

struct Arguments {
  std::string config = "/etc/plumbline/agent.yaml";
  std::string node;
  bool check = false;
  bool schema = false;
};

/// sysexits(3), as DESIGN section 6 has them.
int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return 78;
    case ErrorCode::permission:
      return 77;
    case ErrorCode::unsupported:
    case ErrorCode::unavailable:
      return 69;
    default:
      return 1;
  }
}

int fail(const Error& error) {
  std::cerr << "plumbline-agent: " << error.message() << "\n";
  return exit_code(error.code);
}

void set_up_process(const std::string& log_level) {
  // States and files hold secrets; a core file would hold them too.
  ::prctl(PR_SET_DUMPABLE, 0);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  // A hooked file takes some descriptors; nothing here uses select(2), for which the soft limit is kept low.
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  std::signal(SIGPIPE, SIG_IGN);  // a collector that goes away is an error of one batch, not the end of the agent
  spdlog::set_default_logger(spdlog::stderr_logger_mt("agent"));
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<OneLine>('*').set_pattern("time=%Y-%m-%dT%H:%M:%S.%eZ level=%l %*");
  spdlog::set_formatter(std::move(formatter));
  spdlog::set_level(spdlog::level::from_str(log_level));
}

int run(const Arguments& arguments) {
  if (arguments.schema) {
    std::cout << agent::agent_config_schema();
    return 0;
  }
  auto config = agent::load_agent_config(arguments.config);
  if (!config) return config.error().code == ErrorCode::not_found ? (fail(config.error()), 78) : fail(config.error());
  if (!arguments.node.empty()) config->node = arguments.node;
  for (const auto& path : config->rules)
    if (auto rules = agent::load_rules(path); !rules) return fail(rules.error());
  if (auto fine = plumbline::fetch::check_origins(config->baselines); !fine) return fail(fine.error());
  if (config->collector && config->collector->baselines)
    if (auto key = plumbline::fetch::read_node_key(config->collector->baselines->key_file); !key)
      return key.error().code == ErrorCode::not_found ? (fail(key.error()), 78) : fail(key.error());
  if (arguments.check) {
    const auto checked = agent::check_files(*config);
    if (!checked)
      return checked.error().code == ErrorCode::not_found ? (fail(checked.error()), 78) : fail(checked.error());
    for (const auto& without : *checked) std::cerr << "plumbline-agent: " << without << "\n";
    std::cout << arguments.config << " is good\n";
    return 0;
  }
  set_up_process(config->log_level);
  auto built = agent::Agent::build(std::move(*config), arguments.config);
  if (!built) return fail(built.error());
  return (*built)->run();
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): what is thrown while telling of an exception ends the program
int main(int argc, char** argv) {
  CLI::App app{"Plumbline agent: sees changes of managed files the moment they happen."};
  Arguments arguments;
  app.add_option("--config", arguments.config, "configuration file")->capture_default_str();
  app.add_option("--node", arguments.node,
                 "name of this node, before that of the configuration; in a pod spec.nodeName");
  app.add_flag("--check-config", arguments.check, "read configuration and rules, and the files they name, then exit");
  app.add_flag("--config-schema", arguments.schema, "print the JSON Schema of the configuration, then exit");
  app.set_version_flag("--version", "plumbline-agent " PLUMBLINE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 64;
  }
  try {
    return run(arguments);
  } catch (const std::exception& error) {
    std::cerr << "plumbline-agent: " << error.what() << "\n";
    return 1;
  }
}
