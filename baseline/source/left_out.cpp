#include "baseline/source/left_out.hpp"

#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

constexpr std::size_t most_shown = 8;

}  // namespace

void LeftOut::add(std::string_view path, std::string_view why) {
  if (count_++ < most_shown) shown_.push_back({config::shown(path), std::string(why)});
}

std::string LeftOut::text() const {
  std::string text = "not compared: ";
  for (std::size_t i = 0; i < shown_.size(); ++i) {
    if (i != 0) text += ", ";
    text += shown_[i].path;
    // One reason stands behind the last of the names that share it.
    if (i + 1 == shown_.size() || shown_[i + 1].why != shown_[i].why) text += " (" + shown_[i].why + ")";
  }
  if (count_ > shown_.size()) text += " and " + std::to_string(count_ - shown_.size()) + " more";
  return text;
}

void LeftOut::clear() {
  shown_.clear();
  count_ = 0;
}

}  // namespace plumbline::baseline
