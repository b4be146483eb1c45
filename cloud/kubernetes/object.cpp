#include "cloud/kubernetes/object.hpp"

namespace plumbline::cloud::kubernetes {

std::string object_version(std::string_view json, bool cut) {
  constexpr std::size_t longest = 128;  // a UID has 36 characters, a version is a number of 64 bits
  Decoded decoded = decode_json(json, cut);
  const Value *uid = decoded.value.find({"metadata", "uid"}),
              *version = decoded.value.find({"metadata", "resourceVersion"});
  const auto is_text = [&](const Value* value) {
    return value != nullptr && value->kind == Value::Kind::text && !value->text.empty() &&
           value->text.size() <= longest;
  };
  std::string both = is_text(uid) && is_text(version) ? uid->text + "/" + version->text : std::string();
  wipe(decoded.value);
  return both;
}

std::optional<bool> leaves_held(const Value& body, bool is_patch) {
  const Value* holder = body.find({"spec", "holderIdentity"});
  if (holder == nullptr) return is_patch ? std::nullopt : std::optional(false);
  return holder->kind != Value::Kind::null && !(holder->kind == Value::Kind::text && holder->text.empty());
}

}  // namespace plumbline::cloud::kubernetes
