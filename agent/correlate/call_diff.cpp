#include "agent/correlate/call_diff.hpp"

#include <algorithm>

#include "baseline/value/attributes.hpp"
#include "include/util/glob.hpp"

namespace plumbline::agent {
namespace {

using baseline::ComparedSetting;
using wire::ComparisonResult;

baseline::SourceShape shape_of(std::string_view type) {
  // Kubernetes' own names ("apps/v1/Deployment"): there a list has an order.
  const bool is_kubernetes = type.find('/') != std::string_view::npos && type.find(':') == std::string_view::npos;
  // Of Terraform's types: whose providers take away what tags they do not know.
  const bool has_all_tags = type.starts_with("aws_") || type.starts_with("azurerm_");
  return {is_kubernetes ? baseline::Lists::ordered : baseline::Lists::unordered, has_all_tags ? "tags" : ""};
}

/// "vpc_security_group_ids" → "vpcSecurityGroupIds"; keys of tags are users' own.
std::string camel_case(std::string_view attribute) {
  std::string out;
  const auto free = attribute.starts_with("tags.") ? std::size_t{4} : attribute.size();
  for (std::size_t i = 0; i < free; ++i) {
    const bool upper = attribute[i] == '_' && i + 1 < free && attribute[i + 1] >= 'a' && attribute[i + 1] <= 'z';
    out += upper ? static_cast<char>(attribute[++i] - 32) : attribute[i];
  }
  return out.append(attribute.substr(free));
}

/// What has members of its own is in another shape in Pulumi's inputs than in Terraform's state.
bool has_other_shape(const CallSetting& setting) {
  return setting.json && !setting.attribute.starts_with("tags") && setting.json->find('{') != std::string::npos;
}

/// Whether the path, or one that it stands below, fits.
bool fits(std::string_view glob, std::string_view path) {
  for (std::size_t i = 0; i <= path.size(); ++i) {
    const bool ends = i == path.size() || (path[i] == '.' && (i == 0 || path[i - 1] != '\\'));
    if (ends && text_glob_matches(glob, path.substr(0, i))) return true;
  }
  return false;
}

}  // namespace

CallDiff compare_call(const baseline::Index& index, const CallOwner& owner, std::string_view semantics,
                      const baseline::Fingerprinter& fingerprints, const std::vector<std::string>& ignored) {
  CallDiff result;
  if (semantics == "remove" && owner.rank == 0) {
    result.result = ComparisonResult::mismatch;
    result.diff.push_back({"existence", "present", "deleted", false});
    return result;
  }
  if (owner.type == nullptr || owner.type->settings.empty()) {
    result.missing.emplace_back("comparison: which attributes this call sets is not known");
    result.not_compared.emplace_back("what the call sets");
    return result;
  }
  const auto attributes = index.attributes(owner.resource);
  const auto by_author = index.resource(owner.resource).ignored;
  const auto is_ignored = [&](std::string_view path) {
    return std::any_of(by_author.begin(), by_author.end(),
                       [&](const auto& of) { return baseline::is_within(path, of); }) ||
           std::any_of(ignored.begin(), ignored.end(), [&](const auto& glob) { return fits(glob, path); });
  };
  const auto shape = shape_of(index.type(owner.resource));
  std::size_t same = 0, unknown = 0;
  const bool is_bridged = is_bridged_type(index.type(owner.resource));
  for (const auto& given : owner.type->settings) {
    CallSetting renamed;
    if (is_bridged) {
      renamed = given;
      renamed.attribute = camel_case(given.attribute);
    }
    const CallSetting& setting = is_bridged ? renamed : given;
    result.sets.push_back(setting.attribute);
    if (is_ignored(setting.attribute)) {
      ++same;
      continue;
    }
    if (is_bridged && has_other_shape(setting)) {
      ++unknown;
      result.missing.push_back("comparison: in which shape the program gave " + setting.attribute + " is not known");
      result.not_compared.push_back(setting.attribute);
      continue;
    }
    auto all = setting.json
                   ? baseline::compare_setting(attributes, setting.attribute, *setting.json, setting.effect, shape,
                                               fingerprints)
                   : std::vector{baseline::compare_secret(attributes, setting.attribute, setting.prints, fingerprints)};
    for (auto& compared : all) {
      if (is_ignored(compared.attribute)) compared.result = ComparedSetting::Result::same;
      if (setting.is_as_sent && compared.result == ComparedSetting::Result::different) {
        compared.result = ComparedSetting::Result::unknown;
        compared.why = compared.attribute + " holds secrets, and is another list or the same one in another spelling";
      }
      if (compared.result == ComparedSetting::Result::same) ++same;
      if (compared.result == ComparedSetting::Result::unknown) {
        ++unknown;
        result.missing.push_back("comparison: " + compared.why);
        result.not_compared.push_back(compared.attribute);
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
  else if (unknown == 0) {
    result.missing.emplace_back("comparison: what the call leaves out, it may have reset");
    result.not_compared.emplace_back("what the call leaves out");
  }
  return result;
}

}  // namespace plumbline::agent
