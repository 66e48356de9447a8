#include "bench_case.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <span>
#include <utility>

#include <boost/json/object.hpp>

#include "sys/file.h"
#include "sys/process.h"

namespace brig::cli {
namespace {

const std::vector<std::string> kEnvironment{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/tmp"};

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// `command` with a number of its own where it wants one.
CommandLine numbered(CommandLine command) {
  static std::size_t last = 0;
  const std::string number = std::to_string(++last);
  for (std::string& word : command) {
    if (const auto at = word.find("{n}"); at != std::string::npos) word.replace(at, 3, number);
  }
  return command;
}

Result<sys::Child> start(const Contender& one, FdRef null) {
  const CommandLine command = numbered(one.command);
  const std::vector<sys::Inherited> fds{{null, 0}, {null, 1}, {null, 2}};
  return sys::spawn(command.front(), std::span(command).subspan(1), join(kEnvironment, one.environment), fds);
}

/// Starts it `at_once` times and waits for all; the time of the whole.
void measure(const Contender& one, std::size_t at_once, FdRef null, Samples& samples) {
  const auto begin = Clock::now();
  std::vector<sys::Child> children;
  bool is_good = true;
  for (std::size_t i = 0; i < at_once; ++i) {
    auto child = start(one, null);
    if (child.has_value()) children.push_back(*std::move(child));
    else is_good = false;
  }
  for (sys::Child& child : children) {
    const auto end = child.wait();
    if (!end.has_value() || end->is_signal || end->value != 0) is_good = false;
  }
  if (is_good) samples.add(milliseconds_since(begin));
  else samples.add_failure();
}

std::string row(const std::vector<std::string>& fields, const std::vector<std::size_t>& widths) {
  std::string text;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string pad(fields[i].size() < widths[i] ? widths[i] - fields[i].size() : 0, ' ');
    text += i == 0 ? fields[i] + pad : "  " + pad + fields[i];
  }
  return text + "\n";
}

boost::json::object to_json(const Samples& s) {
  return {{"n", s.count()},
          {"min_ms", s.least()},
          {"p50_ms", s.percentile(50)},
          {"p90_ms", s.percentile(90)},
          {"p99_ms", s.percentile(99)},
          {"failures", s.failures()}};
}

}  // namespace

CommandLine join(CommandLine front, const CommandLine& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

CommandLine bwrap(const CommandLine& program) {
  if (::access("/usr/bin/bwrap", X_OK) != 0) return {};
  // What bubblewrap needs to run a program of /usr at all; numpy finds its libraries through /etc/alternatives.
  return join({"/usr/bin/bwrap",
               "--unshare-all",
               "--die-with-parent",
               "--ro-bind",
               "/usr",
               "/usr",
               "--symlink",
               "usr/bin",
               "/bin",
               "--symlink",
               "usr/lib",
               "/lib",
               "--symlink",
               "usr/lib64",
               "/lib64",
               "--ro-bind-try",
               "/etc/alternatives",
               "/etc/alternatives",
               "--proc",
               "/proc",
               "--dev",
               "/dev"},
              program);
}

Result<Streams> Streams::open() {
  Streams streams;
  streams.null = TRY(sys::open("/dev/null", O_RDWR));
  streams.no_one = Fd(::memfd_create("bench", MFD_CLOEXEC));
  if (!streams.no_one.is_open()) return Error::last_system("make a file without a name");
  return streams;
}

void run_case(Case& c, const Streams& streams) {
  c.samples.resize(c.contenders.size());
  for (std::size_t round = 0; round < c.rounds + 2; ++round) {
    for (std::size_t i = 0; i < c.contenders.size(); ++i) {
      const Contender& one = c.contenders[i];
      Samples warm_up;
      measure(one, c.at_once, one.changes_streams ? streams.no_one.ref() : streams.null.ref(),
              round < 2 ? warm_up : c.samples[i]);
    }
  }
}

std::string for_people(const std::vector<Case>& cases) {
  const std::vector<std::size_t> widths{32, 6, 8, 8, 8, 8, 8};
  std::string text = "ratios of the medians (brig / other; below 1 is faster)\n";
  for (const Case& c : cases) {
    for (std::size_t i = 1; i < c.samples.size(); ++i) {
      const double other = c.samples[i].percentile(50);
      text += row({c.name + " / " + c.contenders[i].name, decimal(other > 0 ? c.samples[0].percentile(50) / other : 0)},
                  {40, 6});
    }
  }
  text += "\nmilliseconds\n" + row({"", "n", "min", "p50", "p90", "p99", "failed"}, widths);
  for (const Case& c : cases) {
    for (std::size_t i = 0; i < c.samples.size(); ++i) {
      const Samples& s = c.samples[i];
      text += row({c.name + ": " + c.contenders[i].name, std::to_string(s.count()), decimal(s.least()),
                   decimal(s.percentile(50)), decimal(s.percentile(90)), decimal(s.percentile(99)),
                   std::to_string(s.failures())},
                  widths);
    }
  }
  return text;
}

boost::json::array to_json(const std::vector<Case>& cases) {
  boost::json::array list;
  for (const Case& c : cases) {
    boost::json::object contenders;
    boost::json::object ratios;
    for (std::size_t i = 0; i < c.samples.size(); ++i) {
      contenders[c.contenders[i].name] = to_json(c.samples[i]);
      const double other = c.samples[i].percentile(50);
      if (i > 0 && other > 0) ratios["brig / " + c.contenders[i].name] = c.samples[0].percentile(50) / other;
    }
    list.push_back(
        boost::json::object{{"case", c.name}, {"ratios", std::move(ratios)}, {"contenders", std::move(contenders)}});
  }
  return list;
}

}  // namespace brig::cli
