#include "cloud/kubernetes/protobuf.hpp"

#include <cstdint>
#include <optional>

namespace plumbline::cloud::kubernetes {
namespace {

std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

/// The first length-delimited field of this number, as far as it is there; "" where there is none.
std::string_view field(std::string_view message, std::uint64_t number) {
  while (!message.empty()) {
    const auto tag = take_varint(message);
    if (!tag) return {};
    const auto wire = *tag & 7;
    std::size_t skip = wire == 1 ? 8 : wire == 5 ? 4 : 0;
    if (wire == 0) {
      if (!take_varint(message)) return {};
    } else if (wire == 2) {
      const auto length = take_varint(message);
      if (!length) return {};
      if (*tag >> 3 == number) return message.substr(0, static_cast<std::size_t>(*length));
      skip = static_cast<std::size_t>(*length);
    } else if (wire != 1 && wire != 5) {
      return {};
    }
    if (skip > message.size()) return {};
    message.remove_prefix(skip);
  }
  return {};
}

/// One that may be a name.
std::string_view name_field(std::string_view message, std::uint64_t number) {
  const auto text = field(message, number);
  return text.size() <= 253 ? text : std::string_view();
}

}  // namespace

ProtobufNames names_in_protobuf(std::string_view body) {
  using namespace std::string_view_literals;
  if (!body.starts_with("k8s\0"sv)) return {};
  body.remove_prefix(4);
  ProtobufNames names;
  names.kind = name_field(field(body, 1), 2);
  // A Status and the options of a call have no metadata of an object there.
  if (names.kind == "Status" || names.kind.ends_with("Options") || names.kind.ends_with("List")) return names;
  const auto metadata = field(field(body, 2), 1);
  names.name = name_field(metadata, 1);
  names.ns = name_field(metadata, 3);
  names.uid = name_field(metadata, 5);
  return names;
}

}  // namespace plumbline::cloud::kubernetes
