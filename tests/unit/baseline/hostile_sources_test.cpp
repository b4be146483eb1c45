// Sources as real tools leave them in the middle of a write, and as an attacker would write them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "baseline/baseline.hpp"
#include "baseline/builder.hpp"
#include "baseline/compile.hpp"
#include "include/config/strict_yaml.hpp"
#include "include/util/file_time.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::baseline {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const KeyedHash key(std::array<std::byte, 32>{});

std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

Result<Baseline> state_of(const std::string& text) {
  return parse({"s", "terraform_state", "/srv/x.tfstate"}, text, key);
}
Result<Baseline> manifest_of(const std::string& files) {
  return parse({"m", "manifest", "m.yaml"}, "apiVersion: plumbline/v1\nkind: Manifest\nrevision: a\nfiles:\n" + files,
               key);
}
std::string error_of(const Result<Baseline>& result) {
  return result ? "(accepted)" : result.error().message();
}

std::string local_file(const std::string& attributes) {
  return R"({"version":4,"serial":1,"lineage":"l","resources":[{"mode":"managed","type":"local_file","name":"f","instances":[{"attributes":{)" +
         attributes + "}}]}]}";
}

const FileExpectation* find(const Baseline& baseline, const std::string& address) {
  for (const auto& file : baseline.files)
    if (file.address == address) return &file;
  return nullptr;
}

TEST(HostileSources, a_state_cut_anywhere_is_an_error_and_never_a_smaller_baseline) {
  const auto whole = content_of(FIXTURES "/terraform/opentofu-1.10.6/terraform.tfstate");
  ASSERT_TRUE(state_of(whole));
  const auto end = whole.find_last_of('}');
  for (std::size_t size = 0; size <= end; ++size) ASSERT_FALSE(state_of(whole.substr(0, size))) << size;
  EXPECT_THAT(error_of(state_of(whole.substr(0, whole.size() / 2))), HasSubstr("in the middle of it"));
}

