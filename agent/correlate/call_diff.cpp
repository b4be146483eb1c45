#include "agent/correlate/call_diff.hpp"

#include <algorithm>

#include "baseline/value/attributes.hpp"

namespace plumbline::agent {
namespace {

using baseline::ComparedSetting;
using wire::ComparisonResult;

/// Kubernetes' own names ("apps/v1/Deployment"): there a list has an order.
baseline::Lists lists_of(std::string_view type) {
  const bool is_kubernetes = type.find('/') != std::string_view::npos && type.find(':') == std::string_view::npos;
  return is_kubernetes ? baseline::Lists::ordered : baseline::Lists::unordered;
}

}  // namespace

CallDiff compare_call(const baseline::Index& index, const CallOwner& owner, std::string_view semantics,
                      const baseline::Fingerprinter& fingerprints) {
  CallDiff result;
  if (semantics == "remove" && owner.rank == 0) {
    result.result = ComparisonResult::mismatch;
    result.diff.push_back({"existence", "present", "deleted", false});
    return result;
  }
  if (owner.type == nullptr || owner.type->settings.empty()) {
    result.missing.emplace_back("comparison: which attributes this call sets is not known");
    return result;
  }
  const auto attributes = index.attributes(owner.resource);
  const auto ignored = index.resource(owner.resource).ignored;
  const auto lists = lists_of(index.type(owner.resource));
  std::size_t same = 0, unknown = 0;
  for (const auto& setting : owner.type->settings) {
    result.sets.push_back(setting.attribute);
    const bool is_ignored = std::any_of(ignored.begin(), ignored.end(),
                                        [&](const auto& path) { return baseline::is_within(setting.attribute, path); });
    if (is_ignored) {
      ++same;
      continue;
    }
    const auto all =
        setting.json
            ? baseline::compare_setting(attributes, setting.attribute, *setting.json, setting.effect, lists,
                                        fingerprints)
            : std::vector{baseline::compare_secret(attributes, setting.attribute, setting.prints, fingerprints)};
    for (const auto& compared : all) {
      if (compared.result == ComparedSetting::Result::same) ++same;
      if (compared.result == ComparedSetting::Result::unknown) {
        ++unknown;
        result.missing.push_back("comparison: " + compared.why);
      }
      if (compared.result != ComparedSetting::Result::different) continue;
      result.sensitive = result.sensitive || compared.sensitive;
      result.diff.push_back({compared.attribute, compared.expected, compared.live, compared.sensitive});
    }
  }
  if (!result.diff.empty())
    result.result = ComparisonResult::mismatch;
  else if (unknown == 0 && same > 0 && semantics == "merge")
    result.result = ComparisonResult::match;
  else if (unknown == 0)
    result.missing.emplace_back("comparison: what the call leaves out, it may have reset");
  return result;
}

}  // namespace plumbline::agent
