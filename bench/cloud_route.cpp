// How long it takes to name the operation of a request by its head, beside the least that any recogniser must do: look
// at each byte of the head once, in the same run. Prints one JSON object.
//
//   bench_cloud_route [ROUNDS]
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "cloud/operation.hpp"
#include "cloud/table/tables.hpp"

namespace {

using namespace plumbline::cloud;
using Steady = std::chrono::steady_clock;

struct Sent {
  std::string method, host, path, service;
  std::vector<std::pair<std::string, std::string>> more;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::vector<HeaderField> views;
};

/// Shapes of all wires, with the headers that the AWS command line sends.
std::vector<Sent> requests() {
  const std::string form = "application/x-www-form-urlencoded; charset=utf-8";
  std::vector<Sent> all = {
      {"POST",
       "ec2.eu-west-1.amazonaws.com",
       "/",
       "ec2",
       {{"Content-Type", form}},
       {},
       "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupId=sg-1&IpPermissions.1.IpProtocol=tcp&"
       "IpPermissions.1.FromPort=22",
       {}},
      {"POST",
       "monitoring.eu-west-1.amazonaws.com",
       "/",
       "monitoring",
       {{"X-Amz-Target", "GraniteServiceVersion20100801.PutMetricAlarm"}},
       {},
       R"({"AlarmName":"a"})",
       {}},
      {"POST",
       "monitoring.eu-west-1.amazonaws.com",
       "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm",
       "monitoring",
       {{"smithy-protocol", "rpc-v2-cbor"}},
       {},
       "\xA0",
       {}},
      {"PUT", "logs.example.s3.dualstack.eu-west-1.amazonaws.com", "/?policy", "s3", {}, {}, "{}", {}},
      {"PUT", "s3.eu-west-1.amazonaws.com", "/logs/a/long/key/of/some/segments?x-id=PutObject", "s3", {}, {}, "", {}},
      {"PUT",
       "lambda.eu-west-1.amazonaws.com",
       "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af/configuration",
       "lambda",
       {},
       {},
       "{}",
       {}},
      {"POST",
       "api.sagemaker.eu-west-1.amazonaws.com",
       "/",
       "sagemaker",
       {{"X-Amz-Target", "SageMaker.UpdateEndpoint"}},
       {},
       "{}",
       {}},
      {"PATCH",
       "apigateway.eu-west-1.amazonaws.com",
       "/restapis/abc/resources/def/methods/GET/integration/responses/200",
       "apigateway",
       {},
       {},
       "{}",
       {}},
      {"GET", "example.com", "/index.html", "", {}, {}, "", {}},
  };
  for (auto& sent : all) {
    sent.headers = {{"Accept-Encoding", "identity"},
                    {"User-Agent",
                     "aws-cli/2.15.0 md/Botocore#2.4.5 ua/2.0 os/linux#6.1 md/arch#x86_64 lang/python#3.11.6 "
                     "cfg/retry-mode#standard"},
                    {"X-Amz-Date", "20261123T000000Z"},
                    {"X-Amz-Security-Token", std::string(800, 't')},
                    {"amz-sdk-invocation-id", "4b1f0b5e-2f5d-4b1c-9d4f-3f0b3a1c2d3e"},
                    {"amz-sdk-request", "attempt=1"}};
    sent.headers.insert(sent.headers.end(), sent.more.begin(), sent.more.end());
    if (!sent.service.empty())
      sent.headers.emplace_back("Authorization",
                                "AWS4-HMAC-SHA256 Credential=ASIAQNZGKIQY56JQ7WML/20261123/eu-west-1/" + sent.service +
                                    "/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + std::string(64, 'f'));
    for (const auto& [name, value] : sent.headers) sent.views.push_back({name, value});
  }
  return all;
}

template <class Work>
double nanoseconds_each(const std::vector<Sent>& all, std::size_t rounds, const Work& work) {
  std::array<double, 5> runs{};
  for (auto& run : runs) {
    const auto begin = Steady::now();
    for (std::size_t i = 0; i < rounds; ++i)
      for (const auto& sent : all) work(sent);
    run = std::chrono::duration<double, std::nano>(Steady::now() - begin).count() /
          static_cast<double>(rounds * all.size());
  }
  std::sort(runs.begin(), runs.end());
  return runs[2];
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t rounds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20'000;
  const auto all = requests();
  std::size_t sum = 0;
  const double looked_at = nanoseconds_each(all, rounds, [&](const Sent& sent) {
    for (const auto& field : sent.views)
      for (const char c : field.value) sum += static_cast<unsigned char>(c);
    for (const char c : sent.path) sum += static_cast<unsigned char>(c);
  });
  double slowest = 0;
  const auto one = [&](const Sent& sent) {
    const Head head{sent.method, sent.host, sent.path, sent.views};
    Route found = route(head);
    if (found.unmapped == Unmapped::needs_body) found = route(head, sent.body);
    sum += found.operation;
  };
  const double routed = nanoseconds_each(all, rounds, one);
  for (const auto& sent : all) slowest = std::max(slowest, nanoseconds_each({sent}, rounds, one));
  const double decoded = nanoseconds_each(all, rounds / 10, [&](const Sent& sent) {
    const Head head{sent.method, sent.host, sent.path, sent.views};
    sum += decode({head, sent.body, false}, {200, {}, {}, false}).service.size();
  });
  if (sum == 0) return 1;
  std::printf(
      "{\"head_bytes_ns\": %.0f, \"route_ns\": %.0f, \"route_slowest_ns\": %.0f, \"decode_ns\": %.0f, \"table_bytes\": "
      "%zu}\n",
      looked_at, routed, slowest, decoded, table::bytes());
  return 0;
}
