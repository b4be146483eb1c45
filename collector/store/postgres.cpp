#include "collector/store/postgres.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "include/wire/text.hpp"

namespace plumbline::collector {
namespace {

// Of pg_type.h, which is not in libpq's headers; fixed since there was a binary protocol.
constexpr Oid bytea_type = 17, bigint_type = 20, text_type = 25, text_array_type = 1009, bigint_array_type = 1016;

template <class T>
void append_big_endian(std::string& out, T value) {
  std::array<char, sizeof(T)> bytes{};
  for (std::size_t i = 0; i < sizeof(T); ++i)
    bytes[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * (sizeof(T) - 1 - i)));
  out.append(bytes.data(), bytes.size());
}

/// No NUL, and nothing but ASCII. Eight bytes at a time: each text of each row is looked at.
bool is_plain(std::string_view text) {
  constexpr std::uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
  std::uint64_t odd = 0;  // the top bit of a byte: it is NUL, or not ASCII
  for (; text.size() >= 8; text.remove_prefix(8)) {
    std::uint64_t word;
    std::memcpy(&word, text.data(), sizeof word);
    odd |= word | (word - ones);
  }
  return (odd & tops) == 0 && std::all_of(text.begin(), text.end(), [](char c) { return c > 0; });
}

std::string one_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// What the five letters of an SQLSTATE mean to the caller (errcodes.txt of PostgreSQL).
ErrorCode code_of(std::string_view state) {
  const std::string_view kind = state.substr(0, 2);
  if (kind == "08" || kind == "40" || kind == "53" || kind == "57" || kind == "58") return ErrorCode::unavailable;
  if (state == "55P03" || state == "25006" || state == "25P03") return ErrorCode::unavailable;
  if (kind == "28" || state == "42501") return ErrorCode::permission;
  if (kind == "XX") return ErrorCode::corrupt;
  return ErrorCode::internal;
}

const char* fix_of(std::string_view state) {
  if (state == "53100") return "free space on the disk of the PostgreSQL server";
  if (state == "53300") return "raise max_connections of the PostgreSQL server, or put fewer collectors on it";
  if (state == "25006") return "name all servers in store.postgres: the one that takes writes is found by itself";
  if (state == "57014") return "ask for less: name a node or a whole address, or give a later time";
  if (state == "42501") return "let the collector's role create tables in the first schema of its search_path";
  return "";
}

}  // namespace

std::string postgres_text(std::string_view bytes) {
  if (is_plain(bytes)) return std::string(bytes);
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = bytes.front() == '\0' ? 0 : wire::utf8_length(bytes);
    text += length == 0 ? "\xEF\xBF\xBD" : bytes.substr(0, length);
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return text;
}

void PgBytes::begin_row(std::int16_t columns) {
  append_big_endian(bytes_, columns);
}

void PgBytes::number(std::int64_t value) {
  append_big_endian(bytes_, std::int32_t{8});
  append_big_endian(bytes_, value);
}

void PgBytes::text(std::string_view value) {
  if (is_plain(value)) return bytes(std::as_bytes(std::span(value)));
  const std::string clean = postgres_text(value);
  bytes(std::as_bytes(std::span(clean)));
}

void PgBytes::bytes(std::span<const std::byte> value) {
  append_big_endian(bytes_, static_cast<std::int32_t>(value.size()));
  bytes_.append(reinterpret_cast<const char*>(value.data()), value.size());
}

PgParams& PgParams::add(std::int64_t value) {
  types_.push_back(bigint_type);
  append_big_endian(values_.emplace_back(), value);
  return *this;
}

PgParams& PgParams::add(std::string_view text) {
  types_.push_back(text_type);
  values_.push_back(postgres_text(text));
  return *this;
}

PgParams& PgParams::add(std::span<const std::byte> bytes) {
  types_.push_back(bytea_type);
  values_.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return *this;
}

PgParams& PgParams::add(const std::vector<std::int64_t>& array) {
  PgBytes elements;
  for (const auto value : array) elements.number(value);
  return add_array(bigint_array_type, bigint_type, array.size(), elements);
}

PgParams& PgParams::add(const std::vector<std::string>& array) {
  PgBytes elements;
  for (const auto& value : array) elements.text(value);
  return add_array(text_array_type, text_type, array.size(), elements);
}

/// As array_recv() reads it: dimensions, flags, element type; length and lower bound; elements.
PgParams& PgParams::add_array(Oid array_type, Oid element_type, std::size_t count, const PgBytes& elements) {
  types_.push_back(array_type);
  std::string& out = values_.emplace_back();
  append_big_endian(out, std::int32_t{1});
  append_big_endian(out, std::int32_t{0});
  append_big_endian(out, static_cast<std::int32_t>(element_type));
  append_big_endian(out, static_cast<std::int32_t>(count));
  append_big_endian(out, std::int32_t{1});
  out += elements.str();
  return *this;
}

