#pragma once
/// Fd owns one file descriptor; FdRef borrows one. Raw ints stay inside sys/ and agent/.
#include <unistd.h>

#include <utility>

namespace brig {

/// A borrowed descriptor: valid while its owner lives. Cheap to copy.
class FdRef {
 public:
  FdRef() = default;
  explicit FdRef(int fd) : fd_(fd) {}
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// An owned descriptor: closed when the object dies. Every descriptor of ours is born close-on-exec; what a child
/// inherits is an explicit list (sys/process.h).
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] FdRef ref() const { return FdRef(fd_); }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  /// Gives the descriptor up: the caller closes it.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  /// Closes now. EINTR is ignored: on Linux the descriptor is gone either way.
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

}  // namespace brig
