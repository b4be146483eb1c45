#include "fetch/handout_client.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <functional>
#include <map>
#include <set>

#include "baseline/compile.hpp"
#include "fetch/encoding.hpp"
#include "fetch/secret.hpp"
#include "fetch/web.hpp"
#include "include/util/fd.hpp"
#include "include/util/file_time.hpp"
#include "include/util/hex.hpp"
#include "include/util/replace_file.hpp"
#include "include/util/thread.hpp"

namespace plumbline::fetch {
namespace {

constexpr std::chrono::seconds first_retry{2};
constexpr const char* list_name = "/list.json";
constexpr std::uint64_t smallest_piece = 64 << 10;

std::string earlier_name(std::uint64_t sequence) {
  return "/list-" + std::to_string(sequence) + ".json";
}

/// Numbers and file names of lists that are kept beside the newest one; the latest first.
std::map<std::uint64_t, std::string, std::greater<>> earlier_lists(const std::string& folder) {
  std::map<std::uint64_t, std::string, std::greater<>> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), ::closedir);
  if (!open) return found;
  while (const dirent* entry = ::readdir(open.get())) {  // NOLINT(concurrency-mt-unsafe): a stream of our own
    const std::string name = entry->d_name;
    std::uint64_t sequence = 0;
    if (!name.starts_with("list-")) continue;
    std::from_chars(name.data() + 5, name.data() + name.size(), sequence);
    if ("/" + name == earlier_name(sequence)) found.emplace(sequence, name);
  }
  return found;
}

std::uint64_t index_key_id(const NodeKey& key) {
  const baseline::KeyedHash files(key.hash);
  const baseline::Fingerprinter attributes(files);
  return baseline::key_id_of({files, attributes});
}

}  // namespace

HandoutClient::HandoutClient(HandoutOptions options, const NodeKey& key)
    : options_(std::move(options)), key_(key), key_id_(index_key_id(key)) {
  options_.limits.stop = stopping_.get_token();
  ::mkdir(options_.folder.substr(0, options_.folder.rfind('/')).c_str(), 0700);
  ::mkdir(options_.folder.c_str(), 0700);
}

Result<std::shared_ptr<const Handed>> HandoutClient::kept() {
  const std::string path = options_.folder + list_name;
  const auto envelope = read_secret_file("read the kept list " + path, path, max_handout_bytes);
  if (!envelope) return envelope.error();
  auto handed = take(std::string(envelope->view()), From::disk);
  if (handed) kept_sequence_ = (*handed)->sequence;
  return handed;
}

Result<Handout> HandoutClient::open_list(const std::string& envelope) const {
  const std::string what = "take the baselines that " + options_.url + " hands out";
  const auto text = open_signed(handout_type, envelope, key_.verify);
  if (!text) return within(what, text.error());
  auto list = parse_handout(*text);
  if (list && list->node != options_.node)
    return Error{ErrorCode::permission, what, "the list is another node's",
                 "is something between agent and collector?"};
  return list;
}

Result<std::shared_ptr<const Handed>> HandoutClient::take(const std::string& envelope, From from) {
  auto list = open_list(envelope);
  if (!list) return list.error();
  const bool is_meant = meant_from_ && list->sequence >= *meant_from_;
  if (taken_ && list->sequence < taken_->sequence && !is_meant) {
    refused_ = list->sequence;
    return Error{ErrorCode::permission, "take the baselines that " + options_.url + " hands out",
                 "the list is older (" + std::to_string(list->sequence) + ") than the one in force (" +
                     std::to_string(taken_->sequence) + ")",
                 "was the collector set back? if that is meant, say so with SIGHUP (systemctl reload)"};
  }
  auto handed = std::make_shared<Handed>();
  handed->sequence = list->sequence;
  handed->issued_at = list->issued_at * 1'000'000'000;
  handed->missing = std::move(list->missing);
  for (auto& name : list->unknown) {
    handed->damage.push_back(name + " is of a kind that this agent does not know: it is older than the collector");
    handed->missing.push_back(std::move(name));
  }
  std::map<std::string, std::shared_ptr<const baseline::Index>> known;  // by digest
  if (taken_)
    for (const auto& baseline : taken_->baselines) known.emplace(baseline.entry.sha256, baseline.index);
  std::set<std::string> named;
  for (auto& entry : list->baselines) {
    named.insert(entry.spec.name);
    auto& index = known[entry.sha256];
    if (!index) {
      auto opened = index_of(entry, from);
      if (!opened && from == From::collector) return opened.error();
      if (!opened) {
        handed->missing.push_back(entry.spec.name);
        handed->damage.push_back(opened.error().message());
        continue;
      }
      index = std::move(*opened);
    }
    const WallNs since = modified_at(path_of(entry));
    handed->baselines.push_back({std::move(entry), index, handed->sequence, since});
  }
  // What the collector has not read yet stays as it was.
  if (taken_)
    for (const auto& baseline : taken_->baselines)
      if (!named.contains(baseline.entry.spec.name) && is_missing(handed->missing, baseline.entry.spec.name))
        handed->baselines.push_back(baseline);
  if (from == From::disk) add_earlier(*handed);
  refused_.reset();
  meant_from_.reset();
  taken_ = handed;
  return std::shared_ptr<const Handed>(std::move(handed));
}

