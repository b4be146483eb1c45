#include "agent/decode/hpack.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <new>

#include "agent/decode/wipe.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t static_entries = 61;  // RFC 7541, appendix A
constexpr std::size_t entry_overhead = 32;  // section 4.1

// libnghttp2 frees what it decoded as it is; these wipe it first. Each block carries its size in front.
constexpr std::size_t prefix_bytes = alignof(std::max_align_t);

void* take_memory(std::size_t size, void*) {
  if (size > std::numeric_limits<std::size_t>::max() - prefix_bytes) return nullptr;
  auto* block = static_cast<char*>(::operator new(size + prefix_bytes, std::nothrow));
  if (block == nullptr) return nullptr;
  std::memcpy(block, &size, sizeof size);
  return block + prefix_bytes;
}

void free_memory(void* memory, void*) {
  if (memory == nullptr) return;
  auto* block = static_cast<char*>(memory) - prefix_bytes;
  std::size_t size = 0;
  std::memcpy(&size, block, sizeof size);
  ::explicit_bzero(block, size + prefix_bytes);
  ::operator delete(block);
}

void* take_zeroed(std::size_t count, std::size_t size, void*) {
  if (size != 0 && count > std::numeric_limits<std::size_t>::max() / size) return nullptr;
  void* memory = take_memory(count * size, nullptr);
  if (memory != nullptr) std::memset(memory, 0, count * size);
  return memory;
}

void* resize_memory(void* memory, std::size_t size, void*) {
  void* larger = take_memory(size, nullptr);
  if (larger == nullptr || memory == nullptr) return larger;
  std::size_t before = 0;
  std::memcpy(&before, static_cast<char*>(memory) - prefix_bytes, sizeof before);
  std::memcpy(larger, memory, std::min(before, size));
  free_memory(memory, nullptr);
  return larger;
}

/// The inflater keeps the address.
nghttp2_mem* wiping_memory() {
  static nghttp2_mem memory{nullptr, take_memory, free_memory, take_zeroed, resize_memory};
  return &memory;
}

}  // namespace

/// What is left of a block. RFC 7541, section 5.
struct Hpack::Reader {
  std::string_view rest;
  bool may_resize = true;  // before the first field only: section 4.2

  bool integer(unsigned prefix, std::uint64_t& value) {
    if (rest.empty()) return false;
    const unsigned mask = (1U << prefix) - 1;
    value = static_cast<unsigned char>(rest.front()) & mask;
    rest.remove_prefix(1);
    if (value < mask) return true;
    for (unsigned shift = 0; shift <= 28; shift += 7) {
      if (rest.empty()) return false;
      const unsigned byte = static_cast<unsigned char>(rest.front());
      rest.remove_prefix(1);
      value += std::uint64_t{byte & 0x7F} << shift;
      if (byte < 0x80) return true;
    }
    return false;  // more than any length or index can be
  }

  /// A string as it is on the wire, its length included.
  bool string(std::string_view& wire) {
    const auto before = rest;
    std::uint64_t length = 0;
    if (!integer(7, length) || length > rest.size()) return false;
    rest.remove_prefix(static_cast<std::size_t>(length));
    wire = before.substr(0, before.size() - rest.size());
    return true;
  }
};

Hpack::Hpack(std::size_t table_limit) : limit_(table_limit) {
  if (nghttp2_hd_inflate_new2(&inflater_, wiping_memory()) != 0) throw std::bad_alloc();
}

Hpack::~Hpack() {
  clear_table();
  wipe(scratch_);
  nghttp2_hd_inflate_del(inflater_);
}

bool Hpack::decode(std::string_view block, const Visit& visit) {
  Reader reader{block};
  while (!reader.rest.empty())
    if (!decode_field(reader, visit)) return false;
  return true;
}

bool Hpack::decode_field(Reader& reader, const Visit& visit) {
  const unsigned first = static_cast<unsigned char>(reader.rest.front());
  std::uint64_t number = 0;
  if ((first & 0xE0) == 0x20) {
    if (!reader.may_resize || !reader.integer(5, number)) return false;
    resize(number);
    return true;
  }
  reader.may_resize = false;
  if ((first & 0x80) != 0) {
    HpackField field;
    if (!reader.integer(7, number) || !look_up(number, field)) return false;
    visit(field);
    return true;
  }
  return (first & 0x40) != 0 ? decode_literal(reader, 6, true, visit) : decode_literal(reader, 4, false, visit);
}

