#include "attack/program.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "attack/bait.h"
#include "attack/canary.h"
#include "attack/stage.h"
#include "base/text.h"

namespace brig::attack {
namespace {

constexpr std::string_view kMark = "brig-probe: ";
constexpr std::size_t kSeenLimit = 2000;

int run_probe(const std::vector<std::string>& words) {
  const Probe* probe = find_probe(words[0]);
  if (probe == nullptr) {
    (void)std::fprintf(stderr, "brig-probe: there is no probe %s\n", words[0].c_str());
    return 2;
  }
  const Finding finding = probe->run(Args(std::vector<std::string>(words.begin() + 1, words.end())));
  const std::string line = "\n" + line_of(finding) + "\n";
  for (std::size_t at = 0; at < line.size();) {
    const ssize_t n = ::write(STDOUT_FILENO, line.data() + at, line.size() - at);
    if (n <= 0) return 1;
    at += static_cast<std::size_t>(n);
  }
  return 0;
}

}  // namespace

std::string line_of(const Finding& finding) {
  return std::string(kMark) + std::string(to_string(finding.outcome)) + ": " + printable(finding.seen, kSeenLimit);
}

std::optional<Finding> finding_in(std::string_view output) {
  std::size_t end = output.size();
  while (end > 0) {
    const std::size_t newline = output.rfind('\n', end - 1);
    const std::size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
    std::string_view line = output.substr(begin, end - begin);
    end = newline == std::string_view::npos ? 0 : newline;
    if (!line.starts_with(kMark)) continue;
    line.remove_prefix(kMark.size());
    for (Outcome outcome : {Outcome::kHeld, Outcome::kBreached, Outcome::kNotApplicable}) {
      const std::string start = std::string(to_string(outcome)) + ": ";
      if (line.starts_with(start)) return Finding{outcome, printable(line.substr(start.size()), kSeenLimit)};
    }
  }
  return std::nullopt;
}

int probe_main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty()) {
    (void)std::fprintf(stderr, "usage: brig-probe NAME key=value…   (started by brig attack)\n");
    return 2;
  }
  if (words[0] == "@canary" && words.size() == 2) return serve_canary(words[1], World::kHost);
  if (words[0] == "@bait" && words.size() == 3)
    return serve_bait(static_cast<std::uint16_t>(std::strtoul(words[1].c_str(), nullptr, 10)), words[2]);
  if (words[0] == "@room") return enter_room(words);
  if (words[0] == "@inner-room") return run_in_room(words);
  return run_probe(words);
}

}  // namespace brig::attack
