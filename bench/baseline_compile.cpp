// How fast a large Terraform state becomes an index, in how much memory, and how long a look-up in it takes; beside it,
// in the same run, the same bytes only read and added up, and both ways of hashing a short value.
//
// Then the same for many small states, each one a source of its own, as an agent loads them.
//
//   bench_baseline_compile [--directory DIR] [--resources N] [--sources N]
//
// The state has the shapes that AWS states have (instances, buckets, security groups, policies with JSON inside).
#include <fcntl.h>
#include <simdjson.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "baseline/baseline.hpp"
#include "baseline/compile.hpp"
#include "include/util/fd.hpp"

namespace {

using namespace plumbline;
using Steady = std::chrono::steady_clock;

double seconds_since(Steady::time_point begin) {
  return std::chrono::duration<double>(Steady::now() - begin).count();
}

std::string instance_of(std::size_t i) {
  const std::string n = std::to_string(i);
  switch (i % 4) {
    case 0:
      return R"({"index_key":)" + n +
             R"(,"schema_version":1,"attributes":{"ami":"ami-0c55b159cbfafe1f0","arn":"arn:aws:ec2:eu-central-1:123456789012:instance/i-)" +
             n +
             R"(","associate_public_ip_address":false,"availability_zone":"eu-central-1a","cpu_core_count":2,"disable_api_termination":true,"ebs_optimized":true,"ebs_block_device":[{"delete_on_termination":true,"device_name":"/dev/sdf","encrypted":true,"volume_id":"vol-)" +
             n +
             R"(","volume_size":100,"volume_type":"gp3"}],"get_password_data":false,"hibernation":null,"iam_instance_profile":"web","id":"i-)" +
             n +
             R"(","instance_state":"running","instance_type":"t3.micro","key_name":"","monitoring":false,"private_dns":"ip-10-0-0-)" +
             n +
             R"(.eu-central-1.compute.internal","private_ip":"10.0.0.1","subnet_id":"subnet-0a1b2c3d","tags":{"Name":"web-)" +
             n + R"(","env":"prod","team":"platform"},"tags_all":{"Name":"web-)" + n +
             R"(","env":"prod","team":"platform"},"tenancy":"default","timeouts":null,"user_data":"d2ViLXNlcnZlcg==","vpc_security_group_ids":["sg-0123456789abcdef0","sg-0fedcba9876543210"]},"sensitive_attributes":[],"private":"eyJzY2hlbWFfdmVyc2lvbiI6IjEifQ==","dependencies":["aws_security_group.web","aws_subnet.a"]})";
    case 1:
      return R"({"index_key":)" + n +
             R"(,"schema_version":0,"attributes":{"acceleration_status":"","acl":null,"arn":"arn:aws:s3:::logs-)" + n +
             R"(","bucket":"logs-)" + n + R"(","bucket_domain_name":"logs-)" + n +
             R"(.s3.amazonaws.com","bucket_prefix":"","cors_rule":[],"force_destroy":false,"grant":[{"id":"a1b2","permissions":["FULL_CONTROL"],"type":"CanonicalUser","uri":""}],"hosted_zone_id":"Z21DNDUVLTQW6Q","id":"logs-)" +
             n +
             R"(","lifecycle_rule":[],"logging":[],"object_lock_enabled":false,"policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\",\"s3:PutObject\"],\"Principal\":{\"AWS\":\"arn:aws:iam::123456789012:root\"},\"Resource\":\"arn:aws:s3:::logs-)" +
             n +
             R"(/*\"}]}","region":"eu-central-1","request_payer":"BucketOwner","tags":{"env":"prod"},"tags_all":{"env":"prod"},"timeouts":null,"versioning":[{"enabled":true,"mfa_delete":false}],"website":[]},"sensitive_attributes":[],"private":"bnVsbA=="})";
    case 2:
      return R"({"index_key":)" + n +
             R"(,"schema_version":1,"attributes":{"arn":"arn:aws:ec2:eu-central-1:123456789012:security-group/sg-)" +
             n +
             R"(","description":"Managed by Terraform","egress":[{"cidr_blocks":["0.0.0.0/0"],"description":"","from_port":0,"ipv6_cidr_blocks":[],"prefix_list_ids":[],"protocol":"-1","security_groups":[],"self":false,"to_port":0}],"id":"sg-)" +
             n +
             R"(","ingress":[{"cidr_blocks":["10.0.0.0/8"],"description":"https","from_port":443,"ipv6_cidr_blocks":[],"prefix_list_ids":[],"protocol":"tcp","security_groups":[],"self":false,"to_port":443},{"cidr_blocks":["10.0.0.0/8"],"description":"ssh","from_port":22,"ipv6_cidr_blocks":[],"prefix_list_ids":[],"protocol":"tcp","security_groups":[],"self":false,"to_port":22}],"name":"web-)" +
             n + R"(","name_prefix":"","owner_id":"123456789012","revoke_rules_on_delete":false,"tags":{"Name":"web-)" +
             n + R"("},"tags_all":{"Name":"web-)" + n +
             R"("},"timeouts":null,"vpc_id":"vpc-0a1b2c3d4e5f"},"sensitive_attributes":[],"private":"eyJzY2hlbWFfdmVyc2lvbiI6IjEifQ==","dependencies":["aws_vpc.main"]})";
    default:
      return R"({"index_key":)" + n + R"(,"schema_version":2,"attributes":{"address":"db-)" + n +
             R"(.abc.eu-central-1.rds.amazonaws.com","allocated_storage":100,"apply_immediately":false,"arn":"arn:aws:rds:eu-central-1:123456789012:db:db-)" +
             n +
             R"(","auto_minor_version_upgrade":true,"availability_zone":"eu-central-1b","backup_retention_period":7,"db_name":"app","db_subnet_group_name":"main","deletion_protection":true,"endpoint":"db-)" +
             n + R"(.abc.eu-central-1.rds.amazonaws.com:5432","engine":"postgres","engine_version":"15.4","id":"db-)" +
             n + R"(","identifier":"db-)" + n +
             R"(","instance_class":"db.t3.medium","kms_key_id":"arn:aws:kms:eu-central-1:123456789012:key/0a1b","license_model":"postgresql-license","maintenance_window":"sun:03:00-sun:04:00","max_allocated_storage":0,"multi_az":true,"password":"correct-horse-)" +
             n +
             R"(","port":5432,"publicly_accessible":false,"storage_encrypted":true,"storage_type":"gp3","tags":{"env":"prod"},"tags_all":{"env":"prod"},"username":"app","vpc_security_group_ids":["sg-0123456789abcdef0"]},"sensitive_attributes":[[{"type":"get_attr","value":"password"}]],"private":"bnVsbA==","dependencies":["aws_db_subnet_group.main"]})";
  }
}

