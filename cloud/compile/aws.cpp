#include "cloud/compile/aws.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "cloud/compile/path_tree.hpp"
#include "cloud/compile/tsv.hpp"
#include "cloud/table/switches.hpp"

namespace plumbline::cloud::compile {
namespace {

using Lists = std::map<std::string, std::vector<std::uint32_t>, std::less<>>;

template <class Value>
Value one_of(const Tsv& file, const Tsv::Row& row, std::string_view word,
             std::initializer_list<std::pair<std::string_view, Value>> known) {
  for (const auto& [name, value] : known)
    if (name == word) return value;
  file.refuse(row, "'" + std::string(word) + "' is not known here");
}

std::uint32_t size32(std::size_t size) {
  return static_cast<std::uint32_t>(size);
}

class AwsTables {
 public:
  AwsTables(const std::string& folder, Image& image)
      : image_(image),
        partitions_(folder + "/aws_partitions.tsv", 4),
        services_(folder + "/aws_services.tsv", 7),
        operations_(folder + "/aws_operations.tsv", 9),
        wires_(folder + "/aws_wire_names.tsv", 8),
        secrets_(folder + "/aws_secret_members.tsv", 3),
        exceptions_(folder + "/aws_exceptions.tsv", 5) {}

  std::vector<std::string> add() {
    add_partitions();
    add_services();
    add_operations();
    add_wires();
    add_secrets();
    add_exceptions();
    name_services();
    return {partitions_.bytes(), services_.bytes(), operations_.bytes(),
            wires_.bytes(),      secrets_.bytes(),  exceptions_.bytes()};
  }

 private:
  void add_partitions() {
    for (const auto& row : partitions_.rows()) {
      // "^us\-iso\-\w+\-\d+$": what its regions begin with, up to the first group or class.
      std::string prefix;
      for (std::size_t i = row[1].starts_with('^') ? 1 : 0; i < row[1].size(); ++i) {
        if (row[1][i] == '\\' && i + 1 < row[1].size() && row[1][i + 1] == '-') continue;
        if (row[1][i] == '(' || row[1][i] == '\\') break;
        prefix += row[1][i];
      }
      const auto id = size32(image_.partitions.size());
      image_.partitions.push_back({image_.text(row[0]), image_.text(prefix)});
      for (const auto suffix : split(row[2], ','))
        if (std::none_of(image_.suffixes.begin(), image_.suffixes.end(),
                         [&](const auto& known) { return image_.text_at(known.text) == suffix; }))
          image_.suffixes.push_back({image_.text(suffix), id});
    }
    std::sort(image_.suffixes.begin(), image_.suffixes.end(), [&](const auto& a, const auto& b) {
      const auto one = image_.text_at(a.text), other = image_.text_at(b.text);
      return one.size() != other.size() ? one.size() > other.size() : one < other;
    });
  }

  void add_services() {
    for (const auto& row : services_.rows()) {
      const auto id = size32(image_.services.size());
      service_ids_.emplace(row[0], id);
      table::ServiceRow service{};
      service.name = image_.text(row[0]);
      service.root = table::no_row;
      service.versions = image_.text_list(split(row[3], ','));
      for (const auto word : split(row[4], ','))
        service.protocols |=
            static_cast<std::uint32_t>(one_of<table::Protocol>(services_, row, word,
                                                               {{"query", table::Protocol::query},
                                                                {"ec2", table::Protocol::ec2},
                                                                {"json", table::Protocol::json},
                                                                {"rest-json", table::Protocol::rest_json},
                                                                {"rest-xml", table::Protocol::rest_xml},
                                                                {"cbor", table::Protocol::cbor}}));
      for (const auto name : split(row[1], ',')) signing_[std::string(name)].push_back(id);
      const auto stems = split(row[2], ',');
      if (!stems.empty()) service.stem = image_.text(stems.front());
      for (const auto name : stems) stems_[std::string(name)].push_back(id);
      for (const auto name : split(row[5], ',')) targets_[std::string(name)].push_back(id);
      image_.services.push_back(service);
    }
  }

