#include "agent/export/exporter.hpp"

#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

#include "agent/export/collector_client.hpp"
#include "agent/export/shipper.hpp"

namespace plumbline::agent {
namespace {

/// Stands in for a client whose options make no sense; every try says why.
class NoClient final : public Transport {
 public:
  explicit NoClient(std::string why) : why_(std::move(why)) {}
  Answer post(const std::string&) override { return {0, "", std::nullopt, why_}; }
  void cancel() noexcept override {}

 private:
  std::string why_;
};

std::unique_ptr<Transport> make_transport(const ExporterOptions& options, const Clock& clock) {
  auto client = make_collector_client(
      {options.url, options.token_file, options.ca_file, options.timeout, options.certificate_file, options.key_file},
      clock);
  if (client) return std::move(*client);
  return std::make_unique<NoClient>(client.error().message());
}

ExporterOptions with_random(ExporterOptions options) {
  if (!options.random)
    options.random = [engine = std::mt19937_64(std::random_device{}())]() mutable {
      return std::uniform_real_distribution<double>(0, 1)(engine);
    };
  return options;
}

/// Shared with the spool's callback, which may come after the exporter has ended.
struct Wakeup {
  std::mutex mutex;
  std::condition_variable changed;
  bool appended = false;
  bool stopping = false;

  void set(bool Wakeup::* what) {
    {
      const std::lock_guard lock(mutex);
      this->*what = true;
    }
    changed.notify_one();
  }
};

}  // namespace

struct Exporter::Impl {
  Impl(ExporterOptions wanted, Spool& spool, const Clock& clock)
      : options(with_random(std::move(wanted))),
        transport(make_transport(options, clock)),
        shipper(options, spool, clock, *transport) {
    spool.on_append([shared = wakeup] { shared->set(&Wakeup::appended); });
  }

  void run() {
    std::unique_lock lock(wakeup->mutex);
    while (!wakeup->stopping) {
      wakeup->appended = false;
      lock.unlock();
      const NextStep next = shipper.step();
      lock.lock();
      wakeup->changed.wait_for(lock, next.wait,
                               [&] { return wakeup->stopping || (next.on_append && wakeup->appended); });
    }
  }

  const ExporterOptions options;
  const std::unique_ptr<Transport> transport;
  Shipper shipper;
  const std::shared_ptr<Wakeup> wakeup = std::make_shared<Wakeup>();
  std::thread thread;
};

Exporter::Exporter(ExporterOptions options, Spool& spool, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), spool, clock)) {}

Exporter::~Exporter() {
  stop();
}

void Exporter::start() {
  if (!impl_->thread.joinable()) impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

void Exporter::stop() {
  impl_->wakeup->set(&Wakeup::stopping);
  impl_->transport->cancel();
  if (impl_->thread.joinable()) impl_->thread.join();
}

ExporterStatus Exporter::status() const {
  return impl_->shipper.status();
}

}  // namespace plumbline::agent
