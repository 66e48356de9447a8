// Templates over HTTP: what is told of them, who may use them, and what comes of one in a sandbox.
#include <fcntl.h>
#include <gmock/gmock.h>

#include <filesystem>

#include <boost/json/value.hpp>

#include "api/common/testing/fixture.h"
#include "api/v1/api.h"
#include "api/v1/build_routes.h"
#include "json/json.h"
#include "sys/file.h"

namespace brig::api::v1 {
namespace {

namespace bj = boost::json;
using http::testing::body_of;
using http::testing::status_of;
using ::testing::HasSubstr;

class TemplateTest : public testing::ServiceFixture {
 protected:
  TemplateTest() {
    runtime_.behaviour.may_use_images = true;
    runtime_.behaviour.guest = [](FdRef fd) {
      runtime::testing::ScriptedGuest script(fd);
      script.serve([](runtime::testing::ScriptedGuest& inside, std::uint32_t channel) {
        inside.send(guest::Started{.pid = 2}, channel);
        inside.send(guest::Exited{.value = 0}, channel);
        for (const auto stream : {guest::Stream::kOut, guest::Stream::kErr})
          inside.send_frame(guest::Type::kEnd, stream, channel, {});
      });
    };
    options_.find_template = [this](const std::string& name,
                                    std::string_view /*key_id*/) -> Result<runtime::RootImage> {
      if (name == "host") return runtime::RootImage();
      const image::Template found = TRY(catalog_.find(name));
      return runtime::RootImage{.name = name, .digest = found.manifest.digest, .file = found.file};
    };
    open();
    creation_ = std::make_unique<Creation>(*sandboxes_, *snapshots_, catalog_);
    api_ = std::make_unique<Api>(*sandboxes_, *snapshots_, *creation_, *store_, wall_now,
                                 Ports{.domain = "localhost", .signer = PreviewSigner("secret")});
    api_->add_to(router_);
    build_routes_.add_to(router_);
    key_ = *store_->keys().make({.label = "one"}, wall_now());
    bound_ = *store_->keys().make({.label = "two", .templates = {"host"}}, wall_now());
    add("science", {.environment = {{"PATH", "/opt/bin:/usr/bin"}, {"MODE", "image"}},
                    .working_folder = "/srv/app",
                    .limits = {{"memory", "512M"}},
                    .languages = {{"python", "/opt/bin/python3"}},
                    .preload = std::vector<std::string>{"scipy.stats"},
                    .entrypoint = {},
                    .command = {}});
  }
  ~TemplateTest() override { close(); }

  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(path.substr(0, path.rfind('/')));
    const auto file = sys::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ASSERT_TRUE(file.has_value());
    ASSERT_TRUE(sys::write_all(file->ref(), text).has_value());
  }
  void add(const std::string& name, image::Defaults defaults, const std::string& owner = "") {
    const std::string digits(64, 'a');
    const image::Manifest manifest{.name = name,
                                   .description = "numbers and plots",
                                   .owner = owner,
                                   .digest = "sha256:" + digits,
                                   .size = Bytes{5},
                                   .created_s = 1'700'000'000,
                                   .provenance = {.kind = "dockerfile", .source = "/home/me/secret/Dockerfile"},
                                   .defaults = std::move(defaults)};
    write(folder_.path() + "/t/images/" + digits + ".erofs", "image");
    write(folder_.path() + "/t/names/" + name + ".json", image::to_json(manifest));
  }
  std::string ask(const std::string& method, const std::string& path, const std::string& key,
                  const std::string& body = "") {
    return rig_.talk_open(method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " +
                          key + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  bj::value json_of(const std::string& answer) {
    const auto value = json::parse(body_of(answer));
    EXPECT_TRUE(value.has_value()) << answer;
    return value ? *value : bj::value();
  }
  [[nodiscard]] std::string as_panda() const { return "pds_" + key_.text.substr(key_.text.find('_') + 1); }

  image::Catalog catalog_{*HostPath::parse(folder_.path() + "/t")};
  std::unique_ptr<Creation> creation_;
  std::unique_ptr<Api> api_;
  builds::Builds builds_{{},       {.connect = {}, .why_not = "not here", .uploads = spool_.ref()},
                         catalog_, rig_.io.get_executor(),
                         wall_now, [](const builds::Happening&) {}};
  BuildRoutes build_routes_{builds_, catalog_, *store_, wall_now};
  store::MadeKey key_;
  store::MadeKey bound_;
};

TEST_F(TemplateTest, AreListedWithWhatASandboxOfThemGets) {
  const std::string answer = ask("GET", "/v1/templates", key_.text);
  EXPECT_EQ(status_of(answer), 200);
  const bj::value all = json_of(answer);
  ASSERT_EQ(all.at("items").as_array().size(), 2U);
  EXPECT_EQ(all.at("items").at(0).at("name"), "host");
  const bj::value& one = all.at("items").at(1);
  EXPECT_EQ(one.at("name"), "science");
  EXPECT_EQ(one.at("description"), "numbers and plots");
  EXPECT_EQ(one.at("memory_mb"), 512);
  EXPECT_EQ(one.at("working_folder"), "/srv/app");
  EXPECT_EQ(one.at("languages"), bj::array{"python"});
  EXPECT_EQ(one.at("preload"), bj::array{"scipy.stats"});
  EXPECT_EQ(all.at("items").at(0).at("preload").as_array().size(), 3U) << "the usual ones";
  EXPECT_EQ(one.at("usable"), true);
  EXPECT_EQ(one.at("allowed"), true);
  EXPECT_EQ(one.at("created_at"), "2023-11-14T22:13:20.000Z");
  EXPECT_EQ(answer.find("secret"), std::string::npos) << "where its sources lie is the host's business";
  EXPECT_EQ(json_of(ask("GET", "/v1/templates/science", key_.text)), one);
  EXPECT_TRUE(json_of(ask("GET", "/v1/templates", as_panda())).is_array());
  EXPECT_EQ(json_of(ask("GET", "/v1/templates/science", bound_.text)).at("allowed"), false);
  EXPECT_EQ(status_of(ask("GET", "/v1/templates/nothing", key_.text)), 404);
}

TEST_F(TemplateTest, OneWithoutItsImageSaysThatAndNoPath) {
  std::filesystem::remove_all(folder_.path() + "/t/images");
  const std::string answer = ask("GET", "/v1/templates/science", key_.text);
  EXPECT_EQ(json_of(answer).at("usable"), false);
  EXPECT_EQ(answer.find(folder_.path()), std::string::npos);
  EXPECT_EQ(status_of(ask("POST", "/v1/sandboxes", key_.text, R"({"template": "science"})")), 503);
}

TEST_F(TemplateTest, AreMadeByKeysThatMayAndWhereItIsPossible) {
  EXPECT_EQ(status_of(ask("POST", "/v1/templates/build", key_.text, "x")), 403);
  EXPECT_EQ(status_of(ask("POST", "/v1/templates/import?name=mine", key_.text, "x")), 403);
  const auto builder = *store_->keys().make({.label = "three", .may_build_templates = true}, wall_now());
  const std::string built = ask("POST", "/v1/templates/build", builder.text, "x");
  EXPECT_EQ(status_of(built), 501);
  EXPECT_THAT(built, HasSubstr("not here"));
}

TEST_F(TemplateTest, WhatAnotherKeyHadMadeIsNotThere) {
  add("theirs", {}, "somebody");
  add("own", {}, key_.key.id);
  EXPECT_EQ(json_of(ask("GET", "/v1/templates", key_.text)).at("items").as_array().size(), 3U);
  EXPECT_EQ(json_of(ask("GET", "/v1/templates/own", key_.text)).at("is_global"), false);
  EXPECT_EQ(status_of(ask("GET", "/v1/templates/theirs", key_.text)), 404);
  EXPECT_EQ(status_of(ask("GET", "/v1/templates/theirs/prompt", key_.text)), 404);
  EXPECT_EQ(status_of(ask("DELETE", "/v1/templates/theirs", key_.text)), 404);
  EXPECT_EQ(status_of(ask("POST", "/v1/sandboxes", key_.text, R"({"template": "theirs"})")), 404);
  const std::string mistyped = ask("POST", "/v1/sandboxes", key_.text, R"({"template": "their"})");
  EXPECT_EQ(status_of(mistyped), 404);
  EXPECT_EQ(mistyped.find("theirs"), std::string::npos) << mistyped;
  EXPECT_EQ(status_of(ask("POST", "/v1/sandboxes", key_.text, R"({"template": "own"})")), 201);
}

TEST_F(TemplateTest, OfTheMachinesOwnerAreNobodysToRemove) {
  const std::string removed = ask("DELETE", "/v1/templates/science", key_.text);
  EXPECT_EQ(status_of(removed), 403);
  EXPECT_THAT(removed, HasSubstr("brig template rm science"));
  EXPECT_EQ(status_of(ask("DELETE", "/v1/templates/host", key_.text)), 403);
  EXPECT_EQ(status_of(ask("DELETE", "/v1/templates/nothing", key_.text)), 404);
  EXPECT_TRUE(catalog_.find("science").has_value());
}

TEST_F(TemplateTest, ItsDefaultsAreBelowWhatIsAskedFor) {
  const std::string answer = ask("POST", "/v1/sandboxes", key_.text,
                                 R"({"template": "science", "env": {"MODE": "mine"}, "policy": "strict"})");
  ASSERT_EQ(status_of(answer), 201) << answer;
  const bj::value made = json_of(answer);
  EXPECT_EQ(made.at("template"), "science");
  EXPECT_EQ(made.at("limits").at("memory_bytes"), 512 << 20);
  EXPECT_EQ(made.at("limits").at("pids"), 32) << "the preset's";
  ASSERT_EQ(runtime_.record.created.size(), 1U);
  EXPECT_EQ(runtime_.record.created[0].root.name, "science");
  const policy::Policy& policy = runtime_.record.created[0].policy;
  EXPECT_EQ(policy.environment, (std::vector<policy::Variable>{{"PATH", "/opt/bin:/usr/bin"}, {"MODE", "mine"}}));
  const std::string id(made.at("id").as_string());
  const bj::value ran = json_of(ask("POST", "/v1/sandboxes/" + id + "/exec", key_.text, R"({"argv": ["x"]})"));
  EXPECT_EQ(ran.at("cwd"), "/srv/app");
  const std::string limited =
      ask("POST", "/v1/sandboxes", key_.text, R"({"template": "science", "limits": {"memory": "64M"}})");
  EXPECT_EQ(json_of(limited).at("limits").at("memory_bytes"), 64 << 20);
}

TEST_F(TemplateTest, AKeyGetsThoseItMayUse) {
  EXPECT_EQ(status_of(ask("POST", "/v1/sandboxes", bound_.text, R"({"template": "science"})")), 403);
  EXPECT_EQ(status_of(ask("POST", "/v1/sandboxes", bound_.text, "{}")), 201);
  EXPECT_EQ(status_of(ask("POST", "/v1/sandboxes", key_.text, R"({"template": "nothing"})")), 404);
  EXPECT_EQ(status_of(ask("POST", "/v1/sandboxes", key_.text, R"({"template": "../x"})")), 400);
  EXPECT_EQ(status_of(ask("POST", "/v1/sandboxes", key_.text, R"({"template": 5})")), 400);
}

TEST_F(TemplateTest, WhatPandaStacksClientsAskForIsTheHostUnlessThereIsOneOfThatName) {
  const std::string body = R"({"template": "ubuntu-24.04"})";
  EXPECT_EQ(json_of(ask("POST", "/v1/sandboxes", as_panda(), body)).at("template"), "host");
  EXPECT_EQ(status_of(ask("POST", "/v1/sandboxes", key_.text, body)), 404);
  add("ubuntu-24.04", {});
  EXPECT_EQ(json_of(ask("POST", "/v1/sandboxes", as_panda(), body)).at("template"), "ubuntu-24.04");
}

TEST_F(TemplateTest, AWallThatCannotUseItIsSaidSo) {
  runtime_.behaviour.may_use_images = false;
  const std::string answer = ask("POST", "/v1/sandboxes", key_.text, R"({"template": "science"})");
  EXPECT_EQ(status_of(answer), 501);
  EXPECT_THAT(answer, HasSubstr("template science"));
}

}  // namespace
}  // namespace brig::api::v1
