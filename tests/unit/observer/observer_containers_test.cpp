// Files in containers: real processes in roots of their own, and runtimes' files that the test writes as runc does.
// Kernel side and clock are doubles.
#include "tests/unit/observer/observer_fixture.hpp"
#include "tests/unit/support/contained_process.hpp"

namespace plumbline::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using wire::DriftState;

class ObserverContainers : public ObserverFixture {
 protected:
  void SetUp() override {
    const ContainedProcess probe(empty_.path());
    if (!probe.why_not().empty()) GTEST_SKIP() << probe.why_not();
    manifest(R"({path: /etc/app.conf, mode: "0644", containers: {pod: "web-*", name: main}})");
  }

  void manifest(const std::string& files) {
    std::ofstream(dir_ / "m.yaml") << "{apiVersion: plumbline/v1, kind: Manifest, revision: \"" << ++revision_
                                   << "\", files: [" << files << "]}";
  }
  void start_agent() {
    make_observer({{"m", "manifest", dir_ / "m.yaml"}});
    start();
  }

  struct Container {
    std::string id, root;
    std::unique_ptr<ContainedProcess> process;
  };
  /// As runc does it: root, process, state.
  Container run(const std::string& id, const std::string& pod, mode_t mode = 0644, const std::string& more = "x=y") {
    Container container{id, dir_ / "roots/" + id, nullptr};
    dir_.write("roots/" + id + "/etc/app.conf", "a");
    ::chmod((container.root + "/etc/app.conf").c_str(), mode);
    container.process = std::make_unique<ContainedProcess>(container.root);
    EXPECT_EQ(container.process->why_not(), "");
    note(container, pod, more);
    return container;
  }
  void note(const Container& container, const std::string& pod, const std::string& more = "x=y") {
    empty_.write(container.id + "/state.json",
                 container.process->state(container.id, {"io.kubernetes.cri.sandbox-name=" + pod,
                                                         "io.kubernetes.cri.container-name=main", more}));
    kernel_.touch(empty_.path());
    settle();
  }
  void end(Container& container) {
    container.process->end();
    fs::remove_all(empty_ / container.id);
    kernel_.touch(empty_.path());
    settle();
  }
  void settle() {
    if (!observer_) return;
    observer_->on_ring();
    clock_.pass(std::chrono::seconds(1));
    observer_->on_timer();
  }
  void chmod(const Container& container, mode_t mode) {
    ::chmod((container.root + "/etc/app.conf").c_str(), mode);
    kernel_.touch(container.root + "/etc/app.conf");
    settle();
  }

  std::vector<std::string> open_in() const {
    std::vector<std::string> ids;
    for (const auto& drift : state_.drifts())
      if (drift.state == DriftState::open) ids.push_back(drift.where.container ? drift.where.container->id : "node");
    return ids;
  }
  std::vector<std::string> rows() const {
    std::vector<std::string> all;
    for (const auto& row : state_.resources()) all.push_back(row.container ? row.container->id : "node");
    return all;
  }
  std::string blind_spot(const std::string& id) const {
    for (const auto& spot : state_.blind_spots())
      if (spot.id == id) return spot.scope + ": " + spot.because;
    return "";
  }
  int revision_ = 0;
};

TEST_F(ObserverContainers, of_two_replicas_each_has_a_row_and_a_drift_of_its_own) {
  const auto one = run("c1", "web-1"), two = run("c2", "web-2"), other = run("c3", "api-1");
  start_agent();
  EXPECT_THAT(rows(), UnorderedElementsAre("c1", "c2"));
  EXPECT_THAT(open_in(), IsEmpty());
  chmod(one, 0666);
  EXPECT_THAT(open_in(), UnorderedElementsAre("c1"));
  chmod(two, 0600);
  EXPECT_THAT(open_in(), UnorderedElementsAre("c1", "c2"));
  chmod(other, 0600);
  EXPECT_THAT(open_in(), UnorderedElementsAre("c1", "c2"));
  chmod(one, 0644);
  EXPECT_THAT(open_in(), UnorderedElementsAre("c2"));
  const auto drift = state_.drifts().front();
  EXPECT_EQ(drift.where.path, "/etc/app.conf");
  EXPECT_THAT(drift.resource, HasSubstr("[pod=web-*,name=main]/etc/app.conf"));
}

TEST_F(ObserverContainers, one_that_starts_is_looked_at_and_one_that_ends_takes_its_drift_along) {
  start_agent();
  EXPECT_THAT(rows(), IsEmpty());
  auto one = run("c1", "web-1", 0600);
  EXPECT_THAT(open_in(), UnorderedElementsAre("c1"));
  end(one);
  EXPECT_THAT(open_in(), IsEmpty());
  EXPECT_THAT(rows(), IsEmpty());
  const auto drift = state_.drifts().front();
  EXPECT_EQ(drift.state, DriftState::accepted);
  EXPECT_THAT(drift.closed_by, HasSubstr("its container is gone"));
  EXPECT_EQ(counters_.container_files.load(), 0u);
}

