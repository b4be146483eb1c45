#include "collector/forward/slack.hpp"

#include "collector/forward/answers.hpp"
#include "collector/forward/digest.hpp"
#include "collector/forward/digest_sink.hpp"
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

}  // namespace

std::string slack_message(std::span<const LedgerRecord> records) {
  const Markup markup{escape, "*", "*", "`", "`"};
  const MessageDigest digest = digest_of(records, markup, max_lines, max_line_bytes);
  std::string text = digest.title;
  for (const auto& line : digest.lines) text += "\n• " + line;
  if (digest.more > 0) text += "\n… and " + std::to_string(digest.more) + " more";
  return wire::JsonObject().text("text", text).str();
}

Result<std::unique_ptr<Sink>> make_slack_sink(const SlackOptions& options, std::shared_ptr<Watchdog> watchdog,
                                              const Clock& clock) {
  return make_digest_sink(options, slack_message, blames_slack_hook, std::move(watchdog), clock);
}

}  // namespace plumbline::collector
