#include "baseline/source/json_writer.hpp"

#include <string.h>

#include "include/wire/json_write.hpp"

namespace plumbline::baseline {

void JsonWriter::make_room(std::size_t bytes) {
  if (text_.size() + bytes <= text_.capacity()) return;
  // By hand, since std::string leaves its old buffer as it is.
  std::string larger;
  larger.reserve(2 * text_.size() + bytes);
  larger = text_;
  explicit_bzero(text_.data(), text_.size());
  text_.swap(larger);
}

void JsonWriter::separate() {
  make_room(1);
  if (!first_) text_ += ',';
  first_ = false;
}

void JsonWriter::open(char bracket) {
  separate();
  make_room(1);
  text_ += bracket;
  closing_ += bracket == '{' ? '}' : ']';
  first_ = true;
}

void JsonWriter::close() {
  make_room(1);
  text_ += closing_.back();
  closing_.pop_back();
  first_ = false;
}

void JsonWriter::key(std::string_view name) {
  text(name);
  make_room(1);
  text_ += ':';
  first_ = true;
}

void JsonWriter::text(std::string_view value) {
  separate();
  make_room(6 * value.size() + 2);  // "\u0001" is the longest form of a byte
  wire::append_json_string(text_, value);
}

void JsonWriter::raw(std::string_view json) {
  separate();
  make_room(json.size());
  text_ += json;
}

void JsonWriter::scalar(simdjson::dom::element value) {
  std::string_view string;
  if (value.get_string().get(string) == simdjson::SUCCESS) return text(string);
  raw(std::string(simdjson::minify(value)));
}

std::size_t JsonWriter::tree(simdjson::dom::element value, std::size_t longest_path) {
  std::size_t left_out = 0;
  simdjson::dom::array list;
  simdjson::dom::object object;
  if (value.get_array().get(list) == simdjson::SUCCESS) {
    open('[');
    for (const simdjson::dom::element item : list) left_out += tree(item, longest_path);
    close();
  } else if (value.get_object().get(object) == simdjson::SUCCESS) {
    open('{');
    for (const auto& [name, member] : object) {
      if (name.empty() || name.size() > longest_path) {
        ++left_out;
        continue;
      }
      key(name);
      left_out += tree(member, longest_path - name.size());
    }
    close();
  } else {
    scalar(value);
  }
  return left_out;
}

JsonWriter::Mark JsonWriter::mark() const {
  return {text_.size(), closing_.size(), first_};
}

void JsonWriter::undo(const Mark& mark) {
  explicit_bzero(text_.data() + mark.size, text_.size() - mark.size);
  text_.resize(mark.size);
  closing_.resize(mark.depth);
  first_ = mark.first;
}

void JsonWriter::clear() {
  undo({0, 0, true});
}

}  // namespace plumbline::baseline
