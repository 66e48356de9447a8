#include "mcp_calls.h"

#include <algorithm>
#include <utility>

#include "answer.h"
#include "service/languages.h"

namespace brig::client {
namespace {

namespace bj = boost::json;

/// At the daemon at once.
constexpr std::size_t kMadeAtOnce = 32;

const bj::object& object_in(const bj::object& object, std::string_view name) {
  static const bj::object kNone;
  const bj::value* value = object.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : kNone;
}

/// "py" and "python" are one interpreter.
std::string interpreter_of(const std::string& language) {
  const auto known = service::find_language(language.empty() ? "python" : language);
  return known ? std::string((*known)->name) : language;
}

bool must_wait(const McpCalls::Call& call, const McpCalls::Call& earlier) {
  if (call.sandbox != earlier.sandbox) return false;
  return earlier.writes || (!call.language.empty() && call.language == earlier.language);
}

}  // namespace

void McpCalls::add(std::string line, const bj::object& message) {
  const bj::value* id = message.if_contains("id");
  const bj::object& params = object_in(message, "params");
  const bj::object& arguments = object_in(params, "arguments");
  const std::string tool = text_at(params, "name");
  calls_.push_back(
      std::make_shared<Call>(Call{.id = id != nullptr ? *id : bj::value(),
                                  .line = std::move(line),
                                  .sandbox = text_at(arguments, "sandbox_id"),
                                  .language = tool == "run_code" ? interpreter_of(text_at(arguments, "language")) : "",
                                  .writes = tool == "write_file"}));
}

std::shared_ptr<McpCalls::Call> McpCalls::next() {
  if (calls_.size() - waiting() >= kMadeAtOnce) return nullptr;
  for (auto at = calls_.begin(); at != calls_.end(); ++at) {
    if ((*at)->is_made) continue;
    const auto is_free =
        std::none_of(calls_.begin(), at, [&](const auto& earlier) { return must_wait(**at, *earlier); });
    if (!is_free) continue;
    (*at)->is_made = true;
    return *at;
  }
  return nullptr;
}

void McpCalls::settle(const std::shared_ptr<Call>& call) { calls_.remove(call); }

bool McpCalls::drop(const bj::value& id) {
  return calls_.remove_if([&](const auto& call) { return !call->is_made && !id.is_null() && call->id == id; }) > 0;
}

std::size_t McpCalls::waiting() const {
  return static_cast<std::size_t>(std::ranges::count_if(calls_, [](const auto& call) { return !call->is_made; }));
}

}  // namespace brig::client
