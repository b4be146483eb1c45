// What every Store must do. A store's own test file gives a factory and instantiates the suite:
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance, ::testing::Values(factory));
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include "collector/ingest/prepare.hpp"
#include "collector/store/store.hpp"
#include "tests/unit/collector/records.hpp"

namespace plumbline::collector::test {

struct StoreFactory {
  std::string name;
  /// Opens the store that lives in `directory`; called again for the same directory after the last one was closed.
  std::function<Result<std::unique_ptr<Store>>(const std::string& directory)> open;
  /// The same, of a store whose rows may be over their time at once.
  std::function<Result<std::unique_ptr<Store>>(const std::string& directory)> open_expiring;
  /// Why it cannot be had here; "" = it can.
  std::function<std::string()> missing = {};
};

inline std::ostream& operator<<(std::ostream& out, const StoreFactory& factory) {
  return out << factory.name;
}

/// A fresh directory, removed at the end.
class TempDirectory {
 public:
  TempDirectory() {
    std::string path = (std::filesystem::temp_directory_path() / "plumbline-test-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp failed for " + path);
    path_ = path;
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// As it came at `received_at`, on both clocks.
inline PreparedBatch prepared(const wire::Batch& batch, WallNs received_at = start) {
  PreparedBatch result;
  result.header = batch;
  result.header.records.clear();
  result.received_at = result.heard_at = received_at;
  wire::ColumnReader reader;
  for (const auto& record : batch.records) {
    result.bytes += record.body.size();
    result.records.push_back(prepare_record(record, batch.node_id, reader));
  }
  return result;
}

/// Submits and waits for the acknowledgement.
inline Result<wire::Ack> store_now(Store& store, const wire::Batch& batch, WallNs received_at = start) {
  auto answer = std::make_shared<std::promise<Result<wire::Ack>>>();
  auto future = answer->get_future();
  const auto queued = store.submit(prepared(batch, received_at),
                                   [answer](Result<wire::Ack> ack) { answer->set_value(std::move(ack)); });
  if (!queued) return queued.error();
  return future.get();
}

class StoreConformance : public ::testing::TestWithParam<StoreFactory> {
 protected:
  void SetUp() override {
    const std::string missing = GetParam().missing ? GetParam().missing() : "";
    if (!missing.empty()) GTEST_SKIP() << missing;
    open();
  }
  void open() {
    store_.reset();
    auto opened = GetParam().open(directory_.path());
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
  }
  wire::Ack put(const wire::Batch& b, WallNs received_at = start) {
    auto ack = store_now(*store_, b, received_at);
    EXPECT_TRUE(ack) << ack.error().message();
    return ack ? *ack : wire::Ack{};
  }
  std::vector<LedgerRecord> ledger() { return store_->ledger_after(0, 100'000, std::size_t{1} << 30).value(); }
  std::vector<DriftRow> drifts_called(const std::string& id) {
    Query query;
    query.id = id;
    return store_->drifts(query).value().items;
  }
  std::string statuses(const wire::Ack& ack) {
    std::string all;
    for (const auto& item : ack.items) all += item.status.substr(0, 1);
    return all;
  }

  TempDirectory directory_;
  std::unique_ptr<Store> store_;
  Made node_;
};

}  // namespace plumbline::collector::test
