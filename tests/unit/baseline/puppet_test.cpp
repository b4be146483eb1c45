#include "baseline/source/puppet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "baseline/source/puppet_mode.hpp"
#include "tests/unit/baseline/read_source.hpp"

namespace plumbline::baseline {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Result<Baseline> catalog(std::string_view text) {
  return read_with(read_puppet_catalog, std::string(text));
}
Result<Baseline> state(std::string_view text) {
  return read_with(read_puppet_state, std::string(text));
}
std::string error_of(const Result<Baseline>& result) {
  return result ? "(accepted)" : result.error().message();
}

std::string fixture(const std::string& name) {
  return content_of(FIXTURES "/puppet/" + name);
}

/// A catalog of one resource; `resource` is its inside behind type and title.
std::string one(const std::string& type, const std::string& title, const std::string& resource,
                const std::string& behind = "") {
  return R"({"name":"n","version":1,"catalog_uuid":"u","environment":"e","resources":[{"type":")" + type +
         R"(","title":")" + title + "\"" + resource + "}]" + behind + "}";
}
/// A catalog of one File with these parameters.
std::string file(const std::string& parameters, const std::string& title = "/a", const std::string& behind = "") {
  return one("File", title, R"(,"parameters":{)" + parameters + "}", behind);
}

const FileExpectation& file_of(const Baseline& baseline, const std::string& path) {
  for (const auto& file : baseline.files)
    if (file.path == path) return file;
  throw std::runtime_error("no file " + path);
}

std::string openly(const std::string& content) {
  return "sha256:" + to_hex(sha256(content));
}

TEST(PuppetCatalog, reads_what_an_agent_cached) {
  const auto b = catalog(fixture("catalog.json"));
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->revision.at("version"), "fixture-7");
  EXPECT_EQ(b->revision.at("environment"), "production");
  EXPECT_EQ(b->revision.at("catalog_uuid").size(), 36u);
  const auto& conf = file_of(*b, "/srv/app/inline.conf");
  EXPECT_EQ(conf.address, "puppet:shop/File[/srv/app/inline.conf]");
  EXPECT_EQ(conf.content, openly("workers 4\n"));
  EXPECT_EQ(conf.mode, 0640u);
  EXPECT_EQ(conf.owner, "root");
  EXPECT_EQ(conf.group, "daemon");
  EXPECT_EQ(file_of(*b, "/srv/app/bin").content, openly(std::string("\0\xFF\x10\xFF", 4)));
  EXPECT_EQ(file_of(*b, "/srv/app/bin").mode, 0755u);
  EXPECT_EQ(file_of(*b, "/srv/app").mode, 0755u);  // a directory of mode 0644
  EXPECT_EQ(file_of(*b, "/srv/app/titled").address, "puppet:shop/File[a folder]");
  EXPECT_FALSE(file_of(*b, "/srv/app/titled").mode);  // u+rwx
  EXPECT_EQ(file_of(*b, "/srv/app/current").symlink_target, "inline.conf");
  EXPECT_EQ(file_of(*b, "/srv/app/short").symlink_target, "/srv/app/inline.conf");
  EXPECT_TRUE(file_of(*b, "/srv/app/gone").absent);
  EXPECT_EQ(file_of(*b, "/srv/app/sum").content, openly("hello\n"));
  EXPECT_EQ(file_of(*b, "/srv/app/static.conf").mode, 0644u);
  EXPECT_EQ(value(find(*b, "puppet:shop/Notify[hello]"), "message"), "\"fixture\"");
  EXPECT_EQ(value(find(*b, "puppet:shop/Notify[hello]"), "loglevel"), "(none)");
}

