// The conformance suite on a real PostgreSQL, and what only a shared server can do: be gone, be full of others, be
// newer.
#include "collector/store/postgres_store.hpp"

#include <atomic>
#include <thread>

#include "collector/ingest/node_names.hpp"
#include "collector/store/postgres.hpp"
#include "tests/unit/collector/postgres_fixture.hpp"
#include "tests/unit/collector/receiver.hpp"

namespace plumbline::collector::test {
namespace {

/// Each commit of rows begins another part of the ledger, which is over its time at once.
Result<std::unique_ptr<Store>> open_expiring(const std::string& directory) {
  return open_postgres_store({.target = target_in(directory), .retention = std::chrono::nanoseconds(8)});
}

INSTANTIATE_TEST_SUITE_P(Postgres, StoreConformance,
                         ::testing::Values(StoreFactory{
                             "postgres", open_in, open_expiring,
                             [] { return server() == nullptr ? why_no_server : std::string(); }}),
                         [](const auto& chosen) { return chosen.param.name; });

TEST_F(PostgresStores, may_start_at_once_on_an_empty_database) {
  std::vector<std::thread> starting;
  std::atomic<int> open = 0;
  (void)target_in(directory_.path());
  for (int i = 0; i < 6; ++i) starting.emplace_back([&] { open += another() ? 1 : 0; });
  for (auto& one : starting) one.join();
  EXPECT_EQ(open, 6);
}

TEST_F(PostgresStores, a_newer_schema_is_refused) {
  another();
  server()->run_sql("UPDATE " + schema() + ".plumbline_schema SET version = 99");
  const auto opened = open_in(directory_.path());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::unsupported);
  EXPECT_NE(opened.error().message().find("version 99"), std::string::npos);
}

TEST_F(PostgresStores, a_schema_of_version_1_is_brought_up_to_date) {
  ASSERT_TRUE(store_now(*another(), batch(node_, {finding(node_, 1, "r", "d"), finding(node_, 5, "r", "d")})));
  server()->run_sql("ALTER TABLE " + schema() +
                    ".nodes DROP COLUMN gap_since, DROP COLUMN conflict_since, DROP COLUMN forgotten_at,"
                    " DROP COLUMN unsettled_at, DROP COLUMN unsettled_by, DROP COLUMN unsettled_reason");
  for (const char* table : {"shared_keys", "enrolment_tokens", "handout", "revocations"})
    server()->run_sql("DROP TABLE " + schema() + "." + table);
  server()->run_sql("UPDATE " + schema() + ".plumbline_schema SET version = 1");
  const auto store = another();
  EXPECT_EQ(store->nodes().value().at(0).gap_since, start) << "nobody has looked at its hole";
  EXPECT_EQ(store->nodes().value().at(0).conflict_since, 0);
  EXPECT_EQ(store_now(*store, batch(node_, {finding(node_, 1, "r", "d")}))->items.at(0).status, "duplicate");
}

TEST_F(PostgresStores, a_token_at_two_of_them_at_once_is_used_by_one) {
  const auto a = another(), b = another();
  for (int round = 0; round < 20; ++round) {
    const EnrolmentToken token{std::string(62, 'a') + std::to_string(10 + round), "web-1", INT64_MAX, ""};
    ASSERT_TRUE(a->add_enrolment_token(token, 0).value());
    std::atomic<int> first = 0;
    const auto use = [&](Store& store, const std::string& key) {
      const auto done = store.use_enrolment_token(token.digest, key, 0);
      ASSERT_TRUE(done) << done.error().message();
      first += (*done)->is_first ? 1 : 0;
    };
    std::thread one([&] { use(*a, "key a"); }), two([&] { use(*b, "key b"); });
    one.join();
    two.join();
    ASSERT_EQ(first, 1) << round;
  }
}

TEST_F(PostgresStores, those_with_other_keys_are_refused_until_a_person_means_them) {
  const auto target = target_in(directory_.path());
  const auto open_with = [&](const std::string& ca) {
    return open_postgres_store({.target = target, .keys = {{"nodes-ca", ca}, {"hash", "h"}}});
  };
  ASSERT_TRUE(another()) << "one that uses none has none to agree on";
  ASSERT_TRUE(open_with("one"));
  ASSERT_TRUE(open_with("one"));
  const auto refused = open_with("two");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  for (const char* part : {"nodes-ca", "two", "one", "--adopt-keys"})
    EXPECT_NE(refused.error().message().find(part), std::string::npos) << refused.error().message();
  ASSERT_TRUE(adopt_keys(target, {{"nodes-ca", "two"}}));
  EXPECT_TRUE(open_with("two"));
  EXPECT_FALSE(open_with("one"));
}

TEST_F(PostgresStores, the_same_batch_at_two_of_them_is_stored_once) {
  const auto a = another(), b = another();
  std::atomic<int> stored = 0, repeated = 0;
  const auto send = [&](Store& store) {
    for (std::uint64_t i = 0; i < 40; ++i) {
      const auto ack =
          store_now(store, batch(node_, {finding(node_, 2 * i + 1, "r", "d"), finding(node_, 2 * i + 2, "r", "d")}));
      ASSERT_TRUE(ack) << ack.error().message();
      for (const auto& item : ack->items) ++(item.status == "stored" ? stored : repeated);
    }
  };
  std::thread other([&] { send(*b); });
  send(*a);
  other.join();
  EXPECT_EQ(stored, 80);
  EXPECT_EQ(repeated, 80);
  EXPECT_EQ(a->ledger_after(0, 1000, 1 << 20).value().size(), 80u) << "and no row of a hole that none was";
  EXPECT_EQ(a->stats().stored + b->stats().stored, 80u);
}

TEST_F(PostgresStores, a_cursor_that_follows_passes_no_row) {
  std::vector<std::unique_ptr<Store>> stores;
  for (int i = 0; i < 3; ++i) stores.push_back(another());
  std::vector<std::thread> writers;
  constexpr std::uint64_t batches = 60;
  for (std::size_t i = 0; i < stores.size(); ++i)
    writers.emplace_back([&, i] {
      const Made from{"0000000000000000000000000000001" + std::to_string(i), "b0000000", "n" + std::to_string(i)};
      for (std::uint64_t n = 0; n < batches; ++n)
        EXPECT_TRUE(store_now(*stores[i], batch(from, {finding(from, 2 * n + 1, "r"), finding(from, 2 * n + 2, "r")})));
    });
  std::uint64_t cursor = 0;
  while (cursor < 2 * batches * stores.size()) {
    const auto rows = stores[cursor % 3]->ledger_after(cursor, 7, 1 << 20);
    ASSERT_TRUE(rows) << rows.error().message();
    for (const auto& row : *rows) ASSERT_EQ(row.seq, ++cursor);
  }
  for (auto& writer : writers) writer.join();
}

TEST_F(PostgresStores, a_sink_is_one_collectors_until_that_stops) {
  auto a = another();
  const auto b = another();
  EXPECT_EQ(a->take_sink("soc")->cursor, std::nullopt);
  EXPECT_TRUE(a->has_sink("soc"));
  EXPECT_FALSE(b->take_sink("soc")->ours);
  EXPECT_FALSE(b->has_sink("soc"));
  b->move_sink_cursor("soc", 99);
  ASSERT_TRUE(store_now(*b, batch(node_, {})));
  EXPECT_EQ(b->stats().cursors_fenced, 1u);
  EXPECT_EQ(a->sink_cursor("soc").value(), std::nullopt);
  a->move_sink_cursor("soc", 5);
  a->stop();
  const auto turn = b->take_sink("soc").value();
  EXPECT_TRUE(turn.ours) << "at once";
  EXPECT_EQ(turn.cursor, 5u) << "behind the last move";
}

TEST_F(PostgresStores, a_turn_outlives_its_time_while_its_collector_lives_and_not_longer) {
  const auto a = another(), b = another();
  ASSERT_TRUE(a->take_sink("soc")->ours);
  const std::string turn = schema() + ".sinks SET expires_at = ";
  const auto renewed = [&] {
    return server()->ask("SELECT expires_at > extract(epoch FROM clock_timestamp()) * 1000000000 FROM " + schema() +
                         ".sinks") == "t";
  };
  server()->run_sql("UPDATE " + turn + "0");
  EXPECT_TRUE(eventually(renewed)) << "by itself";
  // What it looks like when it could not renew and another took over: its cursor counts no more, even before it
  // notices.
  server()->run_sql("UPDATE " + schema() + ".sinks SET owner = 'other', term = term + 1, cursor = 7");
  a->move_sink_cursor("soc", 99);
  ASSERT_TRUE(store_now(*a, batch(node_, {})));
  EXPECT_EQ(a->stats().cursors_fenced, 1u);
  EXPECT_TRUE(eventually([&] { return !a->has_sink("soc"); }));
  server()->run_sql("UPDATE " + turn + "0");
  EXPECT_TRUE(b->take_sink("soc")->ours) << "the time of the other is over";
  EXPECT_EQ(b->sink_cursor("soc").value(), 7u);
}

TEST_F(PostgresStores, what_one_stores_wakes_the_others) {
  const auto a = another(), b = another();
  const auto woken = std::make_shared<std::atomic<int>>(0);  // a call may be under way when the test ends
  const auto handle = b->subscribe([woken] { ++*woken; });
  ASSERT_TRUE(store_now(*a, batch(node_, {finding(node_, 1, "r"), finding(node_, 2, "r")})));
  EXPECT_TRUE(eventually([&] { return *woken > 0 && b->stats().last_seq == 2; }));
  DeadLetter letter;
  letter.origin = "sink:soc";
  ASSERT_TRUE(a->add_dead_letter(letter));
  EXPECT_EQ(a->request_replay("sink:soc").value(), 1u);
  EXPECT_TRUE(eventually([&] { return b->replays_requested() == 1; }));
}

TEST_F(PostgresStores, who_is_heard_by_one_is_not_silent_for_another) {
  auto a = another();
  const auto b = another();
  ASSERT_TRUE(store_now(*a, batch(node_, {})));
  EXPECT_EQ(b->report_silence(INT64_MAX, hour, start).value(), 0u) << "its own clock says nothing of what others heard";
  EXPECT_EQ(b->report_silence(INT64_MAX, std::chrono::nanoseconds(1), start).value(), 1u);
  EXPECT_EQ(a->report_silence(INT64_MAX, std::chrono::nanoseconds(1), start).value(), 0u) << "once";
  EXPECT_EQ(a->ledger_after(0, 10, 1 << 20)->size(), 1u);
  ASSERT_TRUE(store_now(*b, batch(node_, {})));
  EXPECT_EQ(a->report_silence(INT64_MAX, hour, start).value(), 0u) << "heard again, by the other";
}

TEST_F(PostgresStores, a_node_id_is_of_whom_it_first_came_at_any_of_them) {
  const auto a = another(), b = another();
  NodeNames at_a, at_b;
  ASSERT_TRUE(at_a.load(*a));
  ASSERT_TRUE(at_b.load(*b));
  const http::Caller mine{"mine", false, {"node-1"}}, other{"other", false, {"node-2"}},
      both{"both", false, {"node-1", "node-2"}};
  ASSERT_EQ(at_a.claim(node_.node_id, "node-1", &mine), "");
  ASSERT_TRUE(store_now(*a, batch(node_, {})));
  EXPECT_NE(at_b.claim(node_.node_id, "node-2", &other), "");
  EXPECT_EQ(at_b.claim(node_.node_id, "node-2", &both), "");
  node_.node = "node-2";
  ASSERT_TRUE(store_now(*b, batch(node_, {})));
  EXPECT_EQ(at_a.claim(node_.node_id, "node-2", &other), "") << "renamed at the other";
}

TEST_F(PostgresStores, a_silence_of_alerts_ends_once) {
  const auto a = another(), b = another();
  AlertSilence silence;
  silence.until = start;
  ASSERT_TRUE(a->add_silence(silence));
  std::size_t ended = 0;
  std::thread other([&] { ended += b->expire_silences(start).value(); });
  const std::size_t by_a = a->expire_silences(start).value();
  other.join();
  EXPECT_EQ(ended + by_a, 1u);
  EXPECT_EQ(a->ledger_after(0, 10, 1 << 20)->size(), 2u);
}

TEST_F(PostgresStores, a_server_that_crashes_is_waited_for_and_nothing_is_lost) {
  const auto store = another();
  ASSERT_TRUE(store->take_sink("soc")->ours);
  ASSERT_TRUE(store_now(*store, batch(node_, {finding(node_, 1, "r")})));
  server()->crash();
  const auto refused = store_now(*store, batch(node_, {finding(node_, 2, "r")}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable) << refused.error().message();
  EXPECT_FALSE(store->stats().writable);
  EXPECT_FALSE(store->nodes());
  server()->start();
  EXPECT_TRUE(eventually([&] { return store->stats().writable; })) << "it finds out by itself";
  EXPECT_EQ(store_now(*store, batch(node_, {finding(node_, 2, "r")}))->items.at(0).status, "stored");
  const auto rows = store->ledger_after(0, 10, 1 << 20);
  ASSERT_TRUE(rows) << rows.error().message();
  EXPECT_EQ(rows->size(), 2u);
  EXPECT_EQ(store->stats().sequence_gaps, 0u);
  EXPECT_TRUE(eventually([&] { return store->stats().lost_connections > 0; })) << "and it listens again";
}

TEST_F(PostgresStores, a_commit_whose_outcome_nobody_knows_is_found_when_it_comes_again) {
  const auto store = another();
  ASSERT_TRUE(store_now(*store, batch(node_, {finding(node_, 1, "r")})));
  // The server ends the connections while batches come: of some it had committed, and said so to nobody.
  std::atomic<bool> done = false;
  std::thread killer([&] {
    while (!done)
      server()->run_sql(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'plumbline%'");
  });
  for (std::uint64_t sequence = 2; sequence <= 60;)
    sequence += store_now(*store, batch(node_, {finding(node_, sequence, "r")})) ? 1 : 0;
  done = true;
  killer.join();
  const auto rows = store->ledger_after(0, 1000, 1 << 20);
  ASSERT_TRUE(rows) << rows.error().message();
  ASSERT_EQ(rows->size(), 60u);
  for (std::uint64_t i = 0; i < 60; ++i) EXPECT_EQ((*rows)[i].sequence, i + 1);
}

TEST_F(PostgresStores, a_question_that_takes_too_long_is_cut_and_counted) {
  const auto store =
      open_postgres_store({.target = target_in(directory_.path()), .query_limit = std::chrono::milliseconds(50)})
          .value();
  ASSERT_TRUE(store_now(*store, batch(node_, {finding(node_, 1, "r", "d")})));
  PostgresServer::Session holder(*server());
  holder.run("BEGIN; LOCK TABLE " + schema() + ".drifts");
  const auto cut = store->drifts({});
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::unavailable);
  EXPECT_FALSE(cut.error().fix.empty());
  EXPECT_EQ(store->stats().queries_cut, 1u);
  EXPECT_EQ(store->ledger_after(0, 10, 1 << 20).value().size(), 1u);
  holder.run("ROLLBACK");
  EXPECT_TRUE(store->drifts({}));
}

TEST_F(PostgresStores, texts_that_no_database_holds_harm_nothing) {
  const auto store = another();
  auto odd = batch(node_, {finding(node_, 1, std::string("file:/a\0b", 9), "d")});
  odd.node = std::string("n\0\xff", 3);
  const auto ack = store_now(*store, odd);
  ASSERT_TRUE(ack) << ack.error().message();
  EXPECT_EQ(ack->items.at(0).status, "stored");
  EXPECT_EQ(store->ledger_after(0, 1, 1 << 20)->at(0).body, odd.records[0].body);
  Query query;
  query.resource = std::string("\0\xff*", 3);
  EXPECT_TRUE(store->findings(query));
  query.node = query.resource;
  EXPECT_TRUE(store->drifts(query));
  EXPECT_EQ(store->nodes()->at(0).node, "n\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_F(PostgresStores, long_bodies_are_compressed_by_lz4_and_come_back_whole) {
  if (server()->ask("SELECT count(*) FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY"
                    " (enumvals)") == "0")
    GTEST_SKIP() << "this PostgreSQL is older than 14, or was built without LZ4";
  const auto store = another();
  auto sent = batch(node_, {finding(node_, 1, "r", "d")});
  auto& body = sent.records[0].body;
  body.insert(body.size() - 1, ",\"more\":\"" + std::string(4000, 'x') + "\"");
  ASSERT_TRUE(store_now(*store, sent));
  EXPECT_EQ(server()->ask("SELECT pg_column_compression(body) FROM " + schema() + ".ledger"), "lz4");
  EXPECT_EQ(store->ledger_after(0, 1, 1 << 20)->at(0).body, body);
}

TEST(PostgresText, wherever_it_stands_what_no_database_holds_is_replaced) {
  for (std::size_t before = 0; before < 20; ++before)
    for (const std::size_t after : {0, 1, 7, 8, 9}) {
      const std::string left(before, 'a'), right(after, 'z');
      EXPECT_EQ(postgres_text(left + '\0' + right), left + "\xEF\xBF\xBD" + right) << before << " " << after;
      EXPECT_EQ(postgres_text(left + '\xFF' + right), left + "\xEF\xBF\xBD" + right) << before << " " << after;
      EXPECT_EQ(postgres_text(left + "\xC3\xA9" + right), left + "\xC3\xA9" + right) << before << " " << after;
      EXPECT_EQ(postgres_text(left + '\x01' + right), left + '\x01' + right) << before << " " << after;
    }
}

std::string setting(const std::string& uri, const std::string& key) {
  std::string found = "none";
  for (const auto& [name, value] : connection_settings({uri, ""}).value())
    if (name == key) found = value;
  return found;
}

TEST(PostgresTarget, a_name_is_verified_unless_the_server_is_here_or_somebody_says_otherwise) {
  EXPECT_EQ(setting("postgresql://u@db.example/p", "sslmode"), "verify-full");
  EXPECT_EQ(setting("postgresql://u@127.0.0.1,db.example/p", "sslmode"), "verify-full") << "one of them is elsewhere";
  EXPECT_EQ(setting("postgresql://u@127.0.0.1/p", "sslmode"), "none");
  EXPECT_EQ(setting("postgresql://u@/p?host=/run/postgresql", "sslmode"), "none");
  EXPECT_EQ(setting("postgresql://u@db.example/p?sslmode=require", "sslmode"), "none") << "it stands in the URI";
}

TEST(PostgresTarget, no_secret_stands_in_a_uri_nor_in_a_message) {
  for (const char* uri : {"postgresql://u:s3cret@db/p", "postgresql://u@db/p?password=s3cret",
                          "postgresql://u:s3cret@db/p?nonsense=1", "host=db password=s3cret"}) {
    const auto checked = check_target({uri, ""});
    ASSERT_FALSE(checked) << uri;
    EXPECT_EQ(checked.error().message().find("s3cret"), std::string::npos) << checked.error().message();
    EXPECT_FALSE(checked.error().fix.empty());
  }
  EXPECT_EQ(shown_target({"postgresql://u@db:5433/p", ""}), "db:5433/p");
}

}  // namespace
}  // namespace plumbline::collector::test
