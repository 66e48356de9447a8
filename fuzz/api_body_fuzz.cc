// Attacker: a client that controls the body of every route that reads one. What is accepted must be within what the
// routes promise to those below them.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "api/v1/read.h"
#include "base/check.h"
#include "base/text.h"
#include "json/utf8.h"
#include "policy/validate.h"

using namespace brig;
using namespace brig::api;
using namespace brig::api::v1;

namespace {

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

template <class T>
bool has_reason(const Result<T>& result) {
  return result.has_value() || !result.error().message().empty();
}

void check_metadata(const std::vector<policy::Variable>& metadata) {
  std::size_t bytes = 0;
  for (const policy::Variable& pair : metadata) bytes += pair.name.size() + pair.value.size();
  BRIG_CHECK(metadata.size() <= kMetadataMax && bytes <= kMetadataBytesMax, "metadata without end");
}

void create(std::string_view body) {
  static const sandboxes::Options options;
  const auto read = read_create(body, options);
  BRIG_CHECK(has_reason(read), "an error without a reason");
  if (!read) return;
  const auto& request = read->request;
  BRIG_CHECK(policy::validate(request.policy).has_value(), "a policy that is none");
  BRIG_CHECK(request.policy.mounts.empty(), "a client had files of the host shown");
  BRIG_CHECK(!request.lifespan.ttl || (request.lifespan.ttl->count() > 0 && *request.lifespan.ttl <= options.ttl_most),
             "a life without end");
  BRIG_CHECK(!has_nul(request.template_name) && !has_nul(read->snapshot_id), "a NUL in a name");
  check_metadata(request.metadata);
}

void exec(std::string_view body) {
  const policy::Policy policy;
  const auto read = read_exec(body, policy);
  BRIG_CHECK(has_reason(read), "an error without a reason");
  if (!read) return;
  BRIG_CHECK(!read->spec.argv.empty(), "a command without a program");
  BRIG_CHECK(std::ranges::none_of(read->spec.argv, has_nul), "a NUL in an argument");
  BRIG_CHECK(std::ranges::none_of(read->spec.env, has_nul), "a NUL in a variable");
  BRIG_CHECK(read->spec.cwd.empty() || read->spec.cwd.front() == '/', "a folder that is no place");
  BRIG_CHECK(!read->spec.timeout || read->spec.timeout->count() > 0, "a limit of no time");
}

void others(std::string_view body) {
  const sandboxes::Lifespan now{};
  if (const auto life = read_lifespan(body, now, {.ttl = Milliseconds{1000}, .idle = {}}))
    BRIG_CHECK(!life->ttl || !*life->ttl || (*life->ttl)->count() > 0, "an end in the past");
  if (const auto signal = read_signal(body)) BRIG_CHECK(signal->number >= 1 && signal->number <= 64, "no signal");
  if (const auto size = read_size(body)) BRIG_CHECK(size->rows > 0 && size->columns > 0, "a terminal without a size");
  if (const auto move = read_move(body)) BRIG_CHECK(!has_nul(move->from) && !has_nul(move->to), "a NUL in a path");
  if (const auto path = read_path(body)) BRIG_CHECK(!has_nul(*path), "a NUL in a path");
  if (const auto mode = read_mode(body)) BRIG_CHECK(mode->mode <= 07777, "no mode");
  for (const bool is_tree : {false, true}) {
    if (const auto fork = read_fork(body, is_tree)) {
      BRIG_CHECK(fork->count >= 1 && fork->count <= 16, "too many forks");
      check_metadata(fork->metadata);
    }
  }
  if (const auto promote = read_promote(body)) BRIG_CHECK(promote->tree_id.size() <= 128, "no id");
  if (const auto lifetime = read_preview(body))
    BRIG_CHECK(lifetime->count() > 0 && *lifetime <= kPreviewMost, "a preview for ever");
  if (const auto key = read_key(body))
    BRIG_CHECK(key->prefix.size() <= 16 && (!key->lifetime || key->lifetime->count() > 0), "no key");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  create(body);
  exec(body);
  others(body);
  // And what a command prints, cut where a character is whole.
  const std::size_t whole = json::whole_characters(body);
  BRIG_CHECK(whole <= size && size - whole <= 3, "more than a character was cut");
  if (is_utf8(body)) BRIG_CHECK(is_utf8(body.substr(0, whole)), "a character was cut");
  return 0;
}
