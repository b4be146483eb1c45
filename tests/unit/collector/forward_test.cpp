// Sinks and their forwarder against a real store and real sockets.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "collector/forward/event.hpp"
#include "collector/forward/forwarder.hpp"
#include "collector/forward/http_poster.hpp"
#include "collector/forward/ndjson.hpp"
#include "collector/forward/slack.hpp"
#include "collector/forward/webhook.hpp"
#include "collector/store/sqlite_store.hpp"
#include "include/wire/json.hpp"
#include "tests/unit/collector/receiver.hpp"
#include "tests/unit/collector/store_conformance.hpp"

namespace plumbline::collector::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

class Forwarding : public ::testing::Test {
 protected:
  void SetUp() override {
    store_ = open_sqlite_store({.path = directory_.path() + "/plumbline.db"}).value();
    write("key", "s3cret\n");
  }
  void TearDown() override {
    forwarders_.clear();
    store_.reset();
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(directory_.path() + "/" + name) << text;
  }

  /// Records `from` to `until`, each a mismatch of a drift of its own.
  void put(std::uint64_t from, std::uint64_t until) {
    std::vector<wire::Record> records;
    for (auto i = from; i <= until; ++i)
      records.push_back(finding(node_, i, "file:/etc/" + std::to_string(i), "d" + std::to_string(i)));
    ASSERT_TRUE(store_now(*store_, batch(node_, records)));
  }

  std::unique_ptr<Sink> webhook(const Receiver& receiver, milliseconds timeout = seconds(10)) {
    return make_webhook_sink({receiver.url(), directory_.path() + "/key", "", timeout}, watchdog_, clock_).value();
  }

  Forwarder& forward(const std::string& name, std::unique_ptr<Sink> sink, ForwarderOptions options = {}) {
    options.name = name;
    options.random = [] { return 0.5; };
    if (options.retry.first == RetryOptions{}.first) options.retry.first = milliseconds(2);
    forwarders_.push_back(std::make_unique<Forwarder>(options, std::move(sink), *store_, clock_));
    forwarders_.back()->start();
    return *forwarders_.back();
  }
  static std::vector<std::string> keys(const Receiver& receiver) {
    std::vector<std::string> all;
    for (const auto& request : receiver.requests()) all.push_back(request.headers.at("idempotency-key"));
    return all;
  }

  TempDirectory directory_;
  SystemClock clock_;
  std::shared_ptr<Watchdog> watchdog_ = std::make_shared<Watchdog>();
  std::unique_ptr<Store> store_;
  std::vector<std::unique_ptr<Forwarder>> forwarders_;
  Made node_;
};

TEST_F(Forwarding, a_webhook_gets_signed_cloud_events_in_order) {
  Receiver receiver;
  put(1, 2);
  auto& forwarder = forward("soc", webhook(receiver));
  put(3, 3);
  ASSERT_TRUE(receiver.wait_for(3));
  const auto requests = receiver.requests();
  EXPECT_EQ(requests[0].request_line, "POST /hook HTTP/1.1");
  EXPECT_EQ(requests[0].headers.at("content-type"), "application/cloudevents+json; charset=utf-8");
  for (std::uint64_t i = 1; i <= 3; ++i) {
    const auto event = wire::Json::parse(requests[i - 1].body);
    const auto sent = finding(node_, i, "file:/etc/" + std::to_string(i), "d" + std::to_string(i));
    EXPECT_EQ(event["specversion"], "1.0");
    EXPECT_EQ(event["type"], "dev.plumbline.finding");
    EXPECT_EQ(event["subject"], "file:/etc/" + std::to_string(i));
    EXPECT_EQ(event["id"], sent.id);
    EXPECT_EQ(event["data"], wire::Json::parse(sent.body));
    EXPECT_EQ(requests[i - 1].headers.at("idempotency-key"), node_.node_id + "/" + sent.id);
    const std::string signature = requests[i - 1].headers.at("plumbline-signature");
    ASSERT_EQ(signature.substr(0, 2), "t=");
    EXPECT_EQ(signature, sign_webhook("s3cret", std::stoll(signature.substr(2)), requests[i - 1].body));
  }
  EXPECT_TRUE(eventually([&] { return forwarder.status().lag_records == 0; }));
  EXPECT_EQ(forwarder.status().delivered, 3u);
}

