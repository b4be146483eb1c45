// JSON of a source, read into a tree that is cleared afterwards, since sources hold secrets.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "include/util/result.hpp"

namespace plumbline::baseline {

/// What an error of the parser means to whoever wrote the text. `fix` is empty where a text that was cut has the same
/// error.
struct JsonTrouble {
  std::string why, fix;
};
JsonTrouble json_trouble(simdjson::error_code error);

/// Owns the tree that parse() returns; clears the texts of it when it ends or reads the next one. Nesting deeper than
/// 256 is refused, so that recursion over the tree is bounded.
class JsonText {
 public:
  JsonText() = default;
  ~JsonText();
  JsonText(const JsonText&) = delete;
  JsonText& operator=(const JsonText&) = delete;

  /// `what` begins the errors: "read the plan /srv/plan.json". `fix` ends them, where json_trouble() knows no better
  /// one.
  Result<simdjson::dom::element> parse(const std::string& what, std::string_view bytes, const std::string& fix = {});

 private:
  void clear();

  simdjson::dom::parser parser_;
};

}  // namespace plumbline::baseline