  std::uint32_t service_of(const Tsv& file, const Tsv::Row& row, std::string_view name) const {
    const auto found = service_ids_.find(name);
    if (found == service_ids_.end()) file.refuse(row, "no service is called " + std::string(name));
    return found->second;
  }

  void add_operations() {
    std::vector<PathTree> trees(image_.services.size());
    for (const auto& row : operations_.rows()) {
      const auto service = service_of(operations_, row, row[0]);
      auto& mine = image_.services[service].operations;
      const bool new_one = mine.count == 0 || image_.text_at(image_.operations.back().name) != row[1];
      if (new_one) add_operation(row, service, mine);
      shapes_.back() += shape_of(row);
      if (row[5].empty()) continue;
      try {
        trees[service].add(row[6].substr(0, row[6].find('?')), binding_of(row, size32(image_.operations.size() - 1)),
                           image_);
      } catch (const std::invalid_argument& why) {
        operations_.refuse(row, why.what());
      }
    }
    for (const auto& row : exceptions_.rows()) {
      if (row[0] != "path") continue;
      const auto service = service_of(exceptions_, row, row[1]);
      const auto space = row[3].find(' ');
      const Tsv::Row binding{row.line, {"", "", "", "", "", row[3].substr(0, space), row[3].substr(space + 1)}};
      trees[service].add(binding[6], binding_of(binding, operation_of(exceptions_, row, service, row[2])), image_);
    }
    for (std::size_t i = 0; i < trees.size(); ++i) image_.services[i].root = trees[i].write(image_);
  }

  /// Method and path without the labels' names: equal ones are one wire.
  static std::string shape_of(const Tsv::Row& row) {
    std::string shape(row[5]);
    bool label = false;
    for (const char c : row[6]) {
      if (!label || c == '}' || c == '+') shape += c;
      if (c == '{' || c == '}') label = c == '{';
    }
    return shape + '\n';
  }

  void add_operation(const Tsv::Row& row, std::uint32_t service, table::Slice& mine) {
    const auto id = size32(image_.operations.size());
    shapes_.emplace_back();
    if (mine.count == 0) mine.first = id;
    if (mine.first + mine.count != id) operations_.refuse(row, "the operations of a service lie apart");
    if (mine.count > 0 && row[1] < image_.text_at(image_.operations.back().name))
      operations_.refuse(row, "operations are not sorted");
    ++mine.count;
    table::OperationRow operation{};
    operation.name = image_.text(row[1]);
    operation.canonical = id;
    operation.service = static_cast<std::uint16_t>(service);
    auto level = row[2];
    if (level.ends_with('?')) {
      level.remove_suffix(1);
      operation.flags |= table::level_by_verb;
    }
    operation.level = level_of(operations_, row, level);
    const auto space = row[3].find(' ');
    operation.body = one_of<table::Body>(operations_, row, row[3].substr(0, space),
                                         {{"", table::Body::fields},
                                          {"-", table::Body::none},
                                          {"in", table::Body::member},
                                          {"text", table::Body::text},
                                          {"blob", table::Body::blob},
                                          {"stream", table::Body::stream}});
    if (space != std::string_view::npos) operation.payload = image_.text(row[3].substr(space + 1));
    for (const auto flag : split(row[4], ',')) {
      if (const auto colon = flag.find(':'); colon != std::string_view::npos) {
        const auto key = flag.substr(colon + 1);
        if (flag.substr(0, colon) == "dry_run")
          operation.dry_run = place_in(table::dry_runs, operations_, row, key);
        else if (flag.substr(0, colon) == "account")
          operation.account = place_in(table::account_members, operations_, row, key);
        else
          operations_.refuse(row, "no flag is called " + std::string(flag));
        continue;
      }
      operation.flags |= one_of<table::OperationFlag>(
          operations_, row, flag,
          {{"deprecated", table::deprecated}, {"unsigned", table::unsigned_ok}, {"retired", table::retired}});
    }
    image_.operations.push_back(operation);
    constexpr auto forms =
        static_cast<std::uint32_t>(table::Protocol::query) | static_cast<std::uint32_t>(table::Protocol::ec2);
    if ((image_.services[service].protocols & forms) != 0) actions_[std::string(row[1])].push_back(id);
  }

