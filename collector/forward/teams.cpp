#include "collector/forward/teams.hpp"

#include "collector/forward/answers.hpp"
#include "collector/forward/digest.hpp"
#include "collector/forward/digest_sink.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

constexpr std::size_t max_lines = 20;
constexpr std::size_t max_line_bytes = 400;

/// A TextBlock's Markdown: links, emphasis and lists are not somebody else's to make.
std::string escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == '*' || c == '_' || c == '\\' || c == '<' || c == '>' || c == '#')
      (out += '\\') += c;
    else
      out += static_cast<unsigned char>(c) < 0x20 || c == '`' ? ' ' : c;
  }
  return out;
}

std::string text_block(const std::string& text, bool title) {
  wire::JsonObject j;
  j.text("type", "TextBlock").text("text", text).flag("wrap", true);
  if (title) j.text("weight", "Bolder").text("size", "Medium");
  return j.str();
}

}  // namespace

std::string teams_message(std::span<const LedgerRecord> records) {
  const MessageDigest digest = digest_of(records, {escape, "**", "**", "", ""}, max_lines, max_line_bytes);
  std::vector<std::string> blocks = {text_block(digest.title, true)};
  for (const auto& line : digest.lines) blocks.push_back(text_block(line, false));
  if (digest.more > 0) blocks.push_back(text_block("… and " + std::to_string(digest.more) + " more", false));
  wire::JsonObject card;
  card.text("$schema", "http://adaptivecards.io/schemas/adaptive-card.json").text("type", "AdaptiveCard");
  card.text("version", "1.4").raw("body", wire::json_array(blocks));
  wire::JsonObject attachment;
  attachment.text("contentType", "application/vnd.microsoft.card.adaptive").null("contentUrl");
  attachment.raw("content", card.str());
  return wire::JsonObject().text("type", "message").raw("attachments", "[" + attachment.str() + "]").str();
}

Result<std::unique_ptr<Sink>> make_teams_sink(const TeamsOptions& options, std::shared_ptr<Watchdog> watchdog,
                                              const Clock& clock) {
  return make_digest_sink(options, teams_message, blames_teams_workflow, std::move(watchdog), clock);
}

}  // namespace plumbline::collector
