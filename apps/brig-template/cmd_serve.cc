/// brig template serve: started by `brig serve`'s keeper, not by people.
#include <fcntl.h>
#include <sys/socket.h>

#include "../brig/options.h"
#include "base/number.h"
#include "builder.h"
#include "commands.h"
#include "image/order.h"
#include "sys/seqpacket.h"

namespace brig::templates {
namespace {

constexpr std::size_t kAtOnceMost = 64;

Result<BuilderLimits> limits_of(const std::string& at_once, const std::string& input, const std::string& time) {
  BuilderLimits limits;
  const auto number = whole_number<std::size_t>(at_once);
  if (!number || *number < 1 || *number > kAtOnceMost) return Error(Code::kInvalidArgument, "--at-once: 1 to 64");
  limits.at_once = *number;
  limits.input = TRY(parse_bytes(input).context("--input"));
  limits.time = TRY(parse_duration(time).context("--time"));
  return limits;
}

}  // namespace

int cmd_serve(const Words& words) {
  std::optional<std::string> folder;
  std::optional<std::string> at_once;
  std::optional<std::string> input;
  std::optional<std::string> time;
  cli::Options options("template serve FLAGS", "Makes templates for brig serve, which starts it; nothing for people.");
  options.option("--templates-dir", folder, "DIR", "Where templates are kept");
  options.option("--at-once", at_once, "N", "How many builds");
  options.option("--input", input, "SIZE", "The largest input of one");
  options.option("--time", time, "TIME", "The longest that one takes");
  if (const auto code = options.parse(words)) return *code;
  const bool is_ours = ::fcntl(image::kOrdersFd, F_SETFD, FD_CLOEXEC) == 0 &&
                       sys::is_unix_socket(FdRef(image::kOrdersFd), SOCK_SEQPACKET);
  if (!is_ours) return cli::usage_error("template serve is started by brig serve; it has nothing to offer to people");
  const auto limits = limits_of(at_once.value_or(""), input.value_or(""), time.value_or(""));
  if (!limits) return cli::usage_error(limits.error().message());
  auto store = open_store(folder);
  if (!store) return cli::usage_error(store.error().message());
  const auto served = make_for_daemon(Fd(image::kOrdersFd), *std::move(store), *limits);
  return served ? 0 : fail(served.error());
}

}  // namespace brig::templates
