#include "agent/enrich/containers.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/support/docker_config.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

const std::string id(64, 'a');

TEST(ContainerId, is_found_in_every_runtimes_cgroup_names) {
  EXPECT_EQ(container_id_of("/libpod_parent/libpod-" + id), id);
  EXPECT_EQ(container_id_of("/machine.slice/libpod-" + id + ".scope/container"), id);
  EXPECT_EQ(container_id_of("/kubepods.slice/kubepods-burstable.slice/cri-containerd-" + id + ".scope"), id);
  EXPECT_EQ(container_id_of("/kubepods/burstable/pod1234/" + id), id);
  EXPECT_EQ(container_id_of("/system.slice/docker-" + id + ".scope"), id);
  EXPECT_EQ(container_id_of("/kubepods.slice/crio-" + id + ".scope"), id);
  EXPECT_EQ(container_id_of("/docker/" + id), id);
  EXPECT_EQ(container_id_of("/ecs/529630467358463ab6bbba4e73afe704/" + id), id) << "ECS on cgroup v1";
  EXPECT_EQ(
      container_id_of("/ecstasks.slice/ecstasks-529630467358463ab6bbba4e73afe704.slice/docker-" + id + ".scope/init"),
      id);
  EXPECT_EQ(container_id_of("/ecstasks.slice/ecstasks-529630467358463ab6bbba4e73afe704.slice"), "");
  EXPECT_EQ(container_id_of("/system.slice/nginx.service"), "");
  EXPECT_EQ(container_id_of(""), "");
}

const std::string uid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

TEST(PodUid, is_found_where_kubelet_names_cgroups) {
  std::string with_underscores = uid;
  std::replace(with_underscores.begin(), with_underscores.end(), '-', '_');
  EXPECT_EQ(pod_uid_of("/kubepods/burstable/pod" + uid + "/" + id), uid);
  EXPECT_EQ(pod_uid_of("/kubepods/pod" + uid), uid);
  EXPECT_EQ(pod_uid_of("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + with_underscores +
                       ".slice/cri-containerd-" + id + ".scope"),
            uid);
  EXPECT_EQ(pod_uid_of("/kubepods.slice/kubepods-pod" + with_underscores + ".slice/crio-" + id + ".scope"), uid);
  EXPECT_EQ(pod_uid_of("/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
                       "kubelet-kubepods-burstable-pod" +
                       with_underscores + ".slice/cri-containerd-" + id + ".scope"),
            uid);
  EXPECT_EQ(pod_uid_of("/kubelet/kubepods/burstable/pod" + uid + "/" + id), uid);
  EXPECT_EQ(pod_uid_of("/kubepods/pod" + std::string(32, 'b') + "/" + id), std::string(32, 'b')) << "a static pod's";
}

TEST(PodUid, is_none_of_a_cgroup_that_anybody_may_have_made) {
  const std::string other(32, 'b');
  EXPECT_EQ(pod_uid_of("/user.slice/user-1000.slice/user@1000.service/kubepods/pod" + uid), "");
  EXPECT_EQ(pod_uid_of("/machine.slice/libpod-" + id + ".scope/kubepods/pod" + uid), "");
  EXPECT_EQ(pod_uid_of("/pod" + uid), "");
  EXPECT_EQ(pod_uid_of("/kubepods/burstable/pod" + other + "/" + id + "/pod" + uid), other);
  EXPECT_EQ(pod_uid_of("/kubepods/" + id + "/pod" + uid), "");
  EXPECT_EQ(pod_uid_of("/kubepods/pod../" + uid), "");
  EXPECT_EQ(pod_uid_of("/kubepods/burstable"), "");
  EXPECT_EQ(pod_uid_of("/"), "");
  EXPECT_EQ(pod_uid_of(""), "");
}

class ContainersTest : public ::testing::Test {
 protected:
  void podman(const std::string& graph) {
    run_.write(id + "/state.json", R"({"id":")" + id + R"(","cgroup_paths":{"":"/sys/fs/cgroup/unified/x/libpod-)" +
                                       id + R"("},"config":{"labels":["io.container.manager=libpod","bundle=)" + graph +
                                       "/overlay-containers/" + id + R"(/userdata"]}})");
  }
  void docker(const std::string& cgroup) {
    docker_runc_.write(id + "/state.json",
                       R"({"id":")" + id + R"(","cgroup_paths":{"":"/sys/fs/cgroup)" + cgroup + R"("},"config":{}})");
  }
  TempDir run_, graph_, cgroup_, docker_runc_, docker_;
  Containers containers_{{cgroup_.path(), {run_ / "none", run_.path()}, docker_runc_.path(), docker_.path()}};
};

TEST_F(ContainersTest, a_host_process_has_none) {
  EXPECT_FALSE(containers_.find(1, 0));
}

