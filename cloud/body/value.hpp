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
  enum class Kind : std::uint8_t { null, boolean, number, text, list, map, secret };
  Kind kind = Kind::null;
  std::string text;
  std::vector<Value> items;
  std::vector<Member> members;        ///< in the order of the wire; after naming, each name once
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

/// What a body came to. `cut` = not all of it is there: the body's end was missing, it was malformed from somewhere on,
/// or it went beyond a limit.
struct Decoded {
  Value value;
  bool cut = false;
};

/// Limits of all decoders, whoever writes the body.
inline constexpr std::size_t max_depth = 32, max_values = 20'000, max_text = 65'536, max_members = 2'000;

/// `body_cut`: there was more of it. A body of none is an empty map.
Decoded decode_form(std::string_view body, bool body_cut);
Decoded decode_json(std::string_view body, bool body_cut);
/// The root is the only member of the map.
Decoded decode_xml(std::string_view body, bool body_cut);
/// RFC 8949, as Smithy RPC v2 uses it: tags are skipped, byte strings become secrets.
Decoded decode_cbor(std::string_view body, bool body_cut);

}  // namespace plumbline::cloud