std::string PgRows::text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::int64_t PgRows::number(int row, int column) const {
  if (PQgetlength(result_.get(), row, column) != 8) return 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(PQgetvalue(result_.get(), row, column));
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | bytes[i];
  return static_cast<std::int64_t>(value);
}

std::size_t PgRows::changed() const {
  const std::string_view text = PQcmdTuples(result_.get());
  std::size_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

Result<PgConnection> PgConnection::open(const PostgresTarget& target) {
  auto settings = connection_settings(target);
  if (!settings) return settings.error();
  std::vector<const char*> keys, values;
  for (const auto& [key, value] : *settings) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  PgConnection opened(PQconnectdbParams(keys.data(), values.data(), 1));
  // Where the server's answer came over the wire, it need not say which of its codes it was.
  const std::string what = "connect to the store " + shown_target(target);
  if (!opened.connection_) return Error{ErrorCode::unavailable, what, "out of memory", ""};
  if (opened.is_broken()) {
    const bool asked = PQconnectionNeedsPassword(opened.connection_.get()) != 0 ||
                       PQconnectionUsedPassword(opened.connection_.get()) != 0;
    std::string why = one_line(PQerrorMessage(opened.connection_.get()));
    const bool untrusted = why.find("certificate") != std::string::npos;
    return Error{ErrorCode::unavailable, what, std::move(why),
                 untrusted
                     ? "name the host in store.postgres as the server's certificate does, and who signed that in its "
                       "sslrootcert"
                 : asked ? "check store.password_file, or the passfile that PGPASSFILE names"
                         : "check that the server runs and takes connections from here"};
  }
  PQsetNoticeProcessor(opened.connection_.get(), [](void*, const char*) {}, nullptr);
  return opened;
}

Error PgConnection::error(PGresult* result) {
  Error error{ErrorCode::unavailable, "use the store", one_line(PQerrorMessage(connection_.get())), ""};
  const char* state = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* severity = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  const std::string_view said = severity == nullptr ? "" : severity;
  // Without a code it is libpq that speaks, of a connection that broke; its status may tell so only later.
  if (state == nullptr || said == "FATAL" || said == "PANIC") ended_ = true;
  if (is_broken() || state == nullptr) return error;
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  error.code = code_of(state);
  error.why = one_line(primary == nullptr ? "" : primary) + " (SQLSTATE " + state + ")";
  error.fix = fix_of(state);
  return error;
}

Result<PgRows> PgConnection::run(const std::string& sql, const PgParams& params) {
  std::vector<const char*> values;
  std::vector<int> lengths;
  for (const auto& value : params.values_) {
    values.push_back(value.data());
    lengths.push_back(static_cast<int>(value.size()));
  }
  const std::vector<int> binary(values.size(), 1);
  PGresult* result = PQexecParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), params.types_.data(),
                                  values.data(), lengths.data(), binary.data(), 1);
  PgRows rows(result);
  const auto status = PQresultStatus(result);
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return rows;
  return error(result);
}

Result<void> PgConnection::script(const std::string& sql) {
  PGresult* result = PQexec(connection_.get(), sql.c_str());
  const PgRows rows(result);
  const auto status = PQresultStatus(result);
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return {};
  return error(result);
}

Result<void> PgConnection::copy(const std::string& into, const PgBytes& rows) {
  {
    PGresult* result = PQexec(connection_.get(), ("COPY " + into + " FROM STDIN (FORMAT binary)").c_str());
    const PgRows started(result);
    if (PQresultStatus(result) != PGRES_COPY_IN) return error(result);
  }
  // Signature, flags and length of no extension; a row of -1 columns is the end (documentation of COPY).
  const std::string data("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
  const auto put = [&](const std::string& bytes) {
    constexpr std::size_t piece = std::size_t{32} << 10;  // the server has a buffer of a piece for each COPY
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      if (PQputCopyData(connection_.get(), bytes.data() + at, static_cast<int>(std::min(piece, bytes.size() - at))) !=
          1)
        return false;
    return true;
  };
  if (!put(data) || !put(rows.str()) || !put("\377\377") || PQputCopyEnd(connection_.get(), nullptr) != 1)
    return error(nullptr);
  Result<void> outcome;
  while (PGresult* result = PQgetResult(connection_.get())) {
    const PgRows owner(result);
    if (outcome && PQresultStatus(result) != PGRES_COMMAND_OK) outcome = error(result);
  }
  return outcome;
}

Result<std::vector<std::string>> PgConnection::notices() {
  if (PQconsumeInput(connection_.get()) != 1) return error(nullptr);
  std::vector<std::string> payloads;
  while (PGnotify* notice = PQnotifies(connection_.get())) {
    payloads.emplace_back(notice->extra);
    PQfreemem(notice);
  }
  return payloads;
}

}  // namespace plumbline::collector
