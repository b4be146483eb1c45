#include "cloud/gcp/methods.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "cloud/http.hpp"

namespace plumbline::cloud::gcp {
namespace {

constexpr std::uint16_t label = 0, version = 1;

std::string_view word(std::uint16_t id) {
  return table::text(table::rows<table::Text>(table::gcp_words)[id]);
}

std::span<const std::uint16_t> segments_of(const table::GcpMethodRow& method) {
  return table::rows<std::uint16_t>(table::gcp_segments, {method.segments, method.count});
}

/// "v1", "v1beta1", "v2alpha", "beta", "directory_v1"
bool is_version(std::string_view text) {
  if (text == "beta" || text == "alpha") return true;
  if (const auto last = text.find("_v"); last != std::string_view::npos) text.remove_prefix(last + 1);
  return text.size() >= 2 && text.size() <= 16 && text[0] == 'v' && text[1] >= '0' && text[1] <= '9';
}

/// A path's segments, with what follows the last ":" as one of its own, where `custom` says so.
struct Parts {
  std::array<std::string_view, max_segments> all;
  std::size_t count = 0;

  bool add(std::string_view part) {
    if (count == all.size()) return false;
    all[count++] = part;
    return true;
  }
};

bool divide(std::string_view path, Parts& parts) {
  while (!path.empty()) {
    if (path.front() == '/') {
      path.remove_prefix(1);
      continue;
    }
    const auto part = path.substr(0, path.find('/'));
    if (!parts.add(part)) return false;
    path.remove_prefix(part.size());
  }
  return parts.count > 0;
}

/// Bit by bit from the left, a literal is one and a label none, so that the greater number is the closer match; 0 =
/// none. Looked at from the right, where paths of one API differ most.
std::uint64_t score(std::span<const std::uint16_t> segments, const Parts& parts) {
  std::uint64_t points = std::uint64_t{1} << segments.size();
  for (std::size_t i = segments.size(); i-- > 0;) {
    const auto id = segments[i];
    if (id == version) {
      if (!is_version(parts.all[i])) return 0;
    } else if (id != label) {
      if (!percent_equal(parts.all[i], word(id))) return 0;
      points |= std::uint64_t{1} << (segments.size() - 1 - i);
    } else if (parts.all[i].starts_with(':')) {
      return 0;
    }
  }
  return points;
}

void search(std::span<const std::uint32_t> apis, table::Method verb, const Parts& parts, MethodMatch& best) {
  std::uint64_t most = 0;
  for (const auto api : apis) {
    const auto slice = api_row(api).methods;
    const auto mine = table::rows<table::GcpMethodRow>(table::gcp_methods, slice);
    const auto key = [](const table::GcpMethodRow& row) { return static_cast<unsigned>(row.verb) << 8 | row.count; };
    const auto wanted = static_cast<unsigned>(verb) << 8 | static_cast<unsigned>(parts.count);
    auto row = std::lower_bound(mine.begin(), mine.end(), wanted,
                                [&](const table::GcpMethodRow& at, unsigned what) { return key(at) < what; });
    for (; row != mine.end() && key(*row) == wanted; ++row) {
      const auto points = score(segments_of(*row), parts);
      if (points <= most) continue;
      most = points;
      best = {api, slice.first + static_cast<std::uint32_t>(row - mine.begin())};
    }
  }
}

}  // namespace

MethodMatch find_method(std::span<const std::uint32_t> apis, table::Method verb, std::string_view path) {
  MethodMatch best;
  Parts parts;
  if (!divide(path, parts)) return best;
  const auto last = parts.all[parts.count - 1];
  auto colon = last.rfind(':');
  const auto escaped = std::max(last.rfind("%3A"), last.rfind("%3a"));
  if (colon == std::string_view::npos && last.size() > 3 && escaped < last.size()) colon = escaped;
  if (colon != std::string_view::npos && parts.count < max_segments && last[colon] == ':') {
    Parts custom = parts;
    custom.all[custom.count - 1] = last.substr(0, colon);
    (void)custom.add(last.substr(colon));
    search(apis, verb, custom, best);
  }
  if (!best.found()) search(apis, verb, parts, best);
  return best;
}

Words words_of(const table::GcpMethodRow& method) {
  Words words;  // cloud/compile refuses longer paths
  for (const auto id : segments_of(method).first(std::min<std::size_t>(method.count, max_segments)))
    words.all[words.count++] = word(id);
  return words;
}

std::string name_of(const table::GcpApiRow& api, const table::GcpMethodRow& method) {
  const auto verb = table::text(method.name);
  if (method.derived == 0) return std::string(verb);
  std::vector<std::string_view> words;
  for (const auto part : words_of(method))
    if (part != "{}" && part != "{v}" && !part.starts_with(':') && part != table::text(api.name)) words.push_back(part);
  if (!words.empty() && words.back() == verb) words.pop_back();
  std::string name;
  for (const auto part : words) name.append(part).append(1, '.');
  return name.append(verb);
}

std::string_view verb_word(const table::GcpMethodRow& method) {
  const auto name = table::text(method.name);
  return name.substr(name.rfind('.') + 1);  // npos + 1 is 0
}

About about(const table::GcpMethodRow& method) {
  const auto words = words_of(method);
  std::size_t end = words.count;
  if (end > 0 && words.all[end - 1].starts_with(':')) --end;
  if (end > 1 && words.all[end - 1] == verb_word(method)) --end;
  return {end, end > 0 && words.all[end - 1] != "{}"};
}

}  // namespace plumbline::cloud::gcp
