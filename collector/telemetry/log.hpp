// Log lines as logfmt on standard error: `at=… level=info msg="sink paused" sink=soc why="…"`. The logging library
// stays in log.cpp. Values never hold secrets; what may be one (a Slack URL) is not passed here at all.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace plumbline::collector {

enum class LogLevel { debug, info, warning, error };

using LogField = std::pair<std::string_view, std::string>;

/// Thread-safe. `error`: someone must act; `warning`: degraded and still right; `info`: life cycle; `debug`: the rest.
void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

/// Lines below `level` are not written. "debug", "info", "warning" or "error"; anything else leaves it as it was.
void set_log_level(std::string_view level);

/// One logfmt line without time; exposed for its test.
std::string logfmt(LogLevel level, std::string_view message, std::initializer_list<LogField> fields);

}  // namespace plumbline::collector