// One reader would take the first, another one the last.
TEST(HostileSources, a_key_that_stands_twice_in_a_state_is_refused_with_its_place) {
  const auto state = [](const std::string& resource, const std::string& top = "") {
    return R"({"version":4,"serial":1,"lineage":"l",)" + top + R"("resources":[{"mode":"managed","type":"aws_x",)" +
           R"("name":"n","provider":"p",)" + resource + "}]}";
  };
  const auto instance = [&](const std::string& members) { return state(R"("instances":[{)" + members + "}]"); };
  const auto attributes = [&](const std::string& members) { return instance(R"("attributes":{)" + members + "}"); };
  std::string many, many_backwards;
  for (int i = 1000; i < 3000; ++i) many += "\"k" + std::to_string(i) + "\":1,";
  for (int i = 3000; i > 1000; --i) many_backwards += "\"k" + std::to_string(i) + "\":1,";
  const std::string at = "#/resources/0/instances/0/attributes";
  const struct {
    std::string text, pointer;
  } cases[] = {
      {attributes(R"("a":1,"a":1)"), at + "/a"},
      {attributes(R"("a":1,"b":2,"a":3)"), at + "/a"},
      {attributes(R"("c":1,"b":2,"a":3,"b":4)"), at + "/b"},
      {attributes(R"("a":1,"\u0061":2)"), at + "/a"},
      {attributes(R"("":1,"":2)"), at + "/"},
      {attributes(R"("a/~b":1,"a/~b":2)"), at + "/a~1~0b"},
      {attributes(R"("tags":{"Name":"x","env":"y","Name":"z"})"), at + "/tags/Name"},
      {attributes(R"("rule":[{"a":1},{"p":[[{"b":1,"b":1}]]}])"), at + "/rule/1/p/0/0/b"},
      {attributes(R"("arn":{"a":1,"a":2})"), at + "/arn/a"},
      {attributes(many + R"("k2500":2)"), at + "/k2500"},
      {attributes(many_backwards + R"("k2500":2)"), at + "/k2500"},
      {attributes(many + many_backwards + R"("z":2)"), at + "/k"},
      {instance(R"("attributes":{"a":1},"attributes":{"a":2})"), "#/resources/0/instances/0/attributes"},
      // The second instance begins as the first one does.
      {instance(R"("schema_version":0,"attributes":{}},{"schema_version":0,"attributes":{},"schema_version":0)"),
       "#/resources/0/instances/1/schema_version"},
      {instance(R"("a":0,"b":0,"c":0},{"a":0,"c":0,"b":0,"c":0)"), "#/resources/0/instances/1/c"},
      {instance(R"("a":0,"b":0,"c":0},{"c":0,"a":0},{"c":0,"a":0,"c":0)"), "#/resources/0/instances/2/c"},
      {instance(many + R"("a":0},{"a":0,)" + many + R"("k2500":0)"), "#/resources/0/instances/1/k2500"},
      {attributes(R"("a":1,"b":{"c":1,"d":2}}},{"attributes":{"a":1,"b":{"c":1,"d":2,"c":1}})"),
       "#/resources/0/instances/1/attributes/b/c"},
      {attributes(R"("a":1,"b":{"c":1,"d":2}}},{"attributes":{"a":1,"b":{"c":1,"d":2},"a":1)"),
       "#/resources/0/instances/1/attributes/a"},
      {instance(R"("attributes":{},"sensitive_attributes":[],"sensitive_attributes":[])"),
       "#/resources/0/instances/0/sensitive_attributes"},
      {instance(R"("attributes":{},"sensitive_attributes":[[{"type":"get_attr","type":"x","value":"a"}]])"),
       "#/resources/0/instances/0/sensitive_attributes/0/0/type"},
      {state(R"("instances":[],"instances":[])"), "#/resources/0/instances"},
      {state(R"("instances":[],"inst\u0061nces":[])"), "#/resources/0/instances"},
      {state(R"("type":"aws_y","instances":[])"), "#/resources/0/type"},
      {state(R"("each":"list","each":"map","instances":[])"), "#/resources/0/each"},
      {state(R"("instances":[])", R"("serial":2,)"), "#/serial"},
      {state(R"("instances":[])", R"("s\u0065rial":2,)"), "#/serial"},
      {state(R"("instances":[])", R"("resources":[],)"), "#/resources"},
      {state(R"("instances":[])", R"("unknown":1,"unknown":1,)"), "#/unknown"},
      {state(R"("instances":[])", R"("outputs":{"o":{"value":{"x":1,"x":2}}},)"), "#/outputs/o/value/x"},
      {state(R"("instances":[])", "\"top\":1," + many + R"("k2500":2,)"), "#/k2500"},
      // Instances that stand before what names them.
      {R"({"version":4,"serial":1,"lineage":"l","resources":[{"instances":[{"attributes":{"a":1,"a":2}}],)"
       R"("mode":"managed","type":"aws_x","name":"n","provider":"p"}]})",
       at + "/a"}};
  for (const auto& each : cases)
    EXPECT_THAT(error_of(state_of(each.text)),
                AllOf(StartsWith("/srv/x.tfstate" + each.pointer), HasSubstr("stands there twice"),
                      HasSubstr("find out who changed the file")))
        << each.text.substr(0, 200);
  for (const auto& fine : {attributes(R"("b":1,"a":2,"c":{"b":1,"a":2},"d":[{"a":1},{"a":1}],"A":1,"":1)"),
                           attributes(many + "\"a\":1"), attributes(many_backwards + "\"a\":1"),
                           attributes(R"("policy":"{\"a\":1,\"a\":2}")"), state(R"("instances":[])", many)})
    EXPECT_TRUE(state_of(fine)) << error_of(state_of(fine));
}

TEST(HostileSources, a_state_with_many_keys_out_of_order_is_read_in_time) {
  std::string keys;
  for (int i = 1'200'000; i > 1'000'000; --i) keys += "\"k" + std::to_string(i) + "\":1,";
  EXPECT_TRUE(state_of(local_file(R"("filename":"/a","content":"x",)" + keys + "\"a\":1")));
  EXPECT_THAT(error_of(state_of(local_file(R"("filename":"/a","content":"x",)" + keys + "\"k1100000\":1"))),
              HasSubstr("attributes/k1100000: stands there twice"));
  const std::string depth = std::string(200, '[') + R"({"a":1,"a":2})" + std::string(200, ']');
  EXPECT_THAT(error_of(state_of(local_file(R"("filename":"/a","content":"x","d":)" + depth))),
              AllOf(HasSubstr("/0/0/a"), HasSubstr("stands there twice")));
}

// What is written whole is not told to be in the middle of being written, and the other way round.
TEST(HostileSources, the_way_out_fits_what_is_wrong_with_a_state) {
  const auto state = [](const std::string& serial, const std::string& attribute = "1") {
    return R"({"version":4,"serial":)" + serial +
           R"(,"lineage":"l","resources":[{"mode":"managed","type":"x","name":"n","provider":"p",)" +
           R"("instances":[{"attributes":{"a":)" + attribute + "}}]}]}";
  };
  const auto text = [](const std::string& inside) { return "\"" + inside + "\""; };
  const std::string instance = "/srv/x.tfstate#/resources/0/instances/0: not JSON: ";
  const struct {
    std::string text, start, way_out;
  } cases[] = {
      {state("1e400"), "/srv/x.tfstate#/serial: not JSON: a number", "find out where it comes from"},
      {state("99999999999999999999"), "/srv/x.tfstate#/serial: not JSON: a number", "find out where it comes from"},
      {state("1.5"), "/srv/x.tfstate#/serial: missing, or no whole number", "edited by hand"},
      {state("\"7\""), "/srv/x.tfstate#/serial: missing, or no whole number", "edited by hand"},
      {R"({"version":4,"serial":1,"lineage":1,"resources":[]})", "/srv/x.tfstate#/lineage: missing, or no text",
       "edited by hand"},
      {R"({"version":4,"serial":1,"lineage":"l)"
       "\xff"
       R"(","resources":[]})",
       "/srv/x.tfstate#/lineage: not JSON: not UTF-8", "save it as UTF-8"},
      {R"({"version":4.5,"serial":1})", "/srv/x.tfstate#/version: missing, or no whole number", "is this a state file"},
      {state("1", "1e400"), instance + "a number", "find out where it comes from"},
      {state("1", text("\xff\xfe")), instance + "not UTF-8", "save it as UTF-8"},
      {state("1", text("\\ud800")), instance + "a text with a broken escape", "write it again"},
      {state("1", text("a\tb")), instance + "a control character", "write it again"},
      {R"({"version":4,"serial":1)", "read the state /srv/x.tfstate: not JSON: ", "in the middle of it"},
      {R"({"version":4,"serial":1e)", "/srv/x.tfstate#/serial: the text ends within it", "in the middle of it"},
      {R"({"version":4,"serial":-)", "/srv/x.tfstate#/serial: the text ends within it", "in the middle of it"}};
  for (const auto& each : cases)
    EXPECT_THAT(error_of(state_of(each.text)), AllOf(StartsWith(each.start), HasSubstr(each.way_out))) << each.text;
  for (const auto& whole : {state("1e400"), state("1", text("\xff"))})
    EXPECT_THAT(error_of(state_of(whole)), Not(HasSubstr("in the middle")));
}

