#include "tests/unit/export/collector_double.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "include/wire/batch.hpp"
#include "include/wire/batch_read.hpp"

namespace plumbline::agent {
namespace {

std::string response(int status, const std::string& body, const std::string& more = "") {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\n" + more +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string field(const std::string& head, const std::string& name) {
  const auto at = head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const auto begin = at + name.size() + 4;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

void send_all(int socket, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::send(socket, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (n <= 0) return;
    done += static_cast<std::size_t>(n);
  }
}

}  // namespace

CollectorDouble::CollectorDouble()
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), stop_(::eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_.get(), 16) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    std::abort();
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

CollectorDouble::~CollectorDouble() {
  const std::uint64_t one = 1;
  if (::write(stop_.get(), &one, sizeof one) != sizeof one) std::abort();
  thread_.join();
}

void CollectorDouble::next(std::vector<Mood> moods) {
  const std::lock_guard lock(mutex_);
  moods_.assign(moods.begin(), moods.end());
}

void CollectorDouble::refuse(std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  refused_.push_back(sequence);
}

void CollectorDouble::require_token(std::string token) {
  const std::lock_guard lock(mutex_);
  token_ = std::move(token);
}

/// One connection at a time: the exporter keeps one.
void CollectorDouble::run() {
  for (;;) {
    pollfd waited[] = {{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    ::poll(waited, 2, -1);
    if (waited[1].revents != 0) return;
    const Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket) continue;
    {
      const std::lock_guard lock(mutex_);
      ++connections;
    }
    serve(socket.get());
  }
}

void CollectorDouble::serve(int socket) {
  std::string input;
  const auto readable = [&](int timeout_ms) {  // 0 = nothing yet, 1 = there is, -1 = stop
    pollfd waited[] = {{socket, POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    const int n = ::poll(waited, 2, timeout_ms);
    if (waited[1].revents != 0) return -1;
    return n == 0 ? 0 : 1;
  };
  const auto more = [&] {
    char bytes[65536];
    if (readable(-1) < 0) return false;
    const ssize_t n = ::recv(socket, bytes, sizeof bytes, 0);
    if (n > 0) input.append(bytes, static_cast<std::size_t>(n));
    return n > 0;
  };
  for (;;) {
    while (input.find("\r\n\r\n") == std::string::npos)
      if (!more()) return;
    const std::string head = input.substr(0, input.find("\r\n\r\n") + 2);
    const std::size_t length = std::stoul("0" + field(head, "Content-Length"));
    while (input.size() < head.size() + 2 + length)
      if (!more()) return;
    const std::string body = input.substr(head.size() + 2, length);
    input.erase(0, head.size() + 2 + length);

    Mood mood = Mood::proper;
    {
      const std::lock_guard lock(mutex_);
      if (!moods_.empty()) {
        mood = moods_.front();
        moods_.pop_front();
      }
    }
    const std::string text = answer(head, body, mood);
    {
      const std::lock_guard lock(mutex_);
      ++requests;
    }
    changed_.notify_all();
    if (mood == Mood::hang_up) return;
    if (mood == Mood::half_answer) return send_all(socket, text.substr(0, text.size() - 4));
    if (mood == Mood::trickle)
      for (const char c : text) {
        send_all(socket, std::string(1, c));
        if (readable(100) != 0) return;
      }
    if (mood == Mood::hang) {
      (void)readable(-1);  // until the other side gives up, or the test ends
      return;
    }
    send_all(socket, text);
  }
}

std::string CollectorDouble::answer(const std::string& head, const std::string& body, Mood mood) {
  if (mood == Mood::error_500) return response(500, "{\"title\":\"oops\"}");
  if (mood == Mood::busy) return response(429, "{\"title\":\"busy\"}", "Retry-After: 1\r\n");
  const std::lock_guard lock(mutex_);
  const auto expect = [&](bool right, const std::string& what) {
    if (!right) problems.push_back(what);
  };
  expect(head.rfind("POST /v1/batches HTTP/1.1\r\n", 0) == 0, "request line: " + head.substr(0, head.find('\r')));
  expect(field(head, "Content-Type") == wire::batch_content_type, "Content-Type " + field(head, "Content-Type"));
  expect(field(head, "Content-Encoding") == wire::batch_content_encoding,
         "Content-Encoding " + field(head, "Content-Encoding"));
  if (!token_.empty() && field(head, "Authorization") != "Bearer " + token_)
    return response(401, "{\"title\":\"no token\"}");
  const auto text = wire::zstd_decompress(body, 32 << 20);
  auto batch = text ? wire::decode_batch(*text, {}) : Result<wire::Batch>(text.error());
  if (!batch) {
    problems.push_back(batch.error().message());
    return response(400, "{}");
  }
  for (const auto& record : batch->records)
    if (std::find(refused_.begin(), refused_.end(), record.sequence) != refused_.end())
      return response(400, "{\"title\":\"bad record\"}");
  wire::Ack ack;
  ack.accepted_through = batch->records.empty() ? 0 : batch->records.back().sequence;
  for (const auto& record : batch->records) ack.items.push_back({record.sequence, "stored", ""});
  if (mood == Mood::too_much) {
    ack.accepted_through += 1000;
    return response(200, wire::encode_ack(ack));
  }
  store(std::move(*batch));
  if (mood == Mood::garbage) return response(200, "<html>welcome</html>");
  return response(200, wire::encode_ack(ack));
}

void CollectorDouble::store(wire::Batch batch) {
  for (auto& record : batch.records) {
    const auto [at, fresh] = stored.emplace(record.sequence, record);
    if (fresh) continue;
    ++duplicates;
    if (at->second.body != record.body || at->second.id != record.id)
      problems.push_back("sequence " + std::to_string(record.sequence) + " came twice with different content");
  }
  batch.records.clear();
  batches.push_back(std::move(batch));
}

}  // namespace plumbline::agent
