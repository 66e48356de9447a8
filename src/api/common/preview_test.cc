#include "api/common/preview.h"

#include <gtest/gtest.h>

namespace brig::api {
namespace {

const std::string kId = "abcdefghjkmnpqrstuvw";
const PortName kPort{.sandbox_id = kId, .port = 8000};
const WallTime kNow = wall_time(1'800'000'000'000);

TEST(PortHost, IsPortAndSandbox) {
  const auto found = parse_port_host("8000-" + kId + ".box.example.com");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, kPort);
  EXPECT_EQ(found->domain, "box.example.com");
}

TEST(PortHost, NothingElseIs) {
  const std::string ids[] = {"localhost",
                             "",
                             ".",
                             "8000-" + kId,
                             "8000-" + kId + ".",
                             "0-" + kId + ".localhost",
                             "65536-" + kId + ".localhost",
                             "08000-" + kId + ".localhost",
                             "+80-" + kId + ".localhost",
                             "8000-" + kId + "x.localhost",
                             "8000.localhost",
                             "-" + kId + ".localhost",
                             "8000--" + kId + ".localhost",
                             kId + ".localhost",
                             "8000-ABCDEFGHJKMNPQRSTUVW.localhost",
                             "127.0.0.1",
                             "[::1]"};
  for (const std::string& host : ids) EXPECT_FALSE(parse_port_host(host)) << host;
}

TEST(Preview, LetsInUntilItsMoment) {
  const PreviewSigner signer("0123456789abcdef0123456789abcdef");
  const std::string pass = signer.sign(kPort, kNow + Milliseconds{10'000});
  EXPECT_TRUE(signer.check(kPort, pass, kNow));
  EXPECT_TRUE(signer.check(kPort, pass, kNow + Milliseconds{9'999}));
  const auto late = signer.check(kPort, pass, kNow + Milliseconds{10'000});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().message(), "this preview has expired");
}

TEST(Preview, IsForOnePortOfOneSandbox) {
  const PreviewSigner signer("0123456789abcdef0123456789abcdef");
  const std::string pass = signer.sign(kPort, kNow + Milliseconds{10'000});
  EXPECT_FALSE(signer.check({.sandbox_id = kId, .port = 8001}, pass, kNow));
  EXPECT_FALSE(signer.check({.sandbox_id = "bbcdefghjkmnpqrstuvw", .port = 8000}, pass, kNow));
  EXPECT_FALSE(PreviewSigner("another secret").check(kPort, pass, kNow));
}

TEST(Preview, EveryChangeOfItsTextIsNoticed) {
  const PreviewSigner signer("0123456789abcdef0123456789abcdef");
  const std::string pass = signer.sign(kPort, kNow + Milliseconds{10'000});
  for (std::size_t at = 0; at < pass.size(); ++at) {
    std::string other = pass;
    other[at] = other[at] == '1' ? '2' : '1';
    EXPECT_FALSE(signer.check(kPort, other, kNow)) << at;
    EXPECT_FALSE(signer.check(kPort, pass.substr(0, at), kNow)) << at;
  }
  EXPECT_FALSE(signer.check(kPort, pass + "0", kNow));
  EXPECT_FALSE(signer.check(kPort, "99999999999999999999." + pass.substr(pass.find('.') + 1), kNow));
}

TEST(Preview, LeavesNoTraceInWhatIsPassedOn) {
  EXPECT_EQ(without_parameter("/a?brig_preview=1.2", kPreviewName), "/a");
  EXPECT_EQ(without_parameter("/a?x=1&brig_preview=1.2&y=%20", kPreviewName), "/a?x=1&y=%20");
  EXPECT_EQ(without_parameter("/a?brig%5Fpreview=1.2&brig_preview", kPreviewName), "/a");
  EXPECT_EQ(without_parameter("/a?x", kPreviewName), "/a?x");
  EXPECT_EQ(without_cookie("a=1; brig_preview=2;  brig_preview = 3; b=4", kPreviewName), "a=1; b=4");
  EXPECT_EQ(without_cookie("brig_preview=2", kPreviewName), "");
  EXPECT_EQ(cookies_named("a=1; brig_preview=2;brig_preview= 3 ", kPreviewName),
            (std::vector<std::string_view>{"2", "3"}));
}

TEST(Preview, AGuestsCookieIsItsOwnHostsAlone) {
  EXPECT_EQ(tame_cookie("a=1; Domain=example.com; Path=/; domain = x"), "a=1; Path=/");
  EXPECT_EQ(tame_cookie("a=1"), "a=1");
  EXPECT_EQ(tame_cookie(" brig_preview=1; Path=/"), std::nullopt);
}

}  // namespace
}  // namespace brig::api
