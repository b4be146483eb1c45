// Instances that are read by what differs from the one before are what they are when each stands alone in its state.
//
// The input: an instance of JSON, behind up to four edits of it that are made one after the other, each a place, how
// many bytes go, how many come, and these; a byte before them tells how many edits there are.
#include <simdjson.h>

#include <algorithm>
#include <string>
#include <vector>

#include "baseline/builder.hpp"
#include "baseline/source/terraform_state.hpp"
#include "tests/fuzz/must.hpp"

namespace {

using namespace plumbline;

Result<baseline::Baseline> read(const std::vector<std::string>& instances) {
  static const baseline::KeyedHash key(std::array<std::byte, 32>{});
  static const baseline::Fingerprinter fingerprints(key);
  std::string text = R"({"version":4,"serial":1,"lineage":"l","resources":[{"mode":"managed","type":"aws_db_instance",)"
                     R"("name":"n","provider":"provider[\"x/aws\"]","instances":[)";
  for (std::size_t i = 0; i < instances.size(); ++i) text += (i == 0 ? "" : ",") + instances[i];
  text += "]}]}";
  baseline::BaselineBuilder builder;
  const auto done = baseline::read_terraform_state({"f", "", "/srv/f"}, text, {key, fingerprints}, builder);
  if (!done) return done.error();
  return builder.take();
}

bool same(const baseline::Resource& a, const baseline::Resource& b) {
  const auto same_attribute = [](const baseline::Attribute& x, const baseline::Attribute& y) {
    return x.path == y.path && x.hash == y.hash && x.value == y.value && x.sensitive == y.sensitive;
  };
  return a.address == b.address && a.provider == b.provider && a.type == b.type && a.ids == b.ids &&
         a.region == b.region && a.account == b.account &&
         std::equal(a.attributes.begin(), a.attributes.end(), b.attributes.begin(), b.attributes.end(), same_attribute);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto byte = [&]() -> std::size_t {
    if (input.empty()) return 0;
    const auto first = static_cast<unsigned char>(input.front());
    input.remove_prefix(1);
    return first;
  };
  struct Edit {
    std::size_t at, gone;
    std::string_view come;
  };
  std::vector<Edit> edits(byte() % 5);
  for (auto& [at, gone, come] : edits) {
    at = byte() << 8;
    at |= byte();
    gone = byte() % 32;
    come = input.substr(0, byte() % 32);
    input.remove_prefix(come.size());
  }
  std::vector<std::string> instances(2, std::string(input));  // the second of a type is remembered
  for (const auto& [at, gone, come] : edits) {
    std::string next = instances.back();
    const std::size_t place = next.empty() ? 0 : at % next.size();
    instances.push_back(next.replace(place, gone, come));
  }
  std::vector<baseline::Resource> alone;
  bool refused = false;
  int malformed = 0;
  for (const auto& instance : instances) {
    simdjson::dom::parser parser;
    malformed += parser.parse(simdjson::padded_string(instance)).is_object() ? 0 : 1;
    auto one = read({instance});
    refused = refused || !one;
    if (one) alone.insert(alone.end(), one->resources.begin(), one->resources.end());
  }
  if (malformed > 1) return 0;  // together they may be brackets that fit
  const auto together = read(instances);
  fuzz::must(refused == !together, "an instance is refused where it is refused alone");
  if (refused || malformed != 0) return 0;
  fuzz::must(std::equal(together->resources.begin(), together->resources.end(), alone.begin(), alone.end(), same),
             "an instance is what it is alone");
  return 0;
}
