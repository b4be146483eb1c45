#include "baseline/value/canonical.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>
#include <vector>

#include "baseline/value/arguments.hpp"
#include "baseline/value/canonical_writer.hpp"
#include "baseline/value/embedded_json.hpp"
#include "baseline/value/iam_policy.hpp"
#include "baseline/value/json_quotes.hpp"
#include "baseline/value/json_scalars.hpp"
#include "baseline/value/named_values.hpp"
#include "baseline/value/sensitive.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

constexpr std::size_t max_embedded = 3;  ///< JSON in a string in JSON in a string …

using Member = std::pair<std::string_view, element>;
using Item = std::pair<std::size_t, std::size_t>;

/// What is needed on the way, kept for the next value, so that for most nothing is allocated.
struct Workspace {
  std::vector<Member> members;  ///< of the objects that we are inside of, one behind the other
  std::vector<Item> items;      ///< of the lists, as places in the text
  std::array<EmbeddedJson, max_embedded> embedded;
  WipedText text;  ///< for whoever brings none
};

Workspace& workspace() {
  thread_local Workspace work;
  return work;
}

template <class T>
void cut(std::vector<T>& stack, std::size_t size) {
  constexpr std::size_t max_kept = 1 << 15;
  stack.erase(stack.begin() + static_cast<std::ptrdiff_t>(size), stack.end());
  if (size == 0 && stack.capacity() > max_kept) stack = {};
}

/// Where a value stands, as far as that decides how it is written: flags, and the part of a policy.
class Place {
 public:
  enum Flag : unsigned {
    ordered = 1,      ///< the list, should it be one
    text_only = 2,    ///< its strings are not looked into
    keeps_empty = 4,  ///< an object without members counts
    lower_case = 8,   ///< texts are
    principal = 16,   ///< texts are those of a policy's principals
    item = 32,        ///< of a list
  };
  Place(unsigned flags = 0, PolicyPart part = PolicyPart::none)
      : bits_(flags | static_cast<unsigned>(part) << part_shift) {}

  bool is(Flag flag) const { return (bits_ & flag) != 0; }
  bool in_policy() const { return bits_ >> part_shift != 0; }
  PolicyPart part() const { return static_cast<PolicyPart>(bits_ >> part_shift); }
  Place with(Flag flag) const { return Place(bits_ | flag); }

 private:
  static constexpr unsigned part_shift = 8;
  unsigned bits_;
};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool is_azure_id(std::string_view text) {
  constexpr std::string_view start = "/subscriptions/";
  return text.size() > start.size() &&
         std::equal(start.begin(), start.end(), text.begin(), [](char a, char b) { return a == lower(b); });
}

/// By key; equal ones in the order in which they stand, which is that of their places in the parser's memory.
bool is_before(const Member& a, const Member& b) {
  if (!a.first.empty() && !b.first.empty() && a.first[0] != b.first[0])
    return static_cast<unsigned char>(a.first[0]) < static_cast<unsigned char>(b.first[0]);
  const int order = a.first.compare(b.first);
  return order < 0 || (order == 0 && std::less<>()(a.first.data(), b.first.data()));
}

class Writer {
 public:
  Writer(Lists lists, WipedText& out) : ordered_(lists == Lists::ordered), out_(out) {}

  Met met() const { return {secret_, key_twice_}; }

  void write(element value, Place place) {
    switch (value.type()) {
      case element_type::STRING:
        return text(std::string_view(value), place);
      case element_type::ARRAY:
        return list(array(value), place);
      case element_type::OBJECT:
        return members(object(value), place);
      default:  // null is nothing
        put_bool_or_number(value, out_);
    }
  }

  void write_named(element value, NameFacts name) { write(value, flags_by(name)); }

  void text(std::string_view text, Place place) {
    if (text.empty()) return;
    const auto first = static_cast<unsigned char>(text.front());
    if (first == '{' || first == '[' || first <= ' ') {
      if (place.in_policy() || place.is(Place::text_only))
        look_into(text);
      else if (embedded(text, place))
        return;
    }
    if (place.is(Place::principal)) text = account_of_root(text);
    const bool azure = !place.in_policy() && first == '/' && is_azure_id(text);
    const unsigned classes = quoted(text, place.is(Place::lower_case) || azure);
    has_option_ = has_option_ || first == '-';
    secret_ = secret_ || looks_sensitive(text, classes) ||
              (place.is(Place::item) && (classes & equals_sign) != 0 && is_secret_assignment(text));
  }

 private:
  unsigned quoted(std::string_view text, bool in_lower_case) {
    const std::size_t start = out_.size();
    const unsigned classes = put_quoted(text, out_);
    if (in_lower_case) std::transform(out_.at(start), out_.at(out_.size()), out_.at(start), lower);
    return classes;
  }

