// A form body by itself, and as that of an operation.
#include "tests/fuzz/cloud_promises.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plumbline;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  fuzz::check_body(cloud::decode_form, body);
  const std::array<cloud::HeaderField, 2> headers = {
      {{"authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/rds/aws4_request"},
       {"content-type", "application/x-www-form-urlencoded"}}};
  const cloud::Head head{"POST", "localhost", "/", headers};
  fuzz::check_operation(cloud::decode({head, body, false}, {400, headers, body, true}));
  fuzz::check_operation(cloud::decode({head, body, true}, {200, headers, body, false}));
  return 0;
}
