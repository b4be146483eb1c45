// Files in the volumes of pods, as kubelet makes them: what is told of them, and when. The API server is what the test
// hands over; kernel side and clock are doubles.
#include <unistd.h>

#include "agent/fetching.hpp"
#include "baseline/kubelet.hpp"
#include "tests/unit/observer/observer_fixture.hpp"

namespace plumbline::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;
using wire::DriftState;

class ObserverPods : public ObserverFixture {
 protected:
  ObserverPods() {
    make_observer({{"node", "kubernetes", std::string(baseline::pods_location), {}, dir_ / "kubelet"}});
    observer_->set_ask_again([this](const std::string& name, bool any_revision) {
      EXPECT_EQ(name, "node");
      EXPECT_FALSE(any_revision);
      ++asked_;
    });
    start();
  }

  /// What the API server says now: the ConfigMap's content, and the pod with this status.
  void answer(const std::string& content, const std::string& status = R"("phase":"Running")", const char* more = "") {
    const auto began = std::chrono::steady_clock::now() + lead_;
    const std::string list =
        R"({"apiVersion":"v1","kind":"List","metadata":{"resourceVersion":")" + std::to_string(++version_) +
        R"("},"items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","namespace":"n"},"data":{"a":")" +
        content + R"("}},{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n","uid":"11")" + more +
        R"(},"spec":{"nodeName":"n1","hostUsers":false,"volumes":[{"name":"v","configMap":{"name":"c"}}]},"status":{)" +
        status + "}}]}";
    const auto keeper = observer_->remote_keepers().at(0);
    auto taken = keeper->load(false, list);
    ASSERT_TRUE(taken) << taken.error().message();
    observer_->take_fetched(*observer_->remote_keepers().at(0), std::optional(std::move(*taken)), baseline::Move::none);
    observer_->answered("node", began);
  }
  void answer_nothing_new() {
    observer_->take_fetched(*observer_->remote_keepers().at(0), std::optional<fetch::SourceKeeper::Taken>(),
                            baseline::Move::none);
    observer_->answered("node", std::chrono::steady_clock::now() + lead_);
  }
  void answer_that_it_is_down() {
    observer_->take_fetched(*observer_->remote_keepers().at(0), Error{ErrorCode::unavailable, "ask", "it is down", ""},
                            baseline::Move::none);
    observer_->answered("node", std::chrono::steady_clock::now() + lead_);
  }

  /// As kubelet's atomic writer does it, for the first time and later.
  void write(const std::string& content) {
    const std::string fresh = "..at" + std::to_string(++version_);
    fs::create_directories(volume_ / fresh);
    std::ofstream(volume_ / fresh / "a") << content;
    ::chown((volume_ / fresh / "a").c_str(), 0, 0);
    fs::create_directory_symlink(fresh, volume_ / "..data_tmp");
    fs::rename(volume_ / "..data_tmp", volume_ / "..data");
    if (!fs::is_symlink(volume_ / "a")) fs::create_symlink("..data/a", volume_ / "a");
  }
  /// Tells of changes in these folders and files.
  void moved(const std::vector<fs::path>& paths) {
    for (const auto& path : paths) kernel_.touch(path);
    observer_->on_ring();
  }
  void start_pod(const std::string& content) {
    fs::create_directories(volume_);
    write(content);
    moved({dir_.path(), dir_ / "kubelet", dir_ / "kubelet/pods"});
  }
  void run_pod() {
    start_pod("one");
    answer("one");
    ASSERT_EQ(comparison(), "match");
  }
  void pass(std::chrono::seconds seconds) {
    clock_.pass(seconds);
    observer_->on_timer();
  }

  std::vector<wire::Drift> open() const {
    std::vector<wire::Drift> all;
    for (const auto& drift : state_.drifts())
      if (drift.state == DriftState::open) all.push_back(drift);
    return all;
  }
  std::string comparison() const {
    for (const auto& row : state_.resources())
      if (row.path == volume_ / "a")
        return row.comparison == wire::ComparisonResult::match      ? "match"
               : row.comparison == wire::ComparisonResult::mismatch ? "mismatch"
                                                                    : "not_comparable";
    return "(not managed)";
  }
  std::uint64_t told() const {
    return counters_.findings_match + counters_.findings_mismatch + counters_.findings_not_comparable;
  }

  const fs::path volume_ = dir_ / "kubelet/pods/11/volumes/kubernetes.io~configmap/v";
  std::chrono::seconds lead_{0};  ///< answers that begin later than now
  int asked_ = 0, version_ = 100;
};

