#include "baseline/value/yaml_json.hpp"

#include <simdjson.h>

#include "tests/fuzz/must.hpp"

/// Whatever comes out is JSON, nested no deeper than promised, and not much longer than what went in.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plumbline;
  const auto documents = baseline::yaml_documents("f.yaml", {reinterpret_cast<const char*>(data), size});
  if (!documents) {
    fuzz::must_be_readable(documents.error());
    return 0;
  }
  std::size_t total = 0;
  for (const auto& document : *documents) {
    simdjson::dom::parser parser;
    fuzz::must(parser.allocate(document.json.size() + 64, 256) == simdjson::SUCCESS, "memory");
    fuzz::must(parser.parse(document.json).error() == simdjson::SUCCESS, "a document is JSON");
    fuzz::must(document.line > 0, "a document has a line");
    total += document.json.size();
  }
  fuzz::must(total <= 10 * size + (1 << 20), "the text does not blow up");
  return 0;
}