TEST(Signature, is_what_openssl_says) {
  // printf '1700000000.{}' | openssl dgst -sha256 -hmac key
  EXPECT_EQ(sign_webhook("key", 1'700'000'000, "{}"),
            "t=1700000000,v1=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae");
}

TEST_F(Forwarding, the_cursor_survives_a_restart) {
  Receiver receiver;
  put(1, 3);
  forward("soc", webhook(receiver));
  ASSERT_TRUE(receiver.wait_for(3));
  ASSERT_TRUE(eventually([&] { return forwarders_[0]->status().lag_records == 0; }));
  TearDown();
  SetUp();
  forward("soc", webhook(receiver));
  put(4, 4);
  ASSERT_TRUE(receiver.wait_for(4));
  ASSERT_TRUE(eventually([&] { return forwarders_[0]->status().lag_records == 0; }));
  EXPECT_EQ(receiver.requests().size(), 4u) << "nothing again";
}

TEST_F(Forwarding, matches_without_drift_are_left_out_unless_asked_for) {
  Receiver news, all;
  const std::vector<wire::Record> records = {finding(node_, 1, "match"), finding(node_, 2, "mismatch", "d"),
                                             finding(node_, 3, "mismatch", "d", wire::DriftState::resolved),
                                             gap(node_, 4)};
  ASSERT_TRUE(store_now(*store_, batch(node_, records)));
  ASSERT_EQ(store_->report_silence(start + 1, hour, start + 60 * second).value(), 1u);
  auto& first = forward("news", webhook(news));
  ForwarderOptions options;
  options.include_matches = true;
  forward("all", webhook(all), options);
  ASSERT_TRUE(news.wait_for(4));
  ASSERT_TRUE(all.wait_for(5));
  EXPECT_TRUE(eventually([&] { return first.status().lag_records == 0; }));
  std::vector<std::string> types;
  for (const auto& request : news.requests()) types.push_back(wire::Json::parse(request.body)["type"]);
  EXPECT_EQ(types, (std::vector<std::string>{"dev.plumbline.finding", "dev.plumbline.finding", "dev.plumbline.gap",
                                             "dev.plumbline.silence"}));
  EXPECT_EQ(first.status().filtered, 1u);
}

TEST_F(Forwarding, sinks_tell_of_a_conflict) {
  Receiver receiver;
  put(1, 1);
  auto other = finding(node_, 1, "file:/etc/1", "d1");
  other.body.replace(other.body.find("0666"), 4, "0777");
  ASSERT_TRUE(store_now(*store_, batch(node_, {other})));
  forward("soc", webhook(receiver));
  ASSERT_TRUE(receiver.wait_for(2));
  const auto event = wire::Json::parse(receiver.requests()[1].body);
  EXPECT_EQ(event["type"], "dev.plumbline.conflict");
  EXPECT_EQ(event["data"]["conflict"]["record_id"], other.id);
  const auto rows = store_->ledger_after(1, 1, 1).value();
  EXPECT_NE(slack_message(rows).find("two senders say that they are node-1"), std::string::npos);
}

TEST_F(Forwarding, failures_are_retried_until_they_end_and_nothing_is_skipped) {
  Receiver receiver([](const Received&, std::size_t n) {
    switch (n) {
      case 0:
        return Answer::status(500);
      case 1:
        return Answer{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", true, false};
      case 2:
        return Answer{"", true, false};
      case 3:
        return Answer{"HTTP/1.1 20", true, false};
      case 4:
        return Answer::status(503);
      case 5:
        return Answer::status(429, "Retry-After: 0\r\n");
      case 6:
        return Answer{"no http at all\r\n\r\n", true, false};
      default:
        return Answer{};
    }
  });
  put(1, 2);
  auto& forwarder = forward("soc", webhook(receiver));
  ASSERT_TRUE(receiver.wait_for(9));
  ASSERT_TRUE(eventually([&] { return forwarder.status().lag_records == 0; }));
  const auto status = forwarder.status();
  EXPECT_EQ(status.delivered, 2u);
  EXPECT_EQ(status.retries, 7u);
  EXPECT_EQ(status.dead_letters, 0u);
  EXPECT_EQ(status.breaker, "closed");
  EXPECT_EQ(status.last_error, "");
  const auto all = keys(receiver);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.begin() + 8).size(), 1u) << "the first record, again and again";
}