TEST(PuppetCatalog, says_of_each_file_what_is_not_compared) {
  const auto b = catalog(fixture("catalog.json"));
  const auto why = [&](const std::string& name) { return skipped(*b, "puppet:shop/File[" + name + "]"); };
  EXPECT_THAT(why("/srv/app/static.conf"), HasSubstr("no SHA-256 of its source"));
  EXPECT_THAT(why("/srv/app/once"), HasSubstr("replace => false"));
  EXPECT_FALSE(file_of(*b, "/srv/app/once").content);
  EXPECT_EQ(file_of(*b, "/srv/app/once").mode, 04755u);
  EXPECT_THAT(why("/srv/app/only_reported"), HasSubstr("noop"));
  EXPECT_THAT(why("/srv/app/tree"), HasSubstr("does not list what lies below"));
  EXPECT_THAT(why("a folder"), HasSubstr("`u+rwx` depends on"));
  EXPECT_EQ(why("/srv/app/inline.conf"), "");
  EXPECT_THAT(fixture("catalog.json"), Not(HasSubstr("/srv/app/virtual")));  // Puppet does not send it
}

TEST(PuppetCatalog, keeps_no_secret) {
  for (const char* name : {"catalog.json", "static-catalog.json"}) {
    const auto text = fixture(name);
    ASSERT_THAT(text, HasSubstr("canary-puppet-parameter"));
    const auto b = catalog(text);
    ASSERT_TRUE(b) << b.error().message();
    EXPECT_THAT(all_of(*b), Not(HasSubstr("canary")));
    const auto& secret = file_of(*b, "/srv/app/secret.conf");
    EXPECT_TRUE(secret.sensitive);
    EXPECT_EQ(secret.content, test_key.of_digest(sha256("password canary-puppet-content\n")));
    EXPECT_EQ(file_of(*b, "/srv/app/quiet.conf").content, test_key.of_digest(sha256("token canary-puppet-quiet\n")));
  }
}

TEST(PuppetCatalog, a_secret_hides_in_lists_and_titles_too) {
  const auto shown = [](const std::string& text) {
    const auto b = catalog(text);
    return b ? all_of(*b) : "refused";
  };
  const std::string sensitive = R"({"__ptype":"Sensitive","__pvalue":"canary"})";
  EXPECT_THAT(shown(one("X", "t", R"(,"parameters":{"p":)" + sensitive + "}")), Not(HasSubstr("canary")));
  EXPECT_THAT(shown(one("X", "t", R"(,"parameters":{"p":[{"q":{"r":)" + sensitive + "}}]}")), Not(HasSubstr("canary")));
  EXPECT_THAT(shown(one("X", "t", R"(,"parameters":{"p":{"__ptype":"Hash","__pvalue":[1,)" + sensitive + "]}}")),
              Not(HasSubstr("canary")));
  EXPECT_THAT(shown(one("X", "t", R"(,"parameters":{"p":"canary"},"sensitive_parameters":["p"])")),
              Not(HasSubstr("canary")));
  EXPECT_THAT(shown(file(R"("content":)" + sensitive)), Not(HasSubstr("canary")));
  EXPECT_EQ(catalog(file(R"("content":)" + sensitive))->files[0].content, test_key.of_digest(sha256("canary")));
  EXPECT_THAT(shown(one("Exec", "curl -u x https://user:canary@host/", R"(,"parameters":{})")),
              AllOf(Not(HasSubstr("canary")), HasSubstr("puppet:shop/Exec[0]")));
  EXPECT_THAT(shown(one("File", "t", R"(,"parameters":{"path":"/canary"},"sensitive_parameters":["path"])")),
              Not(HasSubstr("canary")));
  EXPECT_THAT(shown(one("File", "/a", R"(,"parameters":{"owner":"canary"},"sensitive_parameters":["owner"])")),
              AllOf(Not(HasSubstr("canary")), HasSubstr("its owner is marked as sensitive")));
}