  static table::Level level_of(const Tsv& file, const Tsv::Row& row, std::string_view word) {
    return one_of<table::Level>(file, row, word,
                                {{"read", table::Level::read},
                                 {"list", table::Level::list},
                                 {"write", table::Level::write},
                                 {"tagging", table::Level::tagging},
                                 {"permissions", table::Level::permissions}});
  }

  Binding binding_of(const Tsv::Row& row, std::uint32_t operation) {
    Binding binding;
    binding.operation = operation;
    binding.method = one_of<table::Method>(operations_, row, row[5],
                                           {{"GET", table::Method::get},
                                            {"PUT", table::Method::put},
                                            {"POST", table::Method::post},
                                            {"DELETE", table::Method::del},
                                            {"PATCH", table::Method::patch},
                                            {"HEAD", table::Method::head},
                                            {"OPTIONS", table::Method::options}});
    std::vector<table::KeyRow> fixed, required;
    if (const auto query = row[6].find('?'); query != std::string_view::npos)
      for (const auto pair : split(row[6].substr(query + 1), '&')) {
        const auto equal = pair.find('=');
        const auto value = equal == std::string_view::npos ? std::string_view() : pair.substr(equal + 1);
        fixed.push_back({image_.text(pair.substr(0, equal)), image_.text(value), 0});
      }
    for (const auto key : split(row[7], ' '))
      required.push_back({image_.text(key.substr(1)), 0, key.front() == '#' ? 1u : 0u});
    binding.demand = {image_.key_list(fixed), image_.key_list(required), {}, image_.text(row[8])};
    return binding;
  }

  std::uint32_t operation_of(const Tsv& file, const Tsv::Row& row, std::uint32_t service, std::string_view name) const {
    const auto& mine = image_.services[service].operations;
    for (std::uint32_t i = mine.first; i < mine.first + mine.count; ++i)
      if (image_.text_at(image_.operations[i].name) == name) return i;
    file.refuse(row, "its service has no operation " + std::string(name));
  }

  void add_wires() {
    std::map<std::uint32_t, std::vector<table::WireRow>> of_service;
    for (const auto& row : wires_.rows()) {
      const auto service = service_of(wires_, row, row[0]);
      table::WireRow wire{};
      wire.wire = image_.text(row[2]);
      wire.operation = row[1].empty() ? table::no_row : operation_of(wires_, row, service, row[1]);
      wire.member = image_.text(row[3]);
      wire.kind = one_of<table::WireKind>(wires_, row, row[4],
                                          {{"", table::WireKind::value},
                                           {"list", table::WireKind::list},
                                           {"items", table::WireKind::items},
                                           {"map", table::WireKind::map},
                                           {"entries", table::WireKind::entries},
                                           {"header", table::WireKind::header},
                                           {"prefix", table::WireKind::prefix},
                                           {"free", table::WireKind::free}});
      wire.item = image_.text(row[5]);
      wire.key = image_.text(row[6]);
      wire.value = image_.text(row[7]);
      of_service[service].push_back(wire);
    }
    for (auto& [service, rows] : of_service) {
      std::sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
        if (a.wire != b.wire) return image_.text_at(a.wire) < image_.text_at(b.wire);
        return a.operation != b.operation ? a.operation < b.operation : a.kind < b.kind;
      });
      image_.services[service].wires = {size32(image_.wires.size()), size32(rows.size())};
      image_.wires.insert(image_.wires.end(), rows.begin(), rows.end());
    }
  }

