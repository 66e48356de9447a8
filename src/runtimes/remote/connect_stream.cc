#include "runtimes/remote/connect_stream.h"

#include <boost/json/value.hpp>

#include "base/base64.h"
#include "base/text.h"
#include "json/json.h"
#include "json/reader.h"

namespace brig::runtimes::remote {
namespace {

namespace bj = boost::json;
using json::Reader;
using Kind = ProcessEvent::Kind;

constexpr std::size_t kTextMax = 400;

Result<std::string> bytes_at(const Reader& at) {
  auto bytes = from_base64(TRY(at.text()));
  if (!bytes) return at.error("no base64");
  return *std::move(bytes);
}

/// The printable text at `key`; empty if there is none.
Result<std::string> text_at(const Reader& object, std::string_view key) {
  const auto at = TRY(object.given(key));
  if (!at) return std::string();
  return printable(TRY(at->text()), kTextMax);
}

Result<ProcessEvent> read_data(const Reader& data) {
  ProcessEvent event;
  for (const auto& [key, kind] : {std::pair{"stdout", Kind::kOut}, std::pair{"stderr", Kind::kErr}}) {
    const auto at = TRY(data.find(key));
    if (!at) continue;
    if (event.kind != Kind::kOther) return data.error("two things at once");
    event = {.kind = kind, .pid = 0, .bytes = TRY(bytes_at(*at)), .text = {}};
  }
  return event;
}

Result<ProcessEvent> read_end(const Reader& end) {
  ProcessEvent event{.kind = Kind::kEnded, .pid = 0, .bytes = {}, .text = TRY(text_at(end, "status"))};
  if (const std::string error = TRY(text_at(end, "error")); !error.empty()) event.text = error;
  if (event.text.empty()) event.text = "it ended";
  return event;
}

Result<ProcessEvent> read_close(const Reader& at) {
  ProcessEvent event{.kind = Kind::kClosed, .pid = 0, .bytes = {}, .text = {}};
  const auto error = TRY(at.given("error"));
  if (!error) return event;
  event.text = TRY(text_at(*error, "code"));
  if (const std::string message = TRY(text_at(*error, "message")); !message.empty())
    event.text += (event.text.empty() ? "" : ": ") + message;
  if (event.text.empty()) event.text = "an error without a name";
  return event;
}

}  // namespace

Result<ProcessEvent> read_event(const http::Envelope& envelope) {
  auto value = json::parse(envelope.payload, {.max_bytes = kEnvelopeMax, .max_depth = 8});
  if (!value) return std::move(value).error().context("an event");
  const Reader at(*value);
  if (envelope.is_end) return read_close(at);
  const Reader event = TRY(at.at("event"));
  const auto start = TRY(event.find("start"));
  const auto data = TRY(event.find("data"));
  const auto end = TRY(event.find("end"));
  if (int{start.has_value()} + int{data.has_value()} + int{end.has_value()} > 1)
    return event.error("several events in one");
  if (data) return read_data(*data);
  if (end) return read_end(*end);
  if (!start) return ProcessEvent();
  const auto pid = static_cast<std::uint32_t>(TRY(TRY(start->at("pid")).integer(1, INT32_MAX)));
  return ProcessEvent{.kind = Kind::kStarted, .pid = pid, .bytes = {}, .text = {}};
}

std::string start_request(const std::string& program, std::span<const std::string> arguments) {
  bj::array words;
  for (const std::string& argument : arguments) words.emplace_back(argument);
  const bj::object process{{"cmd", program}, {"args", std::move(words)}, {"cwd", "/"}};
  return http::enveloped(json::write(bj::object{{"process", process}, {"stdin", true}}));
}

std::string input_request(std::uint32_t pid, std::string_view bytes) {
  return json::write(bj::object{{"process", {{"pid", pid}}}, {"input", {{"stdin", to_base64(bytes)}}}});
}

}  // namespace brig::runtimes::remote