TEST_F(Forwarding, retry_after_is_obeyed) {
  Receiver receiver(
      [](const Received&, std::size_t n) { return n == 0 ? Answer::status(429, "Retry-After: 3600\r\n") : Answer{}; });
  put(1, 1);
  auto& forwarder = forward("soc", webhook(receiver));
  ASSERT_TRUE(eventually([&] { return forwarder.status().state == "waiting"; }));
  const auto status = forwarder.status();
  EXPECT_GT(status.next_try_at, clock_.wall() + 3500 * second);
  EXPECT_NE(status.last_error.find("429"), std::string::npos);
  EXPECT_EQ(receiver.requests().size(), 1u);
}

TEST_F(Forwarding, a_refused_record_is_a_dead_letter_and_can_be_replayed) {
  std::atomic<bool> mended = false;
  Receiver receiver([&](const Received& request, std::size_t) {
    const bool bad = request.body.find("file:/etc/2") != std::string::npos;
    return bad && !mended ? Answer::status(422, "", "cannot read this") : Answer{};
  });
  put(1, 3);
  auto& forwarder = forward("soc", webhook(receiver));
  ASSERT_TRUE(eventually([&] { return forwarder.status().lag_records == 0; }));
  EXPECT_EQ(forwarder.status().delivered, 2u);
  EXPECT_EQ(forwarder.status().dead_letters, 1u);
  Query query;
  query.origin = "sink:soc";
  const auto letters = store_->dead_letters(query).value();
  ASSERT_EQ(letters.items.size(), 1u);
  EXPECT_NE(letters.items[0].why.find("422: cannot read this"), std::string::npos) << letters.items[0].why;

  EXPECT_EQ(forwarder.replay().value(), 1u);
  ASSERT_TRUE(receiver.wait_for(4));
  ASSERT_TRUE(eventually([&] { return store_->replays("sink:soc", 9).value().empty(); }));
  EXPECT_EQ(store_->count_dead_letters("sink:soc").value(), 1u) << "refused again: it stays";
  mended = true;
  EXPECT_EQ(forwarder.replay().value(), 1u);
  ASSERT_TRUE(eventually([&] { return store_->count_dead_letters("sink:soc").value() == 0; }));
  EXPECT_EQ(keys(receiver).back(), node_.node_id + "/" + letters.items[0].record_id);
}

TEST_F(Forwarding, a_sink_that_says_no_is_paused_and_probed) {
  for (const int status : {401, 403, 404, 405, 410, 415, 302}) {
    Receiver receiver([&](const Received&, std::size_t n) {
      return n == 0 ? Answer::status(status, "Location: http://127.0.0.1:1/\r\n") : Answer{};
    });
    if (status == 401) put(1, 1);
    const std::string name = "soc" + std::to_string(status);
    auto& forwarder = forward(name, webhook(receiver));
    ASSERT_TRUE(eventually([&] { return forwarder.status().state == "paused"; })) << status;
    EXPECT_EQ(forwarder.status().breaker, "open");
    EXPECT_EQ(forwarder.status().dead_letters, 0u);
    ASSERT_TRUE(forwarder.replay());
    ASSERT_TRUE(eventually([&] { return forwarder.status().lag_records == 0; })) << "a person ended the pause";
    forwarder.stop();
  }
}

TEST_F(Forwarding, a_hanging_sink_delays_no_other_and_times_out) {
  Receiver hangs([](const Received&, std::size_t) { return Answer{"", false, true}; });
  Receiver works;
  auto& stuck = forward("stuck", webhook(hangs, milliseconds(50)));
  forward("fine", webhook(works));
  put(1, 50);
  ASSERT_TRUE(works.wait_for(50));
  ASSERT_TRUE(hangs.wait_for(2)) << "it timed out and was tried again";
  EXPECT_EQ(stuck.status().delivered, 0u);
  EXPECT_NE(stuck.status().last_error.find("in time"), std::string::npos) << stuck.status().last_error;
}

