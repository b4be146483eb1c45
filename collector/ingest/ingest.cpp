#include "collector/ingest/ingest.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>

#include "include/wire/batch.hpp"

namespace plumbline::collector {
namespace {

/// The media type without parameters, in lower case.
std::string media_type(const std::string& value) {
  std::string type = value.substr(0, value.find(';'));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  std::transform(type.begin(), type.end(), type.begin(), [](unsigned char c) { return std::tolower(c); });
  return type;
}

http::Response busy(const Error& error) {
  return http::problem(429, error, {{"Retry-After", "1"}});
}

http::Response unavailable(const Error& error) {
  return http::problem(503, error, {{"Retry-After", "5"}});
}

}  // namespace

void Ingest::handle(const http::Request& request, const http::Responder& respond) {
  const auto began = std::chrono::steady_clock::now();
  const std::string* type = request.header("Content-Type");
  const std::string* coding = request.header("Content-Encoding");
  const std::string encoding = coding == nullptr || media_type(*coding) == "identity" ? "" : media_type(*coding);
  if (type == nullptr || media_type(*type) != wire::batch_content_type ||
      (!encoding.empty() && encoding != wire::batch_content_encoding)) {
    ++stats_.malformed;
    respond(http::problem(415,
                          invalid("accept a batch", "its Content-Type or Content-Encoding is not a batch's",
                                  "send application/x-ndjson with Content-Encoding zstd"),
                          {{"Accept-Encoding", "zstd, identity"}}));
    return;
  }
  auto batch = prepare_batch(request.body, encoding, {clock_.wall(), clock_.boot()}, limits_);
  if (!batch) {
    const bool large = batch.error().code == ErrorCode::unsupported;
    ++(large ? stats_.too_large : stats_.malformed);
    respond(http::problem(large ? 413 : 400, batch.error()));
    return;
  }
  if (const std::string why = names_.claim(batch->header.node_id, batch->header.node, request.caller.get());
      !why.empty()) {
    ++stats_.wrong_node;
    respond(gate_.refuse_node(request, "accept a batch", why));
    return;
  }
  const std::size_t records = batch->records.size();
  const std::size_t bytes = request.body.size();
  const auto queued = store_.submit(std::move(*batch), [this, respond, began, records, bytes](Result<wire::Ack> ack) {
    if (!ack) {
      ++stats_.unavailable;
      respond(unavailable(ack.error()));
      return;
    }
    ++stats_.batches;
    if (records == 0) ++stats_.heartbeats;
    stats_.records += records;
    stats_.bytes += bytes;
    stats_.ack_seconds.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
    respond(http::json_response(wire::encode_ack(*ack)));
  });
  if (!queued) {
    ++stats_.busy;
    respond(busy(queued.error()));
  }
}

}  // namespace plumbline::collector