TEST(PuppetCatalog, the_metadata_of_a_static_catalog_tell_digests) {
  const auto b = catalog(fixture("static-catalog.json"));
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(file_of(*b, "/srv/app/static.conf").content, openly("static 1\n"));
  EXPECT_EQ(skipped(*b, "puppet:shop/File[/srv/app/static.conf]"), "");
  const auto& leaf = file_of(*b, "/srv/app/tree/leaf.conf");
  EXPECT_EQ(leaf.address, "puppet:shop/File[/srv/app/tree]");
  EXPECT_EQ(leaf.content, openly("leaf\n"));
  EXPECT_EQ(leaf.mode, 0644u);
  EXPECT_EQ(file_of(*b, "/srv/app/tree/sub").mode, 0755u);
  EXPECT_EQ(file_of(*b, "/srv/app/tree/sub/deep.conf").content, openly("deep\n"));
  EXPECT_THAT(skipped(*b, "puppet:shop/File[/srv/app/tree]"), HasSubstr("purge"));
  EXPECT_THAT(skipped(*b, "puppet:shop/File[/srv/app/later]"), HasSubstr("Deferred"));
}

TEST(PuppetCatalog, what_lies_below_a_folder_stays_below_it_and_gives_way_to_its_own_resource) {
  const auto below = [](const std::string& entries) {
    return R"(,"recursive_metadata":{"/t":{"puppet:///a":[)" + entries + "]}}";
  };
  const std::string link = R"({"relative_path":"l","type":"link","destination":"x"})";
  auto b = catalog(file(R"("ensure":"directory","recurse":true,"source":"puppet:///a")", "/t", below(link)));
  EXPECT_EQ(file_of(*b, "/t/l").symlink_target, "x");
  b = catalog(file(R"("ensure":"directory","recurse":true)", "/t",
                   below(R"({"relative_path":"../../etc/passwd","type":"file"})")));
  EXPECT_EQ(b->files.size(), 1u);
  EXPECT_THAT(skipped(*b, "puppet:shop/File[/t]"), HasSubstr("leads out of it"));
  b = catalog(
      R"({"name":"n","version":1,"resources":[{"type":"File","title":"/t","parameters":{"recurse":"remote","owner":"a"}},
          {"type":"File","title":"/t/l","parameters":{"owner":"b"}}])" +
      below(link) + "}");
  EXPECT_EQ(file_of(*b, "/t/l").owner, "b");
  EXPECT_EQ(b->files.size(), 2u);
}

TEST(PuppetCatalog, follows_the_rules_of_the_file_type) {
  EXPECT_TRUE(catalog(file(R"("ensure":false)"))->files[0].absent);
  EXPECT_EQ(catalog(file(R"("target":"x")"))->files[0].symlink_target, "x");
  EXPECT_EQ(catalog(file(R"("ensure":"present","content":"")"))->files[0].content, openly(""));
  EXPECT_FALSE(catalog(file(R"("ensure":"link","target":"x","mode":"0600")"))->files[0].mode);
  EXPECT_EQ(catalog(file(R"("ensure":"file","owner":0)"))->files[0].owner, "0");
  EXPECT_FALSE(catalog(file(R"("mode":"0644")"))->files[0].mode);  // 0755, should it be a directory
  EXPECT_EQ(catalog(file(R"("mode":"0700")"))->files[0].mode, 0700u);
  EXPECT_EQ(catalog(file(R"("path":"/b/")", "t"))->files.size(), 0u);  // nothing is declared
  EXPECT_EQ(catalog(file(R"("ensure":"file")", "/b//c/"))->files[0].path, "/b/c");
  EXPECT_THAT(skipped(*catalog(file(R"("ensure":"file")", "C:/x")), "puppet:shop/File[C:/x]"),
              HasSubstr("no absolute"));
  EXPECT_THAT(all_of(*catalog(file(R"("ensure":"link")"))), HasSubstr("target is not known"));
  EXPECT_THAT(all_of(*catalog(file(R"("ensure":"file","links":"follow")"))), HasSubstr("links => follow"));
  EXPECT_THAT(all_of(*catalog(file(R"("content":"{md5}d41d8cd98f00b204e9800998ecf8427e")"))), HasSubstr("two ways"));
  EXPECT_EQ(catalog(file(R"("content":"{json} is not a checksum")"))->files[0].content,
            openly("{json} is not a checksum"));
  EXPECT_FALSE(catalog(file(R"("source":"/x","checksum":"sha256lite","checksum_value":")" + std::string(64, 'a') + '"'))
                   ->files[0]
                   .content);
  EXPECT_THAT(all_of(*catalog(file(R"("ensure":{"__ptype":"Deferred","name":"f"})"))), HasSubstr("its ensure"));
}

TEST(PuppetCatalog, reads_pson_documents_and_leaves_exported_resources_to_others) {
  const auto b = catalog(R"({"document_type":"Catalog","data":)" + file(R"("ensure":"file")") + "}");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->files[0].path, "/a");
  const auto exported = catalog(one("File", "/a", R"(,"exported":true,"parameters":{"ensure":"file"})"));
  EXPECT_TRUE(exported->files.empty() && exported->resources.empty());
  EXPECT_THAT(exported->skipped[0].why, HasSubstr("exported"));
}