/// Writes other bytes of the same length into the source while it is read, and sets the time of the write back.
class Meddler final : public Builder {
 public:
  Meddler(std::string path, std::string text) : path_(std::move(path)), text_(std::move(text)) {}
  void resource(const Resource&) override {
    struct stat before{}, now{};
    ASSERT_EQ(::stat(path_.c_str(), &before), 0);
    const timespec times[] = {before.st_atim, before.st_mtim};
    do {  // until the clock of a file's times has moved
      std::ofstream(path_) << text_;
      ASSERT_EQ(::utimensat(AT_FDCWD, path_.c_str(), times, 0), 0);
      ASSERT_EQ(::stat(path_.c_str(), &now), 0);
    } while (ns_of(now.st_ctim) == ns_of(before.st_ctim));
  }
  void revision(const std::string&, const std::string&) override {}
  void file(FileExpectation) override {}
  void skip(std::string, std::string) override {}

 private:
  std::string path_, text_;
};

TEST(HostileSources, a_write_whose_time_was_set_back_is_noticed) {
  const TempDir dir;
  const std::string text = local_file(R"("filename":"/a","content":"x")"), path = dir.write("net.tfstate", text);
  const Fingerprinter fingerprints(key);
  Meddler meddler(path, local_file(R"("filename":"/a","content":"y")"));
  const auto done = read_source({"net", "terraform_state", path}, {key, fingerprints}, meddler);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr("it changed while it was read"));
  BaselineBuilder calm;
  EXPECT_TRUE(read_source({"net", "terraform_state", path}, {key, fingerprints}, calm));
}

TEST(HostileSources, a_manifest_cut_within_an_entry_is_an_error) {
  const std::string entry = "- {path: /a, sha256: " + std::string(64, 'a') + "}\n";
  for (std::size_t cut = 3; cut < entry.size() - 1; ++cut) ASSERT_FALSE(manifest_of(entry.substr(0, cut))) << cut;
}

TEST(HostileSources, a_digest_that_contradicts_the_content_is_refused) {
  const auto attributes = [](const std::string& digest) {
    return local_file(R"("filename":"/a","content":"hello","content_sha256":")" + digest + "\"");
  };
  EXPECT_TRUE(state_of(attributes("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")));
  EXPECT_THAT(error_of(state_of(attributes(std::string(64, 'a')))),
              AllOf(HasSubstr("/srv/x.tfstate#/resources/0/instances/0/attributes/content_sha256"),
                    HasSubstr("does not fit"), Not(HasSubstr("hello"))));
  EXPECT_THAT(error_of(state_of(attributes("zz"))), HasSubstr("64 hex digits"));
}