  /// Whether `text` is an object or a list as a whole; then it is written.
  bool embedded(std::string_view text, Place place) {
    text = EmbeddedJson::within(text);
    if (text.empty()) return false;
    if (embedded_ == max_embedded) {
      too_deep_ = true;
      return false;
    }
    const std::size_t start = out_.size();
    EmbeddedJson& json = work_.embedded[embedded_];
    element value;
    const bool parsed = json.parse(text, value);
    if (parsed) {
      ++embedded_;
      write(value, place);
      --embedded_;
    }
    json.clear();
    if (!too_deep_) return parsed;
    // What nobody has looked into may hold anything.
    secret_ = true;
    if (embedded_ == 0) too_deep_ = false;
    out_.cut(start);
    return false;
  }

  /// For secrets only: nothing is written.
  void look_into(std::string_view text) {
    const std::size_t start = out_.size();
    const bool outer_too_deep = std::exchange(too_deep_, false);
    (void)embedded(text, {});
    secret_ = secret_ || too_deep_;
    too_deep_ = outer_too_deep;
    out_.cut(start);
  }

  void list(array list, Place place) {
    const bool sorts = !place.is(Place::ordered) || place.in_policy();
    auto& items = work_.items;
    const std::size_t first = items.size(), start = out_.size();
    const Place inner = (place.in_policy() ? place : place.with(Place::keeps_empty)).with(Place::item);
    bool present = false, in_order = true;
    out_.put('[');
    for (const element item : list) {
      const std::size_t before = out_.size();
      if (items.size() > first) out_.put(',');
      const std::size_t begin = out_.size();
      write(item, inner);
      if (out_.size() != begin) {
        present = true;
      } else if (!sorts) {
        out_.put("null");  // its place counts
      } else {
        out_.cut(before);
        continue;
      }
      if (sorts && in_order && items.size() > first) {
        const int order = text_of(items.back()).compare(out_.from(begin));
        in_order = order < 0 || (order == 0 && !place.in_policy());
      }
      items.emplace_back(begin, out_.size());
    }
    if (!present) {
      out_.cut(start);
    } else {
      out_.put(']');
      if (!in_order) sort_items(first, start, place.in_policy());
      if (place.in_policy() && items.size() == first + 1) out_.strip(start);
    }
    cut(items, first);
    secret_ = secret_ || (has_option_ && has_secret_argument(list));
  }

  std::string_view text_of(const Item& item) const { return out_.between(item.first, item.second); }

  void sort_items(std::size_t first, std::size_t start, bool once) {
    auto& items = work_.items;
    const auto begin = items.begin() + static_cast<std::ptrdiff_t>(first);
    std::sort(begin, items.end(), [&](const Item& a, const Item& b) { return text_of(a) < text_of(b); });
    const auto same = [&](const Item& a, const Item& b) { return text_of(a) == text_of(b); };
    if (once) items.erase(std::unique(begin, items.end(), same), items.end());
    WipedText sorted;
    for (std::size_t i = first; i < items.size(); ++i) {
      sorted.put(i == first ? '[' : ',');
      sorted.put(text_of(items[i]));
    }
    out_.cut(start);
    out_.put(sorted.from(0));
    out_.put(']');
  }

  void members(object of, Place place) {
    auto& all = work_.members;
    const std::size_t first = all.size(), start = out_.size();
    bool in_order = true, is_policy = false;
    // Not by *member: a whole pair costs more than its two parts.
    for (auto member = of.begin(); member != of.end(); ++member) {
      Member& here = all.emplace_back();
      here.first = member.key();
      here.second = member.value();
      if (here.first == "Statement") is_policy = is_statement(here.second);
      in_order = in_order && (all.size() == first + 1 || !is_before(here, *(&here - 1)));
    }
    const std::size_t last = all.size();
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first);
    std::string lowered;
    if (place.part() == PolicyPart::condition_keys) in_order = !lower_keys(first, lowered) && in_order;
    if (!in_order) std::sort(begin, all.end(), is_before);
    if (!place.in_policy() && is_policy) place = Place(0, PolicyPart::element);

