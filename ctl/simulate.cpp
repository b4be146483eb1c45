#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ostream>
#include <thread>

#include "ctl/api.hpp"
#include "ctl/commands.hpp"
#include "ctl/text.hpp"
#include "http/target.hpp"
#include "include/wire/json.hpp"

namespace plumbline::ctl {
namespace {

struct Target {
  std::string resource;
  std::string path;
};

Result<Target> choose(const Api& api, const std::string& wanted) {
  const auto listed =
      api.list("/v1/resources?comparison=match" + (wanted.empty() ? "" : "&resource=" + http::percent_encode(wanted)));
  if (!listed) return listed.error();
  for (const auto& item : *listed) {
    if (!item.value("watched", false)) continue;
    const auto text = [&](const char* key) { return wire::unescape_bytes(item.value(key, std::string())); };
    const std::string path = text("path");
    // A path that should not exist matches too, and has no times to set.
    struct stat now{};
    if (::lstat(path.c_str(), &now) == 0 && S_ISREG(now.st_mode)) return Target{text("resource"), path};
  }
  return Error{ErrorCode::not_found, "choose a resource" + (wanted.empty() ? "" : " like " + wanted),
               "none is a watched file that matches its baseline", "plumb resources shows how each one is"};
}

/// Sets the modification time to what it is. The content, the times and the mode stay; only the change time moves,
/// which is what every hook reports.
Result<void> touch_harmlessly(const std::string& path) {
  struct stat now{};
  if (::lstat(path.c_str(), &now) != 0) return io_error("look at " + path, errno);
  const timespec times[2] = {{0, UTIME_OMIT}, now.st_mtim};
  if (::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    return io_error("set the times of " + path + " to what they are", errno,
                    "run it as root or as the owner of the file");
  return {};
}

/// Waits until the collector has acknowledged the record that an event's id ("SEQUENCE.INDEX") names.
Result<void> await_report(const Api& api, const std::string& event_id, std::chrono::milliseconds wait) {
  const std::string what = "report the finding to the collector";
  const auto sequence = std::strtoull(event_id.c_str(), nullptr, 10);
  const auto until = std::chrono::steady_clock::now() + wait;
  for (;; std::this_thread::sleep_for(std::chrono::milliseconds(100))) {
    const auto status = api.get("/v1/status");
    if (!status) return status.error();
    const Json spool = status->value("spool", Json()), exporter = status->value("exporter", Json());
    if (!exporter.is_object() || !spool.is_object())
      return invalid(what, "this agent reports to none", "set `collector` in its configuration");
    if (spool.value("acknowledged", std::uint64_t{0}) >= sequence) return {};
    const std::string why = wire::unescape_bytes(exporter.value("last_error", std::string()));
    if (std::chrono::steady_clock::now() >= until)
      return Error{ErrorCode::internal, what, why.empty() ? "it has not acknowledged it yet" : why,
                   "nothing is lost: the agent keeps it and goes on trying"};
  }
}

}  // namespace

int simulate(const Context& context, const SimulateOptions& options) {
  const auto api = Api::open(context.options);
  if (!api) return fail(context, api.error());
  const auto status = api->get("/v1/status");
  if (!status) return fail(context, status.error());
  if (is_of_a_collector(*status))
    return fail(context, invalid("simulate a change", "a collector has no files", "run it on a node, of its agent"));
  const auto target = choose(*api, options.resource);
  if (!target) return fail(context, target.error());

  using Instant = std::chrono::steady_clock::time_point;
  Instant changed{};
  Instant arrived{};
  Result<void> touched;
  std::string others;  // findings of the same file that name somebody else
  std::string finding_id, event_id;
  bool matched = false;
  http::Client::StreamCalls calls;
  calls.on_open = [&] {
    changed = std::chrono::steady_clock::now();
    touched = touch_harmlessly(target->path);
  };
  calls.on_event = [&](const http::SseEvent& event) {
    if (event.event != "finding") return true;
    const auto now = std::chrono::steady_clock::now();
    const auto finding = wire::finding_from_json(Json::parse(event.data, nullptr, false));
    if (!finding || finding->where.path != target->path) return true;
    if (!finding->actor.process || finding->actor.process->pid != static_cast<std::uint32_t>(::getpid())) {
      others += (others.empty() ? "" : "; ") + who(finding->actor);
      return true;
    }
    arrived = now;
    finding_id = finding->id;
    event_id = event.id;
    matched = finding->comparison == wire::ComparisonResult::match;
    return false;
  };
  // The change is made once the stream is open, so that the latency is of the finding and not of the connection. A
  // change that failed is known only after the stream's end; its own limit bounds that wait.
  const auto streamed = api->client().stream("/v1/stream", "", calls, options.timeout);
  if (!touched) return fail(context, touched.error());
  if (!streamed && changed == Instant{}) return fail(context, streamed.error());
  if (!streamed)
    return fail(
        context,
        {ErrorCode::internal, "wait for the finding of " + target->path,
         others.empty() ? "none came within " + std::to_string(options.timeout.count() / 1000) + " s"
                        : "it came, but names another process than " + std::to_string(::getpid()) + ": " + others,
         others.empty() ? "plumb doctor shows which hooks work"
                        : "in a container, process ids differ from the host's: run it with the host's pid "
                          "namespace"});

  if (options.reported.count() > 0)
    if (const auto reported = await_report(*api, event_id, options.reported); !reported)
      return fail(context, reported.error());

  const double ms = std::chrono::duration<double, std::milli>(arrived - changed).count();
  if (context.options.format != Format::table) {
    print_json(context, {{"resource", wire::escape_bytes(target->resource)},
                         {"path", wire::escape_bytes(target->path)},
                         {"pid", ::getpid()},
                         {"finding", finding_id},
                         {"comparison_match", matched},
                         {"reported", options.reported.count() > 0},
                         {"latency_ms", ms}});
    return exit_code::ok;
  }
  char latency[32];
  std::snprintf(latency, sizeof latency, "%.2f ms", ms);
  context.terminal.out << "changed  " << printable(target->path) << " (its times, to what they were)\n"
                       << "finding  " << printable(finding_id) << " names this process (" << ::getpid() << ") and "
                       << (matched ? "still matches the baseline" : "does not match the baseline") << '\n'
                       << "latency  " << latency << ", from the system call to the event here\n";
  if (options.reported.count() > 0) context.terminal.out << "reported the collector has it\n";
  return exit_code::ok;
}

}  // namespace plumbline::ctl
