#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace plumbline::baseline {

/// The attributes of one resource that cannot be compared, told in one line and not one by one: a resource of the
/// cloud may have hundreds. Keeps the first few names only.
class LeftOut {
 public:
  /// `path` as in Attribute::path, `why` a few words that follow it in brackets and hold no value of the source.
  void add(std::string_view path, std::string_view why);
  bool empty() const { return count_ == 0; }
  /// "not compared: password, tags.token (encrypted), size (unknown) and 7 more"
  std::string text() const;
  void clear();

 private:
  struct Entry {
    std::string path, why;
  };
  std::vector<Entry> shown_;
  std::size_t count_ = 0;
};

}  // namespace plumbline::baseline
