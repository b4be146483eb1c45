// From a source's own tree of values to the attributes of a resource.
#pragma once

#include <simdjson.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "baseline/resource.hpp"
#include "baseline/value/canonical.hpp"
#include "baseline/value/fingerprint.hpp"
#include "baseline/value/names.hpp"

namespace plumbline::baseline {

/// What a reader knows about the values beyond the values themselves.
struct AttributeRules {
  Lists lists = Lists::unordered;
  /// All of it is secret (Secret.data, a resource of which the source says so without saying where).
  bool all_sensitive = false;
  /// Paths that the source marks as sensitive, themselves and everything below; syntax of Attribute::path.
  std::vector<std::string> sensitive;
  /// Paths that the provider computes (arn, etag, last_modified, status): left out, themselves and everything below.
  std::vector<std::string> computed;
  /// Two members of the object of which `whole` has all that `part` has and more: its members get the other one's name,
  /// and that one is left out. "" where the object has no such two.
  struct Merged {
    std::string part, whole;
    bool operator==(const Merged&) const = default;
  };
  Merged merged;
  /// The source's own form of a secret (a Pulumi envelope): such an element is sensitive and never looked into.
  std::function<bool(simdjson::dom::element)> is_secret;
};

/// Appends the attributes of `object`, flattened: maps to their leaves ("tags.Name"), lists and IAM policies as one
/// value each. An empty map, list, text or null is an attribute declared to be absent; but as in canonical.hpp, an
/// empty object within another one, under a name that is no plural, is a value ("DefaultAction.Allow" is "{}"). Values
/// that are sensitive by mark, by name (sounds_sensitive), by a name beside them ({"name": "DB_PASSWORD", "value": …})
/// or by look (looks_sensitive) keep their fingerprint only; others keep their canonical text up to `max_shown` bytes.
/// `prefix` is put before each path ("spec").
void append_attributes(simdjson::dom::object object, const AttributeRules& rules, const Fingerprinter& fingerprints,
                       std::vector<Attribute>& out, std::string_view prefix = {});

inline constexpr std::size_t max_shown = 256;

/// A list of paths, asked for each path on the way down, so that equality is enough: what is below a listed path is met
/// through it. Length and two characters tell nearly all others apart. The list must not change under it.
class PathSet {
 public:
  PathSet() = default;
  explicit PathSet(const std::vector<std::string>& paths);
  bool has(std::string_view path) const;
  /// Whether all that is below `path` is below one of the list.
  bool covers(std::string_view path) const;

 private:
  const std::vector<std::string>* paths_ = nullptr;
  std::array<std::uint64_t, 32> marks_{};
  bool has_root_ = false;
};

/// append_attributes() for one object after the other. Those of a large source are mostly alike: where a member has the
/// name that stood there in the object before, what is known of that name holds, and where it has the value too, the
/// attribute of before is still right. Used by one thread.
class AttributeWalk {
 public:
  explicit AttributeWalk(const Fingerprinter& fingerprints) : fingerprints_(fingerprints) {}

  /// For the next objects. `rules` outlives them; whoever changes it calls this again.
  void use(const AttributeRules& rules);

  /// As append_attributes(), but takes the place of what `out` holds from `from` on: what the call before left there,
  /// or nothing. False where a key stands twice in an object, however far down (not in JSON that stands in a text):
  /// then what `out` holds is what one of the readers of such JSON would see, and another one something else.
  bool replace(simdjson::dom::object object, std::vector<Attribute>& out, std::size_t from = 0,
               std::string_view prefix = {});

  /// One member of the objects, in the order in which all of them are met, those within others too.
  struct Step {
    std::string key, path;
    std::size_t depth;
    NameFacts name;
    bool nested;  ///< the path has another one before it
    bool left_out, sensitive;
    bool walked = false;            ///< its value is an object of which the members are steps
    bool around_sensitive = false;  ///< what it stands in is
    std::size_t place = not_kept;   ///< of its attribute in the last object's
    bool plain = false;             ///< the attribute's value is a text in quotes, in which nothing is escaped
  };
  /// Those of the last object; none where it was too large to remember.
  std::size_t steps() const { return steps_.size(); }
  const Step& step(std::size_t i) const { return *steps_[i]; }

  /// Another value of the member `step` of the last object, for which the attributes are still in their place: what
  /// stands beside it must not say what it is (name_of_pair_value), and it must not be a walked one. False where the
  /// value has attributes of its own or a key twice; then the object is walked anew. `text` is plain ASCII, not "".
  bool change(std::size_t step, simdjson::dom::element value);
  bool change_text(std::size_t step, std::string_view text);

 private:
  static constexpr std::size_t not_kept = static_cast<std::size_t>(-1);

  Step& step(std::string_view key, std::string_view parent, std::size_t depth, bool& is_new);
  void members(simdjson::dom::object object, std::string_view path, std::size_t depth, bool sensitive);
  void value(simdjson::dom::element value, Step& step, bool sensitive);
  bool has_place(const Step& step) const { return step.place == used_ && used_ < out_->size(); }
  bool stays(const Step& step, std::string_view text) const;
  void keep(Step& step, std::string_view text, bool sensitive);

  const Fingerprinter& fingerprints_;
  const AttributeRules* rules_ = nullptr;
  PathSet sensitive_, computed_;
  std::vector<std::unique_ptr<Step>> steps_;  ///< of the last object
  std::string prefix_;                        ///< for which they were made
  std::size_t met_ = 0;                       ///< of steps_, in this object
  std::vector<Attribute>* out_ = nullptr;
  std::size_t used_ = 0;  ///< of *out_
  bool key_twice_ = false;
};

/// Whether `path` is `of` or below it: "tags.Name" is below "tags".
bool is_within(std::string_view path, std::string_view of);

/// A key as one part of a path: dots and backslashes in it get a backslash, an empty one is "\e".
std::string path_part(std::string_view key);

}  // namespace plumbline::baseline
