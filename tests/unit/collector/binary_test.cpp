// The real binary, real sockets, real signals: kill -9 under load, stops, exit codes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "include/wire/batch.hpp"
#include "include/wire/json.hpp"
#include "tests/unit/collector/client.hpp"
#include "tests/unit/collector/receiver.hpp"
#include "tests/unit/collector/store_conformance.hpp"

namespace plumbline::collector::test {
namespace {

/// One run of plumbline-collector.
class Daemon {
 public:
  explicit Daemon(const std::vector<std::string>& arguments, const std::string& log) {
    pid_ = ::fork();
    if (pid_ == 0) {
      const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::dup2(fd, 1);
      ::dup2(fd, 2);
      std::vector<char*> argv = {const_cast<char*>(COLLECTOR_BINARY)};
      for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
      argv.push_back(nullptr);
      ::execv(COLLECTOR_BINARY, argv.data());
      ::_exit(127);
    }
  }
  ~Daemon() {
    if (pid_ > 0) end(SIGKILL);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Sends the signal and waits; the exit code, or minus the signal that ended it.
  int end(int signal) {
    ::kill(pid_, signal);
    return wait();
  }
  pid_t pid() const { return pid_; }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
};

class CollectorBinary : public ::testing::Test {
 protected:
  std::string file(const std::string& name) const { return directory_.path() + "/" + name; }
  void configure(const std::string& sinks) {
    port_ = free_port();
    std::ofstream(file("collector.yaml"))
        << "listen: 127.0.0.1:" << port_ << "\nstore: {sqlite: " << file("plumbline.db") << "}\nsinks:\n"
        << sinks;
  }
  std::unique_ptr<Daemon> start() {
    auto daemon = std::make_unique<Daemon>(std::vector<std::string>{"--config", file("collector.yaml")}, file("log"));
    EXPECT_TRUE(eventually([&] {
      const auto reply = Client(port_).get("/readyz");
      return reply && reply->status == 200;
    })) << log();
    return daemon;
  }
  int run(const std::vector<std::string>& arguments) { return Daemon(arguments, file("log")).wait(); }
  std::string log() const {
    std::ifstream in(file("log"));
    return {std::istreambuf_iterator<char>(in), {}};
  }