TEST_F(ObserverPods, a_pod_that_appears_is_asked_for_at_once) {
  fs::create_directories(dir_ / "kubelet/pods/22");
  moved({dir_.path()});
  EXPECT_EQ(asked_, 0) << "many may appear at once";
  pass(std::chrono::seconds(1));
  EXPECT_EQ(asked_, 1);
  fs::create_directories(dir_ / "kubelet/pods/33");
  moved({dir_ / "kubelet/pods"});
  pass(std::chrono::seconds(1));
  EXPECT_EQ(asked_, 2);
  EXPECT_LE(observer_->due_in_ns(), hour);
}

TEST_F(ObserverPods, a_pod_that_starts_is_no_drift) {
  answer("one", R"("phase":"Pending")");
  EXPECT_EQ(comparison(), "not_comparable");
  fs::create_directories(volume_);
  moved({dir_.path()});
  pass(std::chrono::seconds(3600));
  EXPECT_EQ(comparison(), "not_comparable") << "it waits for its image, or for another volume";
  write("one");
  moved({volume_});
  EXPECT_EQ(comparison(), "match");
  EXPECT_EQ(told(), 0u);
  answer("one");
  EXPECT_EQ(asked_, 1) << "of the pods' folder alone";
}

TEST_F(ObserverPods, a_pod_that_runs_and_never_gets_its_volume_is_told_in_the_end) {
  fs::create_directories(volume_);
  answer("one");
  EXPECT_EQ(comparison(), "not_comparable") << "after a restart of the node";
  pass(std::chrono::seconds(700));
  observer_->on_mounts_changed();
  pass(std::chrono::seconds(10));
  pass(std::chrono::seconds(15));
  ASSERT_EQ(open().size(), 1u);
  EXPECT_EQ(open()[0].diff.at(0).attribute, "existence");
}

TEST_F(ObserverPods, a_change_is_told_once_the_server_was_asked) {
  run_pod();
  std::ofstream(volume_ / "a") << "by hand";
  mark_actor somebody{};
  somebody.tgid = 4711;
  const auto slot = kernel_.touch(volume_ / "..data/a", somebody);
  observer_->on_ring();
  EXPECT_THAT(open(), IsEmpty());
  EXPECT_NE(kernel_.pending(slot), kernel_.handled(slot)) << "an agent that ends now loses nothing";
  lead_ = std::chrono::seconds(-100);
  answer_nothing_new();
  EXPECT_THAT(open(), IsEmpty()) << "that look was before the change";
  pass(std::chrono::seconds(0));
  EXPECT_GE(asked_, 1);
  lead_ = {};
  answer_nothing_new();
  ASSERT_EQ(open().size(), 1u);
  EXPECT_EQ(open()[0].resource, "k8s:node/v1/ConfigMap/n/c");
  EXPECT_TRUE(open()[0].actor.process || !open()[0].actor.unknown_reason.empty());
  EXPECT_EQ(kernel_.pending(slot), kernel_.handled(slot));
  EXPECT_EQ(told(), 1u);

  std::ofstream(volume_ / "a") << "one";
  moved({volume_ / "..data/a"});
  EXPECT_THAT(open(), IsEmpty()) << "what is right needs no question";
}

TEST_F(ObserverPods, a_change_is_told_where_nobody_answers) {
  run_pod();
  std::ofstream(volume_ / "a") << "by hand";
  moved({volume_ / "..data/a"});
  answer_that_it_is_down();
  EXPECT_EQ(open().size(), 1u);
  std::ofstream(volume_ / "a") << "again";
  moved({volume_ / "..data/a"});
  const auto before = told();
  pass(std::chrono::seconds(11));
  EXPECT_EQ(told(), before + 1) << "no answer at all";
}

TEST_F(ObserverPods, kubelet_may_move_first) {
  run_pod();
  write("two");
  moved({volume_});
  EXPECT_EQ(told(), 0u);
  answer("two");
  EXPECT_EQ(comparison(), "match");
  EXPECT_THAT(state_.drifts(), IsEmpty());
}

TEST_F(ObserverPods, the_baseline_may_move_first) {
  run_pod();
  answer("two");
  EXPECT_EQ(told(), 0u);
  answer_nothing_new();
  EXPECT_EQ(told(), 0u) << "kubelet follows within minutes";
  write("two");
  moved({volume_});
  EXPECT_EQ(comparison(), "match");
  EXPECT_THAT(state_.drifts(), IsEmpty());
}

TEST_F(ObserverPods, a_file_that_never_follows_is_told) {
  run_pod();
  answer("two");
  pass(std::chrono::seconds(200));
  ASSERT_EQ(open().size(), 1u);
}

