#pragma once
/// What `brig bench --api` measures, and the measuring of it.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "../brig/samples.h"
#include "remote.h"

namespace brig::client {

struct BenchOptions {
  bool is_json = false;
  std::size_t rounds = 200;
  std::size_t clients = 50;
  std::size_t seconds = 60;
  std::size_t idle = 1000;
  std::size_t megabytes = 256;
  std::optional<std::string> url;  ///< of a daemon that is there; none = one of our own
  std::optional<std::string> key;
};

/// One thing done again and again, in milliseconds (or MB/s).
struct NamedSamples {
  std::string name;
  cli::Samples samples;
};

/// Several clients at once, each creating, running `true`, killing.
struct Crowd {
  std::size_t clients = 0;
  double per_second = 0;
  cli::Samples create;
  cli::Samples exec;
  cli::Samples kill;
  cli::Samples whole;
};

struct Rate {
  std::size_t clients = 0;
  double seconds = 0;
  std::size_t sandboxes = 0;
  std::size_t failures = 0;
  [[nodiscard]] double per_second() const { return seconds > 0 ? static_cast<double>(sandboxes) / seconds : 0; }
};

/// Sandboxes that do nothing. Memory is measured of a daemon of our own only.
struct Idle {
  std::size_t sandboxes = 0;
  double create_ms_first = 0;          ///< the mean of the first tenth, made one after the other
  double create_ms_last = 0;           ///< and of the last
  std::optional<double> processes_mb;  ///< PSS of the daemon, launcher, wardens and agents
  std::optional<double> in_all_mb;     ///< what the machine has less: with the kernel's part
};

struct Figures {
  std::vector<NamedSamples> rounds;  ///< milliseconds; one after the other, in every round
  std::size_t from_pool = 0;         ///< of the creations that could have been
  std::vector<NamedSamples> walls;   ///< milliseconds; "gvisor (pool)", "gvisor (made)", … of each wall
  Crowd crowd;
  Rate rate;
  Idle idle;
  std::vector<NamedSamples> streams;  ///< MB/s
  std::vector<std::string> troubles;  ///< what failed, each once
};

/// Ctrl-C and its like are held back until measure() listens to them: a daemon of our own is to end, and its folder to
/// go, whenever we are told to stop.
void hold_signals();

/// Measures the daemon at `where`; `keeper` is its first process if it is ours.
Result<Figures> measure(const BenchOptions& options, const Where& where, const std::optional<std::string>& keeper);

std::string for_people(const Figures& figures);
std::string to_json(const Figures& figures);

}  // namespace brig::client
