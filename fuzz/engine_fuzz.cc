// What an engine says, what a sandbox sends through it, and what the kernel says of a container's process.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/text.h"
#include "runtimes/engine/answers.h"
#include "runtimes/engine/confirm.h"
#include "runtimes/engine/frames.h"
#include "runtimes/engine/keeper_name.h"

using namespace brig;
using namespace brig::runtimes::engine;

namespace {

void expect_shown(std::string_view text) {
  BRIG_CHECK(printable(text, text.size()) == text, "a text that may drive a terminal");
  BRIG_CHECK(text.size() <= 4 * kTextMax + 64, "a text without end");
}

void expect_id(std::string_view id) {
  BRIG_CHECK(id.size() == 64 && id.find_first_not_of("0123456789abcdef") == std::string_view::npos,
             "an id that leads elsewhere");
}

/// However the bytes are cut, the same comes out of them, and no more than went in.
void take_apart(std::string_view text) {
  std::string whole;
  Demultiplexer at_once;
  const bool is_good = at_once.feed(std::as_bytes(std::span(text)), whole).has_value();
  std::string pieces;
  Demultiplexer bit_by_bit;
  bool is_still_good = true;
  for (std::size_t at = 0; at < text.size() && is_still_good; at += 3)
    is_still_good = bit_by_bit.feed(std::as_bytes(std::span(text.substr(at, 3))), pieces).has_value();
  BRIG_CHECK(is_good == is_still_good, "frames that depend on how they were cut");
  if (is_good) BRIG_CHECK(whole == pieces, "bytes that depend on how they were cut");
  BRIG_CHECK(whole.size() <= text.size(), "more than was sent");
  BRIG_CHECK(at_once.complaint().size() <= kComplaintMax, "complaints without end");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  take_apart(text);
  if (const auto about = read_about(text, text)) expect_shown(about->name);
  if (const auto id = read_created(text)) expect_id(*id);
  if (const auto standing = read_standing(text)) {
    expect_shown(standing->error);
    BRIG_CHECK(standing->pid >= 0, "a process that is a group");
  }
  if (const auto list = read_list(text)) {
    BRIG_CHECK(list->size() <= kContainersMax, "a list without end");
    for (const Listed& listed : *list) expect_id(listed.id);
  }
  expect_shown(error_of(500, text, "engine").message());
  if (const auto keeper = parse_keeper(text)) BRIG_CHECK(keeper->pid > 0, "a process that is a group");
  (void)begun_in(text);
  (void)confirm_mounts(read_mounts(text), {.masked = {"/sys"}, .writable = {"/tmp"}});
  (void)confirm_network(text);
  return 0;
}
