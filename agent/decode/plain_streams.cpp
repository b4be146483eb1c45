#include "agent/decode/plain_streams.hpp"

#include <algorithm>

#include "agent/decode/wipe.hpp"

namespace plumbline::agent {
namespace {

constexpr std::uint64_t longest_stream = std::uint64_t{1} << 62;

capture_record record_of(const mark_actor& actor, std::uint64_t connection, unsigned direction, std::int64_t at) {
  capture_record record{};
  record.actor = actor;
  record.actor.at_boot_ns = static_cast<std::uint64_t>(at);
  record.connection = connection | PlainStreams::plain_bit;
  record.direction = static_cast<__u8>(direction);
  return record;
}

}  // namespace

PlainStreams::~PlainStreams() {
  for (auto& [number, connection] : connections_)
    for (auto& stream : connection.streams)
      for (auto& [offset, early] : stream.early) wipe(early.data);
}

void PlainStreams::take(const plain_record& record, std::span<const char> data) {
  const auto at = static_cast<std::int64_t>(record.actor.at_boot_ns);
  if (record.direction > PLAIN_IN) {
    if (const auto which = connections_.find(record.connection); which != connections_.end()) end(which, at);
    return;
  }
  if (record.length == 0 || record.offset > longest_stream) return;
  const auto which = connection_of(record);
  auto& connection = which->second;
  order_.splice(order_.end(), order_, connection.place);
  if (connection.is_ignored) return;
  const unsigned direction = record.direction;
  data = data.first(std::min<std::size_t>(data.size(), record.length));
  if (record.offset > connection.streams[direction].next) {
    if (record.is_next == 0) {
      hold(which, direction, record.offset, {record.length, at, std::string(data.begin(), data.end())});
      return;
    }
    release(which, direction, record.offset);
  }
  tell(which, direction, record.offset, record.length, data, at);
  release(which, direction, 0);
}

PlainStreams::Connections::iterator PlainStreams::connection_of(const plain_record& record) {
  const auto [which, is_new] = connections_.try_emplace(record.connection);
  if (!is_new) return which;
  which->second.actor = record.actor;
  which->second.endpoint = record.endpoint;
  which->second.place = order_.insert(order_.end(), record.connection);
  if (connections_.size() > options_.max_connections) {
    ++counters_.evicted;
    end(connections_.find(order_.front()), static_cast<std::int64_t>(record.actor.at_boot_ns));
  }
  return which;
}

void PlainStreams::hold(Connections::iterator which, unsigned direction, std::uint64_t offset, Early early) {
  auto& connection = which->second;
  auto& held = connection.streams[direction].early;
  const auto [first, behind] = held.equal_range(offset);
  if (std::any_of(first, behind, [&](const auto& one) { return one.second.length >= early.length; })) {
    ++counters_.repeated;
    wipe(early.data);
    return;
  }
  auto& kept = held.emplace(offset, Early{early.length, early.at, {}})->second.data;
  kept.swap(early.data);  // a text that is moved from keeps some of it
  ++counters_.early;
  ++connection.early_count;
  connection.early_bytes += kept.size();
  counters_.early_bytes += kept.size();
  while (connection.early_count > options_.max_early || connection.early_bytes > options_.early_bytes ||
         (counters_.early_bytes > options_.all_early_bytes && connection.early_count > 0)) {
    ++counters_.crowded;
    const unsigned fuller = held.empty() ? 1 - direction : direction;
    release(which, fuller, connection.streams[fuller].early.begin()->first + 1);
  }
}

void PlainStreams::release(Connections::iterator which, unsigned direction, std::uint64_t until) {
  auto& connection = which->second;
  auto& stream = connection.streams[direction];
  while (!stream.early.empty()) {
    const std::uint64_t offset = stream.early.begin()->first;
    if (offset > stream.next && offset >= until) return;
    auto node = stream.early.extract(stream.early.begin());
    auto& early = node.mapped();
    --connection.early_count;
    connection.early_bytes -= early.data.size();
    counters_.early_bytes -= early.data.size();
    tell(which, direction, offset, early.length, early.data, early.at);
    wipe(early.data);
  }
}

void PlainStreams::tell(Connections::iterator which, unsigned direction, std::uint64_t offset, std::uint32_t length,
                        std::span<const char> data, std::int64_t at) {
  auto& connection = which->second;
  if (connection.is_ignored) return;
  auto& next = connection.streams[direction].next;
  if (offset < next) {
    ++counters_.repeated;
    const std::uint64_t known = next - offset;
    if (known >= length) return;
    offset = next;
    length -= static_cast<std::uint32_t>(known);
    data = data.subspan(static_cast<std::size_t>(std::min<std::uint64_t>(known, data.size())));
  }
  if (offset > next) ++counters_.holes;
  next = offset + length;
  connection.told_at = std::max(connection.told_at, at);  // time goes on, though what came early is told late
  capture_record record = record_of(connection.actor, which->first, direction, connection.told_at);
  record.offset = offset;
  record.length = length;
  record.kept = static_cast<__u32>(data.size());
  emit_(record, data);
}

void PlainStreams::expire(std::int64_t now) {
  for (auto which = connections_.begin(); which != connections_.end(); ++which)
    for (const unsigned direction : {PLAIN_OUT, PLAIN_IN}) {
      auto& early = which->second.streams[direction].early;
      while (std::any_of(early.begin(), early.end(),
                         [&](const auto& one) { return one.second.at <= now - options_.wait_ns; }))
        release(which, direction, early.begin()->first + 1);
    }
}

void PlainStreams::end(Connections::iterator which, std::int64_t at) {
  auto& connection = which->second;
  for (const unsigned direction : {PLAIN_OUT, PLAIN_IN}) release(which, direction, ~std::uint64_t{0});
  if (!connection.is_ignored)
    emit_(record_of(connection.actor, which->first, CAPTURE_END, std::max(connection.told_at, at)), {});
  order_.erase(connection.place);
  connections_.erase(which);
}

void PlainStreams::end_all(std::int64_t now) {
  while (!connections_.empty()) end(connections_.begin(), now);
}

void PlainStreams::ignore(std::uint64_t connection) {
  if (const auto which = connections_.find(connection & ~plain_bit); which != connections_.end())
    which->second.is_ignored = true;
}

std::optional<plain_endpoint> PlainStreams::endpoint_of(std::uint64_t connection) const {
  const auto which = connections_.find(connection & ~plain_bit);
  if (!is_plain(connection) || which == connections_.end()) return std::nullopt;
  return which->second.endpoint;
}

}  // namespace plumbline::agent
