#include "agent/rollback/show_rollback.hpp"

#include <cstdio>
#include <string_view>
#include <vector>

#include "baseline/keyed_hash.hpp"
#include "include/wire/json.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t longest_shown = 64 * 1024;  // bytes of content

const char* name_of(FileImage::Kind kind) {
  if (kind == FileImage::Kind::missing) return "missing";
  return kind == FileImage::Kind::regular ? "file" : "symlink";
}

std::string octal(std::uint32_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", mode);
  return text;
}

bool is_text(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = wire::utf8_length(bytes);
    if (length == 0 || bytes.front() == '\0') return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

/// The lines between what both begin and end with alike: not the shortest difference, but a right one.
void show_lines(wire::JsonObject& out, const std::string& now, const std::string& wanted) {
  const auto before = lines_of(now), after = lines_of(wanted);
  std::size_t head = 0, tail = 0;
  while (head < before.size() && head < after.size() && before[head] == after[head]) ++head;
  while (tail < before.size() - head && tail < after.size() - head &&
         before[before.size() - 1 - tail] == after[after.size() - 1 - tail])
    ++tail;
  const auto part = [&](const std::vector<std::string_view>& lines) {
    std::vector<std::string> some;
    for (std::size_t i = head; i < lines.size() - tail; ++i) some.emplace_back(lines[i]);
    return wire::to_json(some);
  };
  out.number("from_line", head + 1).raw("lines_that_go", part(before)).raw("lines_that_come", part(after));
}

}  // namespace

std::string show_rollback(const std::string& path, const FileImage& now, const FileImage& wanted, bool sensitive) {
  std::vector<std::string> changes;
  const auto change = [&](std::string_view attribute, const std::string& from, const std::string& to) {
    if (from != to)
      changes.push_back(wire::JsonObject().text("attribute", attribute).bytes("from", from).bytes("to", to).str());
  };
  change("type", name_of(now.kind), name_of(wanted.kind));
  const bool has_content = now.kind == FileImage::Kind::regular || wanted.kind == FileImage::Kind::regular;
  const auto content = [&](const FileImage& image) {
    if (image.kind != FileImage::Kind::regular) return std::string();
    const std::string size = std::to_string(image.content.size()) + " bytes";
    return sensitive ? size : size + ", sha256 " + baseline::to_hex(baseline::sha256(image.content));
  };
  if (has_content && (now.content != wanted.content || now.kind != wanted.kind))
    change("content", content(now), content(wanted) + (sensitive ? " (not shown: it is sensitive)" : ""));
  change("symlink_target", now.target, wanted.target);
  if (wanted.kind != FileImage::Kind::missing) {
    if (wanted.kind == FileImage::Kind::regular) change("mode", octal(now.mode), octal(wanted.mode));
    change("owner", std::to_string(now.uid), std::to_string(wanted.uid));
    change("group", std::to_string(now.gid), std::to_string(wanted.gid));
  }
  if (now.attributes != wanted.attributes && wanted.kind == FileImage::Kind::regular)
    change("extended attributes", std::to_string(now.attributes.size()),
           std::to_string(wanted.attributes.size()) + " as they were");
  wire::JsonObject out;
  out.bytes("path", path).raw("changes", wire::json_array(changes));
  const bool is_readable = !sensitive && now.content.size() <= longest_shown &&
                           wanted.content.size() <= longest_shown && is_text(now.content) && is_text(wanted.content);
  if (has_content && now.content != wanted.content && is_readable) show_lines(out, now.content, wanted.content);
  return out.str();
}

}  // namespace plumbline::agent
