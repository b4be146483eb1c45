// JSON text that a reader makes of its source's values before they become attributes: envelopes opened, functions
// resolved.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace plumbline::baseline {

/// Writes one JSON value and puts the commas. Clears its text at the end, since it may hold secrets.
class JsonWriter {
 public:
  /// A place to which undo() goes back.
  struct Mark {
    std::size_t size;
    std::size_t depth;
    bool first;
  };

  JsonWriter() = default;
  ~JsonWriter() { clear(); }
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  void open(char bracket);  ///< '{' or '['
  void close();
  void key(std::string_view name);
  void text(std::string_view value);
  void raw(std::string_view json);            ///< a value that is JSON already
  void scalar(simdjson::dom::element value);  ///< text, a number, true, false or null
  /// Anything; recursive, as deep as its parser let it be. Members whose keys and those above them are longer than
  /// `longest_path` together are left out, and those whose key is empty, since each attribute will have its whole path:
  /// returns how many.
  std::size_t tree(simdjson::dom::element value, std::size_t longest_path);

  Mark mark() const;
  void undo(const Mark& mark);
  void clear();
  std::string_view view() const { return text_; }

 private:
  void separate();
  void make_room(std::size_t bytes);

  std::string text_;
  std::string closing_;  ///< brackets that are open, as they will be closed
  bool first_ = true;    ///< nothing stands yet in the innermost one, or a key was just written
};

}  // namespace plumbline::baseline
