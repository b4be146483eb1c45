#include "ctl/decode.hpp"

#include <string.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "cloud/operation.hpp"
#include "ctl/exchange.hpp"
#include "ctl/table.hpp"
#include "ctl/text.hpp"

namespace plumbline::ctl {
namespace {

using cloud::Operation;
using cloud::Outcome;

/// getline() with a bound: whoever writes the line must not decide how much memory it takes.
constexpr std::size_t max_line = 64u << 20;
constexpr std::size_t max_told = 20;  ///< of the lines that are refused: the others are counted
enum class Line { read, too_long, end };
Line next_line(std::istream& in, std::string& line) {
  line.clear();
  bool any = false, too_long = false;
  for (int c = in.rdbuf()->sbumpc(); c != std::char_traits<char>::eof(); c = in.rdbuf()->sbumpc()) {
    any = true;
    if (c == '\n') return too_long ? Line::too_long : Line::read;
    if (line.size() < max_line)
      line += static_cast<char>(c);
    else
      too_long = true;
  }
  if (!any) return Line::end;
  return too_long ? Line::too_long : Line::read;
}

/// "POST / HTTP/1.1", "PRI * HTTP/2.0": the first line of a request as it goes over the wire.
bool is_raw_request(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  const auto version = line.rfind(" HTTP/");
  const auto method = line.find(' ');
  return version != std::string_view::npos && method < version &&
         std::all_of(
             line.begin(), line.begin() + static_cast<std::ptrdiff_t>(method),
             [](unsigned char c) { return c >= 'A' && c <= 'Z'; });
}

Style style_of(Outcome outcome) {
  if (outcome == Outcome::succeeded) return Style::good;
  if (outcome == Outcome::denied || outcome == Outcome::failed) return Style::bad;
  return Style::dim;
}

std::vector<Cell> row_of(std::size_t line, const Operation& operation) {
  const bool mapped = operation.unmapped == cloud::Unmapped::no;
  const std::string what =
      mapped ? operation.service + ":" + operation.operation : std::string(cloud::word(operation.unmapped));
  const std::string who =
      operation.account.empty() ? operation.access_key_id : operation.account + " " + operation.access_key_id;
  return {{std::to_string(line)},
          {std::string(mapped ? cloud::word(operation.provider) : "unmapped"), mapped ? Style::plain : Style::warn},
          {printable(what)},
          {mapped ? std::string(cloud::word(operation.level)) : ""},
          {operation.provider == cloud::Provider::none ? "" : std::string(cloud::word(operation.outcome)),
           style_of(operation.outcome)},
          {printable(operation.region)},
          {printable(who)}};
}

}  // namespace

int decode_lines(const Context& context, std::istream& in, const std::string& name) {
  std::string line;
  std::vector<std::vector<Cell>> rows;
  std::size_t number = 0, read = 0, refused = 0;
  const auto refuse = [&](std::size_t at, const std::string& why) {
    if (++refused <= max_told) context.terminal.err << "plumb: " << printable(name) << ":" << at << ": " << why << '\n';
  };
  for (Line next = next_line(in, line); next != Line::end; next = next_line(in, line)) {
    ++number;
    if (next == Line::too_long) {
      refuse(number, "has more than 64 MiB");
      continue;
    }
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (read + refused == 0 && is_raw_request(line)) {
      ::explicit_bzero(line.data(), line.size());
      return fail(context, invalid(printable(name), "holds requests as they go over the wire",
                                   "write each as one line of JSON; plumb decode --help shows one"));
    }
    const auto exchange = Exchange::parse(line);
    ::explicit_bzero(line.data(), line.size());
    if (!exchange) {
      refuse(number, exchange.error().message());
      continue;
    }
    ++read;
    const Operation operation = cloud::decode(exchange->request(), exchange->response());
    if (context.options.format == Format::table)
      rows.push_back(row_of(number, operation));
    else
      context.terminal.out << to_json(operation) << '\n';
  }
  if (refused > max_told)
    context.terminal.err << "plumb: " << printable(name) << ": " << refused - max_told << " more lines were refused\n";
  if (read + refused == 0) context.terminal.err << "plumb: " << printable(name) << " holds no request\n";
  if (context.options.format == Format::table && read != 0)
    print_table(
        context.terminal,
        {{"LINE"}, {"CLOUD"}, {"OPERATION", 20}, {"LEVEL", 0, 1}, {"OUTCOME"}, {"REGION", 0, 2}, {"WHO", 12, 3}},
        std::move(rows));
  return refused == 0 ? exit_code::ok : exit_code::error;
}

int decode(const Context& context, const DecodeOptions& options) {
  if (options.file.empty() || options.file == "-") return decode_lines(context, std::cin, "standard input");
  if (std::error_code none; std::filesystem::is_directory(options.file, none))
    return fail(context, invalid("open " + options.file, "it is a directory", "name a file of requests"));
  std::ifstream in(options.file, std::ios::binary);
  if (!in) return fail(context, io_error("open " + options.file, errno));
  return decode_lines(context, in, options.file);
}

}  // namespace plumbline::ctl
