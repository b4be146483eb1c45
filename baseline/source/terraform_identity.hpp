// By which names a Terraform resource is known to others, and where it is.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "baseline/resource.hpp"

namespace plumbline::baseline {

/// The members of an instance that may name or place it, told as its attributes are walked: asking an object for each
/// of a dozen names would walk it a dozen times. Holds views of what it is given.
class NamingMembers {
 public:
  /// Whether a member of that name may be asked for.
  static bool wants(std::string_view name);

  void clear() { found_.clear(); }
  void add(std::string_view name, simdjson::dom::element value);
  void add_text(std::string_view name, std::string_view text) { found_.push_back({name, text, 0, Kind::text}); }
  void add_number(std::string_view name, std::int64_t number) { found_.push_back({name, {}, number, Kind::number}); }

  /// One that is text; "" where there is none.
  std::string_view text(std::string_view name) const;
  /// A whole number; false where there is none.
  bool number(std::string_view name, std::int64_t& number) const;

 private:
  enum class Kind : std::uint8_t { text, number };
  struct Member {
    std::string_view name, text;
    std::int64_t number;
    Kind kind;
  };
  const Member* find(std::string_view name) const;

  std::vector<Member> found_;
};

/// The members that give ids to resources of that provider and type, but for the `sensitive` ones. None for providers
/// of mere values (random, tls, null, …): no event names those, and their ids are made from the value (a hash, or the
/// secret itself).
std::vector<std::string_view> id_names_of(const Resource& resource, const std::vector<std::string>& sensitive);

/// ids, region and account of `resource`, whose provider and type are set. `id_names`: id_names_of() it.
void identify(const NamingMembers& members, const std::vector<std::string_view>& id_names, Resource& resource);

}  // namespace plumbline::baseline
