#include "cells.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include <boost/json/value.hpp>

#include "../brig/options.h"
#include "answer.h"
#include "base/base64.h"
#include "base/units.h"
#include "json/json.h"
#include "sandbox_request.h"
#include "sys/file.h"

namespace brig::client {
namespace {

namespace bj = boost::json;

constexpr std::size_t kEventMost = std::size_t{24} << 20;
constexpr std::size_t kAnswerMax = std::size_t{1} << 20;
constexpr int kFigureTries = 10'000;
/// That one cell may leave here: it is nobody's disk but the user's.
constexpr std::size_t kFiguresMost = 1000;
constexpr std::uint64_t kFigureBytesMost = std::uint64_t{256} << 20;

/// On a line of its own.
std::string line(std::string text) {
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text;
}

}  // namespace

int CellEnding::exit_code_of_ours() const {
  if (status == "ok") return 0;
  if (status == "timeout") return 124;
  if (status == "interrupted") return 130;
  return exit_code.value_or(1) & 0xff;
}

std::string Cells::path(std::string_view rest) const {
  return path_of(sandbox_, "/contexts/" + http::percent_encode(context_) + std::string(rest));
}

Task<bj::object> ask(Remote& remote, std::string method, std::string target, bj::object body) {
  http::Request request{.method = std::move(method),
                        .target = std::move(target),
                        .headers = remote.headers(),
                        .body = body.empty() ? "" : json::write(body),
                        .source = {},
                        .length = {}};
  if (!body.empty()) request.headers.add("Content-Type", "application/json");
  CO_TRY(const auto response, co_await send(remote.client(), std::move(request)));
  CO_TRY(const std::string answer, co_await response->read_body(kAnswerMax));
  if (answer.empty()) co_return bj::object();
  CO_TRY(const auto value, json::parse(answer).context("the daemon's answer"));
  co_return object_of(value);
}

Task<> Cells::interrupt() {
  CO_TRY_VOID(co_await ask(remote_, "POST", path("/interrupt"), {}));
  co_return Result<>();
}

/// Under the first name that is free; what is there stays.
Result<std::string> Cells::save(std::string_view bytes, std::string_view ending) {
  if (::mkdir(folder_.c_str(), 0777) < 0 && errno != EEXIST) return Error::last_system("make the folder " + folder_);
  for (int i = 0; i < kFigureTries; ++i) {
    const std::string name = folder_ + "/figure-" + std::to_string(++figures_) + std::string(ending);
    const Fd file(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (!file.is_open() && errno == EEXIST) continue;
    if (!file.is_open()) return Error::last_system("save " + name);
    TRY(sys::write_all(file.ref(), std::string(bytes)).context("save " + name));
    return name;
  }
  return Error(Code::kExhausted, "the folder " + folder_ + " has too many figures");
}

/// What a program inside says.
Result<> Cells::print(int descriptor, std::string text) {
  if (::isatty(descriptor) == 1) text = (descriptor == STDOUT_FILENO ? out_ : err_).take(text);
  return sys::write_all(FdRef(descriptor), text);
}

Result<> Cells::end_output() {
  TRY(sys::write_all(FdRef(STDOUT_FILENO), out_.end()));
  TRY(sys::write_all(FdRef(STDERR_FILENO), err_.end()));
  if (not_saved_ > 0)
    cli::complain(std::to_string(not_saved_) + " figures were not saved: one run may leave " +
                  std::to_string(kFiguresMost) + " of them, and " + format(Bytes{kFigureBytesMost}));
  return {};
}

Result<> Cells::show_figure(std::string_view bytes, std::string_view ending) {
  if (saved_ >= kFiguresMost || bytes.size() > kFigureBytesMost - saved_bytes_) {
    ++not_saved_;
    return {};
  }
  ++saved_;
  saved_bytes_ += bytes.size();
  const auto saved = save(bytes, ending);
  return sys::write_all(FdRef(STDERR_FILENO),
                        saved ? "figure saved: " + *saved + "\n" : "brig: " + saved.error().message() + "\n");
}

Result<> Cells::show_result(const bj::object& event) {
  const bj::value* data = event.if_contains("data");
  if (data == nullptr || !data->is_object()) return {};
  const bj::object& forms = data->get_object();
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kPictures{
      {{"image/png", ".png"}, {"image/jpeg", ".jpg"}}};
  for (const auto& [mime, ending] : kPictures) {
    if (const auto bytes = from_base64(text_at(forms, mime)); bytes && !bytes->empty())
      return show_figure(*bytes, ending);
  }
  for (const std::string_view mime : {"text/plain", "text/markdown", "application/json", "text/html"}) {
    if (const std::string text = text_at(forms, mime); !text.empty()) return print(STDOUT_FILENO, line(text));
  }
  return {};
}

Task<CellEnding> Cells::run(std::string code, std::optional<double> timeout_seconds) {
  bj::object body{{"code", std::move(code)}};
  if (timeout_seconds) body["timeout_seconds"] = *timeout_seconds;
  http::Request request{.method = "POST",
                        .target = path("/run"),
                        .headers = remote_.headers(),
                        .body = json::write(body),
                        .source = {},
                        .length = {}};
  request.headers.add("Content-Type", "application/json");
  request.headers.add("Accept", "text/event-stream");
  saved_ = not_saved_ = 0;
  saved_bytes_ = 0;
  CO_TRY(const auto response, co_await send(remote_.client(), std::move(request)));
  while (true) {
    CO_TRY(const auto event, co_await response->read_event());
    if (!event) co_return Error(Code::kUnavailable, "the daemon is gone, and the cell with it");
    const auto data = json::parse(event->data, {.max_bytes = kEventMost});
    if (!data || !data->is_object()) continue;
    const bj::object& object = data->get_object();
    if (event->name == "stdout") CO_TRY_VOID(print(STDOUT_FILENO, text_at(object, "chunk")));
    if (event->name == "stderr") CO_TRY_VOID(print(STDERR_FILENO, text_at(object, "chunk")));
    if (event->name == "result") CO_TRY_VOID(show_result(object));
    if (event->name == "error") {
      const std::string traceback = text_at(object, "traceback");
      const std::string sentence = text_at(object, "name") + ": " + text_at(object, "value");
      CO_TRY_VOID(print(STDERR_FILENO, line(traceback.empty() ? sentence : traceback)));
      if (const std::string hint = text_at(object, "hint"); !hint.empty()) cli::complain(hint);
    }
    if (event->name != "end") continue;
    CO_TRY_VOID(end_output());
    CellEnding ending{.status = text_at(object, "status"), .exit_code = {}};
    const bj::value* exit = object.if_contains("exit_code");
    if (exit != nullptr && exit->is_int64()) ending.exit_code = static_cast<int>(exit->get_int64() & 0xff);
    const bj::value* dropped = object.if_contains("dropped");
    if (dropped != nullptr && dropped->is_int64() && dropped->get_int64() > 0)
      cli::complain(std::to_string(dropped->get_int64()) + " results were too many or too large and are left out");
    co_return ending;
  }
}

}  // namespace brig::client
