// The head of a request, each part on a line of its own: method, host, target, then headers as "name: value".
#include "baseline/source/gunzip.hpp"
#include "cloud/aws/metadata.hpp"
#include "cloud/body/secret_prints.hpp"
#include "cloud/kubernetes/object.hpp"
#include "cloud/operation.hpp"
#include "cloud/table/tables.hpp"
#include "tests/fuzz/cloud_promises.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plumbline;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto line = [&] {
    const auto end = text.find('\n');
    const auto part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return part;
  };
  cloud::Head head;
  head.method = line();
  head.host = line();
  head.target = line();
  std::vector<cloud::HeaderField> headers;
  while (!text.empty() && headers.size() < 100) {
    const auto field = line();
    const auto colon = field.find(": ");
    if (colon == std::string_view::npos) break;
    headers.push_back({field.substr(0, colon), field.substr(colon + 2)});
  }
  head.headers = headers;
  const cloud::Route route = cloud::route(head, text);
  const bool by_row = route.provider == cloud::Provider::aws;
  fuzz::must(!by_row || (route.unmapped == cloud::Unmapped::no) == (route.operation != cloud::table::no_row),
             "mapped has an operation");
  fuzz::must(route.provider != cloud::Provider::none || route.unmapped == cloud::Unmapped::not_cloud,
             "nobody's is not ours");
  fuzz::must(route.keep <= cloud::max_body, "what is kept has a bound");
  fuzz::must(route.label_count <= route.labels.size(), "labels have room");
  fuzz::must(route.unmapped != cloud::Unmapped::no || !route.operation_name().empty(), "an operation has a name");
  const auto again = cloud::route(head, text);
  fuzz::must(again.operation == route.operation && again.unmapped == route.unmapped, "the same is the same");
  for (const auto service : {cloud::aws::MetadataService::imds, cloud::aws::MetadataService::ecs,
                             cloud::aws::MetadataService::pod_identity}) {
    cloud::Operation handed_out;
    handed_out.grant = cloud::aws::metadata_grant(service, {head, {}}, {200, {}, text, false});
    fuzz::must(!handed_out.grant || cloud::aws::asks_for_credentials(service, head),
               "nobody gets what he did not ask for");
    fuzz::check_operation(handed_out);
  }
  fuzz::check_operation(cloud::decode({head, text, false}, {200, headers, text, false}));
  // As the agent asks: secrets by fingerprints, and which version of a state an answer holds.
  static const baseline::KeyedHash key{std::array<std::byte, 32>{}};
  static const cloud::SecretPrints prints({&key});
  const auto operation = cloud::decode({head, text, true, &prints}, {200, headers, text, false});
  fuzz::check_operation(operation);
  (void)cloud::kubernetes::leaves_held(operation.parameters, true);
  const std::string unpacked = baseline::gunzip_start(text, 4096);
  fuzz::must(unpacked.size() <= 4096, "what is unpacked has a bound");
  for (const std::string_view answer : {text, std::string_view(unpacked)})
    fuzz::must(cloud::kubernetes::object_version(answer, true).size() <= 257, "a version is short");
  return 0;
}
