#include "include/wire/batch.hpp"

#include <gtest/gtest.h>

#include "include/wire/batch_read.hpp"
#include "include/wire/json.hpp"
#include "include/wire/json_tree.hpp"
#include "include/wire/record_columns.hpp"

namespace plumbline::wire {
namespace {

Record finding_record(std::uint64_t sequence) {
  Finding finding;
  finding.id = make_finding_id("0123456789abcdef", "fedcba9876543210", sequence);
  finding.resource = "file:/etc/app \"one\"\n\xff.conf";
  finding.at = 1'700'000'000'123'456'789;
  finding.comparison = ComparisonResult::mismatch;
  finding.severity = Severity::high;
  finding.drift_id = "d-1";
  Drift drift;
  drift.id = "d-1";
  drift.resource = finding.resource;
  drift.opened_at = drift.updated_at = finding.at;
  return {sequence, "finding", finding.id, finding.at,
          Json{{"finding", to_json_value(finding)}, {"drift", to_json_value(drift)}}.dump()};
}

Batch two_records() {
  Batch batch;
  batch.node_id = "0123456789abcdef0123456789abcdef";
  batch.node = "node \"1\"";
  batch.labels_json = R"({"env":"staging"})";
  batch.boot_id = "fedcba98-7654";
  batch.agent_version = "0.1.0";
  batch.sent_at = 1'700'000'001'000'000'000;
  batch.oldest_unsent = 17;
  batch.health_json = R"({"tier":{"file":"ctime"}})";
  batch.records = {finding_record(17), finding_record(18)};
  return batch;
}

std::string why(std::string text, const BatchLimits& limits = {}) {
  const auto read = decode_batch(std::move(text), limits);
  return read ? "accepted" : read.error().message();
}

TEST(Batch, comes_back_as_it_went) {
  const Batch sent = two_records();
  const auto packed = zstd_compress(encode_batch(sent));
  ASSERT_TRUE(packed) << packed.error().message();
  const auto text = zstd_decompress(*packed, 1 << 20);
  ASSERT_TRUE(text) << text.error().message();
  const auto got = decode_batch(*text);
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(got->node_id, sent.node_id);
  EXPECT_EQ(got->node, sent.node);
  EXPECT_EQ(got->labels_json, sent.labels_json);
  EXPECT_EQ(got->boot_id, sent.boot_id);
  EXPECT_EQ(got->agent_version, sent.agent_version);
  EXPECT_EQ(got->sent_at, sent.sent_at);
  EXPECT_EQ(got->oldest_unsent, 17u);
  EXPECT_EQ(got->health_json, sent.health_json);
  ASSERT_EQ(got->records.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(got->records[i].sequence, sent.records[i].sequence);
    EXPECT_EQ(got->records[i].type, sent.records[i].type);
    EXPECT_EQ(got->records[i].id, sent.records[i].id);
    EXPECT_EQ(got->records[i].at, sent.records[i].at);
    EXPECT_EQ(got->records[i].body, sent.records[i].body);
  }
}

TEST(Batch, a_heartbeat_has_no_records) {
  Batch beat = two_records();
  beat.records.clear();
  const auto got = decode_batch(encode_batch(beat));
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_TRUE(got->records.empty());
}

TEST(Batch, every_cut_is_refused) {
  const std::string whole = encode_batch(two_records());
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_NE(why(whole.substr(0, length)), "accepted") << "cut at " << length;
  EXPECT_EQ(why(whole), "accepted");
}

TEST(Batch, every_cut_of_the_compressed_form_is_refused) {
  const std::string whole = *zstd_compress(encode_batch(two_records()));
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(zstd_decompress(whole.substr(0, length), 1 << 20)) << "cut at " << length;
}

TEST(Batch, says_line_and_key_of_what_is_wrong) {
  const std::string header = R"({"node_id":"0123456789abcdef","records":1})"
                             "\n";
  EXPECT_NE(why(header + R"({"sequence":"1"})"
                         "\n")
                .find("line 2: /sequence is not a whole number"),
            std::string::npos);
  EXPECT_NE(why(header + "{}\n").find("line 2: no usable /sequence"), std::string::npos);
  EXPECT_NE(why(header + R"({"sequence":1,"type":"gap","id":"x","body":[]})"
                         "\n")
                .find("/body is not an object"),
            std::string::npos);
  EXPECT_NE(why("[]\n").find("line 1"), std::string::npos);
  EXPECT_NE(why(R"({"node_id":"0123456789abcdef"})"
                "\n")
                .find("/records is missing"),
            std::string::npos);
  EXPECT_NE(why(header + R"({"sequence":1,"type":"gap","id":"x","body":{}} {})"
                         "\n")
                .find("line 2"),
            std::string::npos);
}

TEST(Batch, labels_and_health_are_whole_objects) {
  const auto with = [](const std::string& key, const std::string& json) {
    return why(R"({"node_id":"0123456789abcdef","records":0,")" + key + "\":" + json + "}\n");
  };
  for (const std::string key : {"labels", "health"}) {
    EXPECT_EQ(with(key, R"({"a":{"b":[1,"x",null]}} )"), "accepted");
    for (const char* bad :
         {"[]", "7", "{1}", R"({"a":})", R"({"a":tru})", R"({"a":1,})", R"({"a" 1})", R"({"a":"\x"})"})
      EXPECT_NE(with(key, bad).find("line 1"), std::string::npos) << key << " " << bad << ": " << with(key, bad);
    EXPECT_NE(with(key, R"({"a":tru})").find("/" + key + " is not an object"), std::string::npos);
    std::string deep = "{}";
    for (int i = 0; i < 40; ++i) deep = R"({"a":)" + deep + "}";
    EXPECT_NE(with(key, deep).find("/" + key + " is nested too deeply"), std::string::npos);
  }
}

TEST(Batch, ids_are_printable) {
  Batch batch = two_records();
  for (const std::string& bad : {std::string("a b"), std::string("a\nb"), std::string("a\x7f"), std::string("\xc3\xa9"),
                                 std::string("a\0b", 3)}) {
    batch.records[0].id = bad;
    EXPECT_NE(why(encode_batch(batch)).find("line 2: /id is not of printable ASCII"), std::string::npos) << bad;
  }
  batch.records[0].id = std::string(200, 'a');
  EXPECT_EQ(why(encode_batch(batch)), "accepted");
  batch.records[0].id += 'a';
  EXPECT_NE(why(encode_batch(batch)).find("line 2: /id is too long"), std::string::npos);
  batch = two_records();
  batch.node_id += "\r\nX: y";
  EXPECT_NE(why(encode_batch(batch)).find("line 1: /node_id is not of printable ASCII"), std::string::npos);
}

TEST(Batch, sequences_are_contiguous) {
  Batch batch = two_records();
  batch.records[1].sequence = 20;
  EXPECT_NE(why(encode_batch(batch)).find("sequence 20 does not follow 17"), std::string::npos);
}

TEST(Batch, limits_are_413) {
  BatchLimits limits;
  limits.max_records = 1;
  auto read = decode_batch(encode_batch(two_records()), limits);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::unsupported);
  limits = {};
  limits.max_record_bytes = 100;
  read = decode_batch(encode_batch(two_records()), limits);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::unsupported);
}

