// The reader of indexes on damaged ones. Bytes alone would hardly ever get past the checksum, so each is sealed anew:
// what is looked at is what stands behind it. The input is an index itself, and says how a good one is to be damaged:
// pairs of a position (two bytes) and what is written there.
#include "baseline/index/index.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "baseline/compile.hpp"
#include "baseline/index/writer.hpp"
#include "include/util/fd.hpp"
#include "tests/fuzz/must.hpp"

namespace plumbline::baseline {
namespace {

using fuzz::must;

/// A file that is in memory only. What it is opened as is held by the heap, so that the sanitizer sees each end.
class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("index", MFD_CLOEXEC)), path_("/proc/self/fd/" + std::to_string(fd_.get())) {
    must(static_cast<bool>(fd_), "memory has files");
  }
  const std::string& path() const { return path_; }
  Result<Index> open(const std::string& bytes) const {
    must(::ftruncate(fd_.get(), 0) == 0 &&
             ::pwrite(fd_.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
         "memory can be written");
    return Index::open(path_, Hold::apart);
  }

 private:
  Fd fd_;
  std::string path_;
};

/// One of each thing that an index can hold.
std::string good_index() {
  char pattern[] = "/tmp/fuzz-index-XXXXXX";
  const std::string folder = ::mkdtemp(pattern);
  const std::string path = folder + "/index";
  const auto writer = IndexWriter::create(path, 7, {.synced = false, .seed = 1});
  for (const char* name : {"net", "shop"}) {
    writer->begin_source({name, "terraform_state", "/srv/" + std::string(name)});
    writer->revision("serial", "1");
    for (int i = 0; i < 3; ++i) {
      Resource resource;
      resource.address = "tofu:" + std::string(name) + "/module.m.aws_s3_bucket.b[" + std::to_string(i) + "]";
      resource.provider = "aws";
      resource.type = i < 2 ? "aws_s3_bucket" : "AWS::ECS::TaskDefinition";
      resource.region = "eu-west-1";
      resource.account = "123456789012";
      resource.ids = {"arn:aws:s3:::logs-" + std::to_string(i), i < 2 ? "logs" : "/srv/data"};
      resource.ignored = {"tags", "spec.replicas"};
      for (int k = 0; k < 70; ++k)  // more than the bits of one slot
        resource.attributes.push_back({"a" + std::to_string(k), static_cast<Fingerprint>(k * 3 + i * (k % 2)),
                                       k % 5 == 0 ? "\"v" + std::to_string(i) + "\"" : "", k % 7 == 0});
      writer->resource(resource);
    }
    FileExpectation file;
    file.address = "tofu:" + std::string(name) + "/module.m.aws_s3_bucket.b[0]";
    file.path = "/srv/data/" + std::string(name);
    file.content = "sha256:" + std::string(64, 'a');
    file.mode = 0644;
    file.owner = "root";
    writer->file(file);
    FileExpectation link;
    link.address = "file:/nobody";
    link.path = "/srv/data";
    link.symlink_target = "/mnt";
    link.absent_entries = {"*.bak", "[a-z]*"};
    writer->file(link);
    writer->skip("tofu:" + std::string(name) + "/x", "because");
  }
  must(static_cast<bool>(writer->finish()), "a good index is written");
  const auto index = Index::open(path);
  must(static_cast<bool>(index), "a good index is read");
  const std::string image(index->image());
  ::unlink(path.c_str());
  ::rmdir(folder.c_str());
  return image;
}

std::string sealed(std::string bytes) {
  index::Header header{};
  if (bytes.size() < sizeof header) bytes.resize(sizeof header);
  std::memcpy(&header, bytes.data(), sizeof header);
  header.magic = index::magic;
  header.version = index::version_with_containers;
  header.section_count = index::section_count;
  header.file_size = bytes.size();
  header.checksum = 0;
  std::memcpy(bytes.data(), &header, sizeof header);
  header.checksum = XXH3_64bits(bytes.data(), bytes.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

void must_be_within(const Index& index, std::string_view part) {
  if (part.empty()) return;
  const auto image = index.image();
  const std::less_equal<const char*> not_behind;
  must(not_behind(image.data(), part.data()) && not_behind(part.data() + part.size(), image.data() + image.size()),
       "a view is of the index");
}

void must_own(const Index& index, const std::vector<Owner>& owners) {
  for (const auto& owner : owners) {
    must(!owner.reason.empty(), "an owner has a reason");
    (void)index.address(owner.resource);
    (void)index.type(owner.resource);
  }
}

constexpr std::uint32_t most = 64;  ///< rows that are looked at: each may hold all there is

/// Whatever a caller can ask.
void look_at(const Index& index) {
  const auto rows = [](std::uint32_t count) { return std::min(count, most) + 2; };  // and some beyond the end
  std::vector<std::uint32_t> found;
  for (std::uint32_t i = 0; i < rows(index.resource_count()); ++i) {
    const std::string address = index.address(i);
    for (const auto row : index.find_address(address)) must(index.address(row) == address, "what is found is that");
    must_be_within(index, index.type(i));
    (void)index.digest(i);
    (void)index.source(index.source_of(i));
    for (const auto& attribute : index.attributes(i)) {
      must_be_within(index, attribute.path);
      must_be_within(index, attribute.value);
      must(!attribute.absent || (attribute.value.empty() && attribute.hash == 0), "what is absent has no value");
    }
    const Resource resource = index.resource(i);
    must(resource.address == address, "a resource has its address");
    for (std::size_t k = 0; k < resource.ids.size() && k < most; ++k) {
      index.find_id(resource.ids[k], found);
      must_own(index, index.owners_of_id(resource.ids[k]));
      must_own(index, index.owners_of_path(resource.ids[k]));
    }
  }
  for (std::uint32_t i = 0; i < rows(index.file_count()); ++i) {
    const FileExpectation file = index.file(i);
    must(!file.mode || *file.mode <= 07777, "a mode has permission bits only");
    index.find_path(file.path, found);
    for (const auto row : found) must(index.file(row).path == file.path, "what is found is that");
    must_own(index, index.owners_of_path(file.path));
    must_own(index, index.owners_of_path(file.path + "/x.bak"));
    (void)index.address(index.owner_of_file(i));
  }
  for (std::uint32_t i = 0; i < rows(index.source_count()); ++i) (void)index.source(i);
  for (std::uint32_t i = 0; i < rows(index.skipped_count()); ++i) {
    (void)index.skipped(i);
    (void)index.source(index.source_of_skipped(i));
  }
}

void open_and_look(const MemoryFile& file, const std::string& bytes, const Index* good) {
  const auto index = file.open(bytes);
  if (!index) return fuzz::must_be_readable(index.error());
  look_at(*index);
  if (good == nullptr) return;
  for (const auto* other : {good, &*index})
    for (const auto& changes : {compare_indexes(*index, *other), compare_indexes(*other, *index)})
      if (!changes) fuzz::must_be_readable(changes.error());
}

}  // namespace
}  // namespace plumbline::baseline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plumbline::baseline;
  static const std::string good = good_index();
  static const MemoryFile file, good_file;
  static const auto good_one = good_file.open(good);
  const std::string input(reinterpret_cast<const char*>(data), size);
  open_and_look(file, input, nullptr);
  open_and_look(file, sealed(input), nullptr);

  std::string bytes = good;
  for (std::size_t at = 0; at + 3 <= size;) {
    const std::size_t length = std::min<std::size_t>(1 + data[at + 2] % 16, size - at - 2);
    const std::size_t position = (data[at] * 256u + data[at + 1]) % bytes.size();
    const std::size_t written = std::min(length, bytes.size() - position);
    bytes.replace(position, written, input, at + 2, written);
    at += 2 + length;
  }
  open_and_look(file, sealed(bytes), &*good_one);
  return 0;
}
