#include "sandboxes/contexts/zygote.h"

#include <algorithm>
#include <utility>

#include "async/timer.h"
#include "service/kernel.h"
#include "service/run.h"

namespace brig::sandboxes {
namespace {

constexpr Milliseconds kWriteLimit{20'000};
/// How long it may import: on a busy host, or behind gVisor, several times what it takes alone.
constexpr Milliseconds kImportLimit{60'000};

}  // namespace

std::vector<std::string> usual_environment(policy::Policy policy) {
  // Heard as it is printed, and not lost with an interpreter that is ended.
  if (std::ranges::find(policy.environment, "PYTHONUNBUFFERED", &policy::Variable::name) == policy.environment.end())
    policy.environment.push_back({"PYTHONUNBUFFERED", "1"});
  return service::environment_of(policy);
}

void prefer_own_engine(std::vector<std::string>& environment) {
  if (std::ranges::none_of(environment, [](const std::string& one) { return one.starts_with("BRIG_ENGINE="); }))
    environment.emplace_back("BRIG_ENGINE=stdlib");
}

Task<> put_files(const std::function<Result<guest::Session*>()>& agent, const service::Launch& launch) {
  for (const service::GuestFile& file : launch.files) {
    CO_TRY(guest::Session * session, agent());  // it may have ended meanwhile
    auto written = session->write_file(file.path, std::as_bytes(std::span(file.text)), {.creates_parents = true});
    CO_TRY_VOID(co_await with_timeout(kWriteLimit, std::move(written), "writing the kernel"));
  }
  co_return Result<>();
}

Zygote::Zygote(const service::Language& language, ZygoteSpec spec, asio::any_io_executor executor)
    : language_(language), spec_(std::move(spec)), changed_(std::move(executor)) {}

Task<> Zygote::start(Agent agent) {
  using namespace asio::experimental::awaitable_operators;
  using Clock = std::chrono::steady_clock;
  const auto self = shared_from_this();
  CO_TRY(const service::Launch launch, service::zygote_of(language_, spec_.modules));
  CO_TRY(guest::Session * session, agent());
  if (!session->may_fork())
    co_return Error(Code::kUnsupported, "the agent in the sandbox cannot have a command forked");
  CO_TRY_VOID(co_await put_files(agent, launch));
  CO_TRY(session, agent());
  // Not in the working folder: whose files there are called like modules must not be imported into every context.
  auto starting = session->exec({.argv = launch.argv, .env = spec_.environment, .cwd = "/", .is_zygote = true}, *this);
  CO_TRY(process_, co_await with_timeout(kWriteLimit, std::move(starting), "starting the zygote"));
  const auto give_up = Clock::now() + kImportLimit;
  while (!is_ready_ && !is_over_) {
    const auto left = std::chrono::duration_cast<Milliseconds>(give_up - Clock::now());
    if (left.count() <= 0) break;
    auto woken = co_await (changed_.wait() || sleep(left));
    if (woken.index() == 0) CO_TRY_VOID(std::get<0>(woken));
    else CO_TRY_VOID(std::get<1>(woken));
  }
  if (is_ready()) co_return Result<>();
  process_.reset();
  co_return Error(Code::kUnavailable, "the zygote did not get ready");
}

bool Zygote::suits(const service::Language& language, const std::vector<std::string>& environment) const {
  return language.name == language_.name && service::starts_alike(spec_.environment, environment);
}

/// The first line says that it is ready; nothing else is looked at.
void Zygote::on_output(guest::Stream stream, std::span<const std::byte> bytes) {
  if (stream != guest::Stream::kOut || std::ranges::find(bytes, std::byte{'\n'}) == bytes.end()) return;
  is_ready_ = true;
  changed_.notify();
}

void Zygote::on_end(guest::Stream stream) {
  if (stream != guest::Stream::kOut) return;
  is_over_ = true;
  changed_.notify();
}

}  // namespace brig::sandboxes
