#include "baseline/revision.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

namespace plumbline::baseline {
namespace {

/// Names under which a revision says of what it is one.
constexpr std::array identities{"lineage", "stack", "stack_id"};
constexpr std::array times{"time", "last_updated_time", "timestamp", "updated_at"};

const std::string* find(const Revision& revision, const char* name) {
  const auto it = revision.find(name);
  return it == revision.end() || it->second.empty() ? nullptr : &it->second;
}

std::optional<std::uint64_t> number(const std::string* text) {
  std::uint64_t value = 0;
  if (text == nullptr) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  return error == std::errc() && end == text->data() + text->size() ? std::optional(value) : std::nullopt;
}

/// "2024-05-01T10:00:00Z", with or without a fraction: text order is time order only to the second.
bool is_utc(const std::string& time) {
  return time.size() >= 20 && time[10] == 'T' && time.back() == 'Z';
}

}  // namespace

Move moved(const Revision& before, const Revision& after) {
  if (before == after) return Move::none;
  for (const char* name : identities) {
    const auto* was = find(before, name);
    const auto* is = find(after, name);
    if (was != nullptr && (is == nullptr || *was != *is)) return Move::elsewhere;
  }
  const auto was = number(find(before, "serial")), is = number(find(after, "serial"));
  if (was && (!is || *is < *was)) return Move::backwards;  // one without a number has none to hide behind
  for (const char* name : times) {
    const auto* then = find(before, name);
    const auto* now = find(after, name);
    if (then != nullptr && now != nullptr && is_utc(*then) && is_utc(*now) && now->substr(0, 19) < then->substr(0, 19))
      return Move::backwards;
  }
  // A rollback by Helm is a new version; a lower one is an old record that was put back.
  for (const auto& [name, value] : before) {
    const auto* since = find(before, (name + " since").c_str());
    const auto* still = find(after, (name + " since").c_str());
    const auto version = number(&value), now = number(find(after, name.c_str()));
    if (since != nullptr && still != nullptr && *since == *still && version && now && *now < *version)
      return Move::backwards;
  }
  return Move::on;
}

bool seems_back(const Revision& before, const Revision& after) {
  const auto was = number(find(before, "resourceVersion")), is = number(find(after, "resourceVersion"));
  return was && is && *is < *was;
}

std::string text_of(const Revision& revision) {
  std::string text;
  for (const auto& [key, value] : revision) text += (text.empty() ? "" : " ") + key + "=" + value;
  return text;
}

}  // namespace plumbline::baseline
