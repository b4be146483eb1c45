// Reading server-sent events (HTML standard, "Interpreting an event stream").
#pragma once

#include <string>
#include <string_view>

namespace plumbline::http {

struct SseEvent {
  std::string id;     ///< last id seen so far, of this event or an earlier one
  std::string event;  ///< "message" where none was given
  std::string data;   ///< lines joined by '\n'
};

class SseParser {
 public:
  /// Calls `on_event(const SseEvent&)` for each event that `bytes` completes, in order; false from it ends the feed
  /// and is passed on. Lines longer than `max_line` bytes are cut there.
  template <class OnEvent>
  bool feed(std::string_view bytes, const OnEvent& on_event) {
    for (const char c : bytes) {
      if (c != '\n') {
        if (line_.size() < max_line) line_ += c;
        continue;
      }
      if (line_.ends_with('\r')) line_.pop_back();
      const bool blank = line_.empty();
      take_line();
      line_.clear();
      if (!blank) continue;
      event_.id = id_;
      const bool complete = has_data_;
      if (complete && !on_event(event_)) return false;
      event_ = {};
      has_data_ = false;
    }
    return true;
  }

  /// What to send as Last-Event-ID to go on from here; "" = nothing known.
  const std::string& last_id() const { return id_; }

  static constexpr std::size_t max_line = 8 << 20;

 private:
  void take_line() {
    if (line_.empty()) {
      if (event_.event.empty()) event_.event = "message";
      return;
    }
    const std::size_t colon = line_.find(':');
    if (colon == 0) return;  // a comment
    const std::string_view name = std::string_view(line_).substr(0, colon);
    std::string_view value =
        colon == std::string::npos ? std::string_view() : std::string_view(line_).substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (name == "id" && value.find('\0') == std::string_view::npos) id_ = value;
    if (name == "event") event_.event = value;
    if (name == "data") {
      if (has_data_) event_.data += '\n';
      event_.data += value;
      has_data_ = true;
    }
  }

  std::string line_;
  std::string id_;
  SseEvent event_;
  bool has_data_ = false;
};

}  // namespace plumbline::http