TEST_F(ObserverPods, a_change_while_kubelet_is_late_is_told) {
  run_pod();
  answer("two");
  std::ofstream(volume_ / "a") << "by hand";
  moved({volume_ / "..data/a"});
  answer_nothing_new();
  EXPECT_EQ(open().size(), 1u);
}

TEST_F(ObserverPods, who_wrote_while_kubelet_is_late_is_named_in_the_end) {
  run_pod();
  answer("two");
  std::ofstream(volume_ / "a") << "one";  // what it was until the baseline moved
  mark_actor writer{};
  writer.tgid = 77;
  writer.start_boot_ns = 5;
  kernel_.touch(volume_ / "..data/a", writer);
  observer_->on_ring();
  EXPECT_EQ(told(), 0u) << "kubelet follows within minutes";
  pass(std::chrono::seconds(200));
  ASSERT_EQ(open().size(), 1u);
  ASSERT_TRUE(open()[0].actor.process) << open()[0].actor.unknown_reason;
  EXPECT_EQ(open()[0].actor.process->pid, 77u);
}

TEST_F(ObserverPods, a_pod_that_ends_is_no_drift) {
  run_pod();
  fs::remove_all(volume_);
  moved({volume_.parent_path()});
  EXPECT_THAT(open(), IsEmpty());
  lead_ = std::chrono::seconds(3);
  answer("one", R"("phase":"Running")", R"(,"deletionTimestamp":"2026-11-27T00:00:00Z")");
  EXPECT_EQ(comparison(), "(not managed)");
  EXPECT_EQ(told(), 0u);
}

TEST_F(ObserverPods, a_pod_whose_folder_is_gone_is_no_drift) {
  run_pod();
  fs::remove_all(dir_ / "kubelet/pods/11");
  moved({dir_ / "kubelet/pods"});
  pass(std::chrono::seconds(20));
  EXPECT_EQ(comparison(), "not_comparable");
  EXPECT_EQ(told(), 0u);
}

TEST_F(ObserverPods, a_volume_that_is_taken_from_a_pod_that_runs_is_drift) {
  run_pod();
  fs::remove_all(volume_);
  moved({volume_.parent_path()});
  answer_nothing_new();
  EXPECT_THAT(open(), IsEmpty()) << "the end of a pod is told a moment after its volumes go";
  pass(std::chrono::seconds(3));
  EXPECT_EQ(asked_, 1);
  lead_ = std::chrono::seconds(3);
  answer_nothing_new();
  ASSERT_EQ(open().size(), 1u);
  EXPECT_EQ(open()[0].diff.at(0).attribute, "existence");
}

TEST(PodFacts, are_added_to_a_container_where_the_cluster_told_of_its_pod) {
  ContainerFacts facts;
  const wire::Container known = [] {
    wire::Container container;
    container.id = "c1";
    container.pod_uid = "p1";
    container.image_digest = "sha256:of the runtime";
    return container;
  }();
  auto container = known;
  facts.add_to(container);
  EXPECT_EQ(container.service_account, "");
  EXPECT_EQ(container.image_digest, known.image_digest);
  facts.pods->replace({{"p1", {"web", {{"c1", "sha256:63c8"}, {"c2", "sha256:0000"}}}}, {"", {"nobody", {}}}});
  facts.add_to(container);
  EXPECT_EQ(container.service_account, "web");
  EXPECT_EQ(container.image_digest, "sha256:63c8");
  container = known;
  container.id = "c3";
  facts.add_to(container);
  EXPECT_EQ(container.service_account, "web");
  EXPECT_EQ(container.image_digest, known.image_digest) << "that of another container is not its";
  container = known;
  container.pod_uid.clear();
  facts.add_to(container);
  EXPECT_EQ(container.service_account, "") << "it is no pod's";
}

/// kubectl changes a ConfigMap: what the API server says next is the baseline then, and was meant.
TEST_F(ObserverPods, a_call_to_the_api_server_is_no_drift_of_what_it_says_itself) {
  answer("x");
  SeenCall seen;
  seen.actor.at_boot_ns = static_cast<std::uint64_t>(clock_.boot());
  seen.call.provider = "kubernetes";
  seen.call.operation = "update";
  seen.call.outcome = "succeeded";
  seen.call.ids = {"/api/v1/namespaces/n/configmaps/c"};
  seen.targets = {{seen.call.ids[0], nullptr}};
  observer_->take_call(seen);
  EXPECT_THAT(state_.drifts(), IsEmpty());
  EXPECT_EQ(counters_.calls_unmanaged, 1u);
}

}  // namespace
}  // namespace plumbline::agent