TEST(HostileSources, the_umask_takes_its_part_of_the_default_permission) {
  const auto mode = [](const std::string& permission) {
    return state_of(local_file(R"("filename":"/a","content":"x","file_permission":")" + permission + "\""))
        ->files[0]
        .mode;
  };
  EXPECT_EQ(mode("0777"), 0755u);
  EXPECT_EQ(mode("0644"), 0644u);
  EXPECT_EQ(mode("0600"), 0600u);
}

TEST(HostileSources, keys_are_written_as_the_tools_write_them) {
  const auto address = [](const std::string& key_json) {
    return state_of(
               R"({"version":4,"serial":1,"lineage":"l","resources":[{"mode":"managed","type":"local_file","name":"f",)"
               R"("instances":[{"index_key":)" +
               key_json + R"(,"attributes":{"filename":"/a","content":"x"}}]}]})")
        ->files[0]
        .address;
  };
  EXPECT_EQ(address(R"("a\nb\r\t")"), R"(tofu:s/local_file.f["a\nb\r\t"])");
  EXPECT_EQ(address(R"("\u001b\u007f")"), R"(tofu:s/local_file.f["\u001b\u007f"])");
  EXPECT_EQ(address(R"("${x} %{y} $z \\")"), R"(tofu:s/local_file.f["$${x} %%{y} $z \\"])");
  EXPECT_EQ(address("-1"), "tofu:s/local_file.f[-1]");
}

TEST(HostileSources, states_of_newer_providers_are_read) {
  const auto b = load({"shop", "terraform_state", FIXTURES "/terraform/provider-2.x-handmade/terraform.tfstate"}, key);
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->revision.at("serial"), "12");
  const auto* by_source = find(*b, "tofu:shop/local_file.by_source");
  ASSERT_NE(by_source, nullptr);
  EXPECT_EQ(by_source->content, "sha256:" + to_hex(sha256("from a file\n")));
  const auto* token = find(*b, "tofu:shop/local_sensitive_file.by_content");
  ASSERT_NE(token, nullptr);
  EXPECT_TRUE(token->sensitive);
  EXPECT_EQ(token->content, key.of_digest(sha256("s3cret\n")));
  EXPECT_EQ(token->mode, 0700u);
  EXPECT_EQ(find(*b, "tofu:shop/local_sensitive_file.by_source")->content, key.of_digest(sha256("a key\n")));
  EXPECT_EQ(find(*b, "tofu:shop/local_file.moved")->path, "/etc/shop/new");
  EXPECT_NE(find(*b, "tofu:shop/local_file.per_instance_provider[\"x\"]"), nullptr);
  EXPECT_EQ(b->files.size(), 6u);
  EXPECT_EQ(b->resources.back().address, "tofu:shop/module.net[0].aws_security_group.web");
  EXPECT_THAT(b->resources.back().ids, testing::Contains("sg-1"));
  ASSERT_EQ(b->skipped.size(), 1u);
  EXPECT_THAT(b->skipped[0].why, HasSubstr("deposed"));
}

TEST(HostileSources, an_encrypted_state_names_its_revision_and_the_way_out) {
  const auto b = load({"s", "terraform_state", FIXTURES "/terraform/encrypted-handmade/terraform.tfstate"}, key);
  ASSERT_FALSE(b);
  EXPECT_EQ(b.error().code, ErrorCode::unsupported);
  EXPECT_THAT(b.error().message(), AllOf(HasSubstr("encrypted"), HasSubstr("serial 5"), HasSubstr("8b0d2b5e")));
  EXPECT_THAT(b.error().fix, HasSubstr("manifest"));
  // Found by fuzzing: a lineage is free text.
  const auto hostile = state_of("{\"serial\":1,\"lineage\":\"a\\n\\u001b[2J\",\"encryption_version\":\"v0\"}");
  EXPECT_THAT(error_of(hostile), AllOf(HasSubstr("encrypted"), Not(HasSubstr("\n")), Not(HasSubstr("\x1b"))));
}