  TempDirectory directory_;
  std::uint16_t port_ = 0;
};

/// An agent as far as the collector sees one: sends its records in batches, each again until it is acknowledged.
void send_all(std::uint16_t port, const Made& from, std::uint64_t records, std::atomic<std::uint64_t>& acknowledged) {
  Client client(port);
  constexpr std::uint64_t size = 20;
  for (std::uint64_t next = 1; next <= records;) {
    std::vector<wire::Record> some;
    for (std::uint64_t i = next; i < next + size && i <= records; ++i)
      some.push_back(finding(from, i, "file:/etc/" + std::to_string(i % 50), "d" + from.node + std::to_string(i % 50)));
    const auto reply = client.post(batch(from, some));
    const auto ack = reply && reply->status == 200 ? wire::decode_ack(reply->body) : Result<wire::Ack>(Error{});
    if (!ack || ack->accepted_through != some.back().sequence) {
      std::this_thread::yield();
      continue;
    }
    next += size;
    acknowledged += some.size();
  }
}

TEST_F(CollectorBinary, kill_9_at_random_points_under_load_loses_and_doubles_nothing) {
  constexpr std::uint64_t agents = 3, rounds = 25;
  constexpr std::uint64_t each = 20 * 100;
  constexpr std::uint64_t total = agents * each;
  Receiver receiver;
  configure("- {name: hook, webhook: {url: \"" + receiver.url() +
            "\"}}\n- {name: file, ndjson: {path: " + file("out.ndjson") + ", max_bytes: 512KiB, keep: 0}}\n");
  std::atomic<std::uint64_t> acknowledged = 0;
  std::vector<std::thread> senders;
  for (std::uint64_t a = 0; a < agents; ++a)
    senders.emplace_back([&, a] {
      const Made from{"0000000000000000000000000000000" + std::to_string(a), "b0000000", "node-" + std::to_string(a)};
      send_all(port_, from, each, acknowledged);
    });
  std::mt19937 random(20261124);  // the points in time differ from run to run anyhow
  for (std::uint64_t round = 0; round < rounds; ++round) {
    auto daemon = start();
    const std::uint64_t until = std::min(total, acknowledged + random() % (total / rounds + 1));
    ASSERT_TRUE(eventually([&] { return acknowledged >= until; })) << log();
    EXPECT_EQ(daemon->end(SIGKILL), -SIGKILL);
  }
  auto daemon = start();
  for (auto& sender : senders) sender.join();
  EXPECT_TRUE(eventually([&] {
    const auto sinks = wire::Json::parse(Client(port_).get("/v1/sinks")->body)["items"];
    return sinks[0]["lag_records"] == 0 && sinks[1]["lag_records"] == 0;
  }));
  EXPECT_EQ(daemon->end(SIGTERM), 0) << log();

  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open_v2(file("plumbline.db").c_str(), &db, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  const auto number = [&](const char* sql) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(db, sql, -1, &statement, nullptr);
    const auto value = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    return static_cast<std::uint64_t>(value);
  };
  EXPECT_EQ(number("SELECT count(*) FROM ledger"), total);
  EXPECT_EQ(number("SELECT count(*) FROM (SELECT DISTINCT node_ref, sequence FROM ledger)"), total);
  EXPECT_EQ(number("SELECT sum(accepted_through) FROM nodes"), total);
  EXPECT_EQ(number("SELECT count(*) FROM drifts"), agents * 50);
  sqlite3_close(db);

  std::multiset<std::string> in_files;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
    if (entry.path().filename().string().rfind("out.ndjson", 0) != 0) continue;
    std::ifstream lines(entry.path());
    for (std::string line; std::getline(lines, line);) in_files.insert(wire::Json::parse(line)["id"]);
  }
  EXPECT_EQ(in_files.size(), total) << "the file has each record once";
  EXPECT_EQ(std::set<std::string>(in_files.begin(), in_files.end()).size(), total);
  std::set<std::string> keys;
  for (const auto& request : receiver.requests()) keys.insert(request.headers.at("idempotency-key"));
  EXPECT_EQ(keys.size(), total) << "the webhook has each at least once";
}

TEST_F(CollectorBinary, sigterm_drains_while_a_sink_hangs) {
  Receiver hangs([](const Received&, std::size_t) { return Answer{"", false, true}; });
  configure("- {name: stuck, webhook: {url: \"" + hangs.url() + "\", timeout: 1h}}\n");
  auto daemon = start();
  const Made node;
  ASSERT_EQ(Client(port_).post(batch(node, {finding(node, 1, "r", "d")}))->status, 200);
  ASSERT_TRUE(hangs.wait_for(1));
  EXPECT_EQ(daemon->end(SIGTERM), 0);
  EXPECT_NE(log().find("the collector has stopped"), std::string::npos) << log();
}

TEST_F(CollectorBinary, what_it_writes_and_holds_is_its_own) {
  configure("- {name: file, ndjson: {path: " + file("logs/out.ndjson") + "}}\n");
  const auto daemon = start();
  const Made node;
  ASSERT_EQ(Client(port_).post(batch(node, {finding(node, 1, "r", "d")}))->status, 200);
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(file("logs/out.ndjson")); }));
  using std::filesystem::perms;
  for (const char* name :
       {"plumbline.db", "plumbline.db-wal", "plumbline.db-shm", "plumbline.db.lock", "logs/out.ndjson"})
    EXPECT_EQ(std::filesystem::status(file(name)).permissions() & (perms::group_all | perms::others_all), perms::none)
        << name;
  std::ifstream limits("/proc/" + std::to_string(daemon->pid()) + "/limits");
  const std::string text{std::istreambuf_iterator<char>(limits), {}};
  const auto core = text.find("Max core file size");
  ASSERT_NE(core, std::string::npos) << text;
  std::istringstream line(text.substr(core + std::strlen("Max core file size")));
  std::string soft, hard;
  line >> soft >> hard;
  EXPECT_EQ(soft + "/" + hard, "0/0");
}

