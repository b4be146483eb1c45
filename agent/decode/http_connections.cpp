#include "agent/decode/http_connections.hpp"

#include <algorithm>

namespace plumbline::agent {
namespace {

/// An address may be another connection's after its process ended, or executed something else.
bool is_same_program(const mark_actor& a, const mark_actor& b) {
  return a.start_boot_ns == b.start_boot_ns && a.image.exec_boot_ns == b.image.exec_boot_ns;
}

constexpr std::size_t max_quiet = 4096;

std::int64_t time_of(const capture_record& record) {
  return static_cast<std::int64_t>(record.actor.at_boot_ns);
}

}  // namespace

HttpConnections::HttpConnections(const Options& options, Callbacks callbacks)
    : options_(options), callbacks_(std::move(callbacks)) {}

HttpConnections::~HttpConnections() = default;

/// The kernel side forgets a connection at its end, or where it has too many, and begins to count anew.
bool HttpConnections::is_another(const Connection& known, const capture_record& record) {
  if (!is_same_program(known.actor, record.actor)) return true;
  return record.direction <= CAPTURE_IN && known.has_begun[record.direction] &&
         record.offset < known.next[record.direction];
}

void HttpConnections::take(const capture_record& record, std::span<const char> data) {
  const Key key{record.actor.tgid, record.connection};
  const std::int64_t at = time_of(record);
  auto known = connections_.find(key);
  bool continues_count = false;
  if (known != connections_.end() && is_another(known->second, record)) {
    ++counters_.taken_over;
    continues_count = record.offset != 0;
    end(known, at);
    known = connections_.end();
  }
  if (known == connections_.end() && goes_on(key, record)) continues_count = true;
  if (record.direction > CAPTURE_IN) {
    if (known != connections_.end()) end(known, at);
    return;
  }
  Connection& connection = known != connections_.end() ? known->second : begin(key, record);
  connection.continues_count = connection.continues_count || continues_count;
  connection.heard = at;
  auto& order = connection.tenant->second.order;
  order.splice(order.end(), order, connection.place);
  const auto direction = record.direction == CAPTURE_OUT ? Direction::out : Direction::in;
  if (direction == Direction::out) connection.actor = record.actor;
  auto& from = connection.from[record.direction];
  if (!connection.has_begun[record.direction] && connection.continues_count) from = record.offset;
  connection.has_begun[record.direction] = true;
  connection.next[record.direction] = record.offset + record.length;
  connection.http->feed(direction, record.offset - std::min<std::uint64_t>(from, record.offset), record.length, data,
                        at, record.part);
  const bool is_dead = connection.http->is_dead();
  if (!is_dead && connection.strange < options_.strange_requests) return;
  if (callbacks_.is_watched(connection.actor)) {
    if (is_dead) end(connections_.find(key), at);  // what comes next is read as if nothing had been
    return;
  }
  ++counters_.ignored;
  capture_connection_key address{};
  address.connection = record.connection;
  address.tgid = record.actor.tgid;
  callbacks_.ignore(address);
  ignored_.push_back({address, at});
  if (ignored_.size() > options_.max_ignored) look_again();
  end(connections_.find(key), at);
}

void HttpConnections::look_again() {
  ++counters_.looked_again;
  callbacks_.look_again(ignored_.front().key);
  ignored_.pop_front();
}

HttpConnections::Connection& HttpConnections::begin(const Key& key, const capture_record& record) {
  while (connections_.size() >= options_.max_connections) make_room(time_of(record));
  ++counters_.connections;
  Connection& connection = connections_[key];  // it does not move while it lives
  connection.actor = record.actor;
  connection.kind = record.kind;
  connection.tenant = tenants_.try_emplace({record.actor.cgroup_id, record.actor.cgroup_v1_id}).first;
  auto& tenant = connection.tenant->second;
  connection.place = tenant.order.insert(tenant.order.end(), key);
  connection.http = std::make_unique<HttpConnection>(
      options_.limits,
      [this, &connection, number = record.connection](const HttpMessage& head) {
        const auto interest = callbacks_.want(head, number);
        connection.strange = interest.is_ours ? 0 : connection.strange + 1;
        return interest.wanted;
      },
      [this, &connection, number = record.connection](HttpExchange&& exchange) {
        mark_actor actor = connection.actor;
        actor.at_boot_ns = static_cast<std::uint64_t>(exchange.first_seen);
        exchange.taken_by = connection.kind;
        callbacks_.deliver(std::move(exchange), actor, number);
      },
      counters_.http, &tenant.held);
  return connection;
}

/// Of the tenant that has the most, the one that was quiet for longest.
void HttpConnections::make_room(std::int64_t at) {
  const auto most = std::max_element(tenants_.begin(), tenants_.end(), [](const auto& a, const auto& b) {
    return a.second.order.size() < b.second.order.size();
  });
  const auto which = connections_.find(most->second.order.front());
  ++counters_.evicted;
  counters_.broken_off += may_go_on(which->second, at) ? 0 : 1;
  forget(which, at);
}

/// Who was quiet for so long that all was answered, or has nothing under way.
bool HttpConnections::may_go_on(const Connection& connection, std::int64_t at) const {
  return connection.heard <= at - options_.answer_wait_ns || connection.http->is_idle();
}

void HttpConnections::end(std::map<Key, Connection>::iterator which, std::int64_t at) {
  which->second.http->end(at);
  const auto tenant = which->second.tenant;
  tenant->second.order.erase(which->second.place);
  connections_.erase(which);
  if (tenant->second.order.empty()) tenants_.erase(tenant);
}

void HttpConnections::expire(std::int64_t now) {
  while (!ignored_.empty() && ignored_.front().at <= now - options_.ignored_for_ns) look_again();
  for (auto& [key, connection] : connections_) connection.http->expire(now - options_.answer_wait_ns);
  std::vector<Key> idle;
  for (const auto& [key, tenant] : tenants_)
    for (const auto& place : tenant.order) {
      if (connections_.find(place)->second.heard > now - options_.idle_ns) break;
      idle.push_back(place);
    }
  for (const auto& place : idle) forget(connections_.find(place), now);
}

void HttpConnections::forget(std::map<Key, Connection>::iterator which, std::int64_t at) {
  const auto& [key, connection] = *which;
  if (may_go_on(connection, at)) {
    if (quiet_order_.size() >= max_quiet) {
      quiet_.erase(quiet_order_.front());
      quiet_order_.pop_front();
    }
    quiet_order_.push_back(key);
    quiet_[key] = {connection.actor.start_boot_ns, connection.actor.image.exec_boot_ns};
  }
  end(which, at);
}

bool HttpConnections::goes_on(const Key& key, const capture_record& record) {
  const auto quiet = quiet_.extract(key);
  return !quiet.empty() && record.offset != 0 && quiet.mapped().start_boot_ns == record.actor.start_boot_ns &&
         quiet.mapped().exec_boot_ns == record.actor.image.exec_boot_ns;
}

void HttpConnections::end_all(std::int64_t now) {
  while (!connections_.empty()) end(connections_.begin(), now);
}

}  // namespace plumbline::agent