TEST(Zstd, a_bomb_stops_at_the_bound) {
  const std::string bomb = *zstd_compress(std::string(std::size_t{64} << 20, 'a'));
  ASSERT_LT(bomb.size(), std::size_t{64} << 10);
  const auto out = zstd_decompress(bomb, 1 << 20);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, ErrorCode::unsupported);
  EXPECT_TRUE(zstd_decompress(bomb, std::size_t{64} << 20)) << "exactly at the bound is fine";
}

TEST(Zstd, a_window_larger_than_8_MiB_is_refused) {
  const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, 27);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 0);
  std::string text(1000, 'a');
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  ZSTD_outBuffer out{packed.data(), packed.size(), 0};
  ZSTD_inBuffer in{text.data(), text.size(), 0};
  ZSTD_compressStream2(context.get(), &out, &in, ZSTD_e_flush);
  in = {text.data(), 0, 0};
  ZSTD_compressStream2(context.get(), &out, &in, ZSTD_e_end);
  packed.resize(out.pos);
  const auto got = zstd_decompress(packed, 1 << 20);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::invalid_argument);
}

TEST(Zstd, garbage_is_refused) {
  EXPECT_FALSE(zstd_decompress("{\"node_id\":", 100));
  EXPECT_FALSE(zstd_decompress("", 100));
}

