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

/// Goes down the methods of one API, verb and number of segments, which are sorted segment by segment: those that share
/// the first ones lie together.
class Search {
 public:
  using Rows = std::span<const table::GcpMethodRow>;

  Search(Rows all, const Parts& parts) : all_(all), parts_(parts) {}

  struct Found {
    std::uint64_t points =
        0;  ///< from the left, a literal is a one and a label none: the greater, the closer; 0 = none
    std::size_t row = 0;
  };

  /// `[first, last)`: what fits the segments before `at`.
  Found down(std::size_t first, std::size_t last, std::size_t at, std::uint64_t points) const {
    if (first == last) return {};
    if (at == parts_.count) return {points, first};
    const std::size_t names = lower(first, last, at, version);  // literals end there
    const std::size_t labels = lower(names, last, at, label);
    if (const auto [from, to] = literals(first, names, at); from != to)
      if (const Found found = down(from, to, at + 1, points << 1 | 1); found.points != 0) return found;
    Found best;
    if (names != labels && is_version(parts_.all[at])) best = down(names, labels, at + 1, points << 1);
    if (labels != last && !parts_.all[at].starts_with(':')) {
      const Found found = down(labels, last, at + 1, points << 1);
      if (found.points > best.points) best = found;
    }
    return best;
  }

 private:
  /// As cloud/compile sorts.
  static unsigned order(unsigned id) { return id <= version ? 0xFFFF - id : id; }
  unsigned id(std::size_t row, std::size_t at) const { return segments_of(all_[row])[at]; }

  /// The first row whose segment is not before the word `wanted`.
  std::size_t lower(std::size_t first, std::size_t last, std::size_t at, unsigned wanted) const {
    if (first == last || order(id(first, at)) >= order(wanted)) return first;
    if (order(id(last - 1, at)) < order(wanted)) return last;
    while (first < last) {
      const auto middle = first + (last - first) / 2;
      if (order(id(middle, at)) < order(wanted))
        first = middle + 1;
      else
        last = middle;
    }
    return first;
  }

  /// Rows whose literal is this segment, of those that have one.
  std::pair<std::size_t, std::size_t> literals(std::size_t first, std::size_t last, std::size_t at) const {
    const std::string_view part = parts_.all[at];
    if (first == last) return {last, last};
    if (part.find('%') != std::string_view::npos) return escaped(first, last, at);
    if (const auto only = id(first, at); only == id(last - 1, at))
      return part == word(static_cast<std::uint16_t>(only)) ? std::pair(first, last) : std::pair(last, last);
    auto from = first, to = last;
    while (from < to) {
      const auto middle = from + (to - from) / 2;
      if (word(static_cast<std::uint16_t>(id(middle, at))) < part)
        from = middle + 1;
      else
        to = middle;
    }
    if (from == last || word(static_cast<std::uint16_t>(id(from, at))) != part) return {last, last};
    return {from, end_of(from, last, at)};
  }

  /// Few clients escape what they need not.
  std::pair<std::size_t, std::size_t> escaped(std::size_t first, std::size_t last, std::size_t at) const {
    while (first < last) {
      const auto end = end_of(first, last, at);
      if (percent_equal(parts_.all[at], word(static_cast<std::uint16_t>(id(first, at))))) return {first, end};
      first = end;
    }
    return {last, last};
  }

  std::size_t end_of(std::size_t first, std::size_t last, std::size_t at) const {
    return lower(first, last, at, id(first, at) + 1);
  }

  Rows all_;
  const Parts& parts_;
};

void search(std::span<const std::uint32_t> apis, table::Method verb, const Parts& parts, MethodMatch& best) {
  std::uint64_t most = 0;
  const auto wanted = static_cast<unsigned>(verb) << 8 | static_cast<unsigned>(parts.count);
  for (const auto api : apis) {
    const auto slice = api_row(api).methods;
    const auto mine = table::rows<table::GcpMethodRow>(table::gcp_methods, slice);
    const auto key = [](const table::GcpMethodRow& row) { return static_cast<unsigned>(row.verb) << 8 | row.count; };
    const auto before = [&](const table::GcpMethodRow& at, unsigned what) { return key(at) < what; };
    const auto first = std::lower_bound(mine.begin(), mine.end(), wanted, before);
    const auto last = std::lower_bound(first, mine.end(), wanted + 1, before);
    const auto found =
        Search(mine, parts)
            .down(static_cast<std::size_t>(first - mine.begin()), static_cast<std::size_t>(last - mine.begin()), 0, 1);
    if (found.points <= most) continue;
    most = found.points;
    best = {api, slice.first + static_cast<std::uint32_t>(found.row)};
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
