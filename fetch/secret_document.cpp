#include "fetch/secret_document.hpp"

#include <string.h>

#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace plumbline::fetch {
namespace {

/// Clears what it gives back: neither a document's values nor what its parser held stay on the heap.
template <class T>
struct ClearingAllocator {
  using value_type = T;
  ClearingAllocator() = default;
  template <class U>
  explicit(false) ClearingAllocator(const ClearingAllocator<U>&) noexcept {}
  T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* place, std::size_t count) noexcept {
    ::explicit_bzero(static_cast<void*>(place), count * sizeof(T));
    std::allocator<T>().deallocate(place, count);
  }
  bool operator==(const ClearingAllocator&) const { return true; }
};
using ClearedText = std::basic_string<char, std::char_traits<char>, ClearingAllocator<char>>;
using ClearedJson = nlohmann::basic_json<std::map, std::vector, ClearedText, bool, std::int64_t, std::uint64_t, double,
                                         ClearingAllocator>;

}  // namespace

struct SecretDocument::Json {
  ClearedJson value;

  /// nullptr where there is nothing.
  const ClearedJson* at(std::initializer_list<const char*> path) const {
    const ClearedJson* at = &value;
    for (const char* name : path) {
      const auto next = at->find(name);  // end() in what is no object
      if (next == at->end()) return nullptr;
      at = &*next;
    }
    return at;
  }
};

SecretDocument::SecretDocument(std::unique_ptr<Json> json) : json_(std::move(json)) {}
SecretDocument::SecretDocument(SecretDocument&&) noexcept = default;
SecretDocument& SecretDocument::operator=(SecretDocument&&) noexcept = default;
SecretDocument::~SecretDocument() = default;

std::optional<SecretDocument> SecretDocument::parse(std::string_view text) {
  auto json = std::make_unique<Json>();
  json->value = ClearedJson::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!json->value.is_object()) return std::nullopt;
  return SecretDocument(std::move(json));
}

std::string_view SecretDocument::text(std::initializer_list<const char*> path) const {
  const ClearedJson* at = json_->at(path);
  return at != nullptr && at->is_string() ? std::string_view(at->get_ref<const ClearedText&>()) : std::string_view();
}

std::vector<std::string_view> SecretDocument::texts(std::initializer_list<const char*> path) const {
  std::vector<std::string_view> texts;
  const ClearedJson* at = json_->at(path);
  if (at == nullptr || !at->is_array()) return texts;
  for (const auto& entry : *at)
    if (entry.is_string()) texts.emplace_back(entry.get_ref<const ClearedText&>());
  return texts;
}

std::optional<std::int64_t> SecretDocument::number(const char* name) const {
  const auto at = json_->value.find(name);
  if (at != json_->value.end() && at->is_number_integer()) return at->get<std::int64_t>();
  const auto digits = text({name});
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

}  // namespace plumbline::fetch
