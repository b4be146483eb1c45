#include "collector/forward/fleet.hpp"

#include <openssl/evp.h>

#include <array>
#include <limits>
#include <set>
#include <unordered_set>

#include "collector/forward/silence_set.hpp"
#include "include/util/hex.hpp"
#include "include/wire/text.hpp"

namespace plumbline::collector {
namespace {

constexpr std::size_t max_names = 20;
constexpr std::size_t shown_names = 3;
constexpr auto no_end = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

std::string with_commas(std::size_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

}  // namespace

Result<FleetDrift> open_across(const Store& store, const std::string& resource, const std::string& baseline,
                               wire::Severity min_severity) {
  auto active = store.silences_over(no_end, no_end);
  if (!active) return active.error();
  const SilenceSet silences(std::move(*active));
  FleetDrift fleet;
  std::set<std::string> names;
  std::unordered_set<std::int64_t> changes;
  const auto read = store.each_open_drift(resource, baseline, [&](const OpenDrift& drift) {
    // A newer agent's word is told: too much rather than too little.
    const auto severity = wire::severity_of(drift.severity);
    if (severity && *severity < min_severity) return;
    if (silences.holds({drift.seq, resource, drift.node_id, drift.node, baseline, severity})) return;
    ++fleet.nodes;
    changes.insert(drift.live);
    fleet.worst = std::max(fleet.worst, severity.value_or(wire::Severity::critical));
    names.insert(drift.node);
    if (names.size() > max_names) names.erase(std::prev(names.end()));
  });
  if (!read) return read.error();
  fleet.changes = changes.size();
  fleet.first.assign(names.begin(), names.end());
  return fleet;
}

std::string fleet_key(std::string_view resource, std::string_view baseline) {
  const std::string text = std::string(baseline) + '\0' + std::string(resource);
  std::array<std::byte, 32> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_sha256(), nullptr);
  return "plumbline-drift-" + to_hex(digest);
}

std::string nodes_text(std::size_t count, std::span<const std::string> names) {
  if (count == 1) return names.front();
  std::string text = with_commas(count) + " nodes (";
  for (std::size_t i = 0; i < std::min(names.size(), shown_names); ++i) text += (i == 0 ? "" : ", ") + names[i];
  return text + (count > shown_names ? ", …)" : ")");
}

}  // namespace plumbline::collector
