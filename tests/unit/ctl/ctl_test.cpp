// The commands against a real server on a Unix socket, with a declared double of the agent behind it. What they print
// is held as a whole: a change of it is to be seen in review.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "agent/api/api.hpp"
#include "ctl/app.hpp"
#include "include/wire/json.hpp"
#include "tests/unit/api/fake_node.hpp"

namespace plumbline::ctl {
namespace {

using agent::test::FakeNode;
using agent::test::sample_drift;
using agent::test::sample_resource;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class FixedClock final : public Clock {
 public:
  WallNs wall() const override { return 1'764'000'000'000'000'000 + 180'000'000'000; }  // 3 minutes after sample_drift
  std::int64_t boot() const override { return 0; }
};

class Plumb : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/plumb-test-XXXXXX";
    directory_ = ::mkdtemp(pattern);
    socket_ = directory_ + "/agent.sock";
    agent::add_api_routes(server_, node_, *gate_);
    ASSERT_FALSE(server_.listen_unix(socket_).has_error());
    server_.start();
  }
  void TearDown() override {
    server_.stop();
    std::filesystem::remove_all(directory_);
  }

  int plumb(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    arguments.insert(arguments.begin(), {"plumb", "--socket", socket_});
    return plumb_as_is(arguments);
  }
  int plumb_as_is(const std::vector<std::string>& arguments) {
    std::vector<const char*> argv;
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    return run(static_cast<int>(argv.size()), argv.data(), {out_, err_, width_, colour_}, clock_);
  }

