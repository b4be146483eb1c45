// Calls to API servers of Kubernetes: whose baseline each concerns, where there are several clusters.
#include "tests/unit/observer/observer_fixture.hpp"

namespace plumbline::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr const char* deployment = R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web",
"namespace":"shop"},"spec":{"replicas":2}})";

class ObserverClusters : public ObserverFixture {
 protected:
  /// Baselines of the same object, each with its cluster.
  void begin(const std::vector<std::pair<std::string, std::string>>& baselines) {
    std::vector<baseline::SourceSpec> specs;
    for (const auto& [name, cluster] : baselines) {
      auto& spec = specs.emplace_back(baseline::SourceSpec{name, "kubernetes", dir_.write(name + ".json", deployment)});
      spec.cluster = cluster;
    }
    make_observer(
        std::move(specs), std::nullopt,
        [this](wire::Finding& finding, bool, const std::string&, const ApprovalState&) { finding.verdict = verdict_; });
    start();
    Clusters clusters;
    clusters.add("prod", "https://api.prod.example:6443");
    clusters.add("prod", "https://10.0.0.1:6443");
    clusters.add("lab", "https://api.lab.example:6443");
    observer_->set_clusters(std::move(clusters));
  }
  void scale(const std::string& host, const std::string& replicas) {
    SeenCall seen;
    seen.actor.at_boot_ns = static_cast<std::uint64_t>(clock_.boot());
    seen.call.provider = "kubernetes";
    seen.call.operation = "patch deployments";
    seen.call.outcome = "succeeded";
    seen.call.semantics = "merge";
    seen.call.host = host;
    seen.targets = {{"/apis/apps/v1/namespaces/shop/deployments/web",
                     std::make_shared<const std::vector<CallType>>(
                         std::vector<CallType>{{"apps/v1/Deployment", {{"spec.replicas", replicas}}}})}};
    observer_->take_call(seen);
  }
  /// Baselines whose drift is open.
  std::vector<std::string> open() const {
    std::vector<std::string> names;
    for (const auto& drift : state_.drifts())
      if (drift.state == wire::DriftState::open) names.push_back(drift.baseline);
    return names;
  }
  wire::Verdict verdict_ = wire::Verdict::out_of_band;
};

TEST_F(ObserverClusters, a_call_to_another_cluster_is_not_of_this_baseline) {
  begin({{"shop-prod", "prod"}, {"shop-lab", "lab"}});
  scale("api.lab.example:6443", "5");
  EXPECT_THAT(open(), ElementsAre("shop-lab"));
  scale("10.0.0.1:6443", "5");
  EXPECT_THAT(open(), UnorderedElementsAre("shop-lab", "shop-prod"));
  EXPECT_THAT(state_.findings()[0].evidence,
              Contains(::testing::Field(&wire::Evidence::says, HasSubstr("10.0.0.1:6443 is an API server of prod"))));
}

TEST_F(ObserverClusters, a_call_by_the_name_of_another_cluster_is_on_record) {
  begin({{"shop-prod", "prod"}});
  scale("api.lab.example:6443", "5");
  EXPECT_THAT(open(), IsEmpty());
  ASSERT_THAT(state_.findings(), SizeIs(1)) << "its client may have talked to prod";
  const auto finding = state_.findings()[0];
  EXPECT_EQ(finding.drift_id, "");
  EXPECT_EQ(finding.comparison, wire::ComparisonResult::not_comparable);
  EXPECT_THAT(finding.missing_evidence, Contains(HasSubstr("api.lab.example:6443 is of lab, and baseline shop-prod")));
}

TEST_F(ObserverClusters, a_server_that_nobody_named_hides_nothing_and_puts_nothing_right) {
  begin({{"shop-prod", "prod"}});
  scale("localhost:6443", "5");
  ASSERT_THAT(open(), ElementsAre("shop-prod"));
  EXPECT_THAT(state_.drifts()[0].missing_evidence, Contains(HasSubstr("of which localhost:6443 is, nobody said")));
  verdict_ = wire::Verdict::in_band;
  scale("localhost:6443", "2");
  EXPECT_THAT(open(), SizeIs(1)) << "it may have been another cluster's";
  scale("api.prod.example:6443", "2");
  EXPECT_THAT(open(), IsEmpty());
}

TEST_F(ObserverClusters, a_baseline_without_a_cluster_is_of_any) {
  begin({{"shop", ""}});
  scale("localhost:6443", "5");
  ASSERT_THAT(open(), ElementsAre("shop"));
  EXPECT_THAT(state_.drifts()[0].missing_evidence, Not(Contains(HasSubstr("cluster"))));
  scale("api.lab.example:6443", "6");
  EXPECT_THAT(state_.drifts()[0].missing_evidence, Contains(HasSubstr("api.lab.example:6443 is of lab")));
  verdict_ = wire::Verdict::in_band;
  scale("api.lab.example:6443", "2");
  EXPECT_THAT(open(), IsEmpty());
}

TEST_F(ObserverClusters, what_is_fetched_from_a_server_is_of_that_servers_cluster) {
  begin({{"own", "https://10.9.9.9"}, {"named", "https://10.0.0.1:6443"}});
  scale("10.9.9.9:443", "5");
  EXPECT_THAT(open(), ElementsAre("own"));
  scale("api.prod.example:6443", "5");
  EXPECT_THAT(open(), UnorderedElementsAre("own", "named")) << "another name of the same cluster";
}

}  // namespace
}  // namespace plumbline::agent
