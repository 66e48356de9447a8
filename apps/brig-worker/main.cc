/// brig-worker: reads what somebody else made, inside a sandbox, and dies after one job.
///
///   brig-worker unpack INPUT BUILD key=value…     an image to BUILD/tree; the draft of its manifest on stdout
///   brig-worker plan DOCKERFILE OPTIONS CONTEXT   a Dockerfile to a plan
///   brig-worker copy ROOT PLAN CONTEXT            what the plan's one step copies, into ROOT
///   brig-worker gather ROOT PLAN OUT              what it copies of ROOT, into folders of OUT
///
/// Lines for a person go to stderr. Ends with 1 and {"error": "…"} on stdout if the input is no good.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include "base/number.h"
#include "image/plan.h"
#include "image/worker/build_jobs.h"
#include "image/worker/context.h"
#include "image/worker/unpack.h"
#include "json/json.h"
#include "sys/file.h"

namespace {

using brig::Code;
using brig::Error;
using brig::Result;

Result<> set_option(brig::image::UnpackRequest& request, std::string_view word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return Error(Code::kInvalidArgument, "an option is key=value");
  const std::string_view key = word.substr(0, equals);
  const std::string_view value = word.substr(equals + 1);
  if (key == "image") {
    request.image = std::string(value);
    return {};
  }
  const auto number = brig::whole_number<std::uint64_t>(value);
  if (!number) return Error(Code::kInvalidArgument, "\"" + std::string(key) + "\" wants a number");
  if (key == "bytes") {
    request.tree.bytes = *number;
    request.unfolding.most = *number;
  } else {
    return Error(Code::kInvalidArgument, "there is no option \"" + std::string(key) + "\"");
  }
  return {};
}

Result<std::string> unpack(const std::vector<std::string>& words) {
  const brig::Fd input = TRY(brig::sys::open(words[1], O_RDONLY));
  const brig::Fd build = TRY(brig::sys::open(words[2], O_RDONLY | O_DIRECTORY));
  brig::image::UnpackRequest request{.input = input.ref(), .build = build.ref()};
  request.progress = [](const std::string& line) { (void)std::fprintf(stderr, "%s\n", line.c_str()); };
  for (std::size_t i = 3; i < words.size(); ++i) TRY(set_option(request, words[i]));
  return to_draft(TRY(brig::image::unpack(request)));
}

Result<std::string> read_text(const std::string& path) { return brig::sys::read_file(path, std::size_t{16} << 20); }

Result<brig::image::PlanStep> one_step(const std::string& path) {
  auto plan = TRY(brig::image::parse_plan(TRY(read_text(path))));
  if (plan.stages.front().steps.size() != 1) return Error(Code::kInvalidArgument, "a plan of one step is wanted");
  return std::move(plan.stages.front().steps.front());
}

Result<std::string> build(const std::vector<std::string>& words) {
  if (words[0] == "plan") {
    const brig::Fd context = TRY(brig::sys::open(words[3], O_RDONLY));
    return to_json(TRY(brig::image::plan_build(TRY(read_text(words[1])), TRY(read_text(words[2])), context.ref())));
  }
  const brig::Fd root = TRY(brig::sys::open(words[1], O_RDONLY | O_DIRECTORY));
  const brig::image::PlanStep step = TRY(one_step(words[2]));
  if (step.kind == brig::image::StepKind::kFolder) {
    TRY(brig::image::make_folder(root.ref(), step.folder));
    return std::string("{}");
  }
  const brig::Fd other = TRY(brig::sys::open(words[3], O_RDONLY));
  if (words[0] == "gather") {
    boost::json::array sources;
    for (const std::string& source : TRY(brig::image::gather(root.ref(), step, other.ref())))
      sources.emplace_back(source);
    return brig::json::write(sources);
  }
  const auto context = TRY(brig::image::Context::open(other.ref()));
  TRY(brig::image::copy_into(root.ref(), other.ref(), context, step));
  return std::string("{}");
}

Result<std::string> work(const std::vector<std::string>& words) {
  if (words.size() >= 3 && words[0] == "unpack") return unpack(words);
  if (words.size() == 4 && (words[0] == "plan" || words[0] == "copy" || words[0] == "gather")) return build(words);
  return Error(Code::kInvalidArgument, "brig-worker is started by brig template");
}

}  // namespace

int main(int count, char** arguments) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file beyond the limit is an error with a sentence, not a death
  const auto done = work(std::vector<std::string>(arguments + 1, arguments + count));
  const std::string text = done ? *done : brig::json::write(boost::json::object{{"error", done.error().message()}});
  if (!brig::sys::write_all(brig::FdRef(STDOUT_FILENO), text + "\n")) return 2;
  return done ? 0 : 1;
}
