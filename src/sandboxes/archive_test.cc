#include "sandboxes/archive.h"

#include <gtest/gtest.h>

namespace brig::sandboxes {
namespace {

std::string link(const std::string& what) { return "lrwxrwxrwx 0/0               0 2026-11-21 09:14 " + what; }

TEST(Archive, LinksThatStayInsideAreFine) {
  for (const char* what : {"in -> f", "d/l -> ../d/f", "d/l -> ..", "./a/b -> ../c", "a -> b/../c", "x -> ."})
    EXPECT_EQ(refuse_listed(link(what)), std::nullopt) << what;
}

TEST(Archive, LinksThatLeadOutAreRefused) {
  for (const char* what :
       {"abs -> /etc/passwd", "up -> ..", "d/up -> ../../x", "a -> b/../../c", "./up -> ../x", "e -> "})
    EXPECT_TRUE(refuse_listed(link(what))) << what;
}

TEST(Archive, ALinkThatCanBeReadTwoWaysIsRefused) {
  EXPECT_TRUE(refuse_listed(link("a -> /etc -> x")));
  EXPECT_TRUE(refuse_listed(link("a -> b -> c")));
  EXPECT_TRUE(refuse_listed(link("no arrow")));
  EXPECT_TRUE(refuse_listed("l"));
}

TEST(Archive, DevicesAreRefusedAndFilesAreNot) {
  EXPECT_TRUE(refuse_listed("crw-r--r-- 0/0             0,0 1970-01-01 00:00 c"));
  EXPECT_TRUE(refuse_listed("brw-r--r-- 0/0             0,0 1970-01-01 00:00 b"));
  EXPECT_FALSE(refuse_listed("-rw-r--r-- 0/0               3 2026-11-21 09:14 a -> /etc/passwd"));
  EXPECT_FALSE(refuse_listed("drwxr-xr-x                  Creating directory: tmp"));
  EXPECT_FALSE(refuse_listed(""));
}

TEST(Archive, ComplaintsOfTarAreHeard) {
  EXPECT_TRUE(refuse_complaint("tar: Removing leading `/' from member names"));
  EXPECT_TRUE(refuse_complaint("tar: Removing leading `../' from member names"));
  EXPECT_TRUE(refuse_complaint("tar: Removing leading `/' from hard link targets"));
  EXPECT_TRUE(refuse_complaint("tar: a/../../zz: Member name contains '..'"));
  EXPECT_FALSE(refuse_complaint("tar: A lone zero block at 3"));
}

}  // namespace
}  // namespace brig::sandboxes
