// Lines of `plumb decode`.
#include "cloud/operation.hpp"
#include "ctl/exchange.hpp"
#include "tests/fuzz/cloud_promises.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plumbline;
  const auto exchange = ctl::Exchange::parse({reinterpret_cast<const char*>(data), size});
  if (!exchange) {
    fuzz::must_be_readable(exchange.error());
    return 0;
  }
  fuzz::check_operation(cloud::decode(exchange->request(), exchange->response()));
  return 0;
}