TEST(PuppetCatalog, long_titles_are_cut_and_stay_apart) {
  const std::string script(5000, 'x');
  const auto b = catalog(R"({"name":"n","version":1,"resources":[{"type":"Exec","title":")" + script +
                         R"("},{"type":"Exec","title":")" + script + R"(y"},{"type":"Exec","title":"a\nb"}]})");
  ASSERT_TRUE(b) << b.error().message();
  ASSERT_EQ(b->resources.size(), 3u);
  for (const auto& resource : b->resources) {
    EXPECT_LT(resource.address.size(), 200u);
    EXPECT_THAT(resource.address, AllOf(HasSubstr("sha256:"), Not(HasSubstr("\n"))));
  }
}

TEST(PuppetCatalog, refuses_with_place_reason_and_way_out) {
  EXPECT_THAT(error_of(catalog("---\n")), AllOf(HasSubstr("/srv/shop"), HasSubstr("not JSON")));
  EXPECT_THAT(error_of(catalog("[]")), HasSubstr("not an object"));
  EXPECT_THAT(error_of(catalog(R"({"name":"n","values":{}})")),
              AllOf(HasSubstr("#/resources"), HasSubstr("<certname>")));
  EXPECT_THAT(error_of(catalog(R"({"resources":[]})")), HasSubstr("#/name"));
  EXPECT_THAT(error_of(catalog(R"({"name":"n","resources":[7]})")), HasSubstr("#/resources/0"));
  EXPECT_THAT(error_of(catalog(R"({"name":"n","resources":[{"type":"File"}]})")), HasSubstr("#/resources/0/title"));
  EXPECT_THAT(error_of(catalog(R"({"name":"n","resources":[{"title":"x"}]})")), HasSubstr("#/resources/0/type"));
  EXPECT_THAT(error_of(catalog(R"({"name":"n","resources":[{"type":"A","title":"x"},{"type":"A","title":"x"}]})")),
              HasSubstr("#/resources/1: stands twice"));
  EXPECT_THAT(error_of(catalog(R"({"document_type":"Catalog","data":{"name":"n"}})")), HasSubstr("#/data/resources"));
  EXPECT_THAT(error_of(catalog(R"({"name":"n","name":"m","resources":[]})")), HasSubstr("a key twice"));
  EXPECT_THAT(error_of(catalog("{\"name\":\"\xFF\"}")), HasSubstr("rich_data"));
  EXPECT_THAT(error_of(catalog(std::string(100000, '['))), HasSubstr("not JSON"));
  const auto whole = fixture("catalog.json");
  const auto end = whole.find_last_of('}');
  for (std::size_t size = 0; size <= end; ++size)
    ASSERT_FALSE(catalog(std::string_view(whole).substr(0, size))) << size;
}

