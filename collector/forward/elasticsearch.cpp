#include "collector/forward/elasticsearch.hpp"

#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

constexpr std::size_t max_records = 500;
constexpr std::size_t max_body_bytes = std::size_t{5} << 20;  // Elastic advises 5 to 15 MB

class ElasticsearchSink final : public Sink {
 public:
  ElasticsearchSink(std::unique_ptr<HttpPoster> poster, ElasticsearchOptions options)
      : poster_(std::move(poster)), options_(std::move(options)) {
    target_ = poster_->target();
    if (!target_.ends_with('/')) target_ += '/';
    // What is not asked for is not sent back: an answer to 500 items stays small.
    target_ += "_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason";
  }

  SinkPace pace() const override { return {max_records, {}, {}, {}}; }

  Delivery deliver(std::span<const LedgerRecord> records) override {
    HttpHeaders headers;
    if (const auto added = add_authorization(options_.auth, headers); !added)
      return Delivery::pause(added.error().message());
    std::string body;
    std::size_t count = 0;
    for (const auto& record : records) {
      const std::string lines = lines_of(record);
      if (count > 0 && body.size() + lines.size() > max_body_bytes) break;  // the rest comes next
      body += lines;
      ++count;
    }
    const HttpReply reply = poster_->post(headers, body, "application/x-ndjson", target_);
    if (reply.status < 200 || reply.status >= 300) return delivery_of_batch(reply, count);
    const auto items = read_bulk_answer(reply.body);
    if (!items || items->size() != count)
      return Delivery::again("the answer does not say what became of each record: " + reply.excerpt);
    return delivery_of_bulk(*items, count);
  }

  void cancel() noexcept override { poster_->cancel(); }

 private:
  std::string lines_of(const LedgerRecord& record) const {
    wire::JsonObject create;
    create.text("_index", options_.index).text("_id", record.node_id + "/" + record.id);
    std::string text = document(options_.format, record);
    // Data streams and every dashboard ask for it; ECS has it already.
    if (options_.format != Format::ecs) {
      std::string stamped = wire::JsonObject().text("@timestamp", rfc3339(record.at)).str();
      stamped.back() = ',';
      text = stamped + text.substr(1);
    }
    return wire::JsonObject().raw("create", create.str()).str() + "\n" + text + "\n";
  }

  std::unique_ptr<HttpPoster> poster_;
  ElasticsearchOptions options_;
  std::string target_;
};

}  // namespace

Delivery delivery_of_bulk(const std::vector<BulkItem>& items, std::size_t count) {
  Delivery delivery = Delivery::done(count);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& item = items[i];
    if ((item.status >= 200 && item.status < 300) || item.status == 409) continue;
    const std::string why = "item status " + std::to_string(item.status) + ": " + item.reason;
    // No right to write, or no index, or a closed one (which is a 400): nothing is wrong with the record.
    if (item.status == 401 || item.status == 403 || item.status == 404 || item.reason.starts_with("index_closed_"))
      return Delivery::pause(why);
    const bool later = item.status == 408 || item.status == 429 || item.status >= 500;
    delivery.exceptions.push_back({i, !later, why});
  }
  return delivery;
}

Result<std::unique_ptr<Sink>> make_elasticsearch_sink(const ElasticsearchOptions& options,
                                                      std::shared_ptr<Watchdog> watchdog, const Clock& clock) {
  HttpHeaders unused;
  if (const auto added = add_authorization(options.auth, unused); !added) return added.error();
  PosterOptions http = options.http;
  http.max_answer_bytes = std::size_t{1} << 20;
  auto poster = HttpPoster::make(http, std::move(watchdog), clock);
  if (!poster) return poster.error();
  return std::unique_ptr<Sink>(std::make_unique<ElasticsearchSink>(std::move(*poster), options));
}

}  // namespace plumbline::collector