TEST(HostileSources, every_shape_of_a_manifest_is_read) {
  const auto b = load({"m", "manifest", FIXTURES "/manifest/every_shape.yaml"}, key);
  ASSERT_TRUE(b) << b.error().message();
  ASSERT_EQ(b->files.size(), 6u);
  EXPECT_EQ(b->files[0].address, "file:shop/conf");
  EXPECT_EQ(b->files[1].mode, 02775u);
  EXPECT_THAT(b->files[1].absent_entries, ElementsAre("*.bak", "*~"));
  EXPECT_TRUE(b->files[2].absent);
  EXPECT_EQ(b->files[3].symlink_target, "shop.conf");
  EXPECT_EQ(b->files[4].path, "/srv/caf\xE9");
  EXPECT_EQ(b->files[4].owner, "1000");
  EXPECT_EQ(b->files[5].path, "/srv/new\nline");
  EXPECT_EQ(b->files[5].mode, 0600u);
}

TEST(HostileSources, a_mode_without_quotes_is_refused_since_tools_rewrite_it) {
  EXPECT_THAT(error_of(manifest_of("- {path: /a, mode: 0644}\n")),
              AllOf(StartsWith("m.yaml:5:20: "), HasSubstr("in quotes")));
  EXPECT_THAT(error_of(manifest_of("- {path: /a, mode: 420}\n")), HasSubstr("in quotes"));
  EXPECT_TRUE(manifest_of("- {path: /a, mode: '0644'}\n"));
}

TEST(HostileSources, the_same_path_in_other_words_is_the_same_path) {
  EXPECT_THAT(error_of(manifest_of("- {path: /a/b, absent: true}\n- {path: /a/x/..//b, absent: true}\n")),
              AllOf(StartsWith("m.yaml:6:"), HasSubstr("stands twice")));
}

TEST(HostileSources, paths_of_ten_thousand_components_are_read) {
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "/d";
  const auto state = state_of(local_file(R"("filename":")" + deep + R"(","content":"x")"));
  ASSERT_TRUE(state) << state.error().message();
  EXPECT_EQ(state->files[0].path, deep);
  const auto manifest = manifest_of("- {path: " + deep + ", absent: true}\n");
  ASSERT_TRUE(manifest) << manifest.error().message();
  EXPECT_EQ(manifest->files[0].path, deep);
}

TEST(HostileSources, no_path_climbs_above_the_root) {
  EXPECT_EQ(state_of(local_file(R"("filename":"../../../../etc/passwd","content":"x")"))->files[0].path, "/etc/passwd");
  EXPECT_EQ(state_of(local_file(R"("filename":"/..","content":"x")"))->files[0].path, "/");
  EXPECT_THAT(error_of(state_of(local_file(R"("filename":"","content":"x")"))), HasSubstr("/filename"));
}

TEST(HostileSources, a_relative_state_path_is_taken_from_the_working_directory) {
  const TempDir dir;
  dir.write("x.tfstate", local_file(R"("filename":"a.conf","content":"x")"));
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(dir.path());
  const auto here = std::filesystem::current_path().string();
  const auto b = load({"s", "terraform_state", "x.tfstate"}, key);
  std::filesystem::current_path(before);
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->files[0].path, here + "/a.conf");
}

TEST(HostileSources, what_is_no_source_says_what_and_why) {
  const TempDir dir;
  for (const char* kind : {"terraform_state", "manifest"}) {
    const auto error = [&](const std::string& path) { return error_of(load({"s", kind, path}, key)); };
    std::filesystem::remove(dir / "loop");
    std::filesystem::create_symlink("loop", dir / "loop");
    EXPECT_THAT(error(dir / "loop"), AllOf(HasSubstr("loop"), HasSubstr("symbolic links")));
    std::filesystem::remove(dir / "pipe");
    ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
    EXPECT_THAT(error(dir / "pipe"), HasSubstr("not a regular file"));
    EXPECT_THAT(error(dir.path()), HasSubstr("directory"));
    EXPECT_THAT(error(dir / "missing"), AllOf(HasSubstr("missing"), HasSubstr("No such file")));
    EXPECT_THAT(error(dir.write("empty", "")), HasSubstr("empty"));
    EXPECT_THAT(error(dir.write("binary", std::string("\x7f"
                                                      "ELF\0\0\xff",
                                                      7))),
                Not(HasSubstr("accepted")));

    const auto secret = dir.write("secret", "{}");
    std::filesystem::permissions(secret, std::filesystem::perms(0));
    std::filesystem::permissions(dir.path(), std::filesystem::perms(0755));
    const bool root = ::geteuid() == 0;  // root reads everything, so this one is read as another user
    ASSERT_TRUE(!root || ::seteuid(65534) == 0);
    const auto message = error(secret);
    ASSERT_TRUE(!root || ::seteuid(0) == 0);
    EXPECT_THAT(message, AllOf(HasSubstr("secret"), HasSubstr("Permission denied")));
    std::filesystem::remove(secret);
  }
}

}  // namespace
}  // namespace plumbline::baseline