  FakeNode node_;
  FixedClock clock_;
  const std::unique_ptr<access::Gate> gate_ = access::Gate::make({}, clock_, nullptr).value();
  http::Server server_;
  std::string directory_, socket_;
  std::ostringstream out_, err_;
  std::size_t width_ = 0;
  bool colour_ = false;
};

TEST_F(Plumb, drift_without_any) {
  EXPECT_EQ(plumb({"drift"}), 0);
  EXPECT_EQ(out_.str(), "no drift is open\n");
  EXPECT_EQ(plumb({"drift", "-o", "json"}), 0);
  EXPECT_EQ(json::parse(out_.str()), json({{"items", json::array()}}));
  EXPECT_EQ(plumb({"drift", "-o", "ndjson"}), 0);
  EXPECT_EQ(out_.str(), "");
}

TEST_F(Plumb, drift_as_a_table_without_a_terminal_is_uncut) {
  auto closed = sample_drift(3);
  closed.state = wire::DriftState::resolved;
  node_.all_drifts = {sample_drift(1), sample_drift(2), closed};
  EXPECT_EQ(plumb({"drift"}), 2);
  EXPECT_EQ(out_.str(),
            "ID  STATE  SEVERITY  RESOURCE                         VERDICT      WHAT                  WHO"
            "                         WHEN\n"
            "2   open   high      tofu:prod-net/local_file.nginx2  out_of_band  content_sha256, mode  "
            "vi nginx.conf (ana, pts/3)  1 m ago\n"
            "1   open   high      tofu:prod-net/local_file.nginx1  out_of_band  content_sha256, mode  "
            "vi nginx.conf (ana, pts/3)  1 m ago\n");
  EXPECT_EQ(plumb({"drift", "--state", "resolved"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("resolved"));
  EXPECT_EQ(plumb({"drift", "--all", "-o", "ndjson"}), 2);
  const std::string lines = out_.str();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 3);
}

TEST_F(Plumb, drift_fits_a_terminal_of_80_columns) {
  width_ = 80;
  node_.all_drifts = {sample_drift(1)};
  plumb({"drift"});
  EXPECT_EQ(out_.str(),
            "ID  STATE  RESOURCE                  WHAT              WHO               WHEN\n"
            "1   open   tofu:prod-n…_file.nginx1  content_sha256,…  vi nginx.conf (…  1 m ago\n");
  colour_ = true;
  plumb({"drift"});
  EXPECT_THAT(out_.str(), HasSubstr("\x1b[31mopen\x1b[0m"));
}

TEST_F(Plumb, show_is_what_an_on_call_person_needs) {
  auto drift = sample_drift(1);
  node_.all_drifts = {drift};
  const std::string want =
      R"(open, severity high, out_of_band
tofu:prod-net/local_file.nginx1
/etc/nginx/nginx1.conf on node-1
opened 2025-11-24T16:00:00.000000001Z (2 m ago), seen 2 times, last 2025-11-24T16:01:00.000000001Z (1 m ago)

What changed
  content_sha256  expected  aaaa
                  live      bbbb
  mode            expected  0644
                  live      0666

Who
  sshd[4600] /usr/sbin/sshd
  └─ bash[4700] bash
     └─ vi[4711] vi nginx.conf
  executable    /usr/bin/vi
  user          root (0)
  logged in as  ana (1000)
  terminal      pts/3

Evidence
  + lineage: no known writer in the lineage
  - missing: approved run

Put it back
  tofu apply -target=local_file.nginx1    # in the configuration's directory; or terraform apply
  chmod 0644 -- /etc/nginx/nginx1.conf

id d-3f9a1c2b-7d4e21aa-00000000000000000001
)";
  for (const std::string& word : {drift.id, std::string("1"), drift.resource, drift.where.path}) {
    EXPECT_EQ(plumb({"show", word}), 2) << word << err_.str();
    EXPECT_EQ(out_.str(), want);
  }
  EXPECT_EQ(plumb({"show", drift.id, "-o", "json"}), 2);
  EXPECT_EQ(json::parse(out_.str()).at("id"), drift.id);
  EXPECT_EQ(plumb({"show", "none"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("none has this id, address or path"));
}

TEST_F(Plumb, show_of_a_closed_drift_and_of_an_unknown_actor) {
  auto drift = sample_drift(1);
  drift.state = wire::DriftState::resolved;
  drift.closed_at = drift.updated_at;
  drift.closed_by = "live equals baseline";
  drift.actor = {};
  drift.actor.unknown_reason = "found at start";
  node_.all_drifts = {drift};
  EXPECT_EQ(plumb({"show", "1"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("(1 m ago): live equals baseline\n"));
  EXPECT_THAT(out_.str(), HasSubstr("Who\n  unknown: found at start\n"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("Put it back")));
}

TEST_F(Plumb, nothing_that_is_printed_can_command_a_terminal) {
  auto drift = sample_drift(1);
  drift.resource = "file:/etc/\x1b[2Jx\n\xff";
  drift.where.path = "/etc/\x1b[2Jx\n\xff";
  drift.actor.process->argv = {"vi", "\x1b]0;owned\x07",
                               "\xe2\x80\xae"
                               "gpj.exe",
                               "a\rb"};
  drift.evidence = {{"rule",
                     "\x9b"
                     "31m"}};
  node_.all_drifts = {drift};
  node_.all_resources = {sample_resource(drift.resource, drift.where.path)};
  for (const auto& command : std::vector<std::vector<std::string>>{
           {"drift"}, {"show", "1"}, {"explain", "1"}, {"resources"}, {"drift", "-o", "json"}}) {
    plumb(command);
    for (const char c : out_.str())
      EXPECT_TRUE(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F)) << command[0] << int(c);
    if (command.size() < 3) {
      EXPECT_THAT(out_.str(), Not(HasSubstr("\xe2\x80\xae"))) << command[0];
    }
  }
  plumb({"show", "1"});
  EXPECT_THAT(out_.str(), HasSubstr("file:/etc/\\x1B[2Jx\\n\\xFF\n"));
  EXPECT_THAT(out_.str(), HasSubstr("vi[4711] vi $'\\033]0;owned\\007' $'\\342\\200\\256gpj.exe'"));
  EXPECT_THAT(out_.str(), HasSubstr("chmod 0644 -- $'/etc/\\033[2Jx\\012\\377'\n"));
}

TEST_F(Plumb, long_arguments_of_an_ancestor_do_not_bury_the_rest) {
  auto drift = sample_drift(1);
  drift.actor.lineage[0].argv.push_back(std::string(5000, 'x'));
  node_.all_drifts = {drift};
  width_ = 80;
  plumb({"show", "1"});
  EXPECT_THAT(out_.str(), HasSubstr("xxx…\n"));
  EXPECT_THAT(out_.str(), Not(HasSubstr(std::string(80, 'x'))));
}

TEST_F(Plumb, explain_names_the_rule_of_each_finding) {
  const auto drift = sample_drift(1);
  wire::Finding finding;
  finding.id = "f-1";
  finding.at = drift.updated_at;
  finding.drift_id = drift.id;
  finding.rule = "default";
  finding.source = "kernel";
  finding.comparison = wire::ComparisonResult::mismatch;
  finding.actor = drift.actor;
  node_.all_drifts = {drift};
  node_.all_findings = {finding};
  EXPECT_EQ(plumb({"explain", "1"}), 2);
  EXPECT_THAT(out_.str(), HasSubstr("Why out_of_band\n  + lineage: no known writer in the lineage\n"));
  EXPECT_THAT(out_.str(),
              HasSubstr("WHEN     COMPARISON  VERDICT      RULE     SEEN BY  WHO\n"
                        "1 m ago  mismatch    out_of_band  default  kernel   vi nginx.conf (ana, pts/3)\n"));
}

TEST_F(Plumb, resources_and_status) {
  auto lost = sample_resource("file:/b", "/b", wire::ComparisonResult::mismatch);
  lost.watched = false;
  lost.unwatched_reason = "no marks left";
  node_.all_resources = {sample_resource("file:/a", "/a"), lost};
  EXPECT_EQ(plumb({"resources"}), 0);
  EXPECT_EQ(out_.str(),
            "COMPARISON  RESOURCE  PATH  WATCHED            CHECKED\n"
            "match       file:/a   /a    yes                3 m ago\n"
            "mismatch    file:/b   /b    no: no marks left  3 m ago\n");
  EXPECT_EQ(plumb({"resources", "--comparison", "match", "-o", "ndjson"}), 0);
  EXPECT_EQ(json::parse(out_.str()).at("path"), "/a");

  node_.status = R"({"version":"0.1.0","node_id":"3f9a","node":"node-1","tier":"ctime","drift":{"open":1},
    "resources":{"total":12,"mismatch":1},
    "baselines":[{"name":"prod","resources":81,"files":12,"revision":{"serial":"7"}},{"name":"ops","files":0,"error":"line 3"},
      {"name":"net","files":1,"handed":true},
      {"name":"collector","kind":"handout","path":"https://c:9650","handed":true,"revision":{"sequence":"5"},"error":"no"}],
    "health":{"hooks":{"ok":true,"says":""},"spool":{"ok":false,"says":"disk full"}},
    "spool":{"next_sequence":18,"acknowledged":15,"bytes":4096},
    "exporter":{"acked":15,"lag_records":2,"last_error":""}})";
  EXPECT_EQ(plumb({"status"}), 2);
  EXPECT_EQ(out_.str(),
            "node        node-1 (3f9a)\n"
            "agent       0.1.0, tier ctime\n"
            "drift       1 open\n"
            "files       12 managed files, 1 out of true\n"
            "baseline    prod: 81 resources, 12 files, serial 7\n"
            "baseline    ops: 0 resources, 0 files; line 3\n"
            "baseline    net (handed): 0 resources, 1 file\n"
            "handout     https://c:9650, sequence 5; no\n"
            "health      hooks ok\n"
            "health      spool failed: disk full\n"
            "spool       4096 bytes on disk, 2 records not yet acknowledged\n"
            "collector   15 acknowledged, 2 waiting\n");
}

TEST_F(Plumb, doctor_asks_the_agent_where_one_answers) {
  node_.status = R"({"version":"0.1.0","tier":"ctime","kernel":{"tiers":[{"tier":"fentry","works":false,
    "why":"EPERM at load"}]},"health":{"hooks":{"ok":true,"says":"attached"}}})";
  node_.all_blind_spots = {{"remote", "node", "Not seen.", "no hook", "the rescan finds it"}};
  EXPECT_EQ(plumb({"doctor"}), 0);
  EXPECT_EQ(out_.str(),
            "ok       agent          version 0.1.0 answers\n"
            "ok       tier           ctime\n"
            "degraded tier fentry    refused: EPERM at load\n"
            "ok       hooks          attached\n"
            "degraded blind spot     node: Not seen.\n"
            "                        so: no hook\n"
            "                        do: the rescan finds it\n");
  node_.change([](FakeNode& n) { n.status = R"({"version":"0.1.0","tier":"none"})"; });
  EXPECT_EQ(plumb({"doctor", "-o", "ndjson"}), 1);
}

