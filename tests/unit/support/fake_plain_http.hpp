#pragma once

#include <sys/eventfd.h>

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "agent/plain_endpoints.hpp"
#include "agent/source/plain_http.hpp"
#include "include/util/fd.hpp"

namespace plumbline::agent::test {

/// Segments of connections with endpoints, each after what is before it.
class FakePlainHttp final : public PlainHttp {
 public:
  Result<void> set_endpoints(const std::vector<plain_endpoint>& endpoints) override {
    const std::lock_guard lock(mutex_);
    endpoints_ = endpoints;
    return {};
  }
  int ring_fd() const override { return ring_.get(); }
  void consume(const Sample& sample) override {
    eventfd_t waiting = 0;
    ::eventfd_read(ring_.get(), &waiting);
    std::vector<std::pair<plain_record, std::string>> records;
    {
      const std::lock_guard lock(mutex_);
      records.swap(records_);
    }
    for (const auto& [record, data] : records) sample(record, data);
  }
  void ignore(std::uint64_t connection) override {
    const std::lock_guard lock(mutex_);
    ignored_.push_back(connection);
  }
  plain_counters read_counters() const override { return {}; }

  /// `address`: "169.254.169.254:80".
  void write(std::uint64_t connection, const std::string& address, plain_direction direction, const std::string& data) {
    const std::lock_guard lock(mutex_);
    plain_record record{};
    record.actor.tgid = 8;
    record.actor.at_boot_ns = 1'000;
    record.connection = connection;
    record.endpoint = resolve_endpoint("http://" + address, true)->front();
    record.offset = offsets_[{connection, direction}];
    record.length = record.kept = static_cast<std::uint32_t>(data.size());
    record.direction = static_cast<__u8>(direction);
    record.is_next = 1;
    offsets_[{connection, direction}] += data.size();
    records_.emplace_back(record, data);
    ::eventfd_write(ring_.get(), 1);
  }
  std::vector<std::string> endpoints() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> all;
    for (const auto& one : endpoints_) all.push_back(text_of(one));
    return all;
  }
  std::vector<std::uint64_t> ignored() const {
    const std::lock_guard lock(mutex_);
    return ignored_;
  }

 private:
  const Fd ring_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  mutable std::mutex mutex_;
  std::map<std::pair<std::uint64_t, int>, std::uint64_t> offsets_;
  std::vector<std::pair<plain_record, std::string>> records_;
  std::vector<plain_endpoint> endpoints_;
  std::vector<std::uint64_t> ignored_;
};

}  // namespace plumbline::agent::test
