#pragma once
/// Gunzip: a body that comes compressed (Content-Encoding: gzip), read as what it was. Holds one piece of each, however
/// much one becomes.
#include <memory>

#include "async/task.h"
#include "guest/session.h"

namespace brig::api::e2b {

class Gunzip {
 public:
  explicit Gunzip(guest::ByteSource source);
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;
  ~Gunzip();

  /// At least one byte, or 0 at the end. kInvalidArgument for what is no gzip, ends early or goes on behind its end.
  Task<std::size_t> read_some(std::span<std::byte> buffer);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace brig::api::e2b
