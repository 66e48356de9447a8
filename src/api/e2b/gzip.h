#pragma once
/// Gunzip: a body that comes compressed (Content-Encoding: gzip), read as what it was. Holds one piece of each, however
/// much one becomes. Gzip: the other way, for answers.
#include <memory>
#include <string>
#include <string_view>

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

/// Compresses quickly rather than well: who waits for it holds up the loop meanwhile. A quarter of a megabyte of
/// memory.
class Gzip {
 public:
  Gzip();
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;
  ~Gzip();

  /// What is to be sent now that `piece` has come; may be empty.
  std::string add(std::string_view piece);
  /// The rest. Nothing may be added any more.
  std::string finish();

 private:
  std::string run(std::string_view piece, int flush);
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace brig::api::e2b
