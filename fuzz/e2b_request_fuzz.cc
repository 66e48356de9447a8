// Attacker: a client that writes queries, bodies and signatures as E2B's clients do.
#include <cstdint>
#include <string_view>

#include "api/common/body.h"
#include "api/e2b/query.h"
#include "api/e2b/read.h"
#include "api/e2b/tokens.h"
#include "base/check.h"

using namespace brig;
using namespace brig::api;
using namespace brig::api::e2b;

namespace {

void queries(std::string_view text) {
  if (const auto time = parse_time(text)) {
    const auto again = parse_time(format(*time));
    BRIG_CHECK(again && *again == *time, "a time that is another");
  }
  if (const auto pairs = parse_metadata_filter(text)) BRIG_CHECK(pairs->size() <= kMetadataMax, "a filter without end");
  for (const bool is_ascending : {false, true}) {
    if (const auto place = read_cursor(text, is_ascending)) {
      const auto again = read_cursor(write_cursor(*place, is_ascending), is_ascending);
      BRIG_CHECK(again && *again == *place, "a cursor that is another");
    }
  }
  if (const auto target = http::parse_target("/v2/sandboxes?" + std::string(text))) {
    if (const auto query = read_list(*target))
      BRIG_CHECK(query->limit >= 1 && query->limit <= kPageMost, "a page without end");
  }
}

void bodies(std::string_view body) {
  for (const bool is_v2 : {false, true}) {
    const auto create = read_create(body, is_v2);
    BRIG_CHECK(create || !create.error().message().empty(), "an error without a reason");
    if (!create) continue;
    BRIG_CHECK(create->life.timeout.count() > 0, "a life of no time");
    BRIG_CHECK(create->metadata.size() <= kMetadataMax, "metadata without end");
    BRIG_CHECK(create->life.network.mask_host.find_first_of("\r\n ") == std::string::npos, "a host that is a header");
  }
  if (const auto timeout = read_timeout(body, kTimeoutUsual)) BRIG_CHECK(timeout->count() >= 0, "an end in the past");
  if (const auto fork = read_fork(body)) BRIG_CHECK(fork->count >= 1 && fork->count <= kForksMost, "too many forks");
  (void)read_network_update(body, {});
  (void)read_connect(body);
  (void)read_pause(body);
  (void)read_snapshot(body);
  (void)read_refresh(body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string token = Tokens("0123456789abcdef0123456789abcdef").access("abcdefghjkmnpqrstuvw");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  queries(text);
  bodies(text);
  const SignedFile file{.path = "a", .username = "", .signature = std::string(text), .expiration = {}};
  BRIG_CHECK(!check_signature(file, FileAccess::kRead, token, wall_time(1'800'000'000'000)).has_value(),
             "a signature was guessed");
  return 0;
}
