// Answers of an API server of Kubernetes about tokens.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "access/review.hpp"
#include "cloud/body/value.hpp"
#include "tests/fuzz/must.hpp"

using namespace plumbline;
using fuzz::must;

namespace {

bool is_printable(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7F; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  const auto who = access::read_token_review(json, "plumbline");
  if (!who) {
    fuzz::must_be_readable(who.error());
    must(who.error().code == ErrorCode::permission || who.error().code == ErrorCode::corrupt, "nobody, or no answer");
  } else {
    must(json.find("plumbline") != std::string_view::npos || json.find("\\u") != std::string_view::npos,
         "an answer for our audience names it");
    must(!who->user.empty() && is_printable(who->user) && is_printable(who->node()), "names are printable");
    const auto asked = cloud::decode_json(access::access_review(*who, "get", "/v1/drift"), false);
    must(!asked.cut || who->groups.size() + who->extra.size() > 1'000, "a question is whole");
    const auto* spec = asked.value.find("spec");
    must(asked.cut || (spec != nullptr && spec->find("user") != nullptr && spec->find("user")->text == who->user),
         "a question is about whom it is about");
  }
  if (const auto allowed = access::read_access_review(json); !allowed) fuzz::must_be_readable(allowed.error());
  return 0;
}
