// The listening thread: from copied plaintext to calls that wait, with probes that are a double.
#include "agent/call_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <thread>

#include "agent/seen_call.hpp"
#include "tests/unit/fetch/fakes.hpp"
#include "tests/unit/support/fake_plain_http.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using test::FakePlainHttp;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Hands over what the test wrote, as the ring does.
class FakeCapture final : public Capture {
 public:
  Result<std::unique_ptr<Hooked>> hook(int, const TlsFunctions&) override { return std::make_unique<Hooked>(); }
  int ring_fd() const override { return ring_.get(); }
  int executed_fd() const override { return -1; }
  int consume(const Sample& sample) override {
    eventfd_t waiting = 0;
    ::eventfd_read(ring_.get(), &waiting);
    std::vector<std::pair<capture_record, std::string>> records;
    {
      const std::lock_guard lock(mutex_);
      records.swap(records_);
    }
    for (const auto& [record, data] : records) sample(record, data);
    return static_cast<int>(records.size());
  }
  void on_executed(Executed) override {}
  void decide(const capture_connection_key& connection, capture_verdict verdict) override {
    const std::lock_guard lock(mutex_);
    if (verdict == CAPTURE_IGNORED) ignored.push_back(connection.connection);
  }
  void exclude(const capture_scope& scope) override {
    const std::lock_guard lock(mutex_);
    excluded.push_back(scope.cgroup_id);
  }
  capture_counters read_counters() const override {
    const std::lock_guard lock(mutex_);
    return counters_;
  }
  bool has_multi_links() const override { return true; }
  bool has_session_probes() const override { return true; }

  void write(std::uint64_t connection, capture_direction direction, const std::string& data) {
    const std::lock_guard lock(mutex_);
    capture_record record{};
    record.actor.tgid = 7;
    record.actor.at_boot_ns = 1'000;
    record.actor.cgroup_id = connection;  // each is of another
    record.connection = connection;
    record.length = record.kept = static_cast<std::uint32_t>(data.size());
    record.direction = static_cast<__u8>(direction);
    records_.emplace_back(record, data);
    ::eventfd_write(ring_.get(), 1);
  }
  std::vector<std::uint64_t> excluded, ignored;  // for who has stopped
  void lose(std::uint64_t pieces) {
    const std::lock_guard lock(mutex_);
    counters_.lost += pieces;
    ::eventfd_write(ring_.get(), 1);
  }

 private:
  const Fd ring_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  mutable std::mutex mutex_;
  std::vector<std::pair<capture_record, std::string>> records_;
  capture_counters counters_{};
};

std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(text.size() + 1000, 0);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

/// Says that a process asked for a cloud's host, once.
class FakeHellos final : public Hellos {
 public:
  explicit FakeHellos(std::uint32_t pid) : pid_(pid) { ::eventfd_write(ring_.get(), 1); }
  int ring_fd() const override { return ring_.get(); }
  void consume(const Sample& sample) override {
    eventfd_t waiting = 0;
    if (::eventfd_read(ring_.get(), &waiting) != 0) return;
    hello_record record{};
    record.actor.tgid = pid_;
    record.actor.at_boot_ns = 500;
    std::memcpy(record.actor.comm, "java", 5);
    static const std::string name = "ec2.eu-west-1.amazonaws.com";
    const auto size = [](std::size_t n) { return std::string{static_cast<char>(n >> 8), static_cast<char>(n)}; };
    const std::string names = std::string("\0", 1) + size(name.size()) + name;
    const std::string extension = std::string("\0\0", 2) + size(names.size() + 2) + size(names.size()) + names;
    const std::string body =
        std::string(34, 'r') + std::string("\0\0\2\x13\1\1\0", 7) + size(extension.size()) + extension;
    const std::string hello =
        std::string("\x16\3\1", 3) + size(body.size() + 4) + std::string("\1\0", 2) + size(body.size()) + body;
    record.length = record.kept = static_cast<std::uint32_t>(hello.size());
    std::memcpy(record.data, hello.data(), hello.size());
    sample(record);
  }
  hello_counters read_counters() const override { return {1, 0, 0}; }

