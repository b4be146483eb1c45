#include "agent/rollback/image_bytes.hpp"

#include <cstdint>

namespace plumbline::agent {
namespace {

constexpr std::uint64_t version = 1;

void put(std::string& out, std::uint64_t number) {
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(number >> 8 * i & 0xff));
}

void put(std::string& out, std::string_view text) {
  put(out, text.size());
  out += text;
}

/// Takes fields off the front; `fine` goes down at the first that is not there.
struct Fields {
  std::string_view left;
  bool fine = true;

  std::uint64_t number() {
    std::uint64_t value = 0;
    fine = fine && left.size() >= 8;
    if (!fine) return 0;
    for (unsigned i = 0; i < 8; ++i) value |= std::uint64_t{static_cast<unsigned char>(left[i])} << 8 * i;
    left.remove_prefix(8);
    return value;
  }
  std::string text() {
    const std::uint64_t size = number();
    fine = fine && size <= left.size();
    if (!fine) return {};
    std::string value(left.substr(0, size));
    left.remove_prefix(size);
    return value;
  }
};

}  // namespace

std::string bytes_of(const FileImage& image) {
  std::string out;
  // At once, so that no shorter copy with a part of the content is left behind in freed memory.
  std::size_t size = 128 + image.content.size() + image.target.size();
  for (const auto& [name, value] : image.attributes) size += 16 + name.size() + value.size();
  out.reserve(size);
  for (const std::uint64_t number : {version, static_cast<std::uint64_t>(image.kind), std::uint64_t{image.mode},
                                     std::uint64_t{image.uid}, std::uint64_t{image.gid}})
    put(out, number);
  put(out, image.content);
  put(out, image.target);
  put(out, image.attributes.size());
  for (const auto& [name, value] : image.attributes) {
    put(out, name);
    put(out, value);
  }
  return out;
}

Result<FileImage> image_of(std::string_view bytes) {
  Fields fields{bytes};
  FileImage image;
  const std::uint64_t made_as = fields.number(), kind = fields.number();
  image.mode = static_cast<std::uint32_t>(fields.number());
  image.uid = static_cast<std::uint32_t>(fields.number());
  image.gid = static_cast<std::uint32_t>(fields.number());
  image.content = fields.text();
  image.target = fields.text();
  for (std::uint64_t count = fields.number(); fields.fine && count > 0; --count) {
    std::string name = fields.text();
    image.attributes[std::move(name)] = fields.text();
  }
  if (!fields.fine || !fields.left.empty() || made_as != version ||
      kind > static_cast<std::uint64_t>(FileImage::Kind::symlink))
    return Error{ErrorCode::corrupt, "read the image of a file", "it is not one that this version makes", {}};
  image.kind = static_cast<FileImage::Kind>(kind);
  return image;
}

}  // namespace plumbline::agent
