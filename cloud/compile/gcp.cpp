#include "cloud/compile/gcp.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <tuple>

#include "cloud/compile/tsv.hpp"
#include "cloud/table/switches.hpp"

namespace plumbline::cloud::compile {
namespace {

using table::Method;

Method verb_of(const Tsv& file, const Tsv::Row& row) {
  constexpr std::pair<std::string_view, Method> known[] = {{"GET", Method::get},     {"PUT", Method::put},
                                                           {"POST", Method::post},   {"DELETE", Method::del},
                                                           {"PATCH", Method::patch}, {"HEAD", Method::head}};
  for (const auto& [word, verb] : known)
    if (word == row[1]) return verb;
  file.refuse(row, "no verb of HTTP that is known here");
}

class GcpTables {
 public:
  GcpTables(const std::string& folder, Image& image)
      : image_(image),
        apis_(folder + "/gcp_apis.tsv", 2),
        methods_(folder + "/gcp_methods.tsv", 5),
        types_(folder + "/gcp_terraform_types.tsv", 2),
        fields_(folder + "/gcp_terraform_fields.tsv", 3),
        maps_(folder + "/gcp_map_fields.tsv", 3) {}

  std::vector<std::string> add() {
    add_words();
    add_methods();
    add_hosts();
    Lists types, fields, maps;
    for (const auto& row : types_.rows())
      for (const auto name : split(row[1], ',')) types[std::string(row[0])].push_back(name);
    for (const auto& row : fields_.rows()) fields[std::string(row[0]) + "\t" + std::string(row[1])] = {row[2]};
    for (const auto& row : maps_.rows()) maps[std::string(row[0]) + "\t" + std::string(row[1])] = {row[2]};
    add_lists(types, image_.gcp_types);
    add_lists(fields, image_.gcp_fields);
    add_lists(maps, image_.gcp_maps);
    return {apis_.bytes(), methods_.bytes(), types_.bytes(), fields_.bytes(), maps_.bytes()};
  }

 private:
  using Lists = std::map<std::string, std::vector<std::string_view>>;

  void add_lists(const Lists& lists, std::vector<table::NameRow>& rows) {
    for (const auto& [name, texts] : lists) rows.push_back({image_.text(name), image_.text_list(texts)});
  }

  static std::vector<std::string_view> parts_of(std::string_view path) {
    std::vector<std::string_view> parts;
    for (const auto part : split(path, '/')) {
      const auto colon = part.rfind(':');
      parts.push_back(part.substr(0, colon));
      if (colon != std::string_view::npos) parts.push_back(part.substr(colon));
    }
    return parts;
  }

  /// The label, the version, then all others by their texts.
  void add_words() {
    for (const auto& row : methods_.rows())
      for (const auto part : parts_of(row[2])) words_[std::string(part)] = 0;
    words_.erase("{}");
    words_.erase("{v}");
    if (words_.size() > 0xFFF0) throw std::length_error("more words in paths of Google's APIs than fit");
    image_.gcp_words = {image_.text("{}"), image_.text("{v}")};
    for (auto& [text, id] : words_) {
      id = static_cast<std::uint16_t>(image_.gcp_words.size());
      image_.gcp_words.push_back(image_.text(text));
    }
    words_["{}"] = 0;
    words_["{v}"] = 1;
  }

  std::vector<std::uint16_t> segments_of(std::string_view path) {
    std::vector<std::uint16_t> segments;
    for (const auto part : parts_of(path)) segments.push_back(words_.at(std::string(part)));
    return segments;
  }

  /// In the order of layout.hpp: what is no literal comes last.
  static std::vector<std::uint16_t> order_of(std::vector<std::uint16_t> segments) {
    for (auto& id : segments)
      if (id < 2) id = static_cast<std::uint16_t>(0xFFFF - id);
    return segments;
  }

  void add_methods() {
    struct Found {
      table::GcpMethodRow row;
      std::string_view path;
      std::vector<std::uint16_t> order;
      std::size_t line;
    };
    std::map<std::string_view, std::vector<Found>> by_api;
    std::map<std::vector<std::uint16_t>, std::uint32_t> known;
    for (const auto& row : methods_.rows()) {
      const auto segments = segments_of(row[2]);
      if (segments.size() > 32) methods_.refuse(row, "a path of more than 32 segments");  // gcp/methods.hpp
      const auto [at, fresh] = known.try_emplace(segments, image_.gcp_segments.size());
      if (fresh) image_.gcp_segments.insert(image_.gcp_segments.end(), segments.begin(), segments.end());
      table::GcpMethodRow method{};
      method.segments = at->second;
      method.derived = row[3].starts_with('~');
      method.name = image_.text(row[3].substr(method.derived));
      method.verb = verb_of(methods_, row);
      method.dry_run = place_in(table::dry_runs, methods_, row, row[4]);
      method.count = static_cast<std::uint8_t>(segments.size());
      by_api[row[0]].push_back({method, row[2], order_of(segments), row.line});
    }
    for (auto& [api, rows] : by_api) {
      std::sort(rows.begin(), rows.end(), [](const Found& a, const Found& b) {
        return std::tie(a.row.verb, a.row.count, a.order, a.line) < std::tie(b.row.verb, b.row.count, b.order, b.line);
      });
      const auto id = static_cast<std::uint32_t>(image_.gcp_apis.size());
      image_.gcp_apis.push_back(
          {image_.text(api),
           {static_cast<std::uint32_t>(image_.gcp_methods.size()), static_cast<std::uint32_t>(rows.size())}});
      ids_[std::string(api)] = id;
      for (const auto& [row, path, order, line] : rows) {
        image_.gcp_methods.push_back(row);
        const auto first = path.substr(0, path.find('/'));
        auto& sharing = hosts_["/" + std::string(first)];
        if (first != "{v}" && (sharing.empty() || sharing.back() != id)) sharing.push_back(id);
      }
    }
    hosts_.erase("/{v}");
  }

  void add_hosts() {
    for (const auto& row : apis_.rows())
      for (const auto host : split(row[1], ',')) {
        const auto stem = std::string(host.substr(0, host.find('.')));
        if (stem == "www") continue;
        if (!ids_.contains(std::string(row[0]))) continue;  // it has no methods
        hosts_[stem].push_back(ids_[std::string(row[0])]);
      }
    image_.gcp_hosts = image_.names(hosts_);
  }

  Image& image_;
  Tsv apis_, methods_, types_, fields_, maps_;
  std::map<std::string, std::uint16_t> words_;
  std::map<std::string, std::uint32_t> ids_;
  std::map<std::string, std::vector<std::uint32_t>, std::less<>> hosts_;
};

}  // namespace

std::vector<std::string> add_gcp(const std::string& folder, Image& image) {
  return GcpTables(folder, image).add();
}

}  // namespace plumbline::cloud::compile
