#include "baseline/source/helm.hpp"

#include <openssl/evp.h>

#include "tests/fuzz/check_reader.hpp"

namespace {

std::string base64(std::string_view bytes) {
  std::string text(bytes.size() / 3 * 4 + 5, '\0');
  text.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                       reinterpret_cast<const unsigned char*>(bytes.data()),
                                                       static_cast<int>(bytes.size()))));
  return text;
}

}  // namespace

/// The bytes as a record, and as what is packed in one, which no mutation would ever find through two layers of base64.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plumbline;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  fuzz::check_reader(baseline::read_helm, bytes);
  fuzz::check_reader(
      baseline::read_helm,
      R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"sh.helm.release.v1.r.v1","namespace":"n",)"
      R"("labels":{"status":"deployed"}},"type":"helm.sh/release.v1","data":{"release":")" +
          base64(base64(bytes)) + "\"}}");
  return 0;
}