TEST(Ack, comes_back_as_it_went) {
  const Ack sent{18, {{17, "stored", ""}, {18, "rejected", "id \"x\" was used before"}}};
  const auto got = decode_ack(encode_ack(sent));
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(got->accepted_through, 18u);
  ASSERT_EQ(got->items.size(), 2u);
  EXPECT_EQ(got->items[1].status, "rejected");
  EXPECT_EQ(got->items[1].why, sent.items[1].why);
}

TEST(Ack, half_an_answer_is_none) {
  const std::string whole = encode_ack({18, {{18, "stored", ""}}});
  for (std::size_t length = 0; length < whole.size(); ++length) EXPECT_FALSE(decode_ack(whole.substr(0, length)));
  EXPECT_FALSE(decode_ack(R"({"accepted_through":-1,"items":[]})"));
  EXPECT_FALSE(decode_ack(R"({"items":[]})"));
}

TEST(Columns, are_taken_from_finding_and_drift) {
  ColumnReader reader;
  const Record record = finding_record(17);
  const auto columns = reader.read(record);
  ASSERT_TRUE(columns) << columns.error().message();
  EXPECT_EQ(columns->resource, escape_bytes("file:/etc/app \"one\"\n\xff.conf"));
  EXPECT_EQ(columns->verdict, "out_of_band");
  EXPECT_EQ(columns->comparison, "mismatch");
  EXPECT_EQ(columns->severity, "high");
  EXPECT_EQ(columns->at, record.at);
  EXPECT_TRUE(columns->has_drift);
  EXPECT_EQ(columns->drift_id, "d-1");
  EXPECT_EQ(columns->drift_state, "open");
  const auto drift = body_part(record.body, "drift");
  ASSERT_TRUE(drift);
  EXPECT_EQ(Json::parse(*drift), Json::parse(record.body)["drift"]);
  EXPECT_FALSE(body_part(record.body, "gap"));
}

TEST(Columns, a_body_that_is_not_what_it_says_is_refused) {
  ColumnReader reader;
  const auto read = [&](const char* type, std::string body) { return reader.read({1, type, "x", 1, std::move(body)}); };
  EXPECT_FALSE(read("finding", "{}"));
  EXPECT_FALSE(read("finding", R"({"finding":{"id":"y","resource":"r"}})")) << "another id";
  EXPECT_FALSE(read("finding", R"({"finding":{"id":"x"}})")) << "no resource";
  EXPECT_FALSE(read("finding", R"({"finding":{"id":"x","resource":"r","n":foo}})")) << "not JSON inside";
  EXPECT_FALSE(read("drift", R"({"drift":null})"));
  EXPECT_FALSE(read("gap", R"({"drift":null})"));
  EXPECT_TRUE(read("finding", R"({"finding":{"id":"x","resource":"r"},"drift":null})"));
  EXPECT_FALSE(read("drift", R"({"drift":{"id":"d","state":"open","resource":"r"}})")) << "/id is not d@1";
  EXPECT_FALSE(read("something_newer", R"({"a":1})")) << "what is not known cannot be shown as what it is";
  EXPECT_FALSE(read("silence", R"({"silence":{}})")) << "the collector's own";
}

TEST(JsonWrite, text_of_any_bytes_is_valid_json) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  bytes += "\xc3\xa9";
  const std::string text = JsonObject().text("k", bytes).number("n", 3).raw("r", "[1]").str();
  const Json json = Json::parse(text);
  EXPECT_EQ(unescape_bytes(json["k"].get<std::string>()), bytes);
}

TEST(JsonTree, is_what_the_trees_own_parser_makes_of_it) {
  for (
      const std::string text :
      {R"({"a": [1, -2, 3.5, 18446744073709551615, -9223372036854775808, 0], "b": {"c": null, "d": [true, false, {}]}})",
       R"({"a": 1, "b": 2, "a": 3})", R"("caf\u00e9 \ud83d\ude00 \u0000 \" ")", "[]", "7", "null", R"({"":[[[]]]})"}) {
    const auto tree = read_tree(text);
    ASSERT_TRUE(tree) << text;
    const Json other = Json::parse(text);
    EXPECT_EQ(*tree, other) << text;
    EXPECT_EQ(tree->dump(), other.dump()) << text;
    EXPECT_EQ(tree->type(), other.type()) << text;
  }
  EXPECT_TRUE(read_tree(R"({"n": 5})")->at("n").is_number_unsigned());
  for (const std::string text : {"", "{", R"({"a": })", "[1] 2", "\"\xff\""}) EXPECT_FALSE(read_tree(text)) << text;
}

}  // namespace
}  // namespace plumbline::wire
