// Writing side of POST /v1/batches and both sides of its answer (formats: record.hpp). The agent's exporter writes,
// the collector's ingest reads with batch_read.hpp. Users link libzstd.
#pragma once

#include <zstd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "include/util/result.hpp"
#include "include/wire/json_write.hpp"
#include "include/wire/record.hpp"

namespace plumbline::wire {

inline constexpr std::string_view batch_content_type = "application/x-ndjson";
inline constexpr std::string_view batch_content_encoding = "zstd";

/// The batch as NDJSON, header line first, every line ended by '\n'. Record bodies are copied as they are: one JSON
/// object each, without newline.
inline std::string encode_batch(const Batch& batch) {
  std::size_t size = 512 + batch.labels_json.size() + batch.health_json.size();
  for (const auto& record : batch.records) size += record.body.size() + record.id.size() + 128;
  std::string out;
  out.reserve(size);
  out += JsonObject()
             .text("node_id", batch.node_id)
             .text("node", batch.node)
             .raw("labels", batch.labels_json)
             .text("boot_id", batch.boot_id)
             .text("agent_version", batch.agent_version)
             .text("sent_at", rfc3339(batch.sent_at))
             .number("records", batch.records.size())
             .number("oldest_unsent", batch.oldest_unsent)
             .raw("health", batch.health_json)
             .str();
  out += '\n';
  for (const auto& record : batch.records) {
    out += JsonObject()
               .number("sequence", record.sequence)
               .text("type", record.type)
               .text("id", record.id)
               .text("at", rfc3339(record.at))
               .raw("body", record.body)
               .str();
    out += '\n';
  }
  return out;
}

/// `level` as zstd's; 1 costs about a third of the CPU time of 3 on findings, for a tenth more bytes.
inline Result<std::string> zstd_compress(std::string_view bytes, int level = 1) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), level);
  if (ZSTD_isError(size) != 0)
    return Error{ErrorCode::internal, "compress a batch with zstd", ZSTD_getErrorName(size), ""};
  out.resize(size);
  return out;
}

/// The inverse, for bytes of a stranger: the output never grows past `max_bytes` and the window (so the memory that
/// the frame header asks for) never past 8 MiB, whatever the frame claims. Several frames in a row are one text. A
/// frame that ends early, or bytes that are not zstd, are `invalid_argument`; a text longer than `max_bytes` is
/// `unsupported` (HTTP: 413).
inline Result<std::string> zstd_decompress(std::string_view bytes, std::size_t max_bytes) {
  constexpr int max_window_log = 23;
  const std::string what = "decompress a zstd batch of " + std::to_string(bytes.size()) + " bytes";
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (!context) return Error{ErrorCode::internal, what, "out of memory", ""};
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, max_window_log);

  std::string out;
  const auto declared = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (declared != ZSTD_CONTENTSIZE_UNKNOWN && declared != ZSTD_CONTENTSIZE_ERROR)
    out.reserve(std::min<std::size_t>(declared, max_bytes) + 64);  // 64: room for a parser's padding
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  std::size_t unfinished = bytes.empty() ? 1 : 0;
  while (in.pos < in.size) {
    const std::size_t before = out.size();
    const std::size_t room = std::min<std::size_t>(max_bytes + 1 - before, std::size_t{128} << 10);
    out.resize(before + room);
    ZSTD_outBuffer chunk{out.data() + before, room, 0};
    unfinished = ZSTD_decompressStream(context.get(), &chunk, &in);
    out.resize(before + chunk.pos);
    if (ZSTD_isError(unfinished) != 0)
      return invalid(what, ZSTD_getErrorName(unfinished), "send zstd (level 1 to 19, window of at most 8 MiB)");
    if (out.size() > max_bytes)
      return Error{ErrorCode::unsupported, what, "it is longer than " + std::to_string(max_bytes) + " bytes of text",
                   "send fewer records in a batch"};
  }
  // All input is taken, but the last of the output may still be inside the decoder.
  while (unfinished != 0 && out.size() <= max_bytes) {
    const std::size_t before = out.size();
    const std::size_t room = std::min<std::size_t>(max_bytes + 1 - before, std::size_t{128} << 10);
    out.resize(before + room);
    ZSTD_outBuffer chunk{out.data() + before, room, 0};
    unfinished = ZSTD_decompressStream(context.get(), &chunk, &in);
    out.resize(before + chunk.pos);
    if (ZSTD_isError(unfinished) != 0 || chunk.pos == 0) break;
  }
  if (out.size() > max_bytes)
    return Error{ErrorCode::unsupported, what, "it is longer than " + std::to_string(max_bytes) + " bytes of text",
                 "send fewer records in a batch"};
  if (unfinished != 0) return invalid(what, "the last frame ends early", "send the whole frame");
  return out;
}

inline std::string encode_ack(const Ack& ack) {
  std::string out = "{\"accepted_through\":" + std::to_string(ack.accepted_through) + ",\"items\":[";
  for (std::size_t i = 0; i < ack.items.size(); ++i) {
    const AckItem& item = ack.items[i];
    if (i != 0) out += ',';
    JsonObject json;
    json.number("sequence", item.sequence).text("status", item.status);
    if (!item.why.empty()) json.text("why", item.why);
    out += std::move(json).str();
  }
  out += "]}";
  return out;
}

/// Strict about what it needs: anything but the shape of record.hpp is `invalid_argument`, so that half an answer is
/// never taken for an acknowledgement.
inline Result<Ack> decode_ack(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto bad = [](const char* why) {
    return invalid("read the collector's acknowledgement", why, "check that the URL is a Plumbline collector's");
  };
  if (json.is_discarded()) return bad("not JSON, or cut off");
  if (!json.is_object()) return bad("not a JSON object");
  const auto through = json.find("accepted_through");
  const auto items = json.find("items");
  if (through == json.end() || !through->is_number_unsigned()) return bad("no whole number accepted_through");
  if (items == json.end() || !items->is_array()) return bad("no list items");
  Ack ack{through->get<std::uint64_t>(), {}};
  ack.items.reserve(items->size());
  for (const auto& item : *items) {
    if (!item.is_object()) return bad("an item is not an object");
    const auto sequence = item.find("sequence");
    const auto status = item.find("status");
    const auto why = item.find("why");
    if (sequence == item.end() || !sequence->is_number_unsigned() || status == item.end() || !status->is_string())
      return bad("an item without sequence or status");
    ack.items.push_back({sequence->get<std::uint64_t>(), status->get<std::string>(),
                         why != item.end() && why->is_string() ? why->get<std::string>() : std::string()});
  }
  return ack;
}

}  // namespace plumbline::wire
