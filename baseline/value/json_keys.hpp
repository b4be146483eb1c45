#pragma once

#include <simdjson.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace plumbline::baseline {

/// Whether `text` is one JSON value, nested no deeper than `max_depth`, in which no object has a key twice (parsers
/// disagree about which of the two counts).
bool is_json_without_duplicates(std::string_view text, std::size_t max_depth);

/// The JSON pointer, from `value` on, of a key that stands twice in its object ("/tags/Name"; one that is far down may
/// lack its beginning); nullopt where none does.
std::optional<std::string> duplicate_key(simdjson::dom::element value);
std::optional<std::string> duplicate_key(simdjson::dom::object members);

/// Whether the object itself has a key twice. Costs little where its keys are in order, as tools write them.
bool has_key_twice(simdjson::dom::object of);

/// Whether there is such an object in `value`.
inline bool has_key_twice_within(simdjson::dom::element value) {
  return (value.is_object() || value.is_array()) && duplicate_key(value);
}

/// The keys of one object that is walked, told one after the other. Those of the objects of a list are mostly alike: as
/// long as they are those of the object before, in that order, each is compared with one other only.
class SeenKeys {
 public:
  /// False where `key` was there before.
  bool add(std::string_view key);
  /// For the next object.
  void clear();

 private:
  static constexpr std::size_t max_few = 32;
  std::vector<std::string> few_;          ///< the first ones; while as_before_, those of the object before
  std::size_t used_ = 0;                  ///< of them, while as_before_
  bool as_before_ = true;                 ///< no key differed yet from that of the object before
  std::unordered_set<std::string> many_;  ///< those behind them: no tool writes so many
};

}  // namespace plumbline::baseline
