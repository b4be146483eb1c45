#include "collector/store/postgres_pool.hpp"

#include <algorithm>
#include <string>

namespace plumbline::collector {
namespace {

constexpr std::size_t kept_connections = 4;
constexpr std::chrono::milliseconds stuck{30'000};

}  // namespace

Result<PgPool::Owner> PgPool::borrow(Kind kind, bool anew) const {
  {
    const std::lock_guard lock(mutex_);
    auto& idle = idle_[kind];
    if (anew) idle.clear();  // they were lost together
    if (!idle.empty()) {
      Owner connection = std::move(idle.back());
      idle.pop_back();
      return connection;
    }
  }
  auto opened = PgConnection::open(target_);
  if (!opened) return opened.error();
  const auto limit = kind == for_people ? std::max(query_limit_, std::chrono::milliseconds(1)) : stuck;  // 0 is none
  // Without statistics of a young table the planner would sort all of it, where its key has the order.
  const auto set = opened->script("SET jit = off; SET statement_timeout = " + std::to_string(limit.count()) +
                                  (kind == for_people ? "; SET default_transaction_read_only = on"
                                                      : "; SET enable_seqscan = off; SET enable_sort = off"));
  if (!set) return set.error();
  return std::make_unique<PgConnection>(std::move(*opened));
}

void PgPool::give_back(Kind kind, Owner connection) const {
  const std::lock_guard lock(mutex_);
  if (idle_[kind].size() < kept_connections) idle_[kind].push_back(std::move(connection));
}

void PgPool::count_cut(const Error& error) const {
  if (error.why.find("SQLSTATE 57014") != std::string::npos) ++cut_;
}

}  // namespace plumbline::collector
