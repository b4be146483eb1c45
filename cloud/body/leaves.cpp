#include "cloud/body/leaves.hpp"

#include "baseline/value/attributes.hpp"

namespace plumbline::cloud {
namespace {

constexpr std::size_t max_names = 1 << 20;  // bytes of all attributes' names

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_lower(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

class Walk {
 public:
  explicit Walk(std::vector<Setting>& out) : out_(out) {}

  bool map(const Value& value) {
    for (const auto& [name, inner] : value.members) {
      if (names_ > max_names) return false;
      const auto size = path_.size();
      if (size != 0) path_ += '.';
      path_ += baseline::path_part(name);
      one(inner);
      path_.resize(size);
    }
    return names_ <= max_names;
  }

 private:
  void one(const Value& value) {
    if (value.kind == Value::Kind::several)
      for (const auto& item : value.items) one(item);
    else if (value.kind == Value::Kind::map && !value.members.empty())
      map(value);
    else
      add(value);
  }
  void add(const Value& value) {
    names_ += 2 * path_.size();
    if (names_ <= max_names) out_.push_back({path_, path_, value, false});
  }

  std::vector<Setting>& out_;
  std::string path_;
  std::size_t names_ = 0;
};

}  // namespace

bool append_leaves(const Value& body, std::vector<Setting>& out) {
  return Walk(out).map(body);
}

std::string snake_case(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    // A word begins behind a small letter, and with the last letter of an abbreviation that one follows.
    const bool begins =
        is_upper(name[i]) && i > 0 &&
        (is_lower(name[i - 1]) || (is_upper(name[i - 1]) && i + 1 < name.size() && is_lower(name[i + 1])));
    if (begins) out += '_';
    out += is_upper(name[i]) ? static_cast<char>(name[i] + 32) : name[i];
  }
  return out;
}

}  // namespace plumbline::cloud
