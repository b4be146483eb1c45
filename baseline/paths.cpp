#include "baseline/paths.hpp"

#include <vector>

namespace plumbline::baseline {

Result<std::string> normal_path(std::string_view path, std::string_view base) {
  if (path.empty()) return invalid("take a path", "it is empty");
  if (path.find('\0') != std::string_view::npos)
    return invalid("take a path", "it holds a NUL byte, which no path can");
  const std::string whole = path.starts_with('/') ? std::string(path) : std::string(base) + "/" + std::string(path);
  std::vector<std::string_view> parts;
  for (std::string_view rest = whole; !rest.empty();) {
    const auto slash = rest.find('/');
    const auto part = rest.substr(0, slash);
    rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
      continue;
    }
    parts.push_back(part);
  }
  std::string result;
  for (const auto part : parts) result.append("/").append(part);
  return result.empty() ? "/" : result;
}

}  // namespace plumbline::baseline