void write_state(const std::string& path, std::size_t resources) {
  std::ofstream out(path, std::ios::binary);
  out << R"({"version":4,"terraform_version":"1.10.6","serial":7,"lineage":"b8a7-bench","outputs":{},"resources":[)";
  constexpr const char* types[] = {"aws_instance", "aws_s3_bucket", "aws_security_group", "aws_db_instance"};
  // A thousand instances a resource, as count and for_each make them.
  for (std::size_t begin = 0, r = 0; begin < resources; ++r) {
    const std::size_t kind = r % 4;
    out << (r > 0 ? "," : "") << R"({"module":"module.m)" << r / 4 << R"(","mode":"managed","type":")" << types[kind]
        << R"(","name":"n","provider":"provider[\"registry.terraform.io/hashicorp/aws\"]","instances":[)";
    for (std::size_t i = 0; i < 1000 && begin < resources; ++i, ++begin)
      out << (i > 0 ? "," : "") << instance_of(begin * 4 + kind);
    out << "]}";
  }
  out << "]}\n";
}

struct Cost {
  double seconds, cpu_seconds, peak_mib;
};

/// Runs `work` in a process of its own.
template <class Work>
Cost measured(const Work& work) {
  const auto begin = Steady::now();
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  rusage usage{};
  ::wait4(child, &status, 0, &usage);
  if (status != 0) {
    std::fprintf(stderr, "a measured process failed\n");
    std::exit(1);
  }
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return {seconds_since(begin), seconds(usage.ru_utime) + seconds(usage.ru_stime),
          static_cast<double>(usage.ru_maxrss) / 1024};
}

/// The run of three whose CPU time is in the middle; of all, the highest memory.
template <class Work>
Cost middle_of_three(const Work& work) {
  std::array<Cost, 3> runs{measured(work), measured(work), measured(work)};
  std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.cpu_seconds < b.cpu_seconds; });
  for (const auto& run : runs) runs[1].peak_mib = std::max(runs[1].peak_mib, run.peak_mib);
  return runs[1];
}

/// What was just written is not written back while something is measured.
void settle(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file || ::fsync(file.get()) != 0) std::abort();
}

/// The floor: every byte read and looked at, nothing kept.
void only_read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string window(std::size_t{1} << 20, '\0');
  std::size_t sum = 0;
  while (in.read(window.data(), static_cast<std::streamsize>(window.size())) || in.gcount() > 0)
    for (std::streamsize i = 0; i < in.gcount(); ++i)
      sum += static_cast<unsigned char>(window[static_cast<std::size_t>(i)]);
  if (sum == 0) std::abort();
}

struct ManySources {
  double read_seconds, load_seconds;
};

