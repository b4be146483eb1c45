#include "include/wire/json.hpp"

#include <gtest/gtest.h>

namespace plumbline::wire {
namespace {

// Bytes that no JSON may hold, an escape that only looks like one, and what JSON escapes.
const std::string any_bytes = "caf\xE9 \\x41 \xC3\xA9 \"quoted\"\n\x01";

Process a_process() {
  return {.pid = 4711,
          .start_time = 1'795'484'850'000'000'001,
          .exe = "/opt/" + any_bytes,
          .exe_sha256 = std::string(64, 'a'),
          .comm = any_bytes,
          .argv = {"vi", any_bytes, ""},
          .argv_truncated = true,
          .uid = 0,
          .user = any_bytes,
          .login_uid = 1000,
          .login_user = "ada",
          .tty = "pts/3"};
}

Process process_of(std::uint32_t pid) {
  Process p;
  p.pid = pid;
  return p;
}

Actor an_actor() {
  Actor a;
  a.process = a_process();
  a.lineage = {a_process(), process_of(1)};
  a.lineage_complete = true;
  a.container = Container{.id = "c0ffee",
                          .runtime = "podman",
                          .name = any_bytes,
                          .image = "localhost/x:1",
                          .image_digest = "sha256:1",
                          .pod = "web-1",
                          .pod_namespace = "shop",
                          .pod_uid = "0a-1",
                          .service_account = "web",
                          .ecs = EcsTask{"c", "arn:aws:ecs:eu-west-1:1:task/c/1", "f", "7", any_bytes, "s"}};
  a.resolved = true;
  a.unknown_reason = any_bytes;
  return a;
}

// Every member set to something that is not its default, every text to any bytes where a host or a user chooses it.
Finding a_finding() {
  Finding f;
  f.id = "3f9a1c2b-7d4e21aa-00000000000000000012";
  f.resource = "file:/etc/" + any_bytes;
  f.kind = "file";
  f.at = 1'795'484'850'123'456'789;
  f.observed_at = f.at + 1;
  f.source = "kernel";
  f.verdict = Verdict::impersonation;
  f.rule = "a-rule";
  f.comparison = ComparisonResult::mismatch;
  f.severity = Severity::critical;
  f.diff = {{"mode", "0644", "0666", false}, {"symlink_target", any_bytes, "b", true}};
  f.where = {"node-1", "/etc/" + any_bytes, {any_bytes, "/b"}};
  f.where.container.emplace().id = "c0ffee";
  f.where.container->pod = any_bytes;
  f.actor = an_actor();
  f.first_actor = a_process();
  f.changes = 7;
  f.evidence = {{"lineage", "no known writer: /opt/" + any_bytes}};
  f.missing_evidence = {"digest of /opt/" + any_bytes};
  f.baseline = BaselineRef{"prod-net", {{"lineage", any_bytes}, {"serial", "7"}}};
  f.drift_id = "d1";
  Call call;
  call.provider = "aws";
  call.host_by = "dns";
  call.principal = "ASIAIOSFODNN7EXAMPLE";
  call.principal_account = "123456789012";
  call.principal_arn = "arn:aws:sts::1:assumed-role/" + any_bytes;
  call.principal_chain = {any_bytes, "system:serviceaccount:shop:deployer"};
  call.principal_proof = "observed";
  f.call = call;
  return f;
}

Drift a_drift() {
  const Finding f = a_finding();
  Drift d;
  d.id = "d1";
  d.resource = f.resource;
  d.state = DriftState::accepted;
  d.opened_at = f.at;
  d.updated_at = f.at + 2;
  d.closed_at = f.at + 3;
  d.closed_by = "baseline revision " + any_bytes;
  d.count = std::uint64_t{1} << 40;
  d.verdict = f.verdict;
  d.comparison = ComparisonResult::not_comparable;
  d.severity = Severity::low;
  d.diff = f.diff;
  d.where = f.where;
  d.actor = f.actor;
  d.evidence = f.evidence;
  d.missing_evidence = f.missing_evidence;
  d.findings = {"f1", "f2"};
  d.rollback = Rollback{RollbackState::re_drifted, "auto", "heal", "uid 7", any_bytes, f.at + 4, true};
  return d;
}

// Through text, as peers do: dump() throws where a string is not UTF-8.
template <class T>
Json through_text(const T& t) {
  return Json::parse(to_json_value(t).dump());
}

TEST(WireJson, AFindingComesBackWhole) {
  const Json sent = through_text(a_finding());
  const auto back = finding_from_json(sent);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(to_json_value(*back), sent);
  EXPECT_EQ(back->where.path, a_finding().where.path);
  ASSERT_TRUE(back->where.container);
  EXPECT_EQ(back->where.container->id, "c0ffee");
  EXPECT_EQ(back->where.container->pod, a_finding().where.container->pod);
  EXPECT_EQ(back->actor.process->argv, a_finding().actor.process->argv);
  EXPECT_EQ(back->evidence[0].says, a_finding().evidence[0].says);
  EXPECT_EQ(back->missing_evidence, a_finding().missing_evidence);
  EXPECT_EQ(back->baseline->revision, a_finding().baseline->revision);
  EXPECT_EQ(back->actor.unknown_reason, any_bytes);
  EXPECT_EQ(back->call->principal_account, a_finding().call->principal_account);
  EXPECT_EQ(back->call->principal_arn, a_finding().call->principal_arn);
  EXPECT_EQ(back->call->principal_chain, a_finding().call->principal_chain);
}

TEST(WireJson, ADriftComesBackWhole) {
  const Json sent = through_text(a_drift());
  const auto back = drift_from_json(sent);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(to_json_value(*back), sent);
  EXPECT_EQ(back->closed_by, a_drift().closed_by);
  EXPECT_EQ(back->closed_at, a_drift().closed_at);
  EXPECT_EQ(back->count, a_drift().count);
  ASSERT_TRUE(back->rollback);
  EXPECT_EQ(back->rollback->state, RollbackState::re_drifted);
  EXPECT_EQ(back->rollback->why, any_bytes);
}

TEST(WireJson, DefaultsComeBackToo) {
  const auto finding = finding_from_json(through_text(Finding{}));
  ASSERT_TRUE(finding) << finding.error().message();
  EXPECT_EQ(to_json_value(*finding), to_json_value(Finding{}));
  const auto drift = drift_from_json(through_text(Drift{}));
  ASSERT_TRUE(drift) << drift.error().message();
  EXPECT_EQ(to_json_value(*drift), to_json_value(Drift{}));
}

TEST(WireJson, WhatIsUnknownIsAbsent) {
  const Json process = to_json_value(process_of(7));
  EXPECT_EQ(process, (Json{{"pid", 7}}));
  const Json actor = to_json_value(Actor{});
  EXPECT_TRUE(actor.at("process").is_null());
  EXPECT_FALSE(actor.contains("container"));
  EXPECT_TRUE(to_json_value(Finding{}).at("drift_id").is_null());
}

TEST(WireJson, UidZeroIsNotUnknown) {
  Process root = process_of(7);
  root.uid = 0;
  EXPECT_EQ(to_json_value(root).at("uid"), 0);
}

TEST(WireJson, KeysOfANewerPeerAreLetPass) {
  Json j = to_json_value(a_finding());
  j["from_the_future"] = {{"a", 1}};
  j["actor"]["process"]["sandbox"] = "x";
  EXPECT_TRUE(finding_from_json(j));
}

TEST(WireJson, AWrongTypeIsNamedByItsPlace) {
  const auto error_of = [](const char* pointer, Json value) {
    Json j = to_json_value(a_finding());
    j[Json::json_pointer(pointer)] = std::move(value);
    const auto back = finding_from_json(j);
    return back ? std::string("accepted") : back.error().message();
  };
  EXPECT_EQ(error_of("/at", 12), "read JSON at finding/at: not an RFC 3339 time");
  EXPECT_EQ(error_of("/at", "2026-02-30T00:00:00Z"), "read JSON at finding/at: not an RFC 3339 time");
  EXPECT_EQ(error_of("/verdict", "guilty"), "read JSON at finding/verdict: not a known word");
  EXPECT_EQ(error_of("/changes", -1), "read JSON at finding/changes: not a whole number");
  EXPECT_EQ(error_of("/changes", 1.5), "read JSON at finding/changes: not a whole number");
  EXPECT_EQ(error_of("/diff", Json::object()), "read JSON at finding/diff: not a list");
  EXPECT_EQ(error_of("/actor/process/argv/0", 1), "read JSON at finding/actor/process/argv: not a list of strings");
  EXPECT_EQ(error_of("/actor/resolved", "yes"), "read JSON at finding/actor/resolved: not true or false");
  EXPECT_EQ(error_of("/where", "here"), "read JSON at finding/where: not an object");
  EXPECT_EQ(error_of("/resource", Json::array()), "read JSON at finding/resource: not a string");
}

TEST(WireJson, ANumberThatDoesNotFitIsRefusedNotCut) {
  Json j = to_json_value(a_finding());
  j["actor"]["process"]["pid"] = std::uint64_t{1} << 32;
  const auto back = finding_from_json(j);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().message(), "read JSON at finding/actor/process/pid: larger than 4294967295");
}

TEST(WireJson, AnythingButAnObjectIsRefused) {
  for (const Json& j : {Json(nullptr), Json(1), Json("x"), Json::array()}) {
    EXPECT_FALSE(finding_from_json(j)) << j;
    EXPECT_FALSE(drift_from_json(j)) << j;
  }
}

TEST(WireJson, TheOtherUnitsTakeAnyBytes) {
  Gap gap;
  gap.scope = gap.detail = any_bytes;
  const BlindSpot spot{"b", any_bytes, any_bytes, any_bytes, any_bytes};
  ResourceStatus status;
  status.resource = status.path = status.unwatched_reason = any_bytes;
  status.expected = status.live = {{"symlink_target", any_bytes}};
  EXPECT_EQ(unescape_bytes(through_text(gap).at("detail").get<std::string>()), any_bytes);
  EXPECT_EQ(unescape_bytes(through_text(spot).at("says").get<std::string>()), any_bytes);
  EXPECT_EQ(unescape_bytes(through_text(status).at("live").at("symlink_target").get<std::string>()), any_bytes);
}

}  // namespace
}  // namespace plumbline::wire