TEST_F(Forwarding, an_answer_that_never_ends_is_cut_by_the_timeout) {
  Receiver receiver([&](const Received&, std::size_t) {
    return Answer{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", false, false};
  });
  put(1, 1);
  auto& forwarder = forward("soc", webhook(receiver, milliseconds(100)));
  ASSERT_TRUE(receiver.wait_for(2));
  EXPECT_NE(forwarder.status().last_error.find("in time"), std::string::npos) << forwarder.status().last_error;
}

TEST_F(Forwarding, stop_is_quick_while_a_sink_hangs) {
  Receiver hangs([](const Received&, std::size_t) { return Answer{"", false, true}; });
  put(1, 1);
  auto& forwarder = forward("stuck", webhook(hangs, seconds(600)));
  ASSERT_TRUE(hangs.wait_for(1));
  forwarder.stop();  // the test's own time limit is what fails here
  EXPECT_EQ(forwarder.status().delivered, 0u);
}

TEST_F(Forwarding, stop_is_quick_while_a_connect_hangs) {
  // A listener whose backlog is full drops further connects.
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::vector<Fd> fill;
  for (int i = 0; i < 3; ++i) {
    fill.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    (void)::connect(fill.back().get(), reinterpret_cast<sockaddr*>(&address), size);
  }
  put(1, 1);
  const std::string url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
  auto& forwarder = forward(
      "stuck", make_webhook_sink({url, directory_.path() + "/key", "", seconds(600)}, watchdog_, clock_).value());
  ASSERT_TRUE(eventually([&] { return forwarder.status().state == "delivering"; }));
  forwarder.stop();
}

/// Cannot be interrupted at all, like a look-up of a name.
class DeafSink final : public Sink {
 public:
  explicit DeafSink(std::shared_future<void> until) : until_(std::move(until)) {}
  SinkPace pace() const override { return {}; }
  Delivery deliver(std::span<const LedgerRecord> records) override {
    until_.wait();
    return Delivery::done(records.size());
  }

 private:
  std::shared_future<void> until_;
};

TEST_F(Forwarding, a_delivery_that_cannot_be_interrupted_is_left_behind_and_moves_nothing) {
  std::promise<void> let_go;
  put(1, 1);
  auto& forwarder = forward("deaf", std::make_unique<DeafSink>(let_go.get_future().share()));
  ASSERT_TRUE(eventually([&] { return forwarder.status().state == "delivering"; }));
  forwarder.stop();
  let_go.set_value();
  ASSERT_TRUE(eventually([&] { return forwarder.status().state == "stopped"; }));
  put(2, 2);  // and all that was asked for before
  EXPECT_EQ(store_->sink_cursor("deaf").value(), 0u) << "delivered again after the next start";
}

TEST_F(Forwarding, a_new_chat_sink_begins_now) {
  Receiver receiver;
  put(1, 5);
  ForwarderOptions options;
  options.from_now = true;
  auto& forwarder = forward("chat", webhook(receiver), options);
  ASSERT_TRUE(eventually([&] { return forwarder.status().state == "idle"; }));
  put(6, 6);
  ASSERT_TRUE(receiver.wait_for(1));
  EXPECT_NE(keys(receiver)[0].find("-6"), std::string::npos);
}

TEST_F(Forwarding, slack_gets_one_digest_and_obeys_retry_after) {
  Receiver receiver([](const Received&, std::size_t n) {
    return n == 0 ? Answer::status(429, "Retry-After: 0\r\n") : Answer::status(200, "", "ok");
  });
  write("url", receiver.url("/services/T0/B0/secret") + "\n");
  SlackOptions options;
  options.url_file = directory_.path() + "/url";
  options.digest_records = 30;
  options.digest_interval = seconds(600);
  put(1, 30);
  auto& forwarder = forward("chat", make_slack_sink(options, watchdog_, clock_).value());
  ASSERT_TRUE(eventually([&] { return forwarder.status().lag_records == 0; }));
  const auto requests = receiver.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[1].request_line, "POST /services/T0/B0/secret HTTP/1.1");
  const std::string text = wire::Json::parse(requests[1].body)["text"];
  EXPECT_EQ(text.substr(0, 21), "Plumbline: 30 records");
  EXPECT_NE(text.find("… and 10 more"), std::string::npos);
  EXPECT_EQ(forwarder.status().last_error.find("secret"), std::string::npos);
}