TEST_F(ContainersTest, podman_gives_name_image_and_digest_from_disk) {
  podman(graph_.path());
  graph_.write(
      "overlay-containers/containers.json",
      R"([{"id":")" + id + R"(","names":["web"],"image":"img1","metadata":"{\"image-name\":\"localhost/x:1\"}"}])");
  graph_.write("overlay-images/images.json", R"([{"id":"img1","digest":"sha256:63c8"}])");
  containers_.on_cgroup(7, false, "/x/libpod-" + id);
  const auto found = containers_.find(7, 0);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->missing, "");
  EXPECT_EQ(found->container.runtime, "podman");
  EXPECT_EQ(found->container.name, "web");
  EXPECT_EQ(found->container.image, "localhost/x:1");
  EXPECT_EQ(found->container.image_digest, "sha256:63c8");
}

TEST_F(ContainersTest, a_cgroup_with_a_containers_name_is_not_the_container) {
  podman(graph_.path());
  containers_.on_cgroup(7, false, "/mine/libpod-" + id);
  containers_.on_cgroup(8, false, "/x/libpod-" + id + "more");
  containers_.on_cgroup(9, false, "/x/libpod-" + id + "/container");
  const auto claimed = containers_.find(7, 0);
  ASSERT_TRUE(claimed);
  EXPECT_NE(claimed->missing, "") << "named by its cgroup only";
  EXPECT_EQ(claimed->container.image_digest, "");
  EXPECT_FALSE(containers_.find(8, 0) && containers_.find(8, 0)->missing.empty());
  EXPECT_EQ(containers_.find(9, 0)->container.runtime, "podman");
}

TEST_F(ContainersTest, docker_s_container_has_its_names_and_ecs_task_from_docker_s_own_file) {
  docker_.write(id + "/config.v2.json", docker_config(id).dump());
  std::uint64_t cgroup = 20;
  for (const std::string& path :
       {"/docker/" + id, "/system.slice/docker-" + id + ".scope", "/ecs/529630467358463ab6bbba4e73afe704/" + id,
        "/ecstasks.slice/ecstasks-529630467358463ab6bbba4e73afe704.slice/docker-" + id + ".scope"}) {
    docker(path);
    containers_.on_cgroup(++cgroup, false, path);
    const auto found = containers_.find(cgroup, 0);
    ASSERT_TRUE(found) << path;
    EXPECT_EQ(found->missing, "") << path;
    EXPECT_EQ(found->container.runtime, "docker");
    EXPECT_EQ(found->container.name, "ecs-web-7-app-9ad1b0e2c4d3a5f60100");
    EXPECT_EQ(found->container.image, "registry.example/web:1");
    EXPECT_TRUE(found->container.image_digest.starts_with("sha256:1d"));
    ASSERT_TRUE(found->container.ecs);
    EXPECT_EQ(found->container.ecs->family, "web");
    EXPECT_EQ(found->container.ecs->service, "") << "no label says it";
  }
}

TEST_F(ContainersTest, docker_s_file_is_believed_of_its_own_cgroup_alone) {
  docker_.write(id + "/config.v2.json", docker_config(id).dump());
  docker("/system.slice/docker-" + id + ".scope");
  containers_.on_cgroup(30, false, "/user.slice/docker-" + id + ".scope");
  const auto claimed = containers_.find(30, 0);
  ASSERT_TRUE(claimed);
  EXPECT_NE(claimed->missing, "");
  EXPECT_EQ(claimed->container.image_digest, "");
  EXPECT_FALSE(claimed->container.ecs);
}

TEST_F(ContainersTest, what_is_wrong_with_docker_s_file_is_said) {
  docker("/docker/" + id);
  containers_.on_cgroup(31, false, "/docker/" + id);
  EXPECT_NE(containers_.find(31, 0)->missing.find("config.v2.json: No such file"), std::string::npos)
      << containers_.find(31, 0)->missing;
  docker_.write(id + "/config.v2.json", "{");
  EXPECT_NE(containers_.find(31, 0)->missing.find("no JSON"), std::string::npos);
  docker_.write(id + "/config.v2.json", docker_config(id).dump());
  EXPECT_EQ(containers_.find(31, 0)->missing, "") << "read again until it is whole";
}

TEST_F(ContainersTest, a_plain_runc_container_is_found_by_its_cgroup_path) {
  run_.write("mine/state.json",
             R"({"id":"mine","cgroup_paths":{"":"/sys/fs/cgroup/unified/custom/place"},"config":{}})");
  containers_.on_cgroup(8, false, "/custom/place");
  const auto found = containers_.find(8, 0);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->container.id, "mine");
  EXPECT_EQ(found->container.runtime, "runc");
}

