#include "collector/api/baselines.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "collector/api/views.hpp"
#include "http/page.hpp"

namespace plumbline::collector {
namespace {

http::Response no_shelf(const std::string& what) {
  return http::problem({ErrorCode::not_found, what, "this collector has no `baselines`",
                        "configure them in collector.yaml, or take `collector.baselines` out of agent.yaml"});
}

struct Range {
  std::uint64_t first = 0, last = 0;
};

/// "bytes=0-4194303": the one form that agents send (RFC 9110, section 14.1.2).
std::optional<Range> range_of(const http::Request& request) {
  constexpr std::string_view unit = "bytes=";
  const std::string* text = request.header("Range");
  if (text == nullptr || !text->starts_with(unit)) return std::nullopt;
  const char* const end = text->data() + text->size();
  Range range;
  const auto first = std::from_chars(text->data() + unit.size(), end, range.first);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-') return std::nullopt;
  const auto last = std::from_chars(first.ptr + 1, end, range.last);
  if (last.ec != std::errc() || last.ptr != end || range.last < range.first) return std::nullopt;
  return range;
}

}  // namespace

http::Response list_baselines(const ApiParts& parts, const http::Request& request) {
  if (const auto checked = http::check_query(request.query, {}); !checked) return http::problem(checked.error());
  http::PageWriter writer;
  if (parts.shelf != nullptr)
    for (const ShelfRow& row : parts.shelf->rows()) writer.add(shelf_json(row));
  return std::move(writer).finish("");
}

http::Response hand_list(const ApiParts& parts, const http::Request& request) {
  const std::string what = "hand out baselines";
  if (auto refused = parts.ingest.refuse_stranger(request, what)) return std::move(*refused);
  if (parts.shelf == nullptr) return no_shelf(what);
  const std::string* known = request.header("If-None-Match");
  auto list = parts.shelf->list_for(request.params.at("node"), known == nullptr ? "" : *known);
  if (!list) return http::problem(list.error());
  http::Response response;
  response.status = list->envelope.empty() ? 304 : 200;
  response.headers.emplace_back("ETag", std::move(list->etag));
  response.body = std::move(list->envelope);
  return response;
}

http::Response hand_index(const ApiParts& parts, const http::Request& request) {
  const std::string what = "hand out a baseline";
  if (auto refused = parts.ingest.refuse_stranger(request, what)) return std::move(*refused);
  if (parts.shelf == nullptr) return no_shelf(what);
  const auto index = parts.shelf->index(request.params.at("sha256"));
  if (index == nullptr)
    return http::problem({ErrorCode::not_found, what, "no present baseline has this digest", "ask for the list again"});
  const std::string_view image = index->image();
  const auto range = range_of(request);
  if (!range || range->first >= image.size())
    return http::problem(
        416, invalid(what, "it is handed out by ranges, and this is none of it", "send Range: bytes=FIRST-LAST"),
        {{"Content-Range", "bytes */" + std::to_string(image.size())}});
  const std::uint64_t last = std::min<std::uint64_t>(range->last, image.size() - 1);
  const auto piece = image.substr(range->first, std::min(last - range->first + 1, std::uint64_t{fetch::index_piece}));
  http::Response response;
  response.status = 206;
  response.headers = {
      {"Content-Type", "application/octet-stream"},
      {"Content-Range", "bytes " + std::to_string(range->first) + "-" +
                            std::to_string(range->first + piece.size() - 1) + "/" + std::to_string(image.size())}};
  response.body = piece;
  return response;
}

}  // namespace plumbline::collector
