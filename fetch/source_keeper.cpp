#include "fetch/source_keeper.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "baseline/compile.hpp"
#include "include/util/hex.hpp"

namespace plumbline::fetch {
namespace {

constexpr std::size_t longest_name = 200;  // of 255, with what is put behind it

/// A name that any file system takes; names of matches of a pattern can be as long as paths.
std::string file_name_of(const std::string& name) {
  if (name.size() <= longest_name) return name + ".index";
  const auto digest = baseline::sha256(name);
  return name.substr(0, longest_name - 32) + "-" + to_hex(std::span(digest).first(16)) + ".index";
}

}  // namespace

SourceKeeper::SourceKeeper(baseline::SourceSpec spec, const std::string& folder, const baseline::KeyedHash& key)
    : spec_(std::move(spec)), path_(folder + "/" + file_name_of(spec_.name)), key_(key) {
  ::mkdir(folder.c_str(), 0700);
  auto kept = open_kept();
  if (kept) {
    taken_ = std::move(*kept);
    revision_ = taken_->source(0).revision;
  } else if (kept.error().code != ErrorCode::not_found) {
    damage_ = kept.error().message();
    ::rename(path_.c_str(), (path_ + ".damaged").c_str());
  }
}

Result<std::shared_ptr<const baseline::Index>> SourceKeeper::open_kept() const {
  auto index = baseline::Index::open(path_);
  if (!index) return index.error();
  const auto source = index->source(0);
  const baseline::Fingerprinter attributes(key_);
  if (index->key_id() != baseline::key_id_of({key_, attributes}) || source.spec.kind != spec_.kind ||
      source.spec.path != spec_.path || source.spec.name != spec_.name)
    return Error{ErrorCode::not_found, "use the index " + path_, "it is of another source or key", ""};
  return std::make_shared<const baseline::Index>(std::move(*index));
}

Result<SourceKeeper::Taken> SourceKeeper::load(bool any_revision, std::optional<std::string_view> bytes) {
  const std::lock_guard lock(mutex_);
  last_move_ = baseline::Move::none;
  if (forgotten_)
    return Error{ErrorCode::not_found, "read the baseline " + spec_.name, "it is no longer configured", ""};
  const std::string fresh = path_ + ".fresh";
  auto loaded = baseline::load_indexed(spec_, key_, fresh, bytes);
  if (!loaded) {
    ::unlink(fresh.c_str());
    return loaded.error();
  }
  const auto move = last_move_ =
      revision_ ? baseline::moved(*revision_, loaded->baseline.revision) : baseline::Move::on;
  if (!any_revision && (move == baseline::Move::backwards || move == baseline::Move::elsewhere)) {
    ::unlink(fresh.c_str());
    return Error{ErrorCode::unsupported, "take the baseline " + spec_.name + " from " + spec_.path,
                 (move == baseline::Move::backwards ? "it went back: " : "it belongs to something else: ") +
                     baseline::text_of(loaded->baseline.revision) + ", after " + baseline::text_of(*revision_),
                 "the one before stays in force; if this one is meant, say so with SIGHUP (systemctl reload)"};
  }
  Taken taken{std::move(loaded->baseline), std::move(loaded->index), std::move(loaded->why_no_index), 0, false};
  if (taken.index) {
    taken.resources = taken.index->resource_count();
    // Serials and versions name one content; where the name alone is the revision, nothing can be told.
    if (move == baseline::Move::none && taken_ && taken.baseline.revision.contains("serial")) {
      const auto changes = baseline::compare_indexes(*taken_, *taken.index);
      taken.forked = changes && !changes->empty();
    }
    if (::rename(fresh.c_str(), path_.c_str()) != 0)
      taken.why_no_index = io_error("keep the index " + path_, errno).message();
  }
  taken_ = taken.index;
  revision_ = taken.baseline.revision;
  return taken;
}

baseline::Move SourceKeeper::last_move() const {
  const std::lock_guard lock(mutex_);
  return last_move_;
}

Result<SourceKeeper::Taken> SourceKeeper::remembered() const {
  const std::lock_guard lock(mutex_);
  if (!taken_)
    return Error{ErrorCode::not_found, "find what was last taken of the baseline " + spec_.name, "nothing was", ""};
  Taken taken;
  taken.baseline = baseline::baseline_of(*taken_);
  taken.index = taken_;
  taken.resources = taken_->resource_count();
  return taken;
}

void SourceKeeper::forget() {
  const std::lock_guard lock(mutex_);
  forgotten_ = true;
  ::unlink(path_.c_str());
  taken_.reset();
  revision_.reset();
}

}  // namespace plumbline::fetch
