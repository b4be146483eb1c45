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
                           "X-Auth-Token",
                           "auth",
                           "redis_auth",
                           "redisAuth",
                           "REDIS_AUTH",
                           "basic_auth",
                           "http-auth",
                           "auth_string",
                           "auth_header",
                           "community",
                           "snmp_community",
                           "snmpCommunity",
                           "read-only-community",
                           "community_string",
                           "plaintext",
                           "plaintext_value",
                           "secretPlaintext",
                           "license",
                           "vault_license",
                           "enterpriseLicense",
                           "license_key",
                           "license_string",
                           "license_content",
                           "session",
                           "PHP_SESSION",
                           "session_token",
                           "session_cookie",
                           "session_key",
                           "pin",
                           "ssh_pin",
                           "userPin",
                           "pin_code"})
    EXPECT_TRUE(sounds_sensitive(name)) << name;
}

TEST(Sensitive, names_of_something_about_secrets) {
  for (const char* name : {"secret_arn", "secretArn", "master_user_secret_kms_key_id", "kms_key_id", "token_ttl",
                           "token_type", "access_key_id", "password_policy", "password_length", "secret_name",
                           "secretName", "SecretId", "secret_version", "credentials_file", "password_reset_required",
                           "token_endpoint", "tokenUrl", "secret_path", "rotation_days"})
    EXPECT_FALSE(sounds_sensitive(name)) << name;
}

// Words that are secrets themselves, and in the names of many settings.
TEST(Sensitive, names_of_settings) {
  for (const char* name : {"auth_type",
                           "authType",
                           "auth_mode",
                           "auth_method",
                           "auth_protocol",
                           "auth_enabled",
                           "auth_url",
                           "auth_settings_v2",
                           "auth_provider_x509_cert_url",
                           "client_auth",
                           "clientAuth",
                           "mutual_auth",
                           "OAuth",
                           "AllowOAuth",
                           "oauth",
                           "authentication",
                           "authentication_type",
                           "authorization_type",
                           "authorizationMode",
                           "author",
                           "authority",
                           "authorizer",
                           "authorized_networks",
                           "bgp_community",
                           "bgpCommunity",
                           "extended_community",
                           "communities",
                           "community_gallery",
                           "community_gallery_image_id",
                           "plaintext_port",
                           "plain_text_message",
                           "license_type",
                           "licenseType",
                           "license_model",
                           "license_included",
                           "license_configuration_arn",
                           "licenses",
                           "license_name",
                           "session_affinity",
                           "sessionAffinity",
                           "sessionAffinityConfig",
                           "session_timeout",
                           "session_duration",
                           "max_session_duration",
                           "session_persistence",
                           "session_name",
                           "sticky_session",
                           "bgp_session",
                           "sessions",
                           "pin_version",
                           "version_pin",
                           "cpu_pin",
                           "gpio_pin",
                           "certificate_pin",
                           "ping",
                           "pinned",
                           "pins",
                           "spin",
                           "mapping"})
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
  for (const std::string& value :
       {std::string("-----BEGIN RSA PRIVATE KEY-----\nMII"),
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
        std::string("https://h/?sig=a&token=b"),
        std::string("redis_auth=hunter2"),
        std::string("community: hunter2"),
        "https://hooks.slack.com/services/T01234567/B01234567/" + x + "1",
        "https://hooks.slack-gov.com/services/T01234567/B01234567/" + x + "1",
        std::string("https://hooks.zapier.com/hooks/catch/123456/b2kf3a/"),
        std::string("https://hook.eu1.make.com/abcdefghij0123456789klmnopqrstuv"),
        "https://discord.com/api/webhooks/123456789012345678/" + x + "1",
        "https://discord.com/api/webhooks/123456789012345678/" + x + "1/",
        "https://discord.com/api/webhooks/123456789012345678/" + x + "1?wait=true",
        "\"https://discord.com/api/webhooks/123456789012345678/" + x + "1\"",
        "notify https://discord.com/api/webhooks/123456789012345678/" + x + "1 of it",
        "see http://a.example/ and https://discord.com/api/Webhooks/12/" + x + "1",
        std::string("https://shop.webhook.office.com/webhookb2/"
                    "1b7e1a2c-0000-4000-8000-000000000001@2b7e1a2c-0000-4000-8000-000000000002/"
                    "IncomingWebhook/00112233445566778899aabbccddeeff/"
                    "3b7e1a2c-0000-4000-8000-000000000003"),
        std::string("https://outlook.office.com/webhook/1b7e1a2c-0000-4000-8000-000000000001"),
        std::string("https://prod-1.westus.logic.azure.com:443/workflows/1/triggers/manual/paths/"
                    "invoke?api-version=1&sp=%2Ftriggers&sig=AbCdEfGhIjKlMnOp0123"),
        std::string("https://chat.googleapis.com/v1/spaces/AAAA/messages?key=AIzaSy0123456789ab"),
        std::string("https://shop.azurewebsites.net/api/hook?code=AbCdEfGhIjKlMnOp0123=="),
        std::string("https://mattermost.example/hooks/1xyz9abcdefghijklmnopqrstu"),
        std::string("https://n8n.example/webhook/3b7e1a2c-0000-4000-8000-000000000003")})
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
                            "_hvs.thing-that-is-long-enough",
                            "auth_type=SCRAM-SHA-512",
                            "session_timeout=300",
                            "https://api.example/webhooks/github-push-receiver",
                            "https://api.example/webhooks/123456789012345678/messages",
                            "https://api.example/webhooks",
                            "https://api.example/webhooks/",
                            "https://webhook.shop.svc:443/validate-v1-pods",
                            "https://webhook.shop.svc:443",
                            "https://hooks.example/deploy",
                            "https://api.example/hooked/1xyz9abcdefghijklmnopqrstu",
                            "https://api.example/1xyz9abcdefghijklmnopqrstu",
                            "https://api.example/?key=name&code=200",
                            "https://api.example/?sort_key=1xyz9abcdefghijklmnopqrstu",
                            "https://api.example/?",
                            "https://api.example/?&",
                            "https://",
                            "webhooks/1/1xyz9abcdefghijklmnopqrstu"})
    EXPECT_FALSE(looks_sensitive(value)) << value;
}

TEST(Sensitive, hostile_values_are_done_in_time) {
  for (const char* part : {"a:b@", "://", "eyJ", "=", ": ", "password=\n", "ghp_", "eyJ.", "a=", "\"=", "= ",
                           "://h/hook/", "/hook", "?key=1&", "://?code="}) {
    std::string value;
    while (value.size() < 2000000) value += part;
    looks_sensitive(value);
  }
}

}  // namespace
}  // namespace plumbline::baseline
