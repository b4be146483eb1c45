#include "cloud/gcp/grpc.hpp"

#include "cloud/http.hpp"

namespace plumbline::cloud::gcp {
namespace {

/// Where the second word of "CreateKeyRing" begins.
std::size_t second_word(std::string_view rpc) {
  for (std::size_t i = 1; i < rpc.size(); ++i)
    if (rpc[i] >= 'A' && rpc[i] <= 'Z') return i;
  return rpc.size();
}

/// "keyRings" is the plural of "KeyRing", "policies" of "Policy", and itself (ListKeyRings).
bool is_plural_of(std::string_view plural, std::string_view noun) {
  if (equal_ignoring_case(plural, noun)) return true;
  if (plural.size() == noun.size() + 1 && plural.ends_with('s'))
    return equal_ignoring_case(plural.substr(0, noun.size()), noun);
  if (plural.ends_with("ies") && plural.size() == noun.size() + 2)
    return equal_ignoring_case(plural.substr(0, plural.size() - 3), noun.substr(0, noun.size() - 1));
  return plural.ends_with("es") && plural.size() == noun.size() + 2 &&
         equal_ignoring_case(plural.substr(0, noun.size()), noun);
}

std::string_view collection_of(const table::GcpMethodRow& method) {
  std::string_view last;
  const Words all = words_of(method);
  const std::size_t end = about(method).segments;
  for (std::size_t i = 0; i < end; ++i)
    if (all.all[i] != "{}" && all.all[i] != "{v}") last = all.all[i];
  return last;
}

}  // namespace

MethodMatch find_rpc(std::span<const std::uint32_t> apis, std::string_view rpc) {
  const auto split = second_word(rpc);
  const auto verb = rpc.substr(0, split), noun = rpc.substr(split);
  MethodMatch whole;
  for (const auto api : apis) {
    const auto slice = api_row(api).methods;
    for (std::uint32_t id = slice.first; id < slice.first + slice.count; ++id) {
      const auto& method = method_row(id);
      const auto word = verb_word(method);
      const bool same_verb = equal_ignoring_case(word, verb) ||
                             (equal_ignoring_case(verb, "Update") && equal_ignoring_case(word, "patch"));
      if (same_verb && !noun.empty() && is_plural_of(collection_of(method), noun)) return {api, id};
      if (!whole.found() && equal_ignoring_case(word, rpc)) whole = {api, id};
    }
  }
  return whole;
}

}  // namespace plumbline::cloud::gcp
