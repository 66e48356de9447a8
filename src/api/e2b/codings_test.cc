#include "api/e2b/codings.h"

#include <gtest/gtest.h>

namespace brig::api::e2b {
namespace {

TEST(Codings, OfWhoeverAsks) {
  for (const char* text :
       {"gzip", "GZIP", " gzip ;q=0.5", "gzip, identity;q=0.5", "gzip,*;q=0", "br;q=0, gzip", ",gzip,"})
    EXPECT_TRUE(codings_of(text).wants_gzip) << text;
  for (const char* text : {"", "identity", "gzip, deflate", "gzip, deflate, br, zstd", "*", "gzip, *", "gzip;q=0",
                           "gzip;Q=0.000", "gzip;q=x", "gzip;q=", "identity, gzip;q=0.5", "gzip, identity", "xgzip"})
    EXPECT_FALSE(codings_of(text).wants_gzip) << text;
}

TEST(Codings, OfWhoeverRefuses) {
  struct Row {
    const char* text;
    bool may_be_plain;
    bool may_be_gzip;
  };
  for (const Row& row :
       {Row{"", true, false}, Row{"identity;q=0", false, false}, Row{"identity; q=0", false, false},
        Row{"*;q=0", false, false}, Row{"*;q=0, identity", true, false}, Row{"gzip, identity;q=0", false, true},
        Row{"gzip, *;q=0", false, true}, Row{"deflate, identity;q=0", false, false},
        Row{"*, identity;q=0", false, true}, Row{"gzip;q=0, *", true, false}, Row{"br", true, false}}) {
    const Codings codings = codings_of(row.text);
    EXPECT_EQ(codings.may_be_plain, row.may_be_plain) << row.text;
    EXPECT_EQ(codings.may_be_gzip, row.may_be_gzip) << row.text;
  }
}

}  // namespace
}  // namespace brig::api::e2b