  void add_secrets() {
    for (const auto& row : secrets_.rows()) {
      auto& service = image_.services[service_of(secrets_, row, row[0])];
      for (const auto& [cell, slice] : {std::pair(row[1], &service.secrets), std::pair(row[2], &service.binaries)}) {
        auto names = split(cell, ',');
        std::sort(names.begin(), names.end());
        *slice = image_.text_list(names);
      }
    }
  }

  /// What people know and the models do not say: kind, service, and what the kind says.
  void add_exceptions() {
    for (const auto& row : exceptions_.rows()) {
      const auto id = service_of(exceptions_, row, row[1]);
      if (row[0] == "service_alias") {
        alias_operations(id, image_.services[service_of(exceptions_, row, row[2])]);
      } else if (row[0] == "operation_alias") {
        const auto colon = row[3].find(':');
        const auto other = colon == std::string_view::npos ? id : service_of(exceptions_, row, row[3].substr(0, colon));
        const auto meant = operation_of(exceptions_, row, other, row[3].substr(colon + 1));
        image_.operations[operation_of(exceptions_, row, id, row[2])].canonical = meant;
      } else if (row[0] == "path") {
        continue;  // is in the tree already
      } else if (row[0] == "level") {
        auto& operation = image_.operations[operation_of(exceptions_, row, id, row[2])];
        operation.level = level_of(exceptions_, row, row[3]);
        operation.flags &= static_cast<std::uint8_t>(~table::level_by_verb);
      } else if (row[0] == "data") {
        mark(row, id, table::data_plane);
      } else if (row[0] == "names") {
        mark(row, id, table::names_data);
      } else if (row[0] == "host") {
        give_host(operation_of(exceptions_, row, id, row[2]), row[3]);
      } else if (row[0] == "suffix") {
        image_.suffixes.insert(image_.suffixes.begin(), {image_.text(row[2]), 0});
      } else if (row[0] == "stem") {
        stems_[std::string(row[2])].push_back(id);
      } else {
        exceptions_.refuse(row, "no exception is called " + std::string(row[0]));
      }
    }
  }

  void alias_operations(std::uint32_t from, const table::ServiceRow& to) {
    const auto mine = image_.services[from].operations;
    for (auto i = mine.first; i < mine.first + mine.count; ++i)
      for (auto j = to.operations.first; j < to.operations.first + to.operations.count; ++j)
        if (image_.operations[i].name == image_.operations[j].name && shapes_[i] == shapes_[j])
          image_.operations[i].canonical = j;
  }

  void give_host(std::uint32_t operation, std::string_view prefix) {
    for (auto& binding : image_.bindings)
      if (binding.operation == operation) binding.demand.host_prefix = image_.text(prefix);
  }

  /// Operations by name; "Put*" is all that begin so.
  void mark(const Tsv::Row& row, std::uint32_t service, table::OperationFlag flag) {
    const auto mine = image_.services[service].operations;
    for (auto pattern : split(row[2], ',')) {
      const bool open = pattern.ends_with('*');
      if (open) pattern.remove_suffix(1);
      bool found = false;
      for (auto i = mine.first; i < mine.first + mine.count; ++i) {
        const auto name = image_.text_at(image_.operations[i].name);
        if (open ? !name.starts_with(pattern) : name != pattern) continue;
        image_.operations[i].flags |= flag;
        found = true;
      }
      if (!found) exceptions_.refuse(row, "no operation is called " + std::string(pattern));
    }
  }

  void name_services() {
    image_.signing = image_.names(signing_);
    image_.stems = image_.names(stems_);
    image_.targets = image_.names(targets_);
    image_.actions = image_.names(actions_);
  }

  Image& image_;
  Tsv partitions_, services_, operations_, wires_, secrets_, exceptions_;
  std::map<std::string, std::uint32_t, std::less<>> service_ids_;
  std::vector<std::string> shapes_;  ///< of each operation
  Lists signing_, stems_, targets_, actions_;
};

}  // namespace

std::vector<std::string> add_aws(const std::string& folder, Image& image) {
  return AwsTables(folder, image).add();
}

}  // namespace plumbline::cloud::compile
