// Which containers a file is expected in.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace plumbline::wire {
struct Container;
}

namespace plumbline::baseline {

/// Globs (`*` stands for any text) of what a finding calls a container; an empty one says nothing. All of them have to
/// fit.
struct ContainerSelector {
  std::string pod_namespace;
  std::string pod;
  std::string name;  ///< of the container itself, in its pod or at its engine
  std::string image;

  bool operator==(const ContainerSelector&) const = default;
  bool is_empty() const { return *this == ContainerSelector{}; }
  bool selects(const wire::Container& container) const;
  /// "namespace=prod,pod=web-*": what is said of them, in this order.
  std::string text() const;
};

/// What a manifest calls the parts, in the order of text().
using SelectorPart = std::pair<const char*, std::string ContainerSelector::*>;
inline constexpr std::array<SelectorPart, 4> selector_parts{{{"namespace", &ContainerSelector::pod_namespace},
                                                             {"pod", &ContainerSelector::pod},
                                                             {"name", &ContainerSelector::name},
                                                             {"image", &ContainerSelector::image}}};

}  // namespace plumbline::baseline