TEST_F(Plumb, watch_prints_events_and_stops_at_the_count) {
  const auto drift = sample_drift(1);
  node_.happen({{"finding", "{}"}});
  node_.happen({{"drift", wire::to_json_value(drift).dump()}});
  EXPECT_EQ(plumb({"watch", "--from", "1.0", "--count", "1"}), 0);
  EXPECT_EQ(err_.str(), "resumed after 1.0\n");
  EXPECT_EQ(
      out_.str(),
      "16:01:00.000  open      tofu:prod-net/local_file.nginx1  content_sha256, mode  vi nginx.conf (ana, pts/3)\n");
  node_.forget(1);
  EXPECT_EQ(plumb({"watch", "--from", "0", "--count", "1"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("gap       events_forgotten: events of this stretch can no longer be read"));
  EXPECT_EQ(plumb({"watch", "--from", "1", "--count", "1", "-o", "ndjson"}), 0);
  EXPECT_EQ(json::parse(out_.str()).at("id"), "2.0");
}

TEST_F(Plumb, watch_resumes_where_it_was_cut) {
  node_.happen({{"gap", R"({"reason":"one"})"}});
  const std::string from = "0";
  std::thread cut([&] {
    while (node_.subscribers() == 0) std::this_thread::yield();
    server_.stop();
    node_.happen({{"gap", R"({"reason":"two"})"}});
    http::Server again;
    agent::add_api_routes(again, node_, *gate_);
    ASSERT_FALSE(again.listen_unix(socket_).has_error());
    again.start();
    while (again.stats().requests == 0 || again.stats().connections != 0) std::this_thread::yield();
  });
  EXPECT_EQ(plumb({"watch", "--from", from, "--count", "2"}), 0);
  cut.join();
  EXPECT_THAT(out_.str(), HasSubstr("one"));
  EXPECT_THAT(out_.str(), HasSubstr("two"));
  EXPECT_THAT(err_.str(), HasSubstr("lost: "));
  EXPECT_THAT(err_.str(), HasSubstr("resumed after 1.0\n"));
}

class Simulate : public Plumb {
 protected:
  /// Plays the agent: as soon as the file's change time moves, a finding that names `pid`.
  void play(const std::string& path, std::uint32_t pid) {
    struct stat before{};
    ASSERT_EQ(::stat(path.c_str(), &before), 0);
    agent_ = std::thread([this, path, pid, before] {
      struct stat now = before;
      while (now.st_ctim.tv_sec == before.st_ctim.tv_sec && now.st_ctim.tv_nsec == before.st_ctim.tv_nsec) {
        ::stat(path.c_str(), &now);
        std::this_thread::yield();
      }
      wire::Finding finding;
      finding.id = "f-1";
      finding.where.path = path;
      finding.actor.process.emplace();
      finding.actor.process->pid = pid;
      finding.actor.process->comm = "stranger";
      node_.happen({{"finding", wire::to_json_value(finding).dump()}});
    });
  }
  void TearDown() override {
    if (agent_.joinable()) agent_.join();
    Plumb::TearDown();
  }
  std::thread agent_;
};

TEST_F(Simulate, changes_nothing_but_the_change_time_and_finds_itself) {
  const std::string path = directory_ + "/app.conf";
  std::ofstream(path) << "content";
  struct stat before{}, after{};
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  node_.all_resources = {sample_resource("file:" + path, path)};
  play(path, static_cast<std::uint32_t>(::getpid()));
  EXPECT_EQ(plumb({"simulate"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("finding  f-1 names this process"));
  EXPECT_THAT(out_.str(), HasSubstr("latency  "));
  ASSERT_EQ(::stat(path.c_str(), &after), 0);
  EXPECT_EQ(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
  EXPECT_EQ(before.st_atim.tv_nsec, after.st_atim.tv_nsec);
  EXPECT_EQ(before.st_mode, after.st_mode);
}

TEST_F(Simulate, says_why_it_failed) {
  const std::string path = directory_ + "/app.conf";
  std::ofstream(path) << "content";
  EXPECT_EQ(plumb({"simulate"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("none is a watched file that matches its baseline"));
  node_.change([&](FakeNode& n) { n.all_resources = {sample_resource("file:" + path, path)}; });
  EXPECT_EQ(plumb({"simulate", "--wait", "0.2"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("none came within"));
  play(path, 1);
  EXPECT_EQ(plumb({"simulate", "--wait", "0.5"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("names another process than"));
}

TEST_F(Plumb, exit_codes_and_messages_of_what_goes_wrong) {
  EXPECT_EQ(plumb_as_is({"plumb", "--socket", directory_ + "/none", "drift"}), 69);
  EXPECT_THAT(err_.str(), HasSubstr(directory_ + "/none: there is no such socket; start the agent"));
  EXPECT_EQ(plumb_as_is({"plumb", "--url", "http://127.0.0.1:1", "status"}), 69);
  EXPECT_EQ(plumb_as_is({"plumb", "--url", "ftp://x", "status"}), 64);
  EXPECT_EQ(plumb({"drift", "--state", "opne"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("read the parameter state=opne: it is not a known value; did you mean open?"));
  EXPECT_EQ(plumb({"drift", "--since", "yesterday"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("read --since yesterday: it is not an RFC 3339 time"));
  EXPECT_EQ(plumb({"drfit"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("no command is called drfit; did you mean drift?"));
  EXPECT_EQ(plumb({"--cheese"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("no option is called --cheese"));
  EXPECT_EQ(plumb({}), 64);
  EXPECT_EQ(err_.str(), "plumb: name a command; plumb --help lists commands and options\n");
  EXPECT_EQ(plumb({"drift", "-o", "yaml"}), 64);
  EXPECT_EQ(plumb({"drift", "--token-file", directory_ + "/none"}), 78);
  EXPECT_EQ(plumb({"drift", "--ca-file", directory_ + "/none"}), 78);
  EXPECT_EQ(plumb({"--help"}), 0);
  EXPECT_EQ(plumb_as_is({"plumb", "nonsense"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("no command is called nonsense"));
}

TEST_F(Plumb, a_server_that_is_not_ours_is_told_apart) {
  http::Server other;
  other.route("GET", "/v1/drift", [](const http::Request&) { return http::text_response("<html>", "text/html"); });
  other.route("GET", "/v1/status", [](const http::Request&) { return http::json_response("[]"); });
  const std::string url = "http://127.0.0.1:" + std::to_string(other.listen_tcp("127.0.0.1", 0).value());
  other.start();
  EXPECT_EQ(plumb_as_is({"plumb", "--url", url, "drift"}), 69);
  EXPECT_THAT(err_.str(), HasSubstr("the answer is not JSON"));
  EXPECT_EQ(plumb_as_is({"plumb", "--url", url, "status"}), 69);
}

TEST_F(Plumb, completion_knows_every_command) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_EQ(plumb({"completion", shell}), 0);
    for (const char* command :
         {"status", "drift", "show", "explain", "watch", "resources", "doctor", "simulate", "completion", "comparison"})
      EXPECT_THAT(out_.str(), HasSubstr(command)) << shell;
  }
}

}  // namespace
}  // namespace plumbline::ctl