TEST_F(CollectorBinary, exit_codes_say_what_kind_of_mistake_it_was) {
  configure("");
  std::ofstream(file("collector.yaml"), std::ios::app) << "- {name: f, ndjson: {path: " << file("o") << "}}\n";
  EXPECT_EQ(run({"--version"}), 0);
  EXPECT_EQ(run({"--config", file("collector.yaml"), "--check-config"}), 0) << log();
  EXPECT_FALSE(std::filesystem::exists(file("plumbline.db"))) << "a check touches nothing";
  EXPECT_EQ(run({"--nonsense"}), 64);
  EXPECT_EQ(run({"--config", file("none.yaml")}), 78);
  std::ofstream(file("bad.yaml")) << "lisen: x\n";
  EXPECT_EQ(run({"--config", file("bad.yaml"), "--check-config"}), 78);
  EXPECT_NE(log().find("did you mean `listen`"), std::string::npos) << log();
  std::ofstream(file("secret.yaml")) << "sinks: [{name: a, slack: {url_file: " << file("none") << "}}]\n";
  EXPECT_EQ(run({"--config", file("secret.yaml"), "--check-config"}), 78);

  std::ofstream(file("no.pem")) << "no PEM\n";
  std::filesystem::create_directory(file("folder"));
  std::ofstream(file("token")) << "t0k3n\n";
  const auto hook = [&](const std::string& keys) {
    return "sinks: [{name: a, webhook: {url: 'https://a', " + keys + "}}]";
  };
  struct Case {
    std::string text, says;
  };
  for (const Case& one : std::vector<Case>{
           {hook("ca_file: " + file("none.pem")), "read the CA file " + file("none.pem")},
           {hook("ca_file: " + file("no.pem")), "give PEM"},
           {hook("certificate_file: " + file("no.pem") + ", key_file: " + file("no.pem")), "read the certificate"},
           {"sinks: [{name: a, syslog: {address: 'a:1', ca_file: " + file("none.pem") + "}}]", "build sink a"},
           {"sinks: [{name: a, kafka: {brokers: ['a:1'], topic: t, ca_file: " + file("none.pem") + "}}]", "none.pem"},
           {"sinks: [{name: a, splunk: {url: 'https://a', token_file: " + file("none") + "}}]", file("none")},
           {"sinks: [{name: a, ndjson: {path: " + file("folder") + "}}]", "it is a folder"},
           {"tls: {certificate_file: " + file("none.pem") + ", key_file: " + file("none.pem") + "}", "none.pem"},
           {"store: {sqlite: " + file("folder") + "}", "it is a folder; set store.sqlite"},
           {"store: {sqlite: " + file("token") + "/plumbline.db}", "it is not a directory"},
           {"store: {postgres: 'postgresql://p@db/p', password_file: " + file("none") + "}", file("none")}}) {
    std::ofstream(file("files.yaml")) << one.text << "\n";
    EXPECT_EQ(run({"--config", file("files.yaml"), "--check-config"}), 78) << one.text;
    EXPECT_NE(log().find(one.says), std::string::npos) << one.text << "\n" << log();
  }

  const auto daemon = start();
  EXPECT_EQ(run({"--config", file("collector.yaml")}), 69) << "the store is in use";
  EXPECT_NE(log().find("another collector uses it"), std::string::npos) << log();
  std::ofstream(file("port.yaml")) << "listen: 127.0.0.1:" << port_ << "\nstore: {sqlite: " << file("other.db")
                                   << "}\n";
  EXPECT_EQ(run({"--config", file("port.yaml")}), 69) << "the port is in use: " << log();
}

}  // namespace
}  // namespace plumbline::collector::test
