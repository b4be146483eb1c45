#include "cloud/azure/path.hpp"

namespace plumbline::cloud::azure {
namespace {

/// The segment at the front of `rest`, which is taken off.
std::string_view take(std::string_view& rest) {
  while (rest.starts_with('/')) rest.remove_prefix(1);
  const auto part = rest.substr(0, rest.find('/'));
  rest.remove_prefix(part.size());
  return part;
}

/// Where the last "/providers/" begins; npos where there is none.
std::size_t last_providers(std::string_view path) {
  constexpr std::string_view word = "/providers/";
  for (std::size_t at = path.rfind('/'); at != std::string_view::npos && at + 1 != 0; at = path.rfind('/', at - 1)) {
    if (equal_ignoring_case(path.substr(at, word.size()), word)) return at;
    if (at == 0) break;
  }
  return std::string_view::npos;
}

std::string_view subscription_of(std::string_view path) {
  if (!equal_ignoring_case(take(path), "subscriptions")) return {};
  return take(path);
}

/// Divides `rest` ("type/name/type/name/action", behind the provider) at its end.
void divide(std::string_view method, std::string_view path, std::string_view rest, ArmPath& found) {
  while (rest.starts_with('/')) rest.remove_prefix(1);
  const char* begin = rest.data();
  std::size_t count = 0;
  std::string_view last;
  for (std::string_view walk = rest; !walk.empty();) {
    const auto part = take(walk);
    if (part.empty()) break;
    last = part;
    ++count;
  }
  const auto end = [&](std::size_t back) { return static_cast<std::size_t>(last.data() - begin) - back; };
  if (count % 2 == 1 && method == "POST") {
    found.action = last;
    found.types = count == 1 ? std::string_view() : rest.substr(0, end(1));
  } else {
    found.collection = count % 2 == 1;
    found.types = count == 0 ? std::string_view() : rest.substr(0, end(0) + last.size());
  }
  const char* id_end = found.types.empty() ? rest.data() : found.types.data() + found.types.size();
  found.id = path.substr(0, static_cast<std::size_t>(id_end - path.data()));
  while (found.id.size() > 1 && found.id.ends_with('/')) found.id.remove_suffix(1);
}

}  // namespace

bool is_guid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

ArmPath parse_path(std::string_view method, std::string_view path) {
  ArmPath found;
  while (path.starts_with("//")) path.remove_prefix(1);
  found.subscription = subscription_of(path);
  const auto providers = last_providers(path);
  if (providers != std::string_view::npos) {
    found.scope = path.substr(0, providers);
    std::string_view rest = path.substr(providers + 11);
    found.provider = take(rest);
    found.known = found.provider.find('.') != std::string_view::npos;
    divide(method, path, rest, found);
  } else if (!found.subscription.empty()) {
    found.provider = "Microsoft.Resources";
    found.known = true;
    divide(method, path, path, found);
  }
  return found;
}

std::string types_alone(std::string_view types_and_names) {
  std::string types;
  while (!types_and_names.empty()) {
    const auto type = take(types_and_names);
    if (type.empty()) break;
    types.append(types.empty() ? "" : "/").append(type);
    (void)take(types_and_names);
  }
  return types;
}

}  // namespace plumbline::cloud::azure
