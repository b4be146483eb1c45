// What Docker notes of a container, in the file of one.
#include <cstddef>
#include <cstdint>
#include <string>

#include "fetch/docker_container.hpp"
#include "tests/fuzz/must.hpp"
#include "tests/unit/support/temp_dir.hpp"

using namespace plumbline;
using fuzz::must;

namespace {

constexpr std::size_t most_name = 1024;
const std::string id(64, '0');

void must_be_name(const std::string& text) {
  must(text.size() <= most_name, "a name is bounded");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const TempDir folder;
  folder.write(id + "/config.v2.json", {reinterpret_cast<const char*>(data), size});
  const auto read = fetch::read_docker_container(folder.path(), id);
  if (!read) {
    fuzz::must_be_readable(read.error());
    return 0;
  }
  must_be_name(read->name);
  must_be_name(read->image);
  must_be_name(read->image_digest);
  if (!read->task) return 0;
  must(read->task->service.empty(), "no label tells of a service");
  for (const auto* text :
       {&read->task->cluster, &read->task->task, &read->task->family, &read->task->revision, &read->task->container})
    must_be_name(*text);
  return 0;
}
