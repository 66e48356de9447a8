// The document and the routes are one: neither has what the other lacks.
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include <boost/json/value.hpp>

#include "api/common/testing/fixture.h"
#include "api/mcp/mcp.h"
#include "api/ops/ops.h"
#include "api/v1/api.h"
#include "api/v1/build_routes.h"
#include "json/json.h"

namespace brig::api {
namespace {

namespace bj = boost::json;
using ::testing::ElementsAreArray;

bj::object document() {
  const auto value = json::parse(ops::openapi(), {.max_bytes = std::size_t{1} << 22, .max_depth = 64});
  EXPECT_TRUE(value.has_value()) << value.error().message();
  return value ? value->as_object() : bj::object();
}

constexpr std::array<std::string_view, 8> kMethods{"get", "put", "post", "delete", "options", "head", "patch", "trace"};

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

/// What other services' clients ask for and Brig has no business with is answered with 404 and is no route of ours.
bool is_ours(const http::Route& route) { return route.name != "out_of_scope"; }

/// "{path...}" is "{path}" there.
std::string as_documented(std::string pattern) {
  const auto dots = pattern.find("...}");
  if (dots != std::string::npos) pattern.erase(dots, 3);
  return pattern;
}

class OpenApi : public testing::ServiceFixture {
 protected:
  OpenApi() {
    open();
    creation_ = std::make_unique<Creation>(*sandboxes_, *snapshots_, std::nullopt);
    api_ = std::make_unique<v1::Api>(*sandboxes_, *snapshots_, *creation_, *store_, wall_now,
                                     v1::Ports{.domain = "localhost", .signer = PreviewSigner("secret")});
    ops_ = std::make_unique<ops::Ops>(
        *sandboxes_, *store_, metrics_, journal_, [] { return http::ServerFigures(); }, wall_now);
    mcp_ = std::make_unique<mcp::Mcp>(*sandboxes_, *creation_, *store_, wall_now, std::vector<std::string>(),
                                      rig_.io.get_executor());
    api_->add_to(router_);
    build_routes_.add_to(router_);
    mcp_->add_to(router_);
    ops_->add_to(router_);
  }

  ops::Metrics metrics_;
  ops::Journal journal_{*store_, rig_.io.get_executor(), wall_now};
  std::unique_ptr<Creation> creation_;
  std::unique_ptr<v1::Api> api_;
  image::Catalog catalog_{*HostPath::parse(folder_.path())};
  builds::Builds builds_{{},       {.connect = {}, .why_not = "not here", .uploads = spool_.ref()},
                         catalog_, rig_.io.get_executor(),
                         wall_now, [](const builds::Happening&) {}};
  v1::BuildRoutes build_routes_{builds_, catalog_, *store_, wall_now};
  std::unique_ptr<mcp::Mcp> mcp_;
  std::unique_ptr<ops::Ops> ops_;
};

TEST_F(OpenApi, HasTheRoutesAndNoOthers) {
  std::set<std::string> routes;
  for (const http::Route& route : router_.routes())
    if (is_ours(route)) routes.insert(route.method + " " + as_documented(route.pattern));
  std::set<std::string> documented;
  const bj::object all = document();
  for (const auto& [path, item] : all.at("paths").as_object()) {
    if (item.as_object().contains("x-any-method")) {
      documented.insert("* " + std::string(path));
      continue;
    }
    for (const auto& [key, operation] : item.as_object()) {
      EXPECT_NE(std::ranges::find(kMethods, std::string_view(key)), kMethods.end()) << path << ": " << key;
      documented.insert(upper(std::string(key)) + " " + std::string(path));
    }
  }
  EXPECT_THAT(documented, ElementsAreArray(routes));
}

TEST_F(OpenApi, NamesOperationsAsTheRoutesAreNamedAndTheirParameters) {
  const bj::object all = document();
  std::set<std::string> names;
  for (const http::Route& route : router_.routes()) {
    if (!is_ours(route)) continue;
    const std::string pattern = as_documented(route.pattern);
    const bj::value* item = all.at("paths").as_object().if_contains(pattern);
    ASSERT_NE(item, nullptr) << pattern;
    std::string method = route.method == "*" ? "get" : route.method;
    std::ranges::transform(method, method.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const bj::object& operation = item->as_object().at(method).as_object();
    EXPECT_EQ(operation.at("operationId").as_string(), route.name);
    EXPECT_TRUE(names.insert(route.name).second) << route.name << " twice";
    std::set<std::string> wanted;
    for (std::size_t at = pattern.find('{'); at != std::string::npos; at = pattern.find('{', at + 1))
      wanted.insert(pattern.substr(at + 1, pattern.find('}', at) - at - 1));
    std::set<std::string> found;
    if (const bj::value* parameters = operation.if_contains("parameters")) {
      for (const bj::value& parameter : parameters->as_array()) {
        if (parameter.at("in").as_string() == "path") found.insert(std::string(parameter.at("name").as_string()));
      }
    }
    EXPECT_EQ(found, wanted) << pattern;
  }
}

void check_references(const bj::value& value, const bj::value& all) {
  if (value.is_array()) {
    for (const bj::value& one : value.as_array()) check_references(one, all);
  } else if (value.is_object()) {
    for (const auto& [key, one] : value.as_object()) {
      if (key != "$ref") {
        check_references(one, all);
        continue;
      }
      boost::system::error_code error;
      const std::string pointer(one.as_string());
      ASSERT_TRUE(pointer.starts_with("#/")) << pointer;
      EXPECT_NE(all.find_pointer(pointer.substr(1), error), nullptr) << pointer;
    }
  }
}

TEST_F(OpenApi, RefersToWhatIsThere) {
  const bj::value all = document();
  check_references(all, all);
}

TEST_F(OpenApi, IsOfThisVersion) {
  const bj::object all = document();
  EXPECT_EQ(all.at("openapi").as_string(), "3.1.0");
  EXPECT_EQ(all.at("info").at("version").as_string(), BRIG_VERSION);
}

}  // namespace
}  // namespace brig::api
