#include "collector/api/stream.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "collector/api/views.hpp"
#include "http/page.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

/// SQLite's and PostgreSQL's row ids end here.
constexpr std::uint64_t last_position = INT64_MAX;

struct Position {
  std::uint64_t seq = 0;
  std::uint64_t part = 0;  ///< events of `seq` up to and including this one were sent …
  bool whole = true;       ///< … or, where true, all of them
};

std::optional<Position> parse_position(const std::string& text) {
  Position position;
  const char* const end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, position.seq);
  if (error != std::errc()) return std::nullopt;
  if (at == end) return position;
  position.whole = false;
  if (*at != '.') return std::nullopt;
  const auto [last, bad] = std::from_chars(at + 1, end, position.part);
  if (bad != std::errc() || last != end) return std::nullopt;
  return position;
}

class Reader {
 public:
  Reader(Store& store, Position position, std::string first)
      : store_(store), position_(position), first_(std::move(first)) {}

  std::string next(std::size_t max_bytes) {
    const std::uint64_t after = position_.whole ? position_.seq : position_.seq - 1;
    const auto rows = store_.ledger_after(after, 256, max_bytes);
    std::string text = std::exchange(first_, {});
    if (!rows) return text;  // asked again with the next wake or ping
    for (const auto& row : *rows) {
      const auto events = events_of(row);
      for (std::size_t part = 0; part < events.size(); ++part) {
        if (!position_.whole && row.seq == position_.seq && part <= position_.part) continue;
        text += http::sse_event(std::to_string(row.seq) + "." + std::to_string(part), events[part].event,
                                events[part].data);
      }
      position_ = {row.seq, 0, true};
    }
    return text;
  }

 private:
  Store& store_;
  Position position_;
  std::string first_;  ///< what comes before everything else
};

/// Whether the ledger has come to `seq`. Where the count says no, its rows are asked: the count follows a commit.
Result<bool> has_come_to(const Store& store, std::uint64_t seq) {
  if (seq <= store.stats().last_seq) return true;
  const auto rows = store.ledger_after(seq - 1, 1, 1);
  if (!rows) return rows.error();
  return !rows->empty();
}

/// As an agent's stream tells it. Its id is the ledger's beginning, from where the stream goes on.
std::string unknown_id(std::uint64_t last, std::uint64_t asked) {
  return http::sse_event("0", "gap",
                         wire::JsonObject()
                             .text("reason", "unknown_id")
                             .number("from_sequence", last + 1)
                             .number("until_sequence", asked)
                             .text("detail",
                                   "this ledger has not come so far: it is another one; all that it has follows, and "
                                   "GET /v1/drift has the state")
                             .str());
}

}  // namespace

std::variant<http::Response, http::StreamResponse> open_stream(Store& store, const http::Request& request) {
  if (const auto known = http::check_query(request.query, {"last_event_id"}); !known)
    return http::problem(known.error());
  Position position{store.stats().last_seq, 0, true};
  std::string first;
  // EventSource sends the header on its own; the parameter is for a page that was loaded anew.
  const std::string* id = request.header("Last-Event-ID");
  const bool by_browser = id != nullptr;
  if (!by_browser) id = http::find_field(request.query, "last_event_id");
  if (id != nullptr && !id->empty()) {
    auto parsed = parse_position(*id);
    const bool ours = parsed && (parsed->seq > 0 || parsed->whole) && parsed->seq <= last_position;
    if (!ours && !by_browser)
      return http::problem(invalid("read the parameter last_event_id", "it is not an id of this stream",
                                   "give the last id as it came (\"17.0\"), or leave it out to begin now"));
    // An EventSource never comes back after a 400: what is no id of ours is an unknown one.
    if (!ours) parsed = Position{last_position, 0, true};
    const auto known = has_come_to(store, parsed->seq);
    if (!known) return http::problem(known.error());
    if (!*known) first = unknown_id(position.seq, parsed->seq);
    position = *known ? *parsed : Position{};
  }
  const auto reader = std::make_shared<Reader>(store, position, std::move(first));
  http::StreamResponse stream;
  stream.next = [reader](std::size_t max_bytes) { return reader->next(max_bytes); };
  stream.subscribe = [&store](std::function<void()> wake) { return store.subscribe(std::move(wake)); };
  return stream;
}

}  // namespace plumbline::collector
