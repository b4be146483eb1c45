// A plain HTTP/1.1 client over one loopback connection, for tests: it sends what it is told, also nonsense.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "include/util/fd.hpp"
#include "include/wire/record.hpp"

namespace plumbline::collector::test {

struct Reply {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

class Client {
 public:
  explicit Client(std::uint16_t port) : port_(port) {}

  /// nullopt: no connection, or it ended before a whole answer. Connects when it must.
  std::optional<Reply> request(const std::string& method, const std::string& target, const std::string& body = "",
                               const std::vector<std::string>& headers = {});
  std::optional<Reply> get(const std::string& target) { return request("GET", target); }
  /// POST /v1/batches, zstd.
  std::optional<Reply> post(const wire::Batch& batch, const std::vector<std::string>& headers = {});

  /// Sends a GET and leaves the connection open for read_until().
  bool open_stream(const std::string& target, const std::vector<std::string>& headers = {});
  /// Reads on until `text` has come, and returns everything read so far; fails (empty) when the connection ends.
  std::string read_until(const std::string& text);

 private:
  bool connect();
  bool send(const std::string& bytes);
  bool receive();

  std::uint16_t port_;
  Fd fd_;
  std::string buffer_;
};

/// A loopback port that is free now.
std::uint16_t free_port();

}  // namespace plumbline::collector::test