    constexpr unsigned pair = name_of_pair_name | name_of_pair_value;
    unsigned met = 0;
    for (std::size_t i = first; i < last; ++i) {
      const std::string_view key = all[i].first;
      const element value = all[i].second;
      if (i + 1 < last && all[i + 1].first == key) {  // the last one counts
        key_twice_ = key_twice_ || embedded_ == 0;
        continue;
      }
      const std::size_t before = out_.size();
      out_.put(before == start ? '{' : ',');
      const unsigned facts = place.in_policy() ? policy_member(key, value, place) : member(key, value, place);
      if (facts == 0) out_.cut(before);
      if (!value.is_bool()) met |= facts;
    }
    secret_ = secret_ || ((met & pair) == pair && names_a_secret(of));
    cut(all, first);
    if (out_.size() > start)
      out_.put('}');
    else if (place.is(Place::keeps_empty))
      out_.put("{}");
  }

  /// The name's facts and this bit; 0 where the value is absent.
  static constexpr unsigned is_present = 0x100;

  unsigned member(std::string_view key, element value, Place place) {
    const NameFacts facts = known_facts_of(key);
    unsigned flags = flags_by(facts);
    if ((facts & name_of_map) == 0) flags |= Place::keeps_empty;
    // Texts that are statements would make this a policy only when it is seen again.
    if (place.is(Place::text_only) || key == "Statement") flags |= Place::text_only;
    if ((facts & name_needs_escape) != 0)
      put_key(key);
    else
      out_.put_key(key);
    const std::size_t named = out_.size();
    write(value, flags);
    return named_so(facts, value, named);
  }

  unsigned policy_member(std::string_view key, element value, Place place) {
    NameFacts facts = known_facts_of(key);
    if (place.part() == PolicyPart::condition_keys)
      facts = sounds_sensitive(own_name_of(key)) ? name_sounds_sensitive : 0;
    unsigned flags = 0;
    if (key == "Action" || key == "NotAction") flags = Place::lower_case;
    if (place.part() == PolicyPart::principals && key == "AWS") flags = Place::principal;
    put_key(key);
    const std::size_t named = out_.size();
    write(value, Place(flags, part_within(place.part(), key)));
    return named_so(facts, value, named);
  }

  /// What was written from `begin` on is the value under such a name. No secret is true or false.
  unsigned named_so(NameFacts facts, element value, std::size_t begin) {
    if (out_.size() == begin) return 0;
    secret_ = secret_ || ((facts & name_sounds_sensitive) != 0 && !value.is_bool());
    return facts | is_present;
  }

  void put_key(std::string_view key) {
    put_quoted(key, out_);
    out_.put(':');
  }

  unsigned flags_by(NameFacts facts) const {
    unsigned flags = 0;
    if (ordered_ || (facts & name_of_ordered) != 0) flags |= Place::ordered;
    if ((facts & name_of_protocol) != 0) flags |= Place::lower_case;
    return flags;
  }

  /// The keys are views into `lowered` afterwards, unless two would be one. Whether they are.
  bool lower_keys(std::size_t first, std::string& lowered) {
    auto& all = work_.members;
    for (std::size_t i = first; i < all.size(); ++i) lowered += all[i].first;
    std::transform(lowered.begin(), lowered.end(), lowered.begin(), lower);
    std::vector<std::string_view> keys;
    for (std::size_t i = first, at = 0; i < all.size(); at += all[i].first.size(), ++i)
      keys.push_back(std::string_view(lowered).substr(at, all[i].first.size()));
    auto sorted = keys;
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) return false;
    for (std::size_t i = first; i < all.size(); ++i) all[i].first = keys[i - first];
    return true;
  }

  const bool ordered_;
  WipedText& out_;
  Workspace& work_ = workspace();
  std::size_t embedded_ = 0;  ///< strings that we are inside of
  bool too_deep_ = false;
  bool has_option_ = false;  ///< a text begins with "-"
  bool secret_ = false, key_twice_ = false;
};

}  // namespace

Met write_canonical(element value, Lists lists, NameFacts name, WipedText& out) {
  // Most values are a text with nothing in it, true or false, and need no Writer.
  std::string_view text;
  if (value.get_string().get(text) == simdjson::SUCCESS && is_plain_text(text, name))
    return {looks_sensitive(text, put_quoted(text, out))};
  if (put_bool_or_number(value, out)) return {};
  Writer writer(lists, out);
  writer.write_named(value, name);
  return writer.met();
}

bool append_canonical(element value, Lists lists, std::string& out, std::string_view name) {
  WipedText& text = workspace().text;
  const bool secret = write_canonical(value, lists, name.empty() ? NameFacts{0} : known_facts_of(name), text).secret;
  out += text.from(0);
  text.clear();
  return secret;
}

Canonical canonical(element value, Lists lists, std::string_view name) {
  Canonical result;
  result.secret = append_canonical(value, lists, result.text, name);
  return result;
}

bool append_canonical_text(std::string_view text, std::string& out) {
  WipedText& canonical = workspace().text;
  Writer writer(Lists::unordered, canonical);
  writer.text(text, {});
  out += canonical.from(0);
  canonical.clear();
  return writer.met().secret;
}

Canonical canonical_text(std::string_view text) {
  Canonical result;
  result.secret = append_canonical_text(text, result.text);
  return result;
}

bool ordered_by_name(std::string_view name) {
  return (facts_of(name) & name_of_ordered) != 0;
}

}  // namespace plumbline::baseline
