#include "baseline/value/sensitive.hpp"

#include <gtest/gtest.h>

#include <string>

namespace plumbline::baseline {
namespace {

TEST(Sensitive, names_of_secrets) {
  for (const char* name : {"password",
                           "master_password",
                           "MasterUserPassword",
                           "db-password",
                           "dbpassword",
                           "PGPASSWORD",
                           "adminPass",
                           "pwd",
                           "DB_PASSWD",
                           "passphrase",
                           "pass_phrase",
                           "pass",
                           "secret",
                           "client_secret",
                           "clientSecret",
                           "secret_string",
                           "SecretString",
                           "SECRET_KEY_BASE",
                           "token",
                           "auth_token",
                           "GITHUB_TOKEN",
                           "accesstoken",
                           "sas_token",
                           "api_key",
                           "apiKey",
                           "APIKey",
                           "access_key",
                           "access_keys",
                           "private_key",
                           "private_key_pem",
                           "tls_private_key",
                           "privateKey",
                           "primary_access_key",
                           "shared_access_key",
                           "storageAccountKey",
                           "client_key",
                           "ssl_key",
                           "psk",
                           "preshared_key",
                           "connection_string",
                           "connectionStrings",
                           "user_data",
                           "user_data_base64",
                           "UserData",
                           "custom_data",
                           "customData",
                           "metadata_startup_script",
                           "kubeconfig",
                           "credentials",
                           "authorization",
                           ".dockerconfigjson",
                           "webhook_url",
                           "key_material",
                           "password2",
                           "passwordHash",
                           "X-Auth-Token"})
    EXPECT_TRUE(sounds_sensitive(name)) << name;
}

TEST(Sensitive, names_of_something_about_secrets) {
  for (const char* name : {"secret_arn", "secretArn", "master_user_secret_kms_key_id", "kms_key_id", "token_ttl",
                           "token_type", "access_key_id", "password_policy", "password_length", "secret_name",
                           "secretName", "SecretId", "secret_version", "credentials_file", "password_reset_required",
                           "token_endpoint", "tokenUrl", "secret_path", "rotation_days"})
    EXPECT_FALSE(sounds_sensitive(name)) << name;
}

TEST(Sensitive, other_names) {
  for (const char* name :
       {"",        "_",           "name",       "key",         "key_name",  "public_key", "partition_key", "bypass",
        "compass", "passthrough", "assignment", "description", "ami",       "tags",       "Name",          "user",
        "data",    "route53",     "monkey",     "keypair",     "sort_keys", "policy",     "webhook",       "url"})
    EXPECT_FALSE(sounds_sensitive(name)) << name;
}

TEST(Sensitive, long_names_are_read_once) {
  EXPECT_TRUE(sounds_sensitive(std::string(1000000, 'a') + "_password"));
  EXPECT_TRUE(sounds_sensitive(std::string(1000000, 'a') + "password"));
  std::string many;
  for (int i = 0; i < 200000; ++i) many += "aB_";
  EXPECT_FALSE(sounds_sensitive(many));
}

TEST(Sensitive, values_that_are_or_have_secrets) {
  const std::string x(40, 'x');
  for (const std::string& value : {std::string("-----BEGIN RSA PRIVATE KEY-----\nMII"),
                                   std::string("-----BEGIN PRIVATE KEY-----"),
                                   std::string("aws_secret_access_key = abc"),
                                   std::string("export AWS_SECRET_ACCESS_KEY=abc"),
                                   std::string("postgres://app:hunter2@db/app"),
                                   std::string("see redis://:hunter2@cache:6379"),
                                   std::string("Bearer abcdef"),
                                   std::string("\"Bearer abcdef\""),
                                   std::string("Authorization: Basic abc"),
                                   "eyJhbGciOiJIUzI1NiJ9." + x + "." + x,
                                   "token=" + x,
                                   "jwt eyJhbGciOiJIUzI1NiJ9." + x + "." + x,
                                   "ghp_" + x,
                                   "\"glpat-" + x,
                                   "xoxb-" + x,
                                   "see my.github_pat_" + x,
                                   "a-b-sk_live_" + x,
                                   "a-hvs." + x,
                                   "hvs." + x,
                                   "AGE-SECRET-KEY-1" + x,
                                   std::string("mysql --password=hunter2"),
                                   std::string("PGPASSWORD=hunter2 psql"),
                                   std::string("password: hunter2"),
                                   std::string(R"({\"secret\": \"x\"})"),
                                   std::string("DefaultEndpointsProtocol=https;AccountKey=abc=="),
                                   std::string("https://h/?sig=a&token=b")})
    EXPECT_TRUE(looks_sensitive(value)) << value;
}

TEST(Sensitive, other_values) {
  for (const char* value : {"",
                            "web",
                            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf",
                            "https://host/path?query=1",
                            "git@github.com:shop/web.git",
                            "ops@example.com",
                            "https://user@host/path",
                            "2026-01-02T03:04:05Z",
                            "d2ViLXNlcnZlciBhbmQgc29tZSBtb3JlIHRleHQ=",
                            "token_ttl=60",
                            "password=",
                            "key=value",
                            "time: 12:30",
                            "-----BEGIN CERTIFICATE-----",
                            "-----BEGIN PUBLIC KEY-----",
                            "the secret of success",
                            "http://[::1]:80/a@b",
                            "my_ghp_thing_that_is_long_enough",
                            "BLUEyJAY",
                            "aghp_thing_that_is_long_enough",
                            "thing_that_is_long-ghp_1234567890",
                            "_hvs.thing-that-is-long-enough"})
    EXPECT_FALSE(looks_sensitive(value)) << value;
}

TEST(Sensitive, hostile_values_are_done_in_time) {
  for (const char* part : {"a:b@", "://", "eyJ", "=", ": ", "password=\n", "ghp_", "eyJ.", "a=", "\"=", "= "}) {
    std::string value;
    while (value.size() < 2000000) value += part;
    looks_sensitive(value);
  }
}

}  // namespace
}  // namespace plumbline::baseline
