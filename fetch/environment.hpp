// The environment, as code that is tested with another one reads it.
#pragma once

#include <cstdlib>
#include <functional>
#include <optional>
#include <string>

#include "fetch/secret.hpp"

namespace plumbline::fetch {

/// A variable of the environment; nullopt where it is not set. An empty function stands for the process's own.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// "" where it is not set.
inline std::string variable(const Environment& environment, const std::string& name) {
  if (environment) return environment(name).value_or("");
  const char* own = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nothing in the agent changes it
  return own == nullptr ? "" : own;
}

/// As variable(), of one that holds a credential.
inline Secret secret_variable(const Environment& environment, const std::string& name) {
  std::string text = variable(environment, name);
  return Secret::take(text);
}

}  // namespace plumbline::fetch
