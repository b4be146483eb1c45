// A container's config.v2.json as Docker writes it (tests/fixtures/docker).
#pragma once

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

namespace plumbline {

inline nlohmann::json docker_config(const std::string& id) {
  std::ifstream file(FIXTURES "/docker/config.v2.json");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::string own = nlohmann::json::parse(text).at("ID");
  for (auto at = text.find(own); at != std::string::npos; at = text.find(own)) text.replace(at, own.size(), id);
  return nlohmann::json::parse(text);
}

}  // namespace plumbline
