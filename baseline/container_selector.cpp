#include "baseline/container_selector.hpp"

#include "include/util/glob.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::baseline {

bool ContainerSelector::selects(const wire::Container& container) const {
  const auto fits = [](const std::string& glob, const std::string& text) {
    return glob.empty() || text_glob_matches(glob, text);
  };
  return fits(pod_namespace, container.pod_namespace) && fits(pod, container.pod) && fits(name, container.name) &&
         fits(image, container.image);
}

std::string ContainerSelector::text() const {
  std::string all;
  for (const auto& [key, part] : selector_parts)
    if (!(this->*part).empty()) all += (all.empty() ? "" : ",") + std::string(key) + "=" + this->*part;
  return all;
}

}  // namespace plumbline::baseline
