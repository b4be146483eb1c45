// A listening thread with probes that are a double.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "agent/call_watch.hpp"
#include "tests/unit/fetch/fakes.hpp"
#include "tests/unit/support/fake_plain_http.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {

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
    std::vector<executed_record> executions;
    {
      const std::lock_guard lock(mutex_);
      records.swap(records_);
      executions.swap(executions_);
    }
    for (const auto& execution : executions) executed_(execution);
    for (const auto& [record, data] : records) sample(record, data);
    return static_cast<int>(records.size());
  }
  void on_executed(Executed executed) override { executed_ = std::move(executed); }
  void decide(const capture_connection_key& connection, capture_verdict verdict) override {
    const std::lock_guard lock(mutex_);
    if (verdict == CAPTURE_IGNORED) ignored.push_back(connection.connection);
  }
  void set_scope(const capture_scope& scope, std::optional<bool> is_excluded) override {
    const std::lock_guard lock(mutex_);
    scopes.emplace_back(scope.cgroup_id, is_excluded);
  }
  int scopes_fd() const override { return -1; }
  void warm() override {}
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
  void execute(std::uint32_t tgid, std::uint64_t cgroup) {
    const std::lock_guard lock(mutex_);
    executed_record record{};
    record.scope.cgroup_id = cgroup;
    record.tgid = tgid;
    record.is_new_scope = 1;
    executions_.push_back(record);
    ::eventfd_write(ring_.get(), 1);
  }
  std::vector<std::uint64_t> ignored;                                 // for who has stopped
  std::vector<std::pair<std::uint64_t, std::optional<bool>>> scopes;  // … too
  void lose(std::uint64_t pieces) {
    const std::lock_guard lock(mutex_);
    counters_.lost += pieces;
    ::eventfd_write(ring_.get(), 1);
  }

 private:
  const Fd ring_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  mutable std::mutex mutex_;
  std::vector<std::pair<capture_record, std::string>> records_;
  std::vector<executed_record> executions_;
  Executed executed_;
  capture_counters counters_{};
};

class CallWatchTest : public ::testing::Test {
 protected:
  void start(std::size_t max_queued = 100, std::unique_ptr<Hellos> hellos = nullptr) {
    (void)spdlog::default_logger();  // made here, as in the agent, and not by whichever thread says something first
    auto capture = std::make_unique<FakeCapture>();
    capture_ = capture.get();
    auto plain = std::make_unique<test::FakePlainHttp>();
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
  test::FakePlainHttp* plain_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  std::unique_ptr<CallWatch> watch_;  // the last: its threads use the others
};

}  // namespace plumbline::agent
