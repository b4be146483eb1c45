// States in Secrets: what the exchanges of their tool say of them, and that nothing else of them stays.
#include <zlib.h>

#include "agent/seen_call.hpp"
#include "tests/unit/observer/call_watch_fixture.hpp"

namespace plumbline::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
