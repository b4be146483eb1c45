// Makes one binary of the text tables: cloud_compile FOLDER OUTPUT. Runs when the project is built.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>

#include "cloud/compile/aws.hpp"
#include "cloud/compile/aws_resources.hpp"
#include "cloud/compile/azure.hpp"
#include "cloud/compile/gcp.hpp"
#include "cloud/compile/image.hpp"
#include "cloud/compile/kubernetes.hpp"

namespace {

/// FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/
std::uint64_t hashed(const std::vector<std::string>& files) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const auto& file : files)
    for (const char c : file) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: cloud_compile FOLDER OUTPUT\n");
    return 64;
  }
  try {
    plumbline::cloud::compile::Image image;
    auto files = plumbline::cloud::compile::add_aws(argv[1], image);
    for (auto& file : plumbline::cloud::compile::add_aws_resources(argv[1], image)) files.push_back(std::move(file));
    for (auto& file : plumbline::cloud::compile::add_azure(argv[1], image)) files.push_back(std::move(file));
    for (auto& file : plumbline::cloud::compile::add_gcp(argv[1], image)) files.push_back(std::move(file));
    for (auto& file : plumbline::cloud::compile::add_kubernetes(argv[1], image)) files.push_back(std::move(file));
    const std::string bytes = image.bytes(hashed(files));
    std::ofstream out(argv[2], std::ios::binary | std::ios::trunc);
    out << bytes;
    if (!out.flush()) throw std::runtime_error(std::string(argv[2]) + ": cannot be written");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cloud_compile: %s\n", error.what());
    return 1;
  }
  return 0;
}
