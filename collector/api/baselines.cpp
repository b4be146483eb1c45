#include "collector/api/baselines.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

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

/// The ETags of an If-None-Match (RFC 9110, section 13.1.2), with their quotes; a weak one as a strong one, as they are
/// compared there. `*` is nullopt: whatever there is. What is not such a list ends it.
std::optional<std::vector<std::string_view>> etags_of(std::string_view text) {
  const auto skip = [&](std::string_view any) {
    text.remove_prefix(std::min(text.find_first_not_of(any), text.size()));
  };
  skip(" \t");
  if (text.starts_with('*')) return std::nullopt;
  std::vector<std::string_view> etags;
  for (skip(" \t,"); !text.empty(); skip(" \t,")) {
    if (text.starts_with("W/")) text.remove_prefix(2);
    const auto end = text.starts_with('"') ? text.find('"', 1) : std::string_view::npos;
    if (end == std::string_view::npos) break;
    etags.push_back(text.substr(0, end + 1));
    text.remove_prefix(end + 1);
  }
  return etags;
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
  const std::string& node = request.params.at("node");
  if (request.caller && !request.caller->may_speak_for(node))
    return parts.gate.refuse_node(request, what, request.caller->name + " may not speak for the node " + node);
  if (const auto checked = http::check_query(request.query, {}); !checked) return http::problem(checked.error());
  if (parts.shelf == nullptr) return no_shelf(what);
  const std::string* header = request.header("If-None-Match");
  const auto known = etags_of(header == nullptr ? std::string_view() : *header);
  // An agent has one. Of several the list itself tells which is meant.
  auto list = parts.shelf->list_for(node, known && known->size() == 1 ? known->front() : "");
  if (!list) return http::problem(list.error());
  const bool has_it = !known || std::find(known->begin(), known->end(), list->etag) != known->end();
  http::Response response;
  response.status = list->envelope.empty() || has_it ? 304 : 200;
  response.headers.emplace_back("ETag", std::move(list->etag));
  if (response.status == 200) response.body = std::move(list->envelope);
  return response;
}

http::Response hand_index(const ApiParts& parts, const http::Request& request) {
  const std::string what = "hand out a baseline";
  if (const auto checked = http::check_query(request.query, {}); !checked) return http::problem(checked.error());
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
