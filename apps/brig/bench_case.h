#pragma once
/// A case of `brig bench`: one thing done by several contenders, round by round at the same time, and how it is told.
///
/// Absolute times move with the machine's load, so the rounds are interleaved (brig, bare, bwrap, brig, …) and the
/// ratios of the medians come first. Every figure includes everything: the start of the program itself, its helpers,
/// the sandbox, its end.
#include <cstddef>
#include <string>
#include <vector>

#include <boost/json/array.hpp>

#include "base/fd.h"
#include "base/result.h"
#include "samples.h"

namespace brig::cli {

using CommandLine = std::vector<std::string>;

struct Contender {
  std::string name;
  CommandLine command;  ///< {n} in a word becomes the number of the start: names that are used once
  /// It changes the owner of its standard streams: they are files of its own then, because /dev/null is everybody's.
  bool changes_streams = false;
  std::vector<std::string> environment = {};  ///< more of it: "NAME=value"
};

struct Case {
  std::string name;
  std::vector<Contender> contenders;  ///< the first is brig, the others are what it is compared with
  std::size_t rounds = 0;
  std::size_t at_once = 1;
  std::vector<Samples> samples{};
};

CommandLine join(CommandLine front, const CommandLine& back);
/// The same sandbox by bubblewrap around `program`; empty if bubblewrap is not installed.
CommandLine bwrap(const CommandLine& program);

/// What programs read and write that are measured: nothing.
struct Streams {
  Fd null;    ///< /dev/null
  Fd no_one;  ///< an empty file without a name
  static Result<Streams> open();
};

/// Two rounds more than asked for: they warm up.
void run_case(Case& c, const Streams& streams);

std::string for_people(const std::vector<Case>& cases);
boost::json::array to_json(const std::vector<Case>& cases);

}  // namespace brig::cli
