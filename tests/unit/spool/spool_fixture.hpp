// What the spool's tests share.
#pragma once

#include <string>
#include <vector>

#include "agent/spool/spool.hpp"

namespace plumbline::agent {

/// `count` drafts whose body names the sequence and `tag`, and is about `size` bytes long.
inline std::vector<Draft> drafts(std::size_t count, const std::string& tag = "", std::size_t size = 0) {
  std::vector<Draft> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back({"finding", [tag, size](std::uint64_t sequence, wire::Record& record) {
                     record.id = "id-" + std::to_string(sequence);
                     record.body = "{\"n\":" + std::to_string(sequence) + ",\"tag\":\"" + tag + "\",\"pad\":\"" +
                                   std::string(size, 'x') + "\"}";
                   }});
  return out;
}

inline std::vector<wire::Record> read_all(const Spool& spool, std::uint64_t after = 0) {
  std::vector<wire::Record> all;
  for (;;) {
    auto more = spool.read(after, 3, 1 << 20);
    if (!more.value().empty()) after = more->back().sequence;
    if (more->empty()) return all;
    for (auto& record : *more) all.push_back(std::move(record));
  }
}

inline std::vector<std::uint64_t> sequences(const std::vector<wire::Record>& records) {
  std::vector<std::uint64_t> out;
  for (const auto& record : records) out.push_back(record.sequence);
  return out;
}

}  // namespace plumbline::agent
