// Connections of real programs, from tests/fixtures/http.
#pragma once

#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "agent/decode/http_limits.hpp"
#include "include/util/hex.hpp"

namespace plumbline::agent {

struct Call {
  Direction direction = Direction::out;
  std::string bytes;
};

inline std::vector<Call> recording(const std::string& name) {
  std::ifstream file(std::string(PLUMBLINE_FIXTURES) + "/http/" + name);
  std::vector<Call> calls;
  for (std::string line; std::getline(file, line);) {
    Call call{line.at(0) == '>' ? Direction::out : Direction::in, {}};
    for (std::size_t at = 2; at + 1 < line.size(); at += 2)
      call.bytes.push_back(static_cast<char>(hex_value(line[at]) << 4 | hex_value(line[at + 1])));
    calls.push_back(std::move(call));
  }
  if (calls.empty()) throw std::runtime_error("no recording " + name);
  return calls;
}

}  // namespace plumbline::agent