bool Hpack::decode_literal(Reader& reader, unsigned prefix, bool is_added, const Visit& visit) {
  std::uint64_t index = 0;
  std::string_view name, value;
  if (!reader.integer(prefix, index)) return false;
  HpackField named;
  if (index == 0 ? !reader.string(name) : !look_up(index, named)) return false;
  if (!reader.string(value)) return false;
  return inflate(name, value, [&](HpackField field) {
    if (index != 0) field.name = named.name;
    visit(field);
    if (is_added) add(field);
  });
}

/// Lets libnghttp2 decode two strings: written anew as a field that is never indexed, and so changes nothing in its
/// table.
bool Hpack::inflate(std::string_view name, std::string_view value, const std::function<void(HpackField)>& use) {
  constexpr std::string_view any_name("\1x", 2);
  scratch_.clear();
  append_wiping(scratch_, std::string_view("\x10", 1));
  append_wiping(scratch_, name.empty() ? any_name : name);
  append_wiping(scratch_, value);
  const auto* in = reinterpret_cast<const std::uint8_t*>(scratch_.data());
  std::size_t left = scratch_.size();
  bool is_good = false;
  for (;;) {
    nghttp2_nv pair{};
    int flags = 0;
    const auto used = nghttp2_hd_inflate_hd2(inflater_, &pair, &flags, in, left, 1);
    if (used < 0) return false;  // its state is of no use any more, and neither is the block's rest
    in += used;
    left -= static_cast<std::size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      is_good = true;
      use({std::string_view(reinterpret_cast<const char*>(pair.name), pair.namelen),
           std::string_view(reinterpret_cast<const char*>(pair.value), pair.valuelen)});
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && left == 0) break;
  }
  nghttp2_hd_inflate_end_headers(inflater_);
  return is_good;
}

bool Hpack::look_up(std::uint64_t index, HpackField& field) {
  if (index == 0) return false;
  if (index <= static_entries) {
    const auto* entry = nghttp2_hd_inflate_get_table_entry(inflater_, static_cast<std::size_t>(index));
    if (entry == nullptr) return false;
    field.name = std::string_view(reinterpret_cast<const char*>(entry->name), entry->namelen);
    field.value = std::string_view(reinterpret_cast<const char*>(entry->value), entry->valuelen);
    return true;
  }
  const std::uint64_t place = index - static_entries - 1;
  if (place >= table_.size()) return !is_complete_;
  const auto& entry = table_[static_cast<std::size_t>(place)];
  if (entry.name) field.name = *entry.name;
  if (entry.value) field.value = *entry.value;
  return true;
}

std::size_t Hpack::room() const {
  // A table of unknown size: its entries are kept as long as there is room, for only those that still are in the
  // encoder's are referred to.
  return is_max_known_ ? static_cast<std::size_t>(std::min<std::uint64_t>(max_size_, limit_)) : limit_;
}

void Hpack::add(const HpackField& field) {
  const std::size_t size =
      entry_overhead + (field.name ? field.name->size() : 0) + (field.value ? field.value->size() : 0);
  if (size > room()) {
    // Section 4.4: one that is larger than the table empties it. One that is larger than what we keep takes all with it
    // that it would stand before.
    is_complete_ = is_max_known_ && size > max_size_;
    return clear_table();
  }
  std::optional<std::string> name;
  if (field.name) name.emplace(*field.name);  // it may lie in an entry that goes now
  evict_to(room() - size);
  table_size_ += size;
  auto& entry = table_.emplace_front();
  entry.size = size;
  entry.name = std::move(name);
  if (field.value) entry.value.emplace(*field.value);
}

void Hpack::evict_to(std::size_t bytes) {
  while (table_size_ > bytes) {
    auto& oldest = table_.back();
    table_size_ -= oldest.size;
    if (oldest.value) wipe(*oldest.value);
    table_.pop_back();
    if (!is_max_known_ || max_size_ > limit_) is_complete_ = false;  // the encoder may still have it
  }
}

void Hpack::clear_table() {
  for (auto& entry : table_)
    if (entry.value) wipe(*entry.value);
  table_.clear();
  table_size_ = 0;
}

void Hpack::resize(std::uint64_t bytes) {
  max_size_ = bytes;
  is_max_known_ = true;
  evict_to(room());
  if (bytes == 0) is_complete_ = true;
}

void Hpack::forget() {
  clear_table();
  is_complete_ = is_max_known_ = false;
}

}  // namespace plumbline::agent
