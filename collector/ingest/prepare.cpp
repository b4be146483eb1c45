#include "collector/ingest/prepare.hpp"

#include <openssl/evp.h>

#include "include/wire/batch.hpp"
#include "include/wire/batch_read.hpp"

namespace plumbline::collector {

namespace {

/// Why `node_id` cannot have made the record; "" = it can. Ids begin with their node's (wire::make_finding_id()), so
/// that nobody speaks in another's name.
std::string stranger(const wire::Record& record, std::string_view node_id) {
  const std::string begin = (record.type == "gap" ? "g-" : "") + std::string(node_id.substr(0, 8));
  if (record.type == "drift" || record.id.starts_with(begin)) return "";
  return invalid("read record " + record.id, "/id does not begin with " + begin + ", as its sender's do").message();
}

}  // namespace

PreparedRecord prepare_record(wire::Record record, std::string_view node_id, wire::ColumnReader& reader) {
  PreparedRecord item;
  item.record = std::move(record);
  unsigned int size = 0;
  EVP_Digest(item.record.body.data(), item.record.body.size(), reinterpret_cast<unsigned char*>(item.digest.data()),
             &size, EVP_sha256(), nullptr);
  auto columns = reader.read(item.record);
  if (!columns) {
    item.refused = columns.error().message();
    return item;
  }
  item.columns = std::move(*columns);
  item.refused = stranger(item.record, node_id);
  return item;
}

Result<PreparedBatch> prepare_batch(std::string_view body, std::string_view encoding, Received received,
                                    const IngestLimits& limits) {
  std::string text;
  if (encoding == wire::batch_content_encoding) {
    auto unpacked = wire::zstd_decompress(body, limits.max_text_bytes);
    if (!unpacked) return unpacked.error();
    text = std::move(*unpacked);
  } else {
    text = body;
  }
  wire::BatchLimits frame;
  frame.max_records = limits.max_records;
  frame.max_record_bytes = limits.max_record_bytes;
  auto decoded = wire::decode_batch(std::move(text), frame);
  if (!decoded) return decoded.error();

  PreparedBatch batch;
  batch.received_at = received.at;
  batch.heard_at = received.boot;
  batch.header = std::move(*decoded);
  auto records = std::exchange(batch.header.records, {});
  batch.records.reserve(records.size());
  wire::ColumnReader reader;
  for (auto& record : records) {
    batch.bytes += record.body.size();
    batch.records.push_back(prepare_record(std::move(record), batch.header.node_id, reader));
  }
  return batch;
}

}  // namespace plumbline::collector
