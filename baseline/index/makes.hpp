// Resources of one make, told apart while an index is written.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "baseline/resource.hpp"

namespace plumbline::baseline::index {

/// What resources have in common (MakeRow), and the values of the first of them.
struct Make {
  struct Attribute {
    std::string path;
    std::uint32_t flags;
    Fingerprint hash;  ///< of the first resource
  };

  std::string provider, type, region, account, ignored;
  std::uint32_t source = 0;
  std::vector<Attribute> attributes;
  std::uint64_t digest = 0;  ///< of all of this but the source and the values, equal in every index
  std::uint32_t row = 0;
  std::uint32_t slot_count = 0;

  bool is_of(const Resource& resource, std::string_view ignored_paths, std::uint32_t of_source) const;
};

/// The makes that were met. Bounded: when it holds too many attributes it forgets them all, and a make that comes again
/// is written once more, which costs bytes and nothing else.
class Makes {
 public:
  /// The make of `resource`, and whether it is a new one, of which the caller sets the row. Valid until the next call.
  std::pair<Make&, bool> of(const Resource& resource, std::string_view ignored, std::uint32_t source);

 private:
  static constexpr std::size_t most = 1 << 16;  ///< attributes of all of them, some 100 bytes each

  std::unordered_map<std::uint64_t, Make> known_;  ///< by digest and source
  std::size_t attributes_ = 0;                     ///< of known_
  Make* last_ = nullptr;                           ///< of known_: instances of one resource come together
};

/// Of an attribute in an index (MakeAttribute).
std::uint32_t flags_of(const Attribute& attribute);

}  // namespace plumbline::baseline::index
