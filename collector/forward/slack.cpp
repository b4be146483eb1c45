#include "collector/forward/slack.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include "collector/forward/http_poster.hpp"
#include "include/wire/json.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

constexpr std::size_t max_lines = 20;
constexpr std::size_t max_line_bytes = 400;

/// Slack's three control characters, and no line of somebody else's making.
std::string escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += static_cast<unsigned char>(c) < 0x20 || c == '`' ? ' ' : c;
  }
  return out;
}

/// At most `max` bytes, cut at a character's boundary.
std::string cut(std::string text, std::size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0) == 0x80) --max;
  return text.substr(0, max) + "…";
}

std::string who(const wire::Actor& actor) {
  if (!actor.process) return "by an unknown process";
  const auto& process = *actor.process;
  std::string text = "by " + (process.exe.empty() ? process.comm : process.exe);
  if (!process.login_user.empty())
    text += " (" + process.login_user + ")";
  else if (!process.user.empty())
    text += " (" + process.user + ")";
  if (actor.container) text += " in " + (actor.container->pod.empty() ? actor.container->name : actor.container->pod);
  return text;
}

template <class Judged>
std::string sentence(const Judged& judged, const std::string& node, const std::string& state) {
  std::string text = "*" + std::string(wire::text_of(judged.severity)) + "* " + state + " `" +
                     escape(wire::escape_bytes(judged.resource)) + "` on " + escape(node);
  std::string differs;
  for (const auto& diff : judged.diff) differs += (differs.empty() ? ": " : ", ") + diff.attribute;
  text += escape(differs) + " " + escape(wire::escape_bytes(who(judged.actor)));
  return text;
}

struct Line {
  int rank = 0;  ///< worst first
  std::uint64_t seq = 0;
  std::string text;
};

Line line_of(const LedgerRecord& record) {
  Line line{0, record.seq, ""};
  const auto body = wire::Json::parse(record.body, nullptr, false);
  if (body.is_object() && body.contains("drift") && body["drift"].is_object()) {
    if (const auto drift = wire::drift_from_json(body["drift"])) {
      line.rank = drift->state == wire::DriftState::open ? 10 + static_cast<int>(drift->severity) : 1;
      line.text = sentence(*drift, record.node, std::string(wire::text_of(drift->state)));
      if (drift->count > 1) line.text += " (" + std::to_string(drift->count) + " times)";
      return line;
    }
  }
  if (body.is_object() && body.contains("finding")) {
    if (const auto finding = wire::finding_from_json(body["finding"])) {
      line.rank = static_cast<int>(finding->severity);
      line.text = sentence(*finding, record.node, std::string(wire::text_of(finding->comparison)));
      return line;
    }
  }
  if (record.type == "silence") {
    const bool returned = record.body.find(R"("state":"returned")") != std::string::npos;
    line.rank = returned ? 1 : 20;
    line.text = returned ? "agent of " + escape(record.node) + " is heard again"
                         : "*agent of " + escape(record.node) + " is silent*: what changes there goes unseen";
    return line;
  }
  if (record.type == "conflict") {
    line.rank = 20;
    line.text = "*two senders say that they are " + escape(record.node) +
                "*, or its agent lost its state: what one of "
                "them says is set aside (dead letters)";
    return line;
  }
  line.rank = 5;
  line.text = escape(record.type) + " on " + escape(record.node);
  return line;
}

class SlackSink final : public Sink {
 public:
  SlackSink(SlackOptions options, std::shared_ptr<Watchdog> watchdog, const Clock& clock)
      : options_(std::move(options)), watchdog_(std::move(watchdog)), clock_(clock) {}

  SinkPace pace() const override {
    return {options_.digest_records, options_.digest_interval, std::chrono::seconds(1)};
  }

  Delivery deliver(std::span<const LedgerRecord> records) override {
    const auto poster = connect();
    if (!poster) return {Delivery::Outcome::paused, 0, poster.error().message(), std::nullopt};
    return delivery_of((*poster)->post({}, slack_message(records), "application/json; charset=utf-8"), records.size());
  }

  void cancel() noexcept override {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (poster_) poster_->cancel();
  }

  /// The connection for the URL that the file holds now: a rotated one takes effect without a restart.
  Result<std::shared_ptr<HttpPoster>> connect() {
    auto url = read_secret_file(options_.url_file);
    if (!url) return url.error();
    const std::lock_guard lock(mutex_);
    if (poster_ && *url == url_) return poster_;
    auto made = HttpPoster::make({*url, options_.ca_file, options_.timeout}, watchdog_, clock_);
    if (!made) return made.error();
    url_ = std::move(*url);
    poster_ = std::move(*made);
    if (cancelled_) poster_->cancel();
    return poster_;
  }

 private:
  SlackOptions options_;
  std::shared_ptr<Watchdog> watchdog_;
  const Clock& clock_;
  std::mutex mutex_;
  bool cancelled_ = false;
  std::string url_;
  std::shared_ptr<HttpPoster> poster_;
};

}  // namespace

std::string slack_message(std::span<const LedgerRecord> records) {
  // The last record of a drift tells its state; earlier ones of this digest would only repeat it.
  std::map<std::string, const LedgerRecord*> latest;
  std::vector<Line> lines;
  for (const auto& record : records)
    if (!record.drift_id.empty()) latest[record.node_id + "/" + record.drift_id] = &record;
  for (const auto& record : records)
    if (record.drift_id.empty() || latest[record.node_id + "/" + record.drift_id] == &record)
      lines.push_back(line_of(record));
  std::sort(lines.begin(), lines.end(),
            [](const Line& a, const Line& b) { return a.rank != b.rank ? a.rank > b.rank : a.seq < b.seq; });
  std::string text = "Plumbline: " + std::to_string(records.size()) + (records.size() == 1 ? " record" : " records");
  for (std::size_t i = 0; i < lines.size() && i < max_lines; ++i) text += "\n• " + cut(lines[i].text, max_line_bytes);
  if (lines.size() > max_lines) text += "\n… and " + std::to_string(lines.size() - max_lines) + " more";
  return wire::JsonObject().text("text", text).str();
}

Result<std::unique_ptr<Sink>> make_slack_sink(const SlackOptions& options, std::shared_ptr<Watchdog> watchdog,
                                              const Clock& clock) {
  auto sink = std::make_unique<SlackSink>(options, std::move(watchdog), clock);
  const auto checked = sink->connect();  // a bad file or URL is found at start, not with the first finding
  if (!checked) return checked.error();
  return std::unique_ptr<Sink>(std::move(sink));
}

}  // namespace plumbline::collector
