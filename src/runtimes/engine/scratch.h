#pragma once
/// Scratch: the one file system in memory for everything that a sandbox can write, made where an engine can bind from.
///
/// It hangs below /run/brig only while the container starts: from then on the container's own mounts hold it, and it
/// goes with them. What a killed keeper left hanging is found by its name. Root only.
#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "runtimes/engine/tree.h"

namespace brig::runtimes::engine {

class Scratch {
 public:
  Scratch() = default;
  /// `name` is one word, and nobody else's.
  static Result<Scratch> make(const Tree& tree, const std::string& name);
  Scratch(Scratch&& other) noexcept;
  Scratch& operator=(Scratch&& other) noexcept;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  /// No path leads to it any more; who has it mounted keeps it.
  ~Scratch();

  /// Empty if there is none.
  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] std::uint64_t device() const { return device_; }

 private:
  std::string folder_;
  std::uint64_t device_ = 0;
};

/// Removes what hangs there of keepers whose names, the words after the prefix, `is_dead`.
void sweep_scratch(const std::function<bool(const std::string& name)>& is_dead);

}  // namespace brig::runtimes::engine