TEST_F(ObserverContainers, what_goes_missing_because_it_ended_is_no_drift) {
  auto one = run("c1", "web-1");
  start_agent();
  one.process->end();
  fs::remove(one.root + "/etc/app.conf");
  kernel_.touch(one.root + "/etc");
  settle();
  EXPECT_THAT(open_in(), IsEmpty());
  EXPECT_TRUE(state_.drifts().empty());
  EXPECT_THAT(rows(), IsEmpty()) << "also where its runtime did not note it";
}

TEST_F(ObserverContainers, after_a_restart_of_the_agent_its_drift_goes_on_once) {
  auto one = run("c1", "web-1"), two = run("c2", "web-2");
  start_agent();
  chmod(one, 0666);
  chmod(two, 0666);
  const auto before = state_.drifts();
  ASSERT_EQ(before.size(), 2u);
  observer_.reset();
  two.process->end();
  fs::remove_all(empty_ / "c2");
  start_agent();
  EXPECT_THAT(open_in(), UnorderedElementsAre("c1"));
  for (const auto& drift : state_.drifts()) {
    EXPECT_EQ(drift.count, 1u);
    if (drift.state != DriftState::open) {
      EXPECT_THAT(drift.closed_by, HasSubstr("its container is gone"));
    }
  }
}

TEST_F(ObserverContainers, a_pods_sandbox_is_no_container_of_it) {
  start_agent();
  const auto sandbox = run("c1", "web-1", 0600, "io.kubernetes.cri.container-type=sandbox");
  EXPECT_THAT(rows(), IsEmpty());
}

TEST_F(ObserverContainers, a_revision_that_selects_others_lets_go) {
  auto one = run("c1", "web-1", 0600), two = run("c2", "api-1", 0600);
  start_agent();
  EXPECT_THAT(open_in(), UnorderedElementsAre("c1"));
  manifest(R"({path: /etc/app.conf, mode: "0644", containers: {pod: "api-*"}})");
  kernel_.touch(dir_ / "m.yaml");
  settle();
  EXPECT_THAT(open_in(), UnorderedElementsAre("c2"));
  EXPECT_THAT(rows(), UnorderedElementsAre("c2"));
  manifest(R"({path: /nowhere, absent: true})");
  kernel_.touch(dir_ / "m.yaml");
  settle();
  EXPECT_THAT(rows(), UnorderedElementsAre("node"));
  EXPECT_EQ(blind_spot("container_mounts"), "");
}

TEST_F(ObserverContainers, what_is_past_the_bound_is_told_and_comes_in_when_there_is_room) {
  auto one = run("c1", "web-1"), two = run("c2", "web-2");
  most_ = 1;
  start_agent();
  observer_->on_timer();
  EXPECT_EQ(rows().size(), 1u);
  settle();
  clock_.pass(std::chrono::seconds(11));
  observer_->on_timer();
  EXPECT_THAT(blind_spot("container_files_crowded"), HasSubstr("limits.max_container_files is 1"));
  EXPECT_EQ(counters_.container_files_crowded.load(), 1u);
  end(rows().front() == "c1" ? one : two);
  EXPECT_EQ(rows().size(), 1u);
  EXPECT_EQ(blind_spot("container_files_crowded"), "");
}

TEST_F(ObserverContainers, as_its_image_has_it_takes_an_overlay) {
  manifest(R"({path: /etc/app.conf, image: true, containers: {pod: "web-*"}})");
  const auto one = run("c1", "web-1");
  start_agent();
  EXPECT_THAT(rows(), UnorderedElementsAre("c1"));
  EXPECT_THAT(open_in(), IsEmpty());
  EXPECT_THAT(blind_spot("image_not_known"), HasSubstr("declare sha256 instead of image"));
  chmod(one, 0600);
  EXPECT_THAT(open_in(), IsEmpty());
}

TEST_F(ObserverContainers, a_process_in_a_root_that_is_not_its_runtimes_is_not_looked_into) {
  start_agent();
  const auto one = run("c1", "web-1");
  Container other{"c2", dir_ / "roots/c1/fake", nullptr};
  dir_.write("roots/c1/fake/etc/app.conf", "b");
  other.process = std::make_unique<ContainedProcess>(other.root);
  nlohmann::json state = nlohmann::json::parse(
      other.process->state("c2", {"io.kubernetes.cri.sandbox-name=web-2", "io.kubernetes.cri.container-name=main"}));
  state["config"]["rootfs"] = one.root;
  empty_.write("c2/state.json", state.dump());
  kernel_.touch(empty_.path());
  settle();
  clock_.pass(std::chrono::seconds(11));
  observer_->on_timer();
  EXPECT_THAT(rows(), UnorderedElementsAre("c1"));
  EXPECT_THAT(blind_spot("container_not_watched"), HasSubstr("another root"));
}

}  // namespace
}  // namespace plumbline::agent
