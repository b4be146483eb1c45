// One neutral tree for whatever a body was written in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plumbline::cloud {

struct Member;

/// Texts are UTF-8 as they came; numbers and booleans are kept as they are written ("5", "true"), since forms and XML
/// know texts alone. A secret has no text: only that it is there.
struct Value {
  /// `several`: a name that came more than once, with different values; `items` are they. Which of them a service
  /// takes, nobody says: all are told, and none is what the name stands for.
  enum class Kind : std::uint8_t { null, boolean, number, text, list, map, secret, several };
  Kind kind = Kind::null;
  std::string text;
  std::vector<Value> items;
  std::vector<Member> members;        ///< in the order of the wire, each name once; XML's after naming
  std::vector<std::uint64_t> prints;  ///< of a secret, where keys were given (secret_prints.hpp); never printed
  bool is_of_list = false;            ///< of a secret: it was a list, which `prints` are of as a whole

  static Value of_text(std::string_view text);
  static Value of(Kind kind, std::string_view text = {});

  /// A member by name, nullptr where there is none.
  const Value* find(std::string_view name) const;
  /// What a path of names leads to: find({"Environment", "Variables"}).
  const Value* find(std::initializer_list<std::string_view> path) const;
};

struct Member {
  std::string name;
  Value value;
};

/// Whether something in it is a secret.
bool holds_secret(const Value& value);

/// Overwrites all texts below, then forgets them.
void wipe(Value& value);

/// A value that came again under one name. The same one twice is one; of more than 16 the first ones and the last are
/// kept, since services take the first or the last: false then.
bool add_again(Value& value, Value again);
/// add_again() of whatever has a name that is there already, at any depth. False where values were given up.
bool each_name_once(Value& value);

/// The text of a value, or those of several; none of what is no text.
std::vector<std::string_view> texts_of(const Value* value);
/// Whether some text of it is such.
template <class Is>
bool has_text(const Value* value, Is is) {
  for (const auto text : texts_of(value))
    if (is(text)) return true;
  return false;
}

/// What a body came to. `cut` = not all of it is there: the body's end was missing, it was malformed from somewhere on,
/// or it went beyond a limit.
struct Decoded {
  Value value;
  bool cut = false;
};

/// Limits of all decoders, whoever writes the body.
inline constexpr std::size_t max_depth = 32, max_values = 20'000, max_text = 65'536, max_members = 2'000,
                             max_several = 16;

/// `body_cut`: there was more of it. A body of none is an empty map.
Decoded decode_form(std::string_view body, bool body_cut);
Decoded decode_json(std::string_view body, bool body_cut);
/// The root is the only member of the map.
Decoded decode_xml(std::string_view body, bool body_cut);
/// RFC 8949, as Smithy RPC v2 uses it: tags are skipped, byte strings become secrets.
Decoded decode_cbor(std::string_view body, bool body_cut);

}  // namespace plumbline::cloud