 private:
  const std::uint32_t pid_;
  const Fd ring_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

class CallWatchTest : public ::testing::Test {
 protected:
  void start(std::size_t max_queued = 100, std::unique_ptr<Hellos> hellos = nullptr) {
    (void)spdlog::default_logger();  // made here, as in the agent, and not by whichever thread says something first
    auto capture = std::make_unique<FakeCapture>();
    capture_ = capture.get();
    auto plain = std::make_unique<FakePlainHttp>();
    plain_ = plain.get();
    CallWatch::Options options;
    options.max_queued = max_queued;
    options.scanner.proc_root = proc_.path();
    options.excluded = {"/left/alone"};
    options.plain.urls = {"http://127.0.0.1:4566"};
    watch_ = std::make_unique<CallWatch>(std::move(capture), options, clock_, std::move(hellos), std::move(plain));
    watch_->start([this] {
      const std::lock_guard lock(mutex_);
      woken_ = true;
      changed_.notify_all();
    });
  }
  void wait_until_woken() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return woken_; });
    woken_ = false;
  }
  static std::string request(const std::string& group, const std::string& key = "AKIAIOSFODNN7EXAMPLE") {
    return signed_form("ec2", key, "Action=DeleteSecurityGroup&Version=2016-11-15&GroupId=" + group);
  }
  static std::string signed_form(const std::string& service, const std::string& key, const std::string& body) {
    return "POST / HTTP/1.1\r\nHost: " + service +
           ".eu-west-1.amazonaws.com\r\nContent-Type: application/x-www-form-urlencoded\r\n"
           "Authorization: AWS4-HMAC-SHA256 Credential=" +
           key + "/20261127/eu-west-1/" + service +
           "/aws4_request, SignedHeaders=host, Signature=canary\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }
  static std::string answer(
      const std::string& body = "<DeleteSecurityGroupResponse><return>true</return></DeleteSecurityGroupResponse>") {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  void call(std::uint64_t connection, const std::string& group) {
    capture_->write(connection, CAPTURE_OUT, request(group));
    capture_->write(connection, CAPTURE_IN, answer());
  }
  std::vector<std::string> taken() {
    std::vector<std::string> all;
    for (ReadCall one; watch_->take(one);)
      all.push_back(one.operation.operation + " " + std::string(cloud::word(one.operation.outcome)));
    return all;
  }

  const TempDir proc_;
  fetch::test::FakeClock clock_;
  FakeCapture* capture_ = nullptr;
  FakePlainHttp* plain_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  std::unique_ptr<CallWatch> watch_;  // the last: its threads use the others
};

TEST_F(CallWatchTest, a_call_waits_to_be_taken) {
  start();
  call(1, "sg-1");
  wait_until_woken();
  EXPECT_THAT(taken(), ElementsAre("DeleteSecurityGroup succeeded"));
  EXPECT_THAT(taken(), ElementsAre());
}

TEST_F(CallWatchTest, who_is_out_of_scope_is_left_alone) {
  proc_.write("7/cgroup", "0::/left/alone\n");
  proc_.write("7/stat", "7 (a) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 0 1 1");
  start();
  capture_->write(1, CAPTURE_OUT, request("sg-1"));
  capture_->write(1, CAPTURE_IN, answer());
  watch_->stop();
  EXPECT_THAT(taken(), ElementsAre());
  EXPECT_THAT(capture_->excluded, ElementsAre(1));
  EXPECT_THAT(capture_->ignored, ElementsAre(1));
}

TEST_F(CallWatchTest, what_is_under_way_is_told_at_a_stop) {
  start();
  capture_->write(1, CAPTURE_OUT, request("sg-1"));
  watch_->stop();
  EXPECT_THAT(taken(), ElementsAre("DeleteSecurityGroup unknown"));
}

TEST_F(CallWatchTest, where_nobody_takes_calls_the_ring_is_left_and_a_stop_does_not_hang) {
  start(1);
  for (std::uint64_t i = 1; i <= 5; ++i) call(i, "sg-" + std::to_string(i));
  wait_until_woken();
  watch_->stop();
  EXPECT_EQ(taken().size(), 5u);
}

TEST_F(CallWatchTest, a_loss_is_told_with_the_time_that_holds_it) {
  start();
  const WallNs before = clock_.wall();
  call(1, "sg-1");
  wait_until_woken();
  clock_.pass(std::chrono::seconds(5));
  capture_->lose(3);
  watch_->stop();
  const auto lost = watch_->take_lost();
  EXPECT_EQ(lost.pieces, 3u);
  EXPECT_GE(lost.from, before);
  EXPECT_LE(lost.from, before + 5'000'000'000);
  EXPECT_EQ(lost.until, before + 5'000'000'000);
  EXPECT_EQ(watch_->take_lost().pieces, 0u);
}

TEST_F(CallWatchTest, a_connection_of_which_nothing_is_seen_is_told_with_its_host) {
  clock_.pass(std::chrono::seconds(60));
  start(100, std::make_unique<FakeHellos>(9));
  call(1, "sg-1");  // by another process
  wait_until_woken();
  const auto is_told = [this] {
    const auto spots = watch_->blind_spots();
    return std::any_of(spots.begin(), spots.end(), [](const auto& one) { return one.id == "calls_unseen"; });
  };
  while (!is_told()) std::this_thread::yield();
  EXPECT_THAT(taken(), ::testing::Contains("unknown unknown"));
  const auto spots = watch_->blind_spots();
  EXPECT_THAT(spots,
              ::testing::Contains(::testing::Field(&wire::BlindSpot::scope, "java → ec2.eu-west-1.amazonaws.com")));
}

TEST_F(CallWatchTest, one_whose_process_is_heard_is_not) {
  start(100, std::make_unique<FakeHellos>(7));
  call(1, "sg-1");
  wait_until_woken();
  EXPECT_THAT(taken(), ElementsAre("DeleteSecurityGroup succeeded"));
  clock_.pass(std::chrono::seconds(20));
  call(2, "sg-2");
  wait_until_woken();  // and the turn that follows is done before a stop
  watch_->stop();
  EXPECT_THAT(taken(), ElementsAre("DeleteSecurityGroup succeeded"));
}

/// A role that is assumed changes nothing; who acts as it afterwards is known by it.
TEST_F(CallWatchTest, who_assumed_a_role_is_known_by_it) {
  start();
  const std::string role = "arn:aws:sts::123456789012:assumed-role/deployer/ci";
  capture_->write(1, CAPTURE_OUT,
                  signed_form("sts", "AKIAIOSFODNN7EXAMPLE",
                              "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fdeployer"));
  capture_->write(1, CAPTURE_IN,
                  answer("<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser><Arn>" + role +
                         "</Arn></AssumedRoleUser><Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>"
                         "<SecretAccessKey>canary</SecretAccessKey></Credentials></AssumeRoleResult>"
                         "</AssumeRoleResponse>"));
  capture_->write(2, CAPTURE_OUT, request("sg-1", "ASIAIOSFODNN7EXAMPLE"));
  capture_->write(2, CAPTURE_IN, answer());
  capture_->write(3, CAPTURE_OUT, request("sg-2"));
  capture_->write(3, CAPTURE_IN, answer());
  wait_until_woken();
  watch_->stop();
  ReadCall by_role, by_key, more;
  ASSERT_TRUE(watch_->take(by_role) && watch_->take(by_key));
  EXPECT_FALSE(watch_->take(more));
  EXPECT_EQ(by_role.principal_arn, role);
  const auto seen = seen_call_of(by_role).call;
  EXPECT_EQ(seen.principal, "ASIAIOSFODNN7EXAMPLE");
  EXPECT_EQ(seen.principal_arn, role);
  EXPECT_THAT(seen.principal_chain, ElementsAre("AKIAIOSFODNN7EXAMPLE"));
  EXPECT_EQ(seen.principal_proof, "observed");
  const auto other = seen_call_of(by_key).call;
  EXPECT_EQ(other.principal_arn, "");
  EXPECT_EQ(other.principal_proof, "claimed");
}

/// At a host that is nobody's a call is known by its signature.
TEST_F(CallWatchTest, a_call_without_tls_is_a_call) {
  start();
  std::string local = request("sg-1");
  local.replace(local.find("ec2.eu-west-1.amazonaws.com"), 27, "localhost:4566");
  plain_->write(1, "127.0.0.1:4566", PLAIN_OUT, local.substr(0, 40));
  plain_->write(1, "127.0.0.1:4566", PLAIN_OUT, local.substr(40));
  plain_->write(1, "127.0.0.1:4566", PLAIN_IN, answer());
  wait_until_woken();
  watch_->stop();
  ReadCall call, more;
  ASSERT_TRUE(watch_->take(call));
  EXPECT_FALSE(watch_->take(more));
  EXPECT_EQ(call.operation.operation, "DeleteSecurityGroup");
  EXPECT_EQ(call.operation.region, "eu-west-1");
  EXPECT_EQ(call.operation.outcome, cloud::Outcome::succeeded);
  EXPECT_EQ(call.actor.tgid, 8u);
  EXPECT_EQ(call.host, "localhost:4566");
}

TEST_F(CallWatchTest, metadata_services_are_listened_to_and_what_is_configured) {
  start();
  EXPECT_THAT(plain_->endpoints(), ElementsAre("169.254.169.254:80", "[fd00:ec2::254]:80", "169.254.170.2:80",
                                               "169.254.170.23:80", "[fd00:ec2::23]:80", "127.0.0.1:4566"));
  watch_->set_plain_urls({});
  EXPECT_EQ(plain_->endpoints().size(), 5u);
}

/// Credentials that the instance was given, and a call with them over TLS. What another address says is not believed,
/// whatever its path.
TEST_F(CallWatchTest, who_got_credentials_of_a_metadata_service_is_known_by_its_role) {
  start();
  const auto hand_out = [&](std::uint64_t connection, const std::string& address, const std::string& role,
                            const std::string& key) {
    plain_->write(connection, address, PLAIN_OUT,
                  "GET /latest/meta-data/iam/security-credentials/" + role +
                      " HTTP/1.1\r\nHost: 169.254.169.254\r\nX-aws-ec2-metadata-token: canary\r\n\r\n");
    plain_->write(connection, address, PLAIN_IN,
                  answer(R"({"Code": "Success", "AccessKeyId": ")" + key +
                         R"(", "SecretAccessKey": "canary", "Token": "canary"})"));
  };
  hand_out(1, "169.254.169.254:80", "web", "ASIAIOSFODNN7EXAMPLE");
  hand_out(2, "127.0.0.1:4566", "admin", "ASIAIOSFODNN7EXAMPLF");
  while (watch_->metrics_text().find("plumbline_credentials_handed_out_total 1") == std::string::npos) {
    clock_.pass(std::chrono::seconds(2));
    std::this_thread::yield();
  }
  capture_->write(2, CAPTURE_OUT, request("sg-1", "ASIAIOSFODNN7EXAMPLE"));
  capture_->write(2, CAPTURE_IN, answer());
  capture_->write(3, CAPTURE_OUT, request("sg-2", "ASIAIOSFODNN7EXAMPLF"));
  capture_->write(3, CAPTURE_IN, answer());
  wait_until_woken();
  watch_->stop();
  ReadCall by_role, by_key;
  ASSERT_TRUE(watch_->take(by_role) && watch_->take(by_key));
  const auto seen = seen_call_of(by_role).call;
  EXPECT_THAT(seen.principal_chain, ElementsAre("role/web", "imds"));
  EXPECT_EQ(seen.principal_proof, "observed");
  EXPECT_EQ(seen_call_of(by_key).call.principal_proof, "claimed");
  EXPECT_THAT(watch_->status_json() + watch_->metrics_text(), ::testing::Not(HasSubstr("canary")));
}

TEST_F(CallWatchTest, an_endpoint_that_nobody_knows_is_ignored_in_its_kernel_side) {
  start();
  for (int i = 0; i < 16; ++i) plain_->write(5, "127.0.0.1:4566", PLAIN_OUT, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  while (plain_->ignored().empty()) std::this_thread::yield();
  watch_->stop();
  EXPECT_THAT(plain_->ignored(), ElementsAre(5u));
}

TEST_F(CallWatchTest, says_what_it_sees_and_nothing_that_is_secret) {
  start();
  call(1, "sg-1");
  wait_until_woken();
  watch_->stop();
  EXPECT_THAT(watch_->status_json(), HasSubstr(R"("calls":1)"));
  EXPECT_THAT(watch_->metrics_text(), HasSubstr("plumbline_http_requests_total 1\n"));
  EXPECT_THAT(watch_->status_json() + watch_->metrics_text(), ::testing::Not(HasSubstr("canary")));
  EXPECT_FALSE(watch_->blind_spots().empty());
}

/// As OpenTofu 1.10.6 and kube-apiserver 1.34 talk, shortened.
class CallWatchOfSecrets : public CallWatchTest {
 protected:
  CallWatchOfSecrets() {
    start();
    fetch::SourceConfig source;
    source.name = "net";
    source.location = "kubernetes://infra/secrets/tfstate-default-net";
    watch_->set_states(std::make_shared<fetch::StateRequests>(std::vector{source}));
  }
  void exchange(const std::string& method, const std::string& path, const std::string& body,
                const std::string& answered, const std::string& status = "200 OK", const std::string& headers = "") {
    ++connection_;
    capture_->write(connection_, CAPTURE_OUT,
                    method + " " + path +
                        " HTTP/1.1\r\nHost: 127.0.0.1:6443\r\nUser-Agent: HashiCorp/1.0 OpenTofu/1.10.6\r\n"
                        "Content-Type: application/json\r\nContent-Length: " +
                        std::to_string(body.size()) + "\r\n\r\n" + body);
    capture_->write(connection_, CAPTURE_IN,
                    "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: " + std::to_string(answered.size()) +
                        "\r\n\r\n" + answered);
  }
  std::vector<std::string> uses() {
    watch_->stop();
    std::vector<std::string> all;
    for (ReadCall call; watch_->take(call);)
      for (const auto& use : seen_call_of(call).states)
        all.push_back(use.of == fetch::StateUse::Of::lease
                          ? use.name + (call.lock_held ? " locked" : " unlocked")
                          : use.name + (use.wrote ? " wrote " : " read ") + call.version);
    EXPECT_THAT(watch_->status_json() + watch_->metrics_text(), ::testing::Not(HasSubstr("canary")));
    return all;
  }
  static std::string secret(const std::string& version) {
    return R"({"kind":"Secret","apiVersion":"v1","metadata":{"name":"tfstate-default-net","namespace":"infra","uid":"0b5d5a0c","resourceVersion":")" +
           version + R"(","annotations":{"encoding":"gzip"}},"data":{"tfstate":"canary)" + std::string(20'000, 'A') +
           R"("}})";
  }
  static constexpr const char* secret_path = "/api/v1/namespaces/infra/secrets/tfstate-default-net";
  static constexpr const char* leases = "/apis/coordination.k8s.io/v1/namespaces/infra/leases";
  const std::string lease_path = std::string(leases) + "/lock-tfstate-default-net";
  std::uint64_t connection_ = 0;
};

