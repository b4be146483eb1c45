#include "collector/forward/digest.hpp"

#include <algorithm>
#include <map>

#include "collector/forward/alert.hpp"
#include "collector/forward/fleet.hpp"
#include "include/wire/json.hpp"

namespace plumbline::collector {
namespace {

std::string strong(const std::string& text, const Markup& markup) {
  return markup.strong_begin + text + markup.strong_end;
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

struct Line {
  int rank = 0;  ///< worst first
  std::uint64_t seq = 0;
  std::string begin, end;          ///< the text around the nodes
  std::string same;                ///< lines with the same are one; "" = stands for itself
  std::vector<std::string> nodes;  ///< "" in `same`: none
  std::uint64_t times = 1;
};

/// The same change on many nodes reads the same but for the node.
template <class Judged>
void describe(const Judged& judged, const std::string& state, const Markup& markup, Line& line) {
  const auto& escape = markup.escape;
  line.begin = strong(std::string(wire::text_of(judged.severity)), markup) + " " + state + " " + markup.code_begin +
               escape(wire::escape_bytes(judged.resource)) + markup.code_end + " on ";
  std::string differs, live;
  for (const auto& diff : judged.diff) {
    differs += (differs.empty() ? ": " : ", ") + diff.attribute;
    live += diff.live + '\0';
  }
  line.end = escape(differs) + " " + escape(wire::escape_bytes(who(judged.actor)));
  line.same = line.begin + line.end + '\0' + std::string(wire::text_of(judged.verdict)) + '\0' + live;
}

Line line_of(const LedgerRecord& record, const Markup& markup) {
  const auto& escape = markup.escape;
  Line line;
  line.seq = record.seq;
  const auto body = wire::Json::parse(record.body, nullptr, false);
  if (body.is_object() && body.contains("drift") && body["drift"].is_object()) {
    if (const auto drift = wire::drift_from_json(body["drift"])) {
      line.rank = is_live(drift->state) ? 10 + static_cast<int>(drift->severity) : 1;
      describe(*drift, std::string(wire::text_of(drift->state)), markup, line);
      line.same += '\0' + drift->baseline;
      line.nodes = {record.node};
      line.times = drift->count;
      return line;
    }
  }
  if (body.is_object() && body.contains("finding")) {
    if (const auto finding = wire::finding_from_json(body["finding"])) {
      line.rank = static_cast<int>(finding->severity);
      describe(*finding, std::string(wire::text_of(finding->comparison)), markup, line);
      line.nodes = {record.node};
      return line;
    }
  }
  if (record.type == "silence") {
    const bool silent = record.body.find(R"("state":"silent")") != std::string::npos;
    line.rank = silent ? 20 : 1;
    line.begin =
        silent ? strong("agent of " + escape(record.node) + " is silent", markup) + ": what changes there goes unseen"
               : escape(alert_of(record).title);
    return line;
  }
  const bool is_word = record.type == "node" || record.body.find(R"("state":")") != std::string::npos;
  if (is_word && (record.type == "node" || record.type == "conflict" || record.type == "sequence_gap")) {
    line.rank = 1;
    line.begin = escape(alert_of(record).title);
    return line;
  }
  if (record.type == "conflict") {
    line.rank = 20;
    line.begin = strong("two senders say that they are " + escape(record.node), markup) +
                 ", or its agent lost its state: what one of them says is set aside (dead letters)";
    return line;
  }
  line.rank = 5;
  line.begin = escape(record.type) + " on " + escape(record.node);
  return line;
}

/// Lines that say the same of other nodes become the first of them.
std::vector<Line> merged(std::vector<Line> lines) {
  std::vector<Line> out;
  std::map<std::string, std::size_t> known;
  for (Line& line : lines) {
    const auto [at, is_new] = line.same.empty() ? std::pair(known.end(), true) : known.emplace(line.same, out.size());
    if (is_new) {
      out.push_back(std::move(line));
      continue;
    }
    Line& first = out[at->second];
    std::string& node = line.nodes.front();
    if (std::find(first.nodes.begin(), first.nodes.end(), node) == first.nodes.end())
      first.nodes.push_back(std::move(node));
    else
      first.times += line.times;
  }
  return out;
}

std::string text_of(const Line& line, const Markup& markup) {
  if (line.nodes.empty()) return line.begin;
  std::string text = line.begin + markup.escape(nodes_text(line.nodes.size(), line.nodes)) + line.end;
  if (line.nodes.size() == 1 && line.times > 1) text += " (" + std::to_string(line.times) + " times)";
  return text;
}

}  // namespace

MessageDigest digest_of(std::span<const LedgerRecord> records, const Markup& markup, std::size_t max_lines,
                        std::size_t max_line_bytes) {
  // The last record of a drift tells its state; earlier ones of this digest would only repeat it.
  std::map<std::string, const LedgerRecord*> latest;
  std::vector<Line> lines;
  for (const auto& record : records)
    if (!record.drift_id.empty()) latest[record.node_id + "/" + record.drift_id] = &record;
  for (const auto& record : records)
    if (record.drift_id.empty() || latest[record.node_id + "/" + record.drift_id] == &record)
      lines.push_back(line_of(record, markup));
  lines = merged(std::move(lines));
  std::sort(lines.begin(), lines.end(),
            [](const Line& a, const Line& b) { return a.rank != b.rank ? a.rank > b.rank : a.seq < b.seq; });
  MessageDigest digest;
  digest.title = "Plumbline: " + std::to_string(records.size()) + (records.size() == 1 ? " record" : " records");
  for (std::size_t i = 0; i < lines.size() && i < max_lines; ++i)
    digest.lines.push_back(cut_text(text_of(lines[i], markup), max_line_bytes));
  digest.more = lines.size() - digest.lines.size();
  return digest;
}

}  // namespace plumbline::collector
