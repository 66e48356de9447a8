#include "service/results.h"

#include <boost/json/value.hpp>

namespace brig::service {

void Results::append(std::span<const std::byte> bytes) {
  lines_.append(bytes, [this](std::string_view line) { take_line(line); });
}

void Results::finish() {
  lines_.finish([this](std::string_view line) { take_line(line); });
}

void Results::take_line(std::string_view line) {
  if (line.size() > kResultReadMax - read_) {
    ++dropped_;
    return;
  }
  read_ += line.size();
  const auto record = parse_record(line);
  if (record && kept_ + line.size() <= kResultBytesMax) {
    const std::string type = text_of(*record, "type");
    if (type == "error" && !error_) {
      error_ = error_of(*record);
      kept_ += line.size();
      return;
    }
    if (auto result = result_of(*record); type == "result" && result && items_.size() < kResultsMax) {
      items_.push_back(*std::move(result));
      kept_ += line.size();
      return;
    }
  }
  ++dropped_;
}

}  // namespace brig::service