/// `count` states of one resource each.
ManySources many_sources(const std::string& directory, std::size_t count, const baseline::KeyedHash& key) {
  const std::string folder = directory + "/bench-sources";
  std::filesystem::create_directory(folder);
  std::vector<baseline::SourceSpec> specs;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = "s" + std::to_string(i);
    specs.push_back({name, "terraform_state", folder + "/" + name});
    write_state(specs.back().path, 1);
  }
  const auto floor = measured([&] {
    for (const auto& spec : specs) only_read(spec.path);
  });
  const auto loaded = measured([&] {
    for (const auto& spec : specs)
      if (const auto done = baseline::load_indexed(spec, key, spec.path + ".index"); !done || !done->index) ::_exit(1);
  });
  std::filesystem::remove_all(folder);
  return {floor.seconds, loaded.seconds};
}

/// Of 100,000 values of some ten bytes.
template <class Hash>
double nanoseconds_each(const Hash& hash) {
  constexpr std::size_t count = 100'000;
  std::uint64_t sum = 0;
  const auto begin = Steady::now();
  for (std::size_t i = 0; i < count; ++i) sum += hash("value-" + std::to_string(i));
  const double spent = seconds_since(begin) / count * 1e9;
  if (sum == 0) std::abort();
  return spent;
}

}  // namespace

int main(int argc, char** argv) {
  std::string directory = std::filesystem::temp_directory_path();
  std::size_t resources = 1'000'000, sources = 10'000;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string(argv[i]) == "--directory") directory = argv[i + 1];
    if (std::string(argv[i]) == "--resources") resources = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::string(argv[i]) == "--sources") sources = std::strtoull(argv[i + 1], nullptr, 10);
  }
  const std::string state = directory + "/bench.tfstate", target = directory + "/bench.index";
  write_state(state, resources);
  settle(state);
  const double megabytes = static_cast<double>(std::filesystem::file_size(state)) / 1e6;

  const baseline::KeyedHash key(std::array<std::byte, 32>{});
  const baseline::Fingerprinter attributes(key);
  const baseline::Keys keys{key, attributes};
  const baseline::SourceSpec spec{"bench", "terraform_state", state};
  const auto floor = middle_of_three([&] { only_read(state); });
  const auto compiled = middle_of_three([&] {
    if (auto done = baseline::compile(std::span(&spec, 1), keys, target); !done) {
      std::fprintf(stderr, "%s\n", done.error().message().c_str());
      ::_exit(1);
    }
  });
  const double with_values = static_cast<double>(std::filesystem::file_size(target));
  const auto hashed = middle_of_three([&] {
    if (!baseline::compile(std::span(&spec, 1), keys, target, {.values = false})) ::_exit(1);
  });
  const auto begin_open = Steady::now();
  const auto index = baseline::Index::open(target);
  if (!index) {
    std::fprintf(stderr, "%s\n", index.error().message().c_str());
    return 1;
  }
  const double opened = seconds_since(begin_open);
  std::vector<std::uint32_t> found;
  std::size_t hits = 0;
  constexpr std::size_t look_ups = 1'000'000;
  const auto begin = Steady::now();
  for (std::size_t i = 0; i < look_ups; ++i) {
    index->find_id("i-" + std::to_string(i * 7919 % (4 * resources)), found);
    hits += found.size();
  }
  const double look_up = seconds_since(begin) / look_ups * 1e9;
  const double siphash = nanoseconds_each([&](const std::string& value) { return attributes.of(value); });
  const double hmac = nanoseconds_each([&](const std::string& value) {
    return static_cast<std::uint64_t>(key.of_digest(baseline::sha256(value)).back());
  });
  const ManySources many = many_sources(directory, sources, key);
  const double count = static_cast<double>(index->resource_count());
  std::printf(
      "{\"resources\": %.0f, \"state_mb\": %.1f, \"read_seconds\": %.3f, \"seconds\": %.3f, \"cpu_seconds\": %.3f, "
      "\"peak_mib\": %.1f, \"index_bytes_per_resource\": %.1f, \"hashes_only_bytes_per_resource\": %.1f, "
      "\"hashes_only_cpu_seconds\": %.3f, \"open_seconds\": %.3f, \"look_up_ns\": %.0f, "
      "\"look_up_hits\": %zu, \"siphash_ns\": %.0f, \"hmac_ns\": %.0f, \"sources\": %zu, "
      "\"sources_read_seconds\": %.3f, \"sources_load_seconds\": %.3f}\n",
      count, megabytes, floor.seconds, compiled.seconds, compiled.cpu_seconds, compiled.peak_mib, with_values / count,
      static_cast<double>(index->bytes()) / count, hashed.cpu_seconds, opened, look_up, hits, siphash, hmac, sources,
      many.read_seconds, many.load_seconds);
  std::filesystem::remove(state);
  std::filesystem::remove(target);
  return 0;
}
