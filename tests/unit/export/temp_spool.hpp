#pragma once

#include <filesystem>
#include <string>

#include "agent/spool/spool.hpp"

namespace plumbline::agent {

/// A spool on real files in a directory that ends with the test.
class TempSpool {
 public:
  explicit TempSpool(const Clock& clock) : clock_(clock) {
    std::string pattern = (std::filesystem::temp_directory_path() / "plumbline-export-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
    reopen();
  }
  ~TempSpool() {
    spool.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }
  void reopen() {
    spool.reset();
    spool = open_spool({directory + "/spool", 64 << 20, 1 << 20}, clock_).value();
  }
  void append(std::size_t count, std::size_t size = 0) {
    std::vector<Draft> drafts;
    for (std::size_t i = 0; i < count; ++i)
      drafts.push_back({"finding", [size](std::uint64_t sequence, wire::Record& record) {
                          record.id = "id-" + std::to_string(sequence);
                          record.body = "{\"finding\":{\"n\":" + std::to_string(sequence) + ",\"pad\":\"" +
                                        std::string(size, 'x') + "\"},\"drift\":null}";
                        }});
    (void)spool->append(std::move(drafts)).value();
  }

  std::string directory;
  std::unique_ptr<Spool> spool;

 private:
  const Clock& clock_;
};

}  // namespace plumbline::agent
