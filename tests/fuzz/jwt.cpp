// Bytes of a bearer token.
#include <cstddef>
#include <cstdint>

#include "access/bearer_jwt.hpp"
#include "cloud/bearer.hpp"
#include "tests/fuzz/must.hpp"

using namespace plumbline;
using fuzz::must;

namespace {

// RFC 7515, A.3, and what its key signed there: nobody has the other half.
constexpr std::int64_t in_its_time = 1'300'819'379;
constexpr std::string_view signed_there =
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
    "fQ";

const cloud::TokenKeys& keys() {
  static const auto made = [] {
    cloud::TokenKeys all;
    must(all.add_jwks("RFC 7515",
                      R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                      R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})",
                      {"", true})
             .has_value(),
         "the RFC's key is one");
    return all;
  }();
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string token(reinterpret_cast<const char*>(data), size);
  if (keys().prove(token, in_its_time)) must(token.starts_with(signed_there), "only what was signed is proven");
  const cloud::TokenCheck check{keys(), in_its_time};
  const auto claims = cloud::claims_of_token(token, &check);
  for (const auto* text : {&claims.principal, &claims.proof.pod_uid, &claims.proof.pod})
    for (const char c : *text) must(static_cast<unsigned char>(c) >= ' ' && c != 0x7F, "a name is printable");
  if (claims.proof.is_signed) must(token.starts_with(signed_there), "only what was signed is proven");

  access::JwtConfig config;
  const auto subject = access::prove_jwt(token, keys(), config, in_its_time);
  must(!subject, "the RFC's token has no audience");
  fuzz::must_be_readable(subject.error());
  must(subject.error().message().size() < 1'024, "little of it is told");
  if (const auto said = access::said_by(token, "plumbline")) must(said->until >= 0, "a time is one");
  return 0;
}
