#pragma once
/// The messages of the conversation and of commands (wire.h says how they lie in a frame; file_messages.h has those
/// about files).
///
/// Each lists its fields once, in wire order, for encoding and decoding alike; `fields` returns false to stop.
#include <cstdint>
#include <string_view>

#include "guest/wire.h"

namespace brig::guest {

struct Hello {
  static constexpr Type kType = Type::kHello;
  std::uint32_t version = kProtocolVersion;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.number(m.version);
  }
};

struct Exec {
  static constexpr Type kType = Type::kExec;
  static constexpr std::uint8_t kTerminal = 1;  ///< a terminal instead of pipes, rows x columns
  static constexpr std::uint8_t kHasStdin = 2;  ///< a pipe (else /dev/null); Data and End follow
  static constexpr std::uint8_t kResults = 4;   ///< descriptor 3 is a pipe whose bytes come back as Stream::kResults
  /// Descriptor 3 is a socket on which the agent hands requests to fork; neither with kResults nor with kTerminal. Only
  /// to an agent with HelloAck::kForks, as `zygote`.
  static constexpr std::uint8_t kForks = 8;
  std::uint8_t flags = 0;
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
  /// The channel of a command with kForks that becomes this one in a child, instead of a program that is executed: no
  /// argument of `argv` is looked at. 0 = none.
  std::uint32_t zygote = 0;
  std::uint32_t timeout_ms = 0;  ///< then the agent kills the process group; 0 = never
  std::string_view cwd;
  StringList argv;  ///< at least one
  StringList env;   ///< "NAME=value", all of it: nothing is inherited
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.flags(m.flags, kTerminal | kHasStdin | kResults | kForks) && c.number(m.rows) && c.number(m.columns) &&
           c.number(m.zygote) && c.number(m.timeout_ms) && c.text(m.cwd, kPathMax) && c.strings(m.argv, 1) &&
           c.strings(m.env, 0);
  }
};

struct Signal {
  static constexpr Type kType = Type::kSignal;
  std::uint8_t number = 0;  ///< 1–64, to the whole process group
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.bounded(m.number, 1, 64);
  }
};

struct Resize {
  static constexpr Type kType = Type::kResize;
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.number(m.rows) && c.number(m.columns);
  }
};

/// More credit for the other side's Data on this channel.
struct Window {
  static constexpr Type kType = Type::kWindow;
  std::uint32_t bytes = 0;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.bounded(m.bytes, 1U, kWindowMax);
  }
};

/// Forget the channel: what runs in it is killed, what is open in it closed. Of a command that has ended by itself and
/// had no terminal, what it left in the background goes on; what that prints is dropped. Answered by Closed unless the
/// channel had just ended.
struct Close {
  static constexpr Type kType = Type::kClose;
  template <class Self, class Codec>
  static bool fields(Self&, Codec&) {
    return true;
  }
};

/// End every process of the sandbox, and yourself.
struct Stop {
  static constexpr Type kType = Type::kStop;
  template <class Self, class Codec>
  static bool fields(Self&, Codec&) {
    return true;
  }
};

struct HelloAck {
  static constexpr Type kType = Type::kHelloAck;
  static constexpr std::uint32_t kForks = 1;  ///< Exec::kForks and Exec::zygote
  std::uint32_t version = kProtocolVersion;
  std::uint32_t features = 0;  ///< bits for additions that do not change the version
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.number(m.version) && c.number(m.features);
  }
};

struct Started {
  static constexpr Type kType = Type::kStarted;
  std::uint32_t pid = 0;  ///< inside
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.bounded(m.pid, 1U, std::uint32_t{INT32_MAX});
  }
};

struct Exited {
  static constexpr Type kType = Type::kExited;
  static constexpr std::uint8_t kSignalled = 1;  ///< `value` is the signal, else the exit code
  static constexpr std::uint8_t kDiskFull = 2;   ///< the working folder's file system had no free block or inode
  static constexpr std::uint8_t kTimedOut = 4;   ///< the agent killed it for Exec::timeout_ms
  std::uint8_t flags = 0;
  std::uint8_t value = 0;
  std::uint64_t user_us = 0;
  std::uint64_t system_us = 0;
  std::uint64_t max_rss = 0;  ///< bytes
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.flags(m.flags, kSignalled | kDiskFull | kTimedOut) && c.number(m.value) && c.number(m.user_us) &&
           c.number(m.system_us) && c.number(m.max_rss);
  }
};

/// The operation did not work; the channel is over.
struct Failed {
  static constexpr Type kType = Type::kFailed;
  std::uint16_t os_error = 0;
  std::string_view text;  ///< what was being done
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.bounded(m.os_error, 1, 4095) && c.text(m.text, kTextMax);
  }
};

struct Closed {
  static constexpr Type kType = Type::kClosed;
  template <class Self, class Codec>
  static bool fields(Self&, Codec&) {
    return true;
  }
};

/// Connect to a port of the sandbox's own loopback: 127.0.0.1, then ::1. Answered by Connected or Failed; then Data and
/// one End each way, and Done when both have ended.
struct Dial {
  static constexpr Type kType = Type::kDial;
  std::uint16_t port = 0;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.bounded(m.port, 1, UINT16_MAX);
  }
};

struct Connected {
  static constexpr Type kType = Type::kConnected;
  template <class Self, class Codec>
  static bool fields(Self&, Codec&) {
    return true;
  }
};

/// Which TCP ports are listened on? Answered by Port for each, rising, and Done.
struct ListPorts {
  static constexpr Type kType = Type::kListPorts;
  template <class Self, class Codec>
  static bool fields(Self&, Codec&) {
    return true;
  }
};

struct Port {
  static constexpr Type kType = Type::kPort;
  std::uint16_t port = 0;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.bounded(m.port, 1, UINT16_MAX);
  }
};

}  // namespace brig::guest
