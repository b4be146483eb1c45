#pragma once

#include <memory>
#include <span>
#include <string>

#include "collector/forward/answers.hpp"
#include "collector/forward/format.hpp"
#include "collector/forward/http_auth.hpp"
#include "collector/forward/http_poster.hpp"

namespace plumbline::collector {

struct ElasticsearchOptions {
  PosterOptions http;  ///< the URL is the cluster's: https://es:9200
  HttpAuth auth;
  std::string index = "plumbline-findings";  ///< an index, an alias or a data stream
  Format format = Format::ocsf;
};

/// Elasticsearch's and OpenSearch's `_bulk` with `create` and the record's uid as `_id`: a record that is there already
/// (409) is delivered, so repeats make no double. Each item is judged by itself: 429 and 5xx again, 400 a dead letter.
/// Errors: a bad URL, an unreadable secret.
Result<std::unique_ptr<Sink>> make_elasticsearch_sink(const ElasticsearchOptions& options,
                                                      std::shared_ptr<Watchdog> watchdog, const Clock& clock);

/// What the items of an answer to `count` records mean; exposed for tests.
Delivery delivery_of_bulk(const std::vector<BulkItem>& items, std::size_t count);

}  // namespace plumbline::collector
