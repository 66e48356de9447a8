#include "http/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/testing/rig.h"

namespace brig::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using namespace testing;

Task<> say_route(Exchange& exchange) {
  std::string text(exchange.route());
  for (const char* name : {"id", "port", "rest"}) text.append("|").append(exchange.parameter(name));
  co_return co_await exchange.send(200, {}, text);
}

void add_routes(Router& router) {
  router.add("GET /", "root", say_route);
  router.add("GET /v1/sandboxes", "list", say_route);
  router.add("POST /v1/sandboxes", "create", say_route);
  router.add("GET /v1/sandboxes/{id}", "get", say_route);
  router.add("DELETE /v1/sandboxes/{id}", "kill", say_route);
  router.add("GET /v1/sandboxes/events", "events", say_route);
  router.add("* /v1/sandboxes/{id}/ports/{port}/{rest...}", "port", say_route);
}

std::string routed(const Router& router, std::string_view method, std::string_view target) {
  const auto match = router.match(method, *parse_target(target));
  if (match.route != nullptr) return match.route->name;
  std::string text = match.allowed.empty() ? "404" : "405";
  for (const std::string& allowed : match.allowed) text += " " + allowed;
  return text;
}

TEST(Router, FindsRoutes) {
  Router router;
  add_routes(router);
  EXPECT_EQ(routed(router, "GET", "/"), "root");
  EXPECT_EQ(routed(router, "GET", "/v1/sandboxes?limit=3"), "list");
  EXPECT_EQ(routed(router, "GET", "/v1/sandboxes/7f"), "get");
  EXPECT_EQ(routed(router, "GET", "/v1/sandboxes/a%2Fb"), "get");
  EXPECT_EQ(routed(router, "GET", "/v1/sandboxes/events"), "events");   // a literal goes first
  EXPECT_EQ(routed(router, "DELETE", "/v1/sandboxes/events"), "kill");  // but hides no other method
  EXPECT_EQ(routed(router, "HEAD", "/v1/sandboxes/7f"), "get");
  EXPECT_EQ(routed(router, "PATCH", "/v1/sandboxes/7f/ports/80/a/b"), "port");
  EXPECT_EQ(routed(router, "GET", "/v1/sandboxes/7f/ports/80"), "port");
  EXPECT_EQ(routed(router, "GET", "/v1/sandboxes/7f/ports/80/"), "port");
}

TEST(Router, TellsUnknownPathsFromUnknownMethods) {
  Router router;
  add_routes(router);
  EXPECT_EQ(routed(router, "GET", "/v1"), "404");
  EXPECT_EQ(routed(router, "GET", "/v1/sandboxes/"), "404");  // no name is empty
  EXPECT_EQ(routed(router, "GET", "/v1/sandboxes/7f/other"), "404");
  EXPECT_EQ(routed(router, "GET", "//v1/sandboxes"), "404");
  EXPECT_EQ(routed(router, "OPTIONS", "*"), "404");
  EXPECT_EQ(routed(router, "PUT", "/v1/sandboxes"), "405 GET HEAD POST");
  EXPECT_EQ(routed(router, "POST", "/v1/sandboxes/events"), "405 DELETE GET HEAD");
}

TEST(Router, GivesParametersDecoded) {
  Router router;
  add_routes(router);
  const auto match = router.match("GET", *parse_target("/v1/sandboxes/a%20b/ports/80/x/y%2Fz/"));
  EXPECT_THAT(match.parameters, ElementsAre(Pair("id", "a b"), Pair("port", "80"), Pair("rest", "x/y/z/")));
}

TEST(Router, ListsItsRoutes) {
  Router router;
  add_routes(router);
  ASSERT_EQ(router.routes().size(), 7U);
  EXPECT_EQ(router.routes()[3].method, "GET");
  EXPECT_EQ(router.routes()[3].pattern, "/v1/sandboxes/{id}");
  EXPECT_EQ(router.routes()[3].name, "get");
}

TEST(Router, AnswersThroughAServer) {
  Router router;
  add_routes(router);
  Rig rig([&](Exchange& exchange) { return router.handle(exchange); });
  EXPECT_EQ(body_of(rig.talk("GET /v1/sandboxes/7f HTTP/1.1\r\nHost: x\r\n\r\n")), "get|7f||");
  const std::string unknown = rig.talk("GET /v2 HTTP/1.1\r\nHost: x\r\nX-Request-Id: r1\r\n\r\n");
  EXPECT_EQ(status_of(unknown), 404);
  EXPECT_EQ(body_of(unknown),
            "{\"error\":\"there is nothing at this path\",\"code\":\"not_found\",\"request_id\":\"r1\"}\n");
  const std::string wrong = rig.talk("PUT /v1/sandboxes HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(wrong), 405);
  EXPECT_THAT(wrong, HasSubstr("Allow: GET, HEAD, POST\r\n"));
  EXPECT_EQ(rig.seen.at(0).route, "get");
}

using RouterDeathTest = ::testing::Test;
TEST(RouterDeathTest, RefusesPatternsThatAreNone) {
  Router router;
  add_routes(router);
  EXPECT_DEATH(router.add("GET /v1/sandboxes/{other}", "again", say_route), "again|GET");
  EXPECT_DEATH(router.add("GET v1", "x", say_route), "GET v1");
  EXPECT_DEATH(router.add("GET /a/{rest...}/b", "x", say_route), "rest");
  EXPECT_DEATH(router.add("GET /a/x{id}", "x", say_route), "id");
}

TEST(ErrorReply, MapsEveryCode) {
  for (const auto& [code, status] : std::vector<std::pair<Code, int>>{{Code::kInvalidArgument, 400},
                                                                      {Code::kNotFound, 404},
                                                                      {Code::kDenied, 403},
                                                                      {Code::kExhausted, 429},
                                                                      {Code::kUnsupported, 501},
                                                                      {Code::kDeadline, 504},
                                                                      {Code::kCancelled, 503},
                                                                      {Code::kUnavailable, 503},
                                                                      {Code::kSystem, 500},
                                                                      {Code::kInternal, 500}}) {
    const Reply reply = error_reply(Error(code, "say \"why\"\n"), "id");
    EXPECT_EQ(reply.status, status);
    EXPECT_EQ(reply.body, "{\"error\":\"say \\\"why\\\"\\n\",\"code\":\"" + std::string(to_string(code)) +
                              "\",\"request_id\":\"id\"}\n");
  }
}

}  // namespace
}  // namespace brig::http
