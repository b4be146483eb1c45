// How long it takes to name the operation of a request by its head, beside the least that any recogniser must do: look
// at each byte of the head once, in the same run. Prints one JSON object.
//
//   bench_cloud_route [ROUNDS]
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string>
#include <vector>

#include "cloud/operation.hpp"
#include "cloud/table/tables.hpp"

namespace {

using namespace plumbline::cloud;
using Steady = std::chrono::steady_clock;

struct Sent {
  const char* cloud = "aws";
  std::string method, host, path, service;
  std::vector<std::pair<std::string, std::string>> more;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::vector<HeaderField> views;
};

/// Views are into the object itself: again for each copy.
void look_at_own(Sent& sent) {
  sent.views.clear();
  for (const auto& [name, value] : sent.headers) sent.views.push_back({name, value});
}

/// Requests as kubectl, az and gcloud send them: to the APIs with most paths, and to some with few.
std::vector<Sent> others() {
  const std::string group = "/subscriptions/8d1f4a2e-0f0b-4a57-9d3f-3a1c7a5d9b11/resourceGroups/shop/providers/";
  std::string token = "eyJhbGciOiJSUzI1NiJ9.";
  for (unsigned seed = 1; token.size() < 900; seed = seed * 1'103'515'245 + 12'345)
    token += "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[seed >> 16 & 63];
  const std::pair<std::string, std::string> bearer{"Authorization", "Bearer " + token};
  const auto sent = [&](const char* cloud, std::string method, std::string host, std::string path, std::string agent,
                        std::string type) {
    return Sent{
        cloud,
        std::move(method),
        std::move(host),
        std::move(path),
        "",
        {},
        {{"Accept", "application/json"}, {"Content-Type", std::move(type)}, {"User-Agent", std::move(agent)}, bearer},
        "{}",
        {}};
  };
  const std::string gcloud = "google-cloud-sdk gcloud/528.0.0 command/gcloud.compute.instances.add-metadata";
  const std::string az = "AZURECLI/2.45.0 azsdk-python-core/1.26.3 Python/3.11.2";
  const std::string kubectl = "kubectl/v1.32.4 (linux/amd64) kubernetes/59526cd";
  const std::string json = "application/json";
  const std::string projects = "/compute/v1/projects/shop/";
  return {
      sent("gcp", "POST", "compute.googleapis.com", projects + "zones/europe-west1-b/instances/vm1/setMetadata", gcloud,
           json),
      sent("gcp", "GET", "compute.googleapis.com", projects + "zones/europe-west1-b/instances/vm1", gcloud, json),
      sent("gcp", "PATCH", "compute.googleapis.com", projects + "global/backendServices/shop", gcloud, json),
      sent("gcp", "PATCH", "storage.googleapis.com", "/storage/v1/b/logs", gcloud, json),
      sent("gcp", "POST", "cloudkms.googleapis.com", "/v1/projects/shop/locations/l/keyRings/k:setIamPolicy", gcloud,
           json),
      sent("azure", "PATCH", "management.azure.com",
           group + "Microsoft.Compute/virtualMachines/vm1?api-version=2023-03-01", az, json),
      sent("azure", "PUT", "management.azure.com",
           group + "Microsoft.Network/networkSecurityGroups/web/securityRules/ssh?api-version=2023-03-01", az, json),
      sent("azure", "POST", "management.azure.com",
           group + "Microsoft.Compute/virtualMachines/vm1/start?api-version=2023-03-01", az, json),
      sent("kubernetes", "PATCH", "10.0.0.1:6443",
           "/apis/apps/v1/namespaces/shop/deployments/web?fieldManager=kubectl-edit", kubectl,
           "application/strategic-merge-patch+json"),
      sent("kubernetes", "PUT", "10.0.0.1:6443", "/api/v1/namespaces/shop/configmaps/web", kubectl, json),
      sent("kubernetes", "PATCH", "10.0.0.1:6443", "/apis/apps/v1/namespaces/shop/deployments/web/scale", kubectl,
           "application/merge-patch+json"),
  };
}

/// Shapes of all wires, with the headers that each cloud's command line sends.
std::vector<Sent> requests() {
  const std::string form = "application/x-www-form-urlencoded; charset=utf-8";
  std::vector<Sent> all = {
      {"aws",
       "POST",
       "ec2.eu-west-1.amazonaws.com",
       "/",
       "ec2",
       {{"Content-Type", form}},
       {},
       "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupId=sg-1&IpPermissions.1.IpProtocol=tcp&"
       "IpPermissions.1.FromPort=22",
       {}},
      {"aws",
       "POST",
       "monitoring.eu-west-1.amazonaws.com",
       "/",
       "monitoring",
       {{"X-Amz-Target", "GraniteServiceVersion20100801.PutMetricAlarm"}},
       {},
       R"({"AlarmName":"a"})",
       {}},
      {"aws",
       "POST",
       "monitoring.eu-west-1.amazonaws.com",
       "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm",
       "monitoring",
       {{"smithy-protocol", "rpc-v2-cbor"}},
       {},
       "\xA0",
       {}},
      {"aws", "PUT", "logs.example.s3.dualstack.eu-west-1.amazonaws.com", "/?policy", "s3", {}, {}, "{}", {}},
      {"aws",
       "PUT",
       "s3.eu-west-1.amazonaws.com",
       "/logs/a/long/key/of/some/segments?x-id=PutObject",
       "s3",
       {},
       {},
       "",
       {}},
      {"aws",
       "PUT",
       "lambda.eu-west-1.amazonaws.com",
       "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af/configuration",
       "lambda",
       {},
       {},
       "{}",
       {}},
      {"aws",
       "POST",
       "api.sagemaker.eu-west-1.amazonaws.com",
       "/",
       "sagemaker",
       {{"X-Amz-Target", "SageMaker.UpdateEndpoint"}},
       {},
       "{}",
       {}},
      {"aws",
       "PATCH",
       "apigateway.eu-west-1.amazonaws.com",
       "/restapis/abc/resources/def/methods/GET/integration/responses/200",
       "apigateway",
       {},
       {},
       "{}",
       {}},
      {"none", "GET", "example.com", "/index.html", "", {}, {}, "", {}},
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
  }
  for (auto& sent : others()) all.push_back(std::move(sent));
  for (auto& sent : all) look_at_own(sent);
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
  const auto one = [&](const Sent& sent) {
    const Head head{sent.method, sent.host, sent.path, sent.views};
    Route found = route(head);
    if (found.unmapped == Unmapped::needs_body) found = route(head, sent.body);
    sum += found.operation;
  };
  const double routed = nanoseconds_each(all, rounds, one);
  std::string each;
  for (const std::string cloud : {"aws", "gcp", "azure", "kubernetes", "none"}) {
    std::vector<Sent> mine;
    std::copy_if(all.begin(), all.end(), std::back_inserter(mine),
                 [&](const Sent& sent) { return sent.cloud == cloud; });
    for (auto& sent : mine) {
      look_at_own(sent);
      const bool known = route({sent.method, sent.host, sent.path, sent.views}, sent.body).unmapped == Unmapped::no;
      if (known != (cloud != "none")) return 1;  // it would measure how fast something is not found
    }
    double slowest = 0;
    for (const auto& sent : mine) {
      std::vector<Sent> alone{sent};
      look_at_own(alone[0]);
      slowest = std::max(slowest, nanoseconds_each(alone, rounds, one));
    }
    std::array<char, 128> text;
    std::snprintf(text.data(), text.size(), "\"%s\": {\"shapes\": %zu, \"route_ns\": %.0f, \"slowest_ns\": %.0f}, ",
                  cloud.c_str(), mine.size(), nanoseconds_each(mine, rounds, one), slowest);
    each += text.data();
  }
  const double decoded = nanoseconds_each(all, rounds / 10, [&](const Sent& sent) {
    const Head head{sent.method, sent.host, sent.path, sent.views};
    sum += decode({head, sent.body, false}, {200, {}, {}, false}).service.size();
  });
  if (sum == 0) return 1;
  std::printf("{\"head_bytes_ns\": %.0f, \"route_ns\": %.0f, %s\"decode_ns\": %.0f, \"table_bytes\": %zu}\n", looked_at,
              routed, each.c_str(), decoded, table::bytes());
  return 0;
}