TEST(Slack, folds_a_drift_escapes_markup_and_puts_the_worst_first) {
  const Made node;
  std::vector<LedgerRecord> rows;
  const auto add = [&](const wire::Record& record, const std::string& drift) {
    LedgerRecord row;
    row.seq = rows.size() + 1;
    row.node = "node-1";
    row.node_id = node.node_id;
    row.type = record.type;
    row.body = record.body;
    row.drift_id = drift;
    rows.push_back(row);
  };
  add(gap(node, 1), "");
  add(finding(node, 2, "file:/<!channel>&`x`", "d"), "d");
  add(finding(node, 3, "file:/<!channel>&`x`", "d"), "d");
  const std::string text = wire::Json::parse(slack_message(rows))["text"];
  EXPECT_EQ(text.find("<!"), std::string::npos) << text;
  EXPECT_NE(text.find("&lt;!channel&gt;&amp; x "), std::string::npos) << text;
  EXPECT_LT(text.find("high"), text.find("gap")) << text;
  EXPECT_EQ(text.find("&lt;", text.find("&lt;") + 1), std::string::npos) << "one line a drift: " << text;
}

TEST_F(Forwarding, ndjson_has_every_record_once_over_restarts_and_rotations) {
  const std::string path = directory_.path() + "/out.ndjson";
  NdjsonOptions options{path, 2000, 0};
  for (std::uint64_t round = 0; round < 5; ++round) {
    auto& forwarder = forward("file", make_ndjson_sink(options).value());
    for (std::uint64_t i = 1; i <= 10; ++i) put(round * 10 + i, round * 10 + i);
    ASSERT_TRUE(eventually([&] { return forwarder.status().lag_records == 0; }));
    TearDown();
    SetUp();
  }
  std::vector<std::uint64_t> seqs;
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
    if (entry.path().filename().string().rfind("out.ndjson", 0) == 0) files.insert(entry.path());
  EXPECT_GT(files.size(), 5u) << "it rotated";
  for (const auto& file : files)
    for (const auto& line : lines_of(file)) {
      const auto json = wire::Json::parse(line);
      seqs.push_back(json["ledger_seq"]);
      EXPECT_TRUE(json["finding"].is_object());
    }
  std::sort(seqs.begin(), seqs.end());
  ASSERT_EQ(seqs.size(), 50u);
  for (std::size_t i = 0; i < seqs.size(); ++i) EXPECT_EQ(seqs[i], i + 1);
}

TEST_F(Forwarding, ndjson_follows_its_name_when_others_rotate_the_file) {
  const std::string path = directory_.path() + "/out.ndjson";
  auto& forwarder = forward("file", make_ndjson_sink({path, 1 << 20, 0}).value());
  const auto delivered = [&] { return forwarder.status().lag_records == 0; };
  put(1, 1);
  ASSERT_TRUE(eventually(delivered));
  std::filesystem::rename(path, path + "-rotated");
  put(2, 2);
  ASSERT_TRUE(eventually(delivered));
  ASSERT_EQ(lines_of(path).size(), 1u);
  EXPECT_EQ(wire::Json::parse(lines_of(path)[0])["ledger_seq"], 2);
  std::filesystem::remove(path);
  put(3, 3);
  ASSERT_TRUE(eventually(delivered));
  ASSERT_EQ(lines_of(path).size(), 1u);
  std::filesystem::resize_file(path, 0);  // logrotate's copytruncate
  put(4, 4);
  ASSERT_TRUE(eventually(delivered));
  ASSERT_EQ(lines_of(path).size(), 1u);
  EXPECT_EQ(wire::Json::parse(lines_of(path)[0])["ledger_seq"], 4);
  EXPECT_EQ(lines_of(path + "-rotated").size(), 1u);
}

