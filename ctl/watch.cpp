#include <algorithm>
#include <ostream>
#include <thread>

#include "ctl/api.hpp"
#include "ctl/commands.hpp"
#include "ctl/table.hpp"
#include "ctl/text.hpp"
#include "include/wire/json.hpp"

namespace plumbline::ctl {
namespace {

/// "01:47:30.123" of today's or any day's UTC.
std::string clock_time(WallNs at) {
  return at == 0 ? "            " : rfc3339(at).substr(11, 12);
}

std::string describe(const Context& context, const http::SseEvent& event, const Json& data) {
  const auto line = [&](WallNs at, Style style, std::string_view state, const std::string& rest) {
    std::string padded(state);
    padded.resize(std::max<std::size_t>(padded.size(), 9), ' ');
    return clock_time(at) + "  " + styled(context.terminal, style, padded) + " " +
           cut(rest, context.terminal.width > 40 ? context.terminal.width - 24 : 0);
  };
  if (event.event == "drift") {
    const auto drift = wire::drift_from_json(data);
    if (!drift) return line(0, Style::warn, "unread", printable(drift.error().message()));
    const bool open = is_live(drift->state);
    const std::string shown = printable(drift->resource) + "  " +
                              (open ? what(*drift) + "  " + who(drift->actor) : printable(drift->closed_by));
    return line(drift->updated_at, open ? Style::bad : Style::good, wire::text_of(drift->state), shown);
  }
  if (event.event == "finding") {
    const auto finding = wire::finding_from_json(data);
    if (!finding) return line(0, Style::warn, "unread", printable(finding.error().message()));
    return line(finding->at, finding->comparison == wire::ComparisonResult::match ? Style::plain : Style::warn,
                wire::text_of(finding->comparison),
                printable(finding->resource) + "  " + std::string(wire::text_of(finding->verdict)) + "  " +
                    who(finding->actor));
  }
  const auto text = [&](const char* key) {
    return data.is_object() && data.contains(key) && data[key].is_string()
               ? printable(wire::unescape_bytes(data[key].get<std::string>()))
               : std::string();
  };
  if (event.event == "gap") return line(0, Style::warn, "gap", text("reason") + ": " + text("detail"));
  return line(0, Style::dim, printable(event.event), printable(event.data));
}

}  // namespace

int watch(const Context& context, const WatchOptions& options) {
  const auto api = Api::open(context.options);
  if (!api) return fail(context, api.error());
  auto& out = context.terminal.out;
  auto& err = context.terminal.err;
  const bool table = context.options.format == Format::table;
  std::string last_id = options.from;
  std::uint64_t seen = 0;
  bool ever_open = false;
  std::chrono::milliseconds pause{500};

  http::Client::StreamCalls calls;
  calls.on_open = [&] {
    // Talk goes to the error stream: the output is events and nothing else.
    if (last_id.empty())
      err << "watching " << printable(api->client().endpoint().text) << '\n';
    else
      err << "resumed after " << printable(last_id) << '\n';
    err.flush();
    ever_open = true;
    pause = std::chrono::milliseconds{500};
  };
  calls.on_id = [&](const std::string& id) { last_id = id; };
  calls.on_event = [&](const http::SseEvent& event) {
    const auto data = Json::parse(event.data, nullptr, false);
    if (table)
      out << describe(context, event, data) << '\n';
    else
      out << Json{{"id", event.id}, {"event", event.event}, {"data", data.is_discarded() ? Json(event.data) : data}}
                 .dump(-1, ' ', false, Json::error_handler_t::replace)
          << '\n';
    out.flush();
    return out.good() && (options.count == 0 || ++seen < options.count);
  };
  for (;;) {
    const auto ended = api->client().stream("/v1/stream", last_id, calls);
    if (ended) return out.good() ? exit_code::ok : exit_code::error;
    if (!ever_open || ended.error().code != ErrorCode::unavailable) return fail(context, ended.error());
    err << "lost: " << printable(ended.error().message()) << "; trying again\n";
    err.flush();
    std::this_thread::sleep_for(pause);  // the only thing this process does; a signal ends it
    pause = std::min(pause * 2, std::chrono::milliseconds{10'000});
  }
}

}  // namespace plumbline::ctl