TEST(PuppetState, reads_the_values_that_an_agent_applied_last) {
  const auto b = state(fixture("transactionstore.yaml"));
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_THAT(b->revision.at("content"), HasSubstr("hmac-sha256:"));
  const auto& conf = file_of(*b, "/srv/app/inline.conf");
  EXPECT_EQ(conf.address, "puppet:shop/File[/srv/app/inline.conf]");
  EXPECT_EQ(conf.content, openly("workers 4\n"));
  EXPECT_EQ(conf.mode, 0640u);
  EXPECT_EQ(conf.owner, "0");
  EXPECT_EQ(conf.group, "1");
  EXPECT_EQ(file_of(*b, "/srv/app/static.conf").content, openly("static 1\n"));
  EXPECT_EQ(file_of(*b, "/srv/app/static.conf").mode, 0644u);
  EXPECT_EQ(file_of(*b, "/srv/app/tree/sub/deep.conf").content, openly("deep\n"));
  EXPECT_EQ(file_of(*b, "/srv/app").mode, 0755u);
  EXPECT_EQ(file_of(*b, "/srv/app/current").symlink_target, "inline.conf");
  EXPECT_TRUE(file_of(*b, "/srv/app/gone").absent);
  EXPECT_EQ(file_of(*b, "/srv/app/secret.conf").mode, 0600u);
  EXPECT_FALSE(file_of(*b, "/srv/app/secret.conf").content);  // Puppet does not store it
  EXPECT_THAT(skipped(*b, "puppet:shop/File[a folder]"), HasSubstr("no path"));
  EXPECT_THAT(skipped(*b, "puppet:shop/File[/srv/app/sum]"), HasSubstr("no SHA-256"));
  EXPECT_EQ(value(find(*b, "puppet:shop/Notify[hello]"), "message"), "\"fixture\"");
  EXPECT_EQ(value(find(*b, "puppet:shop/File[/srv/app]"), "ensure"), "\"directory\"");
}

TEST(PuppetState, agrees_with_the_static_catalog_wherever_both_know) {
  const auto wanted = catalog(fixture("static-catalog.json"));
  const auto applied = state(fixture("transactionstore.yaml"));
  std::size_t both = 0;
  for (const auto& a : applied->files)
    for (const auto& w : wanted->files) {
      if (a.path != w.path || w.sensitive) continue;
      ++both;
      if (a.content && w.content) {
        EXPECT_EQ(a.content, w.content) << a.path;
      }
      EXPECT_EQ(a.mode, w.mode) << a.path;
      EXPECT_EQ(a.absent, w.absent) << a.path;
      EXPECT_EQ(a.symlink_target, w.symlink_target) << a.path;
    }
  EXPECT_GE(both, 10u);
}

TEST(PuppetState, compares_no_other_digest_than_sha256) {
  const auto b = state(fixture("transactionstore-md5.yaml"));
  ASSERT_TRUE(b) << b.error().message();
  const auto& conf = file_of(*b, "/srv/app/inline.conf");
  EXPECT_FALSE(conf.content);
  EXPECT_EQ(conf.mode, 0640u);
  EXPECT_THAT(skipped(*b, conf.address), HasSubstr("no SHA-256"));
}

TEST(PuppetState, reads_symbols_in_every_way_that_ruby_wrote_them) {
  for (const char* absent : {":absent", "!ruby/sym absent", "!ruby/symbol absent", "absent"}) {
    const auto b =
        state("---\nresources:\n  File[/a]:\n    parameters:\n      ensure:\n        system_value:\n        - " +
              std::string(absent) + "\n");
    ASSERT_TRUE(b) << absent << b.error().message();
    EXPECT_TRUE(b->files[0].absent) << absent;
  }
  const auto b = state(
      "resources: {'File[/a]': {parameters: {ensure: {system_value: [:file]}, content: {system_value: [:absent]}, "
      "mode: {system_value: [:absent]}}}}");
  EXPECT_FALSE(b->files[0].mode || b->files[0].content || b->files[0].absent);
  EXPECT_TRUE(b->skipped.empty());
}

