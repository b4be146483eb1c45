#include "collector/baselines/shelf.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "baseline/path_glob.hpp"
#include "baseline/revision.hpp"
#include "collector/telemetry/log.hpp"
#include "fetch/file_origin.hpp"
#include "fetch/make_origin.hpp"
#include "include/util/hex.hpp"
#include "include/util/own_folder.hpp"
#include "include/util/thread.hpp"

namespace plumbline::collector {
namespace {

constexpr std::chrono::seconds look_interval{2};         ///< at local files: a stat each
constexpr std::chrono::milliseconds publish_pause{100};  ///< what was read meanwhile is one change
constexpr std::chrono::hours until_asked{24 * 365};      ///< local files are read when they changed
constexpr std::int64_t earlier_for = 600'000'000'000;    ///< ns; a slow line has 7 MB/min at 1 Mbit/s
constexpr std::size_t max_earlier = 2;                   ///< of an item: they are in memory

/// "web-1" of "/…/web-1.json".
std::string node_of_file(const std::string& path) {
  return std::filesystem::path(path).stem().string();
}

}  // namespace

Shelf::Shelf(std::string folder, std::vector<ShelfSource> sources, const ShelfKeys& keys, Store& store,
             const Clock& clock)
    : folder_(std::move(folder)),
      sources_(std::move(sources)),
      keys_(keys),
      hash_(keys.hash),
      store_(store),
      clock_(clock) {}

Shelf::~Shelf() {
  stop();
}

Result<std::unique_ptr<Shelf>> Shelf::open(const std::string& folder, const ShelfKeys& keys,
                                           std::vector<ShelfSource> sources, Store& store, const Clock& clock) {
  if (auto made = make_own_folder(folder, "folder of baselines", "baselines_dir"); !made) return made.error();
  if (auto written = fetch::write_node_key(folder + "/node.key", keys.for_nodes()); !written) return written.error();
  std::unique_ptr<Shelf> shelf(new Shelf(folder, std::move(sources), keys, store, clock));
  std::vector<Item> items;
  std::set<std::string> names;
  for (const auto& source : shelf->sources_)
    if (!is_local_pattern(source) && names.insert(source.source.name).second)
      items.push_back(shelf->item_of(source, fetch::spec_of(source.source)));
  for (const auto& source : shelf->sources_) {
    if (!is_local_pattern(source)) continue;
    // What matched before stays in force where its file is gone: whoever removes a state does not make what it manages
    // unmanaged.
    const auto kept = fetch::kept_matches(folder + "/indexes", fetch::spec_of(source.source));
    for (const auto& spec : kept.matches) {
      if (names.insert(spec.name).second)
        items.push_back(shelf->item_of(source, spec));
      else
        log(LogLevel::error, "what was last read of a match is left out: another baseline has its name now",
            {{"baseline", spec.name}, {"path", spec.path}});
    }
    if (!kept.damage.empty())
      log(LogLevel::error, "what was last read of a match is lost",
          {{"baseline", source.source.name}, {"why", kept.damage}});
  }
  std::set<std::string> wanted;
  for (const auto& item : items) wanted.insert(item.keeper->kept_file());
  const auto removed =
      fetch::remove_unwanted(folder + "/indexes", [&](const std::string& file) { return wanted.contains(file); });
  if (removed > 0)
    log(LogLevel::info, "indexes of baselines that are no longer configured are removed",
        {{"count", std::to_string(removed)}});
  {
    const std::lock_guard lock(shelf->mutex_);
    for (auto& item : items) shelf->add(std::move(item));
  }
  if (auto published = shelf->publish(); !published) return published.error();
  return shelf;
}

/// With what was last compiled of it, so that nodes need not wait for the source. Reads files: without the lock.
Shelf::Item Shelf::item_of(const ShelfSource& source, const baseline::SourceSpec& spec) const {
  Item item;
  item.source = &source;
  if (source.node_by_file) item.node = node_of_file(spec.path);
  item.keeper =
      std::make_shared<fetch::SourceKeeper>(spec, folder_ + "/indexes", hash_, fetch::SourceKeeper::Need::index);
  if (const auto& damage = item.keeper->damage(); !damage.empty())
    log(LogLevel::error, "what was last read of a baseline is lost", {{"baseline", spec.name}, {"why", damage}});
  if (auto kept = item.keeper->remembered()) {
    const std::string digest = to_hex(baseline::sha256(kept->index->image()));
    put_in_force(item, std::move(kept->index), digest);
    item.error.clear();
  }
  if (!baseline::is_location(source.source.path)) item.version = fetch::file_version(spec.path);
  return item;
}

void Shelf::add(Item item) {
  const std::string name = item.keeper->spec().name;
  items_.insert_or_assign(name, std::move(item));
}

void Shelf::put_in_force(Item& item, std::shared_ptr<const baseline::Index> index, const std::string& digest) const {
  if (item.index && item.sha256 != digest) {
    if (item.earlier.size() == max_earlier) item.earlier.erase(item.earlier.begin());
    item.earlier.push_back({item.sha256, std::move(item.index), clock_.boot() + earlier_for});
  }
  item.index = std::move(index);
  item.sha256 = digest;
  item.loaded_at = clock_.wall();
}

void Shelf::drop_earlier() {
  const std::int64_t now = clock_.boot();
  for (auto& [name, item] : items_)
    std::erase_if(item.earlier, [&](const Earlier& earlier) { return earlier.until <= now; });
}

void Shelf::hand_to_fetcher() {
  std::vector<fetch::Remote> remotes;
  for (auto& [name, item] : items_) {
    const auto& config = item.source->source;
    const bool elsewhere = baseline::is_location(config.path);
    std::shared_ptr<fetch::Origin> origin;
    if (!elsewhere) {
      origin = fetch::make_file_origin(item.keeper->spec().path);
    } else if (auto made = fetch::make_origin(config, clock_, fetcher_->stopping())) {
      origin = std::move(*made);
    } else {
      continue;  // Collector::check() has refused it
    }
    remotes.push_back(
        {item.keeper, std::move(origin), elsewhere ? config.interval : std::chrono::milliseconds(until_asked), config});
  }
  fetcher_->set(std::move(remotes));
}

void Shelf::start() {
  fetcher_ = std::make_unique<fetch::Fetcher>([this](fetch::Delivered delivered) { deliver(std::move(delivered)); });
  thread_ = start_thread("plumb-shelf", [this] { run(); });
}

void Shelf::run() {
  std::unique_lock lock(mutex_);
  auto next_look = std::chrono::steady_clock::now();
  for (bool is_first = true; !stopping_;) {
    if (reload_ || std::chrono::steady_clock::now() >= next_look) {
      look_and_take(lock, std::exchange(is_first, false));
      next_look = std::chrono::steady_clock::now() + look_interval;
    }
    if (std::exchange(changed_, false)) {
      lock.unlock();
      (void)publish();  // has told why not; the next look tries again
      lock.lock();
      wake_.wait_for(lock, publish_pause, [this] { return stopping_ || reload_; });
    }
    wake_.wait_until(lock, next_look, [this] { return stopping_ || reload_ || changed_; });
  }
}

void Shelf::look_and_take(std::unique_lock<std::mutex>& lock, bool is_first) {
  const bool asked = std::exchange(reload_, false);
  lock.unlock();
  Looked looked = look();
  follow_others();
  lock.lock();
  const bool moved = take_matches(looked, asked);
  if (moved || is_first) hand_to_fetcher();
  ask_for_changed_files(looked);
  drop_earlier();
  // Meant is what was refused and is there now, not whatever comes one day.
  if (asked)
    for (const auto& [name, item] : items_) fetcher_->refresh(name, baseline::is_step_back(item.keeper->last_move()));
  changed_ = changed_ || moved || unpublished_;
}

void Shelf::deliver(fetch::Delivered delivered) {
  // A large one takes a second: nodes that ask do not wait for it.
  const bool taken = delivered.what && *delivered.what;
  const std::string digest = taken ? to_hex(baseline::sha256((*delivered.what)->index->image())) : "";
  std::unique_lock lock(mutex_);
  const std::string name = delivered.keeper->spec().name;
  const auto known = items_.find(name);
  if (known == items_.end() || known->second.keeper != delivered.keeper) return;  // let go of meanwhile
  Item& item = known->second;
  const std::string before_error = item.error, before = item.sha256, before_etag = item.etag;
  const bool is_refused = delivered.what && !taken && baseline::is_step_back(item.keeper->last_move());
  if (delivered.what && !is_refused && !delivered.version.empty() && baseline::is_location(item.source->source.path))
    item.etag = delivered.version;
  item.error = delivered.what ? "" : delivered.what.error().message();
  if (taken) {
    auto& fresh = **delivered.what;
    if (fresh.forked)
      log(LogLevel::warning, "a baseline has other content under the revision that was in force",
          {{"baseline", name}, {"revision", baseline::text_of(fresh.baseline.revision)}});
    if (fresh.seems_back)
      log(LogLevel::warning, "a baseline seems to have gone back",
          {{"baseline", name}, {"revision", baseline::text_of(fresh.baseline.revision)}});
    put_in_force(item, std::move(fresh.index), digest);
  }
  if (item.error != before_error && !item.error.empty())
    log(LogLevel::warning, "a baseline stays as it was", {{"baseline", name}, {"why", item.error}});
  if (item.sha256 != before)
    log(LogLevel::info, "a baseline is in force",
        {{"baseline", name}, {"revision", baseline::text_of(item.index->source(0).revision)}});
  if (!taken && item.error == before_error && item.etag == before_etag) return;
  changed_ = true;
  wake_.notify_all();
}

std::shared_ptr<const baseline::Index> Shelf::index(const std::string& sha256) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, item] : items_) {
    if (item.sha256 == sha256) return item.index;
    for (const auto& earlier : item.earlier)
      if (earlier.sha256 == sha256) return earlier.index;
  }
  return nullptr;
}

void Shelf::reload() {
  const std::lock_guard lock(mutex_);
  reload_ = true;
  wake_.notify_all();
}

void Shelf::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  if (fetcher_) fetcher_->stop();
}

}  // namespace plumbline::collector