/// From lists that were kept because a later one calls missing what they name.
void HandoutClient::add_earlier(Handed& handed) const {
  for (const auto& [sequence, name] : earlier_lists(options_.folder)) {  // the latest first
    const std::string path = options_.folder + "/" + name;
    const auto envelope = read_secret_file("read the kept list " + path, path, max_handout_bytes);
    auto list = envelope ? open_list(std::string(envelope->view())) : Result<Handout>(envelope.error());
    if (!list) {
      handed.damage.push_back(list.error().message());
      continue;
    }
    for (auto& entry : list->baselines) {
      const bool known = std::any_of(handed.baselines.begin(), handed.baselines.end(),
                                     [&](const auto& b) { return b.entry.spec.name == entry.spec.name; });
      if (known || !is_missing(handed.missing, entry.spec.name)) continue;
      auto index = open_index(entry, path_of(entry));
      if (!index) {
        handed.damage.push_back(index.error().message());
        continue;
      }
      const WallNs since = modified_at(path_of(entry));
      handed.baselines.push_back({std::move(entry), std::move(*index), sequence, since});
    }
  }
}

/// The newest list, and earlier ones for as long as something in force is named by them alone. Their indexes are there.
Result<void> HandoutClient::keep(const std::string& envelope, const Handed& handed) {
  const std::string path = options_.folder + list_name;
  std::set<std::uint64_t> needed;
  for (const auto& baseline : handed.baselines)
    if (baseline.listed_in != handed.sequence) needed.insert(baseline.listed_in);
  unkept_.insert_or_assign(handed.sequence, envelope);  // until it is on disk
  std::erase_if(unkept_,
                [&](const auto& list) { return list.first != handed.sequence && !needed.contains(list.first); });
  for (const auto& [sequence, list] : unkept_)
    if (sequence != handed.sequence)
      if (auto kept = replace_file(options_.folder + earlier_name(sequence), list); !kept) return kept.error();
  if (needed.contains(kept_sequence_)) {
    const std::string earlier = options_.folder + earlier_name(kept_sequence_);
    ::unlink(earlier.c_str());
    if (::link(path.c_str(), earlier.c_str()) != 0 && errno != ENOENT)
      return io_error("keep the list " + earlier, errno);
  }
  if (auto kept = replace_file(path, envelope); !kept) return kept.error();
  kept_sequence_ = handed.sequence;
  unkept_.clear();
  for (const auto& [sequence, name] : earlier_lists(options_.folder))
    if (!needed.contains(sequence)) ::unlink((options_.folder + "/" + name).c_str());
  return {};
}

/// What is at `path`, where it is what the list names.
Result<std::shared_ptr<const baseline::Index>> HandoutClient::open_index(const HandedEntry& entry,
                                                                         const std::string& path) const {
  const std::string what = "use the baseline " + entry.spec.name + " of " + options_.url;
  auto index = baseline::Index::open(path, baseline::Hold::apart);
  if (!index && (index.error().code == ErrorCode::not_found || index.error().code == ErrorCode::unsupported))
    return within(what, index.error());
  if (!index || to_hex(baseline::sha256(index->image())) != entry.sha256)
    return Error{ErrorCode::corrupt, what, path + " is not what the signed list names", "it is fetched again"};
  if (index->key_id() != key_id_)
    return Error{ErrorCode::permission, what, "it was made under another key of hashes",
                 "give the agent the collector's present node.key"};
  if (index->source_count() != 1 || index->source(0).spec.name != entry.spec.name)
    return Error{ErrorCode::corrupt, what, "the index is of something else", "is the collector of this version?"};
  return std::make_shared<const baseline::Index>(std::move(*index));
}

Result<std::shared_ptr<const baseline::Index>> HandoutClient::index_of(const HandedEntry& entry, From from) {
  const std::string path = path_of(entry), part = path + ".part";
  auto kept = open_index(entry, path);
  if (kept) return kept;
  if (from == From::disk) return Error{ErrorCode::corrupt, kept.error().what, kept.error().why, ""};
  if (auto fetched = fetch_index(entry, part); !fetched) return fetched.error();
  auto index = open_index(entry, part);
  if (!index) {
    ::unlink(part.c_str());
    return index;
  }
  if (::rename(part.c_str(), path.c_str()) != 0) return io_error("keep the index " + path, errno);
  piece_ = std::min<std::uint64_t>(piece_ * 2, index_piece);  // the line may be better again
  return index;
}