TEST_F(Forwarding, ndjson_heals_a_torn_tail_and_skips_what_it_has) {
  const std::string path = directory_.path() + "/out.ndjson";
  put(1, 4);
  const auto rows = store_->ledger_after(0, 10, 1 << 20).value();
  for (std::size_t cut = 0; cut <= ndjson_line(rows[2]).size(); cut += 37) {
    std::ofstream(path, std::ios::trunc) << ndjson_line(rows[0]) << ndjson_line(rows[1])
                                         << ndjson_line(rows[2]).substr(0, cut);
    auto sink = make_ndjson_sink({path, 1 << 20, 0}).value();
    EXPECT_EQ(sink->open(0, 4).value(), 2u);
    EXPECT_EQ(lines_of(path).size(), 2u) << "cut off, not only written over";
    EXPECT_EQ(sink->deliver(rows).count, 4u);
    const auto lines = lines_of(path);
    ASSERT_EQ(lines.size(), 4u) << "cut at " << cut;
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(lines[i] + "\n", ndjson_line(rows[i]));
  }
}

TEST_F(Forwarding, ndjson_of_another_ledger_is_set_aside_not_trusted) {
  const std::string path = directory_.path() + "/out.ndjson";
  put(1, 2);
  auto row = store_->ledger_after(0, 1, 1 << 20).value().at(0);
  row.seq = 5000;
  std::ofstream(path) << ndjson_line(row);
  auto& forwarder = forward("file", make_ndjson_sink({path, 1 << 20, 0}).value());
  ASSERT_TRUE(eventually([&] { return lines_of(path).size() == 2; })) << forwarder.status().last_error;
  EXPECT_TRUE(std::filesystem::exists(path + ".other-00000000000000005000"));
}

TEST_F(Forwarding, ndjson_on_a_full_disk_waits_and_goes_on) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting a small tmpfs needs root";
  const std::string mount_point = directory_.path() + "/small";
  std::filesystem::create_directory(mount_point);
  if (::mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=64k") != 0)
    GTEST_SKIP() << "cannot mount a tmpfs here: " << std::strerror(errno);
  std::ofstream(mount_point + "/ballast") << std::string(40'000, 'b');
  auto& forwarder = forward("file", make_ndjson_sink({mount_point + "/out.ndjson", 1 << 20, 0}).value());
  put(1, 30);
  EXPECT_TRUE(eventually([&] { return forwarder.status().retries > 2; }));
  EXPECT_NE(forwarder.status().last_error.find("No space left"), std::string::npos) << forwarder.status().last_error;
  std::filesystem::remove(mount_point + "/ballast");
  EXPECT_TRUE(eventually([&] { return lines_of(mount_point + "/out.ndjson").size() == 30; }));
  forwarders_.clear();
  ::umount2(mount_point.c_str(), MNT_DETACH);
}

TEST(Poster, bad_urls_are_refused_without_their_secrets) {
  SystemClock clock;
  auto watchdog = std::make_shared<Watchdog>();
  for (const char* url : {"", "ftp://x/hunter2", "hooks.slack.com/hunter2", "http:///hunter2",
                          "https://user:hunter2@host/", "http://host/se cret", "http://host/\nhunter2"}) {
    const auto made = HttpPoster::make({url, "", seconds(1)}, watchdog, clock);
    ASSERT_FALSE(made) << url;
    EXPECT_EQ(made.error().message().find("hunter2"), std::string::npos) << made.error().message();
  }
}

TEST(Poster, secret_files_are_checked) {
  TempDirectory directory;
  EXPECT_FALSE(read_secret_file(directory.path() + "/none"));
  EXPECT_FALSE(read_secret_file(directory.path()));
  std::ofstream(directory.path() + "/empty") << "\n";
  EXPECT_FALSE(read_secret_file(directory.path() + "/empty"));
}

}  // namespace
}  // namespace plumbline::collector::test
