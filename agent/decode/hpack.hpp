// HPACK (RFC 7541) as somebody reads it who may not have seen all of it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct nghttp2_hd_inflater;

namespace plumbline::agent {

struct HpackField {
  std::optional<std::string_view> name, value;  ///< nothing = it refers to what was not seen
};

/// One direction of a connection. All header blocks have to come in their order, for each may change the table.
///
/// The dynamic table is indexed from its newest entry on, so whoever saw the newest entries resolves their indices
/// exactly, whatever is missing before them. Thus no reset and no guess: after a loss the known entries are forgotten,
/// later ones are known again, and an index beyond them is unknown. libnghttp2 decodes the strings (Huffman) and has
/// the static table; its inflater alone would take an unknown index for an error and end there.
class Hpack {
 public:
  explicit Hpack(std::size_t table_limit);
  Hpack(Hpack&&) = delete;
  ~Hpack();

  using Visit = std::function<void(const HpackField&)>;
  /// One whole header block; views live until the call of `visit` returns. False: against the grammar. Nothing that
  /// follows can be read then (RFC 9113, section 4.3: an error of the connection).
  bool decode(std::string_view block, const Visit& visit);
  /// Entries were added that nobody saw, or the bytes do not begin with the connection.
  void forget();

  std::size_t table_entries() const { return table_.size(); }

 private:
  struct Entry {
    std::optional<std::string> name, value;
    std::size_t size = 0;  // RFC 7541, section 4.1
  };
  struct Reader;
  bool decode_field(Reader& reader, const Visit& visit);
  bool decode_literal(Reader& reader, unsigned prefix, bool is_added, const Visit& visit);
  void resize(std::uint64_t bytes);
  /// Name and value of an index. False: there is no such entry, and nothing is missing.
  bool look_up(std::uint64_t index, HpackField& field);
  bool inflate(std::string_view name, std::string_view value, const std::function<void(HpackField)>& use);
  void add(const HpackField& field);
  void evict_to(std::size_t bytes);
  void clear_table();
  std::size_t room() const;

  nghttp2_hd_inflater* inflater_ = nullptr;
  std::size_t limit_;
  std::deque<Entry> table_;  // newest first
  std::size_t table_size_ = 0;
  std::uint64_t max_size_ =
      4096;  // as the encoder set it; it knows SETTINGS, and tells in the block what it makes of them
  bool is_max_known_ = true;
  bool is_complete_ = true;  // nothing is missing behind table_'s last
  std::string scratch_;
};

}  // namespace plumbline::agent
