#include "api/common/cell_output.h"

#include <utility>

#include "service/results.h"

namespace brig::api {

using Kind = sandboxes::CellEvent::Kind;

void CellOutput::take(sandboxes::CellEvent event) {
  switch (event.kind) {
    case Kind::kOut: out.append(std::as_bytes(std::span(event.text))); break;
    case Kind::kErr: err.append(std::as_bytes(std::span(event.text))); break;
    case Kind::kError: error = std::move(event.error); break;
    case Kind::kEnd: end = std::move(event.end); break;
    case Kind::kResult: add(std::move(event)); break;
  }
}

void CellOutput::add(sandboxes::CellEvent event) {
  std::size_t bytes = 0;
  for (const auto& [mime, form] : event.result.forms) bytes += mime.size() + form.size();
  if (results.size() >= sandboxes::kHeldResultsMax || held + bytes > service::kResultBytesMax) {
    ++dropped;
    return;
  }
  held += bytes;
  results.push_back(std::move(event));
}

Task<> collect(sandboxes::Context::Run& run, CellOutput& all) {
  while (true) {
    CO_TRY(sandboxes::CellEvent event, co_await run.next());
    const bool is_over = event.kind == Kind::kEnd;
    all.take(std::move(event));
    if (is_over) co_return Result<>();
  }
}

}  // namespace brig::api