TEST_F(ContainersTest, a_pods_container_has_its_names_from_what_the_runtime_noted) {
  const std::string cgroup = "/kubepods/burstable/pod" + uid + "/" + id;
  const auto state = [&](const std::string& labels) {
    run_.write(id + "/state.json", R"({"id":")" + id + R"(","cgroup_paths":{"pids":"/sys/fs/cgroup/pids)" + cgroup +
                                       R"("},"config":{"labels":[)" + labels + "]}}");
  };
  state(R"("io.kubernetes.cri.container-name=web","io.kubernetes.cri.image-name=registry.example/web:1",)"
        R"("io.kubernetes.cri.sandbox-name=web-0","io.kubernetes.cri.sandbox-namespace=shop","bundle=/b")");
  containers_.on_cgroup(7, false, cgroup);
  const auto found = containers_.find(7, 0);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->missing, "");
  const auto& container = found->container;
  EXPECT_EQ(container.runtime, "containerd");
  EXPECT_EQ(container.name, "web");
  EXPECT_EQ(container.image, "registry.example/web:1");
  EXPECT_EQ(container.pod, "web-0");
  EXPECT_EQ(container.pod_namespace, "shop");
  EXPECT_EQ(container.pod_uid, uid);

  state(R"("io.kubernetes.container.name=web","io.kubernetes.cri-o.ImageName=registry.example/web:2",)"
        R"("io.kubernetes.pod.name=web-1","io.kubernetes.pod.namespace=shop","io.kubernetes.pod.name")");
  containers_.on_cgroup(8, false, cgroup);
  const auto crio = containers_.find(8, 0);
  ASSERT_TRUE(crio);
  EXPECT_EQ(crio->container.runtime, "cri-o");
  EXPECT_EQ(crio->container.name, "web");
  EXPECT_EQ(crio->container.image, "registry.example/web:2");
  EXPECT_EQ(crio->container.pod, "web-1");
  EXPECT_EQ(crio->container.pod_namespace, "shop");
}

TEST_F(ContainersTest, a_container_that_is_gone_is_known_by_its_cgroup_and_says_so) {
  containers_.on_cgroup(9, false, "/libpod_parent/libpod-" + id);
  const auto found = containers_.find(9, 0);
  ASSERT_TRUE(found);
  EXPECT_NE(found->missing, "");
  EXPECT_EQ(found->container.id, id);
}

TEST_F(ContainersTest, damaged_runtime_files_are_no_container_and_no_crash) {
  run_.write("bad/state.json", "{\"id\": ");
  run_.write("worse/state.json", R"({"id":7,"cgroup_paths":[1],"config":{"labels":{"a":1}}})");
  containers_.on_cgroup(10, false, "/custom/other");
  EXPECT_FALSE(containers_.find(10, 0));
}

TEST_F(ContainersTest, the_same_id_in_another_hierarchy_is_another_cgroup) {
  containers_.on_cgroup(9, false, "/libpod_parent/libpod-" + id);
  containers_.on_cgroup(9, true, "/system.slice");
  ASSERT_TRUE(containers_.find(9, 0));
  EXPECT_FALSE(containers_.find(0, 9));
}

TEST_F(ContainersTest, an_unknown_cgroup_is_found_by_walking) {
  const auto path = cgroup_ / ("libpod-" + id);
  std::filesystem::create_directories(path);
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  const auto found = containers_.find(status.st_ino, 0);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->container.id, id);
}

TEST_F(ContainersTest, forgets_the_oldest_at_its_bound_and_counts) {
  for (std::uint64_t i = 0; i < 5000; ++i) containers_.on_cgroup(100 + i, false, "/c" + std::to_string(i));
  EXPECT_EQ(containers_.forgotten(), 5000u - 4096u);
}

TEST_F(ContainersTest, what_runs_is_read_from_the_runtimes_folders) {
  const auto state = [](const std::string& name, const std::string& labels) {
    return R"({"id":")" + name +
           R"(","init_process_pid":4711,"init_process_start":815,"cgroup_paths":{"pids":)"
           R"("/sys/fs/cgroup/pids/kubepods/burstable/pod0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0/)" +
           name + R"("},"config":{"rootfs":"/run/)" + name + R"(/rootfs","labels":[)" + labels + "]}}";
  };
  EXPECT_TRUE(containers_.running().empty());
  run_.write("web/state.json",
             state("web", R"("io.kubernetes.cri.sandbox-name=web-1","io.kubernetes.cri.container-name=nginx")"));
  run_.write("pause/state.json",
             state("pause", R"("io.kubernetes.cri.container-type=sandbox","io.kubernetes.cri.sandbox-name=web-1")"));
  run_.write("half/state.json", R"({"id":"half","init_pro)");
  docker_runc_.write(id + "/state.json", state(id, ""));
  docker_.write(id + "/config.v2.json", docker_config(id).dump());
  auto all = containers_.running();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].found.container.pod, "web-1");
  EXPECT_EQ(all[0].found.container.name, "nginx");
  EXPECT_EQ(all[0].found.container.pod_uid, uid);
  EXPECT_EQ(all[0].rootfs, "/run/web/rootfs");
  EXPECT_EQ(all[0].init_pid, 4711u);
  EXPECT_EQ(all[0].init_start_ticks, 815u);
  EXPECT_EQ(all[1].found.container.runtime, "docker");
  EXPECT_EQ(all[1].found.missing, "");
  EXPECT_EQ(containers_.state_files().size(), 4u) << "what is half written is to be watched too";

  run_.write("half/state.new", state("half", ""));
  std::filesystem::rename(run_ / "half/state.new", run_ / "half/state.json");
  EXPECT_EQ(containers_.running().size(), 3u);
  std::filesystem::remove_all(run_ / "web");
  EXPECT_EQ(containers_.running().size(), 2u);
}

}  // namespace
}  // namespace plumbline::agent
