#include "agent/rollback/guards.hpp"

#include <algorithm>

namespace plumbline::agent {
namespace {

constexpr std::size_t most_files = 4096;

std::string said(std::uint32_t count, std::chrono::nanoseconds window) {
  return std::to_string(count) + " in " +
         std::to_string(std::chrono::duration_cast<std::chrono::seconds>(window).count()) + " s";
}

}  // namespace

Ruling Guards::may_put_back(const std::string& file, const std::string& found, std::int64_t now_ns) const {
  if (const auto known = of_file_.find(file); known != of_file_.end()) {
    const auto& done = known->second;
    const auto within = [&](std::chrono::nanoseconds window) {
      return std::find_if(done.begin(), done.end(), [&](const Done& d) { return d.at_ns > now_ns - window.count(); });
    };
    const auto first = within(limits_.loop_window);
    const auto count = static_cast<std::uint32_t>(done.end() - first);
    const auto alike =
        static_cast<std::uint32_t>(std::count_if(first, done.end(), [&](const Done& d) { return d.undone == found; }));
    if (count >= limits_.loop_count)
      return {Ruling::Kind::contested, "it was put back " + said(count, limits_.loop_window) + ", and changed again",
              0};
    if (alike >= std::max(2U, limits_.loop_count / 2))
      return {Ruling::Kind::contested,
              "the same content was undone " + said(alike, limits_.loop_window) + ", and is there again", 0};
    const auto recent = within(limits_.file_window);
    if (done.end() - recent >= limits_.file_count)
      return {Ruling::Kind::wait, "this file's budget is used: " + said(limits_.file_count, limits_.file_window),
              recent->at_ns + limits_.file_window.count()};
  }
  const auto recent = std::find_if(of_node_.begin(), of_node_.end(),
                                   [&](std::int64_t at) { return at > now_ns - limits_.node_window.count(); });
  if (of_node_.end() - recent >= limits_.node_count)
    return {Ruling::Kind::wait, "the node's budget is used: " + said(limits_.node_count, limits_.node_window),
            *recent + limits_.node_window.count()};
  return {};
}

void Guards::put_back(const std::string& file, const std::string& undone, std::int64_t at_ns) {
  auto& done = of_file_[file];
  done.insert(
      std::upper_bound(done.begin(), done.end(), at_ns, [](std::int64_t at, const Done& d) { return at < d.at_ns; }),
      {at_ns, undone});
  const std::int64_t longest = std::max(limits_.loop_window, limits_.file_window).count();
  while (done.front().at_ns <= done.back().at_ns - longest) done.pop_front();
  of_node_.insert(std::upper_bound(of_node_.begin(), of_node_.end(), at_ns), at_ns);
  while (of_node_.front() <= of_node_.back() - limits_.node_window.count()) of_node_.pop_front();
  if (of_file_.size() <= most_files) return;
  of_file_.erase(std::min_element(of_file_.begin(), of_file_.end(), [](const auto& a, const auto& b) {
    return a.second.back().at_ns < b.second.back().at_ns;
  }));
}

}  // namespace plumbline::agent
