#include "agent/api/stream.hpp"

#include <charconv>

#include "include/wire/json_write.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t events_per_chunk = 64;

/// Where one client is. Used by one server thread at a time.
class Cursor {
 public:
  Cursor(const NodeView& view, std::optional<StreamPosition> after) : view_(view), resumed_(after.has_value()) {
    if (after)
      at_ = *after;
    else
      at_.sequence = view.last_sequence();
  }

  std::string next() {
    std::string text;
    if (!greeted_) {
      greeted_ = true;
      // The id lets a client that leaves before the first event come back without a gap. No data: no event.
      if (!resumed_) text = "id: " + std::to_string(at_.sequence) + "\n";
      text += "retry: 1000\n\n";
    }
    // Half of a sequence may be seen: ask for all of it and leave out what was.
    const std::uint64_t after = at_.index && at_.sequence > 0 ? at_.sequence - 1 : at_.sequence;
    std::uint64_t oldest = 0;
    auto events = view_.events_after(after, events_per_chunk, &oldest);
    if (const auto last = view_.last_sequence(); at_.sequence > last) {
      // An id of another life of this node: its state was lost or replaced. Everything that there is, is new.
      text += gap("unknown_id", last + 1, at_.sequence, oldest - 1);
      at_ = {oldest - 1, std::nullopt};
      events = view_.events_after(oldest - 1, events_per_chunk, &oldest);
    } else if (oldest > after + 1) {
      text += gap("events_forgotten", after + 1, oldest - 1, oldest - 1);
      at_ = {oldest - 1, std::nullopt};
    }
    std::uint64_t index = 0;
    std::uint64_t sequence = 0;
    for (const auto& event : events) {
      index = event.sequence == sequence ? index + 1 : 0;
      sequence = event.sequence;
      if (sequence < at_.sequence || (sequence == at_.sequence && (!at_.index || index <= *at_.index))) continue;
      text += http::sse_event(std::to_string(sequence) + "." + std::to_string(index), event.event, event.data);
    }
    // events_after() gives whole sequences.
    if (!events.empty()) at_ = {sequence, std::nullopt};
    return text;
  }

 private:
  static std::string gap(std::string_view reason, std::uint64_t from, std::uint64_t until, std::uint64_t id) {
    return http::sse_event(std::to_string(id), "gap",
                           wire::JsonObject()
                               .text("reason", reason)
                               .number("from_sequence", from)
                               .number("until_sequence", until)
                               .text("detail",
                                     "events of this stretch can no longer be read here; GET /v1/drift has "
                                     "the state")
                               .str());
  }

  const NodeView& view_;
  const bool resumed_;
  bool greeted_ = false;
  StreamPosition at_;
};

}  // namespace

std::optional<StreamPosition> parse_stream_position(std::string_view id) {
  const auto number = [](std::string_view text) -> std::optional<std::uint64_t> {
    std::uint64_t value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
  };
  const std::size_t dot = id.find('.');
  const auto sequence = number(id.substr(0, dot));
  if (!sequence) return std::nullopt;
  if (dot == std::string_view::npos) return StreamPosition{*sequence, std::nullopt};
  const auto index = number(id.substr(dot + 1));
  if (!index) return std::nullopt;
  return StreamPosition{*sequence, index};
}

http::StreamResponse open_stream(NodeView& view, std::optional<StreamPosition> after) {
  http::StreamResponse response;
  response.next = [cursor = Cursor(view, after)](std::size_t) mutable { return cursor.next(); };
  response.subscribe = [&view](std::function<void()> wake) { return view.subscribe(std::move(wake)); };
  return response;
}

}  // namespace plumbline::agent