TEST_F(CallWatchOfSecrets, a_state_is_read_locked_written_and_unlocked) {
  const std::string held =
      R"({"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{"name":"lock-tfstate-default-net","namespace":"infra"},"spec":{"holderIdentity":"7a9f"}})";
  exchange("POST", leases, held, held, "201 Created");
  exchange("GET", secret_path, "", secret("41"));
  exchange("PUT", secret_path, secret("41"), secret("42"));
  exchange("PUT", lease_path, R"({"kind":"Lease","metadata":{"name":"lock-tfstate-default-net"},"spec":{}})", "{}");
  exchange("PUT", lease_path, held, "{}");
  EXPECT_THAT(uses(),
              ElementsAre("net locked", "net read 0b5d5a0c/41", "net wrote 0b5d5a0c/42", "net unlocked", "net locked"));
}

TEST_F(CallWatchOfSecrets, what_did_not_work_or_is_of_another_object_says_nothing) {
  exchange("GET", secret_path, "", secret("41"), "403 Forbidden");
  exchange("GET", std::string(secret_path) + "2", "", secret("41"));
  exchange("POST", leases, R"({"kind":"Lease","metadata":{"name":"lock-other"},"spec":{"holderIdentity":"x"}})", "{}",
           "201 Created");
  exchange("PUT", lease_path, R"({"spec":{"holderIdentity":"x"}})", "{}", "409 Conflict");
  exchange("PATCH", lease_path, R"({"metadata":{"labels":{"a":"b"}}})", "{}");
  EXPECT_THAT(uses(), ElementsAre());
}

TEST_F(CallWatchOfSecrets, a_version_is_of_the_answer_and_not_of_its_headers) {
  exchange("GET", secret_path, "", R"({"kind":"Status"})", "200 OK", "ETag: \"41\"\r\n");
  exchange("GET", secret_path, "", "canary", "200 OK");
  EXPECT_THAT(uses(), ElementsAre("net read ", "net read "));
}

TEST_F(CallWatchOfSecrets, a_large_answer_is_packed_and_only_its_beginning_is_there) {
  const std::string packed = gzip(secret("41") + std::string(500'000, 'B'));
  exchange("GET", secret_path, "", packed.substr(0, 60), "200 OK", "Content-Encoding: gzip\r\n");
  exchange("GET", secret_path, "", packed.substr(0, 300), "200 OK", "Content-Encoding: gzip\r\n");
  EXPECT_THAT(uses(), ElementsAre("net read ", "net read 0b5d5a0c/41"));
}

}  // namespace
}  // namespace plumbline::agent