TEST(PuppetState, shows_no_secret) {
  const auto b = state(
      "resources:\n  'User[x]':\n    parameters:\n      password: {system_value: [canary]}\n"
      "      nested: {system_value: {api_token: canary, list: [1, 2]}}\n      groups: {system_value: [a, b]}\n");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_THAT(all_of(*b), Not(HasSubstr("canary")));
  EXPECT_EQ(value(find(*b, "puppet:shop/User[x]"), "groups"), R"(["a","b"])");
}

TEST(PuppetState, refuses_with_place_reason_and_way_out) {
  EXPECT_THAT(error_of(state("")), HasSubstr("empty"));
  EXPECT_THAT(error_of(state("- a\n")), AllOf(HasSubstr("not a map"), HasSubstr("transactionstore.yaml")));
  EXPECT_THAT(error_of(state("File[/a]: {}\n")), HasSubstr("state.yaml is another file"));
  EXPECT_THAT(error_of(state("resources: {x: {}}\n")), HasSubstr("no reference"));
  EXPECT_THAT(error_of(state("resources:\n  File[/a]:\n")), HasSubstr("#/resources/File[/a]: not a map"));
  EXPECT_THAT(error_of(state("resources:\n  File[/a]:\n    parameters:\n")), HasSubstr("/parameters"));
  EXPECT_THAT(error_of(state("resources:\n  File[/a]:\n    parameters:\n      mode:\n")),
              HasSubstr("/parameters/mode"));
  EXPECT_THAT(error_of(state("resources: {}\n---\nresources: {}\n")), HasSubstr("more than one"));
  EXPECT_THAT(error_of(state("resources:\n  a[b]: {parameters: {}}\n  a[b]: {}\n")), HasSubstr("twice"));
  EXPECT_THAT(error_of(state(std::string(100000, '['))), HasSubstr("100 levels"));
  EXPECT_TRUE(state("---\nresources: {}\n"));  // what Puppet writes of an empty catalog
}

TEST(PuppetMode, octal_and_symbolic_modes_as_puppet_reads_them) {
  using enum PuppetShape;
  struct Case {
    const char* text;
    PuppetShape shape;
    std::optional<std::uint32_t> mode;
  };
  const Case cases[] = {{"0644", file, 0644},
                        {"644", file, 0644},
                        {"4", file, 04},
                        {"02755", file, 02755},
                        {"0644", directory, 0755},
                        {"0640", directory, 0750},
                        {"0200", directory, 0200},
                        {"0644", either, std::nullopt},
                        {"0755", either, 0755},
                        {"77777", file, std::nullopt},
                        {"0888", file, std::nullopt},
                        {"", file, std::nullopt},
                        {"u=rw,go=r", file, 0644},
                        {"u=rw,go=r", directory, std::nullopt},  // what of setgid?
                        {"a=rx,u+w", file, 0755},
                        {"=r", file, 0444},
                        {"u=rwx,g=u,o=g-w", file, 0775},
                        {"a=r,u=rwx,g=u", file, 0774},
                        {"u=rwxs,go=rx", file, 04755},
                        {"a=rwxt", file, 01777},
                        {"a=rwx,o-w", file, 0775},
                        {"a=rw,a+X", file, std::nullopt},
                        {"a=rwx,a+X", file, 0777},
                        {"u+w", file, std::nullopt},
                        {"a-x", file, std::nullopt},
                        {"u=rw,g=r", file, std::nullopt},
                        {"a=q", file, std::nullopt},
                        {"a", file, std::nullopt},
                        {"a=X", file, std::nullopt},
                        {"a=r,", file, std::nullopt}};
  for (const auto& c : cases) EXPECT_EQ(puppet_mode(c.text, c.shape), c.mode) << c.text;
}

}  // namespace
}  // namespace plumbline::baseline
