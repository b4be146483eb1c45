// What simdjson takes for JSON, the stream must walk, whatever the steps in which it is read; and nothing may crash it.
#include <simdjson.h>

#include <cstring>

#include "baseline/value/json_stream.hpp"
#include "tests/fuzz/must.hpp"

namespace {

using plumbline::baseline::JsonStream;

void walk(JsonStream& stream, std::string& seen, int depth) {
  const char next = stream.peek();
  if (depth > 3 || (next != '{' && next != '[')) {
    seen += stream.value();
    return;
  }
  stream.enter(next);
  if (next == '{') {
    while (const auto key = stream.next_key()) {
      seen += *key + ':';
      walk(stream, seen, depth + 1);
    }
  } else {
    while (stream.next_element()) walk(stream, seen, depth + 1);
  }
  seen += next;
}

std::string walked(std::string_view text, std::size_t step, bool& failed) {
  JsonStream stream(
      "x",
      [text, step](char* to, std::size_t size) mutable -> plumbline::Result<std::size_t> {
        const std::size_t part = std::min({size, step, text.size()});
        if (part != 0) std::memcpy(to, text.data(), part);
        text.remove_prefix(part);
        return part;
      },
      1 << 20);
  std::string seen;
  walk(stream, seen, 0);
  stream.end();
  failed = stream.failed();
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  bool whole_failed = false, steps_failed = false;
  const std::string whole = walked(text, size + 1, whole_failed);
  const std::string steps = walked(text, 1 + size % 5, steps_failed);
  plumbline::fuzz::must(whole_failed == steps_failed && (whole_failed || whole == steps), "steps change what is read");
  simdjson::dom::parser parser;
  const bool valid = parser.allocate(std::max<std::size_t>(size, 64), 200) == simdjson::SUCCESS &&
                     parser.parse(simdjson::padded_string(text)).error() == simdjson::SUCCESS;
  plumbline::fuzz::must(!valid || !whole_failed, "JSON is refused");
  return 0;
}
