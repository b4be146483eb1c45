#include "baseline/index/makes.hpp"

#include <xxhash.h>

#include <algorithm>

#include "baseline/index/format.hpp"

namespace plumbline::baseline::index {
namespace {

void append(std::string& content, std::string_view text) {
  const std::uint64_t size = text.size();
  content.append(reinterpret_cast<const char*>(&size), sizeof size).append(text);
}

std::uint64_t hash_of(const std::string& content) {
  return XXH3_64bits(content.data(), content.size());
}

Make make_of(const Resource& resource, std::string_view ignored, std::uint32_t source) {
  Make make;
  make.provider = resource.provider;
  make.type = resource.type;
  make.region = resource.region;
  make.account = resource.account;
  make.ignored = ignored;
  make.source = source;
  for (const auto& attribute : resource.attributes) {
    make.attributes.push_back({attribute.path, flags_of(attribute), attribute.hash});
    make.slot_count += (make.attributes.back().flags & attribute_absent) == 0 ? 1 : 0;
  }
  return make;
}

}  // namespace

std::uint32_t flags_of(const Attribute& attribute) {
  const bool absent = attribute.hash == 0 && attribute.value.empty();
  return (attribute.sensitive ? attribute_sensitive : 0) | (absent ? attribute_absent : 0);
}

bool Make::is_of(const Resource& resource, std::string_view ignored_paths, std::uint32_t of_source) const {
  const auto same = [](const Attribute& known, const baseline::Attribute& attribute) {
    return known.flags == flags_of(attribute) && known.path == attribute.path;
  };
  return source == of_source && type == resource.type && provider == resource.provider && region == resource.region &&
         account == resource.account && ignored == ignored_paths &&
         std::equal(attributes.begin(), attributes.end(), resource.attributes.begin(), resource.attributes.end(), same);
}

std::pair<Make&, bool> Makes::of(const Resource& resource, std::string_view ignored, std::uint32_t source) {
  if (last_ != nullptr && last_->is_of(resource, ignored, source)) return {*last_, false};
  std::string content;
  for (const std::string_view text : {std::string_view(resource.provider), std::string_view(resource.type),
                                      std::string_view(resource.region), std::string_view(resource.account), ignored})
    append(content, text);
  for (const auto& attribute : resource.attributes) append(content, attribute.path);
  const std::uint64_t digest = hash_of(content);
  content.append(reinterpret_cast<const char*>(&source), sizeof source);
  for (const auto& attribute : resource.attributes) content += static_cast<char>(flags_of(attribute));
  const std::uint64_t key = hash_of(content);

  if (const auto found = known_.find(key); found != known_.end() && found->second.is_of(resource, ignored, source)) {
    last_ = &found->second;
    return {*last_, false};
  }
  attributes_ += resource.attributes.size() + 1;
  if (attributes_ > most) {
    known_.clear();
    attributes_ = resource.attributes.size() + 1;
  }
  last_ = &(known_[key] = make_of(resource, ignored, source));
  last_->digest = digest;
  return {*last_, true};
}

}  // namespace plumbline::baseline::index
