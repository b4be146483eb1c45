// What somebody sets one attribute of a resource to, against what the baseline expects of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "baseline/index/index.hpp"
#include "baseline/value/canonical.hpp"
#include "baseline/value/fingerprint.hpp"

namespace plumbline::baseline {

enum class SettingEffect { sets, adds, removes };

struct ComparedSetting {
  enum class Result {
    same,
    different,
    unknown,  ///< see `why`
  };
  Result result = Result::unknown;
  std::string attribute;       ///< as the baseline has it
  std::string expected, live;  ///< for people; where it is sensitive or long, keyed hashes
  bool sensitive = false;
  std::string why;  ///< of `unknown`, as a sentence's end
};

/// How a source's resources are written.
struct SourceShape {
  Lists lists = Lists::ordered;
  /// A map of which a baseline has every member, where it has one of them or says that there is none: what is set below
  /// it besides is not wanted. "" where there is no such map.
  std::string_view whole_map;
};

/// Compares one setting with the attributes of the resource (Index::attributes). `json`: the value in the shape that
/// the source itself has; a map of it is compared leaf by leaf. Adding and removing concern the elements of a list.
/// `fingerprints`: of the key of the index. What is malformed is `unknown`.
std::vector<ComparedSetting> compare_setting(const std::vector<IndexedAttribute>& attributes, std::string_view path,
                                             const std::string& json, SettingEffect effect, const SourceShape& shape,
                                             const Fingerprinter& fingerprints);

/// Compares a secret of which only fingerprints are known: of each form in which a state may hold it, the first as it
/// is. `unknown` where there are none, or the baseline has no such attribute.
ComparedSetting compare_secret(const std::vector<IndexedAttribute>& attributes, std::string_view path,
                               const std::vector<Fingerprint>& prints, const Fingerprinter& fingerprints);

}  // namespace plumbline::baseline