Result<void> HandoutClient::fetch_index(const HandedEntry& entry, const std::string& part) {
  const std::string what = "fetch the baseline " + entry.spec.name;
  const Fd file(::open(part.c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat begun{};
  if (!file || ::fstat(file.get(), &begun) != 0)
    return io_error(what + " into " + part, errno, "the state directory must be writable");
  // A fetch that was cut goes on where it ended; the digest tells whether that was right.
  WebConnection connection;
  for (auto at = static_cast<std::uint64_t>(begun.st_size); at < entry.size;) {
    const std::uint64_t end = std::min<std::uint64_t>(at + piece_, entry.size);
    WebRequest request;
    request.url = options_.url + "/v1/baselines/index/" + entry.sha256;
    request.headers.emplace_back("Range", "bytes=" + std::to_string(at) + "-" + std::to_string(end - 1));
    if (auto token = authorize(request); !token) return token.error();
    const auto answer = connection.exchange(request);
    if (!answer) {
      piece_ = std::max((end - at) / 2, smallest_piece);
      return answer.error();
    }
    if (answer->status != 206 || answer->body.size() != end - at)
      return refused(what, *answer, "", "it is asked for again; look at the collector's log");
    if (const int error = write_all(file.get(), answer->body); error != 0)
      return io_error(what + " into " + part, error, "make room in the state directory");
    at = end;
  }
  if (::fsync(file.get()) != 0) return io_error(what + " into " + part, errno);
  return {};
}

Result<void> HandoutClient::authorize(WebRequest& request) const {
  request.ca_file = options_.ca_file;
  request.certificate_file = options_.certificate_file;
  request.key_file = options_.key_file;
  request.limits = options_.limits;
  request.max_bytes = std::max(max_handout_bytes, index_piece);
  if (options_.token_file.empty()) return {};
  const auto token = read_secret_line(options_.token_file);
  if (!token) return token.error();
  request.headers.emplace_back("Authorization", bearer(token->view()));
  return {};
}

Result<std::shared_ptr<const Handed>> HandoutClient::fetch(bool asked) {
  WebRequest request;
  request.url = options_.url + "/v1/baselines/for/" + percent_encode(options_.node);
  const bool conditional = !etag_.empty() && !asked;
  if (conditional) request.headers.emplace_back("If-None-Match", etag_);
  if (auto token = authorize(request); !token) return token.error();
  const auto answer = exchange(request);
  if (!answer) return answer.error();
  // Only where it was asked for: nobody signs a 304.
  if (answer->status == 304 && taken_ && conditional) {
    refused_.reset();  // what was refused before is not what is there now
    meant_from_.reset();
    return taken_;
  }
  if (answer->status != 200)
    return refused("ask " + options_.url + " for this node's baselines", *answer, "",
                   answer->status == 404 ? "does the collector have `baselines`?" : "look at the collector's log");
  auto handed = take(answer->body, From::collector);
  if (!handed) return handed;
  etag_.clear();
  if (auto kept = keep(answer->body, **handed); !kept) return kept.error();
  etag_ = answer->header("etag");
  forget_others(**handed);
  return handed;
}

/// Indexes that the list does not name any more. Those in use stay mapped until they are let go of.
void HandoutClient::forget_others(const Handed& handed) const {
  std::set<std::string> wanted;
  for (const auto& baseline : handed.baselines) wanted.insert(baseline.entry.sha256 + ".index");
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(options_.folder.c_str()), ::closedir);
  if (!folder) return;
  while (const dirent* entry = ::readdir(folder.get())) {  // NOLINT(concurrency-mt-unsafe): a stream of our own
    const std::string name = entry->d_name;
    if ((name.ends_with(".index") || name.ends_with(".part")) && !wanted.contains(name))
      ::unlink((options_.folder + "/" + name).c_str());
  }
}

void HandoutClient::start(Deliver deliver) {
  deliver_ = std::move(deliver);
  thread_ = start_thread("plumb-handout", [this] { run(); });
}

void HandoutClient::refresh(bool meant) {
  const std::lock_guard lock(mutex_);
  asked_ = true;
  meant_ = meant_ || meant;
  changed_.notify_all();
}

void HandoutClient::stop() {
  stopping_.request_stop();
  {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void HandoutClient::run() {
  const Handed* told = taken_.get();
  std::string told_error = "-";  // the first delivery is news, whatever it is
  int failures = 0;
  std::unique_lock lock(mutex_);
  while (!stopping_.stop_requested()) {
    asked_ = false;
    const bool meant = std::exchange(meant_, false);
    lock.unlock();
    if (meant && refused_) meant_from_ = refused_;
    auto handed = fetch(meant);
    const std::string error = handed ? "" : handed.error().message();
    const bool news = error != told_error || (handed && handed->get() != told);
    std::chrono::milliseconds wait = options_.interval;
    if (handed) {
      told = handed->get();
      failures = 0;
    } else {
      wait = std::min<std::chrono::milliseconds>(wait, first_retry * (1 << std::min(failures++, 8)));
    }
    told_error = error;
    if (news && !stopping_.stop_requested()) deliver_(std::move(handed));
    lock.lock();
    changed_.wait_for(lock, wait, [this] { return stopping_.stop_requested() || asked_; });
  }
}

}  // namespace plumbline::fetch
