#include "cloud/body/secret_prints.hpp"

#include <openssl/evp.h>

#include <array>
#include <optional>
#include <span>
#include <string>

#include "baseline/value/canonical.hpp"
#include "baseline/value/wiped_parser.hpp"
#include "include/util/hex.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::cloud {
namespace {

constexpr std::size_t longest_secret = 65'536;

std::string sha1_hex(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) return "";
  return to_hex(std::as_bytes(std::span(digest.data(), size)));
}

/// RFC 4648, section 4, with its padding; nullopt for what is none.
std::optional<std::string> without_base64(const std::string& text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(size) - (text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0));
  return bytes;
}

/// As the state's reader would get it.
void append_json(const Value& value, std::string& out) {
  const auto each = [&](char opens, char closes, const auto& all, auto&& one) {
    out += opens;
    for (const auto& item : all) {
      if (out.back() != opens) out += ',';
      one(item);
    }
    out += closes;
  };
  switch (value.kind) {
    case Value::Kind::text:
      return wire::append_json_string(out, value.text);
    case Value::Kind::list:
      return each('[', ']', value.items, [&](const Value& item) { append_json(item, out); });
    case Value::Kind::map:
      return each('{', '}', value.members, [&](const Member& member) {
        wire::append_json_string(out, member.name);
        out += ':';
        append_json(member.value, out);
      });
    case Value::Kind::number:
    case Value::Kind::boolean:
      out += value.text;
      return;
    default:
      out += "null";
  }
}

std::size_t size_of(const Value& value) {
  std::size_t size = 8 + value.text.size();
  for (const auto& item : value.items) size += size_of(item);
  for (const auto& member : value.members) size += member.name.size() + size_of(member.value);
  return size;
}

void wipe_text(std::string& text) {
  Value held = Value::of(Value::Kind::text);
  held.text.swap(text);
  wipe(held);
}

}  // namespace

SecretPrints::SecretPrints(const std::vector<const baseline::KeyedHash*>& keys) {
  for (const auto* key : keys) keys_.push_back(std::make_unique<baseline::Fingerprinter>(*key));
}

void SecretPrints::hide(Value& value) const {
  std::vector<std::uint64_t> prints;
  if (value.kind == Value::Kind::text && !value.text.empty() && value.text.size() <= longest_secret) {
    const auto add = [&](std::string_view text) {
      std::string canonical;
      (void)baseline::append_canonical_text(text, canonical);  // that it is secret is known
      for (const auto& key : keys_) prints.push_back(key->of(canonical));
      wipe_text(canonical);
    };
    add(value.text);
    add(sha1_hex(value.text));
    if (auto decoded = without_base64(value.text); decoded && !decoded->empty()) {
      add(*decoded);
      add(sha1_hex(*decoded));
      wipe_text(*decoded);
    }
  }
  const bool is_list = value.kind == Value::Kind::list && !value.items.empty();
  if (is_list) prints = of_list(value);
  wipe(value);
  value.kind = Value::Kind::secret;
  value.prints = std::move(prints);
  value.is_of_list = is_list;
}

std::vector<std::uint64_t> SecretPrints::of_list(const Value& list) const {
  std::vector<std::uint64_t> prints;
  if (size_of(list) > longest_secret) return prints;
  std::string json;
  json.reserve(7 * longest_secret);  // no piece of it is left in a block that was given back
  append_json(list, json);
  const std::size_t size = json.size();
  json.append(simdjson::SIMDJSON_PADDING, '\0');
  baseline::WipedParser parser(max_depth + 2);
  simdjson::dom::element parsed;
  if (parser.parse(std::string_view(json).substr(0, size), parsed) == simdjson::SUCCESS)
    for (const auto order : {baseline::Lists::ordered, baseline::Lists::unordered}) {
      auto canonical = baseline::canonical(parsed, order);
      for (const auto& key : keys_) prints.push_back(key->of(canonical.text));
      wipe_text(canonical.text);
    }
  wipe_text(json);
  return prints;
}

void hide_each_value(Value& value, const SecretPrints* prints) {
  if (value.kind == Value::Kind::null || value.kind == Value::Kind::secret) return;
  if (value.kind == Value::Kind::several) return hide_value(value, prints);
  if (prints == nullptr || value.kind != Value::Kind::map || value.members.empty()) return hide_value(value, prints);
  for (auto& member : value.members) hide_each_value(member.value, prints);
}

void hide_value(Value& value, const SecretPrints* prints) {
  if (value.kind == Value::Kind::several) {
    for (auto& item : value.items) hide_each_value(item, prints);
    return;
  }
  if (prints != nullptr) return prints->hide(value);
  wipe(value);
  value.kind = Value::Kind::secret;
}

}  // namespace plumbline::cloud
