#include "image/make/apt.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/text.h"
#include "image/make/root_build.h"
#include "sys/file.h"
#include "sys/process.h"

namespace brig::image {
namespace {

constexpr std::size_t kOutputMost = std::size_t{8} << 20;
constexpr std::size_t kAptStepsMost = 20'000;
constexpr std::size_t kLineMost = 400;

/// The build's folders "$1" and "$2" are put where apt has its own, for it alone: whoever apt becomes must be able to
/// come there. What follows is the command.
constexpr const char* kInOwnFolders =
    "mount --bind \"$1\" /var/lib/apt && mount --bind \"$2\" /var/cache/apt && shift 2 && exec \"$@\"";

std::vector<std::string> files_below(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) files.push_back(entry.path().string());
  std::ranges::sort(files);
  return files;
}

/// How apt gets at its sources here (a proxy, say). The rest of the host's settings is about the host.
std::string transport_settings() {
  std::string settings;
  std::vector<std::string> files = files_below("/etc/apt/apt.conf.d");
  files.emplace_back("/etc/apt/apt.conf");
  for (const std::string& path : files) {
    const auto text = sys::read_file(path, std::size_t{256} << 10);
    if (!text) continue;
    std::string_view left = *text;
    while (!left.empty()) {
      const std::string_view line = left.substr(0, left.find('\n'));
      left.remove_prefix(std::min(left.size(), line.size() + 1));
      if (line.starts_with("Acquire::") && line.ends_with(';')) settings += std::string(line) + "\n";
    }
  }
  return settings;
}

std::string settings() {
  return transport_settings() +
         "Acquire::Languages \"none\";\n"
         "APT::Install-Recommends \"0\";\n"
         "APT::Immediate-Configure \"0\";\n"     // dpkg is not there yet that could do it
         "pkgCacheGen::ForceEssential \",\";\n"  // else apt itself is essential
         "Dir::State::status \"/var/lib/apt/brig/status\";\n"
         "Dir::Etc::main \"/var/lib/apt/brig/none\";\n"  // no other settings, and so no hooks
         "Dir::Etc::parts \"/var/lib/apt/brig/none.d\";\n"
         "Dir::Log \"/var/lib/apt/brig\";\n"
         "Dir::Bin::dpkg \"/bin/true\";\n";  // it installs nothing, and there is one architecture
}

struct Folders {
  std::string state;
  std::string cache;
};

Result<Folders> make_folders(const std::string& build) {
  const std::string top = build + "/apt";
  Folders folders{.state = top + "/state", .cache = top + "/cache"};
  for (const std::string& folder :
       {top, folders.state, folders.cache, folders.state + "/brig", folders.state + "/brig/none.d",
        folders.state + "/lists", folders.state + "/lists/partial", folders.cache + "/archives",
        folders.cache + "/archives/partial"}) {
    if (::mkdir(folder.c_str(), 0755) != 0) return Error::last_system("make " + folder);
    if (::chmod(folder.c_str(), 0755) != 0) return Error::last_system("set the mode of " + folder);
  }
  TRY(write_text(folders.state + "/brig/status", ""));
  TRY(write_text(folders.state + "/brig/settings", settings()));
  return folders;
}

struct Said {
  sys::ProcessEnd end;
  std::string output;  ///< if it was to be kept
  std::string error;   ///< the first that it complained of: the others say that it was so
};

/// Hands what it prints on as lines, or keeps it.
Result<Said> listen(sys::Child child, FdRef from, bool is_kept, const OnLine& on_line) {
  Said said;
  std::string line;
  std::array<char, 4096> piece{};
  while (true) {
    const ssize_t count = ::read(from.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    const std::string_view text(piece.data(), static_cast<std::size_t>(count));
    if (is_kept) {
      said.output += text;
      if (said.output.size() > kOutputMost) return Error(Code::kUnavailable, "apt-get says more than it can mean");
    }
    for (const char c : text) {
      if (c != '\n') {
        if (line.size() < kLineMost) line += c;
        continue;
      }
      const bool is_complaint = line.starts_with("E: ") || line.starts_with("W: ");
      if (on_line && (!is_kept || is_complaint)) on_line(printable(line, kLineMost));
      if (said.error.empty() && line.starts_with("E: ")) said.error = printable(line.substr(3), 300);
      line.clear();
    }
  }
  said.end = TRY(child.wait());
  return said;
}

class Apt {
 public:
  Apt(const Folders& folders, const OnLine& on_line) : folders_(folders), on_line_(on_line) {}

  Result<> update() const {
    (void)TRY(run({"--error-on=any", "update"}, false));
    return {};
  }

  Result<std::vector<AptStep>> simulate(const std::vector<std::string>& packages) const {
    return parse_simulation(TRY(run(with({"--simulate", "install", "--"}, packages), true)));
  }

  Result<> download(const std::vector<std::string>& packages) const {
    (void)TRY(run(with({"--yes", "--download-only", "install", "--"}, packages), false));
    return {};
  }

 private:
  static std::vector<std::string> with(std::vector<std::string> words, const std::vector<std::string>& packages) {
    words.insert(words.end(), packages.begin(), packages.end());
    return words;
  }

  Result<std::string> run(const std::vector<std::string>& words, bool is_kept) const {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::last_system("make a pipe");
    const Fd read(ends[0]);
    Fd write(ends[1]);
    const Fd null = TRY(sys::open("/dev/null", O_RDWR));
    // It goes when we go.
    std::vector<std::string> arguments{"--pdeathsig",  "KILL",         "unshare", "--mount",     "--propagation",
                                       "private",      "/bin/sh",      "-c",      kInOwnFolders, "sh",
                                       folders_.state, folders_.cache, "apt-get", "--quiet=2"};
    if (!is_kept) arguments.back() = "--quiet=1";
    arguments.insert(arguments.end(), words.begin(), words.end());
    const std::vector<std::string> environment{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                               "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
                                               "APT_CONFIG=/var/lib/apt/brig/settings"};
    const std::vector<sys::Inherited> fds{{null.ref(), 0}, {write.ref(), 1}, {write.ref(), 2}};
    auto child = TRY(sys::spawn("/usr/bin/setpriv", arguments, environment, fds).context("start apt-get"));
    write.reset();
    Said said = TRY(listen(std::move(child), read.ref(), is_kept, on_line_));
    if (!said.end.is_signal && said.end.value == 0) return std::move(said.output);
    return Error(Code::kUnavailable,
                 "apt-get could not get the packages: " + (said.error.empty() ? "see the log" : said.error));
  }

  const Folders& folders_;
  const OnLine& on_line_;
};

/// The next word; `left` is what follows it.
std::string_view next_word(std::string_view& left) {
  const std::string_view word = left.substr(0, left.find(' '));
  left.remove_prefix(std::min(left.size(), word.size() + 1));
  return word;
}

bool consists_of(std::string_view text, std::string_view more) {
  return !text.empty() && text.size() <= 200 && std::ranges::all_of(text, [more](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || more.contains(c);
  });
}

bool is_name(std::string_view text) {
  return consists_of(text, "+-.") && text.front() != '-' && text.front() != '.' && text.front() != '+';
}

/// "Inst jq (1.6-2.1 Debian:12.1/stable [amd64]) []", "Conf jq (1.6-2.1 Debian:12.1/stable [amd64])".
std::optional<AptStep> parse_step(std::string_view line) {
  const std::string_view verb = next_word(line);
  AptStep step{.kind = verb == "Inst" ? AptStep::Kind::kUnpack : AptStep::Kind::kConfigure};
  step.package = next_word(line);
  const std::string_view version = next_word(line);
  const std::string_view inside = line.substr(0, line.find(')'));
  const std::size_t bracket = inside.rfind('[');
  if (!version.starts_with('(') || bracket == std::string_view::npos || !inside.ends_with(']')) return std::nullopt;
  step.version = version.substr(1);
  step.architecture = inside.substr(bracket + 1, inside.size() - bracket - 2);
  constexpr std::string_view kOfVersions = "ABCDEFGHIJKLMNOPQRSTUVWXYZ.+-:~";
  if (!is_name(step.package) || !consists_of(step.version, kOfVersions) || !consists_of(step.architecture, "-"))
    return std::nullopt;
  return step;
}

}  // namespace

std::string package_file(const AptStep& step) {
  std::string version;
  for (const char c : step.version) {
    if (c == ':') version += "%3a";
    else version += c;
  }
  return step.package + "_" + version + "_" + step.architecture + ".deb";
}

Result<std::vector<AptStep>> parse_simulation(std::string_view text) {
  std::vector<AptStep> steps;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with("Inst ") && !line.starts_with("Conf ")) continue;
    auto step = parse_step(line);
    if (!step || steps.size() == kAptStepsMost)
      return Error(Code::kUnavailable, "apt-get says what we do not understand: " + printable(line, 200));
    steps.push_back(*std::move(step));
  }
  return steps;
}

Result<std::vector<std::string>> apt_files() {
  const auto has_source = [](const std::string& path) {
    const auto text = sys::read_file(path, std::size_t{1} << 20);
    return text && (text->find("\ndeb ") != std::string::npos || text->starts_with("deb ") ||
                    text->find("URIs:") != std::string::npos);
  };
  std::vector<std::string> files;
  std::vector<std::string> sources = files_below("/etc/apt/sources.list.d");
  sources.emplace_back("/etc/apt/sources.list");
  for (const std::string& path : sources) {
    const bool is_read = path.ends_with(".list") || path.ends_with(".sources");
    if (is_read && has_source(path)) files.push_back(path);
  }
  if (files.empty())
    return Error(Code::kUnsupported, "apt has no sources of packages here (/etc/apt/sources.list and sources.list.d)");
  for (const std::string& path : files_below("/etc/apt/preferences.d")) files.push_back(path);
  if (::access("/etc/apt/preferences", R_OK) == 0) files.emplace_back("/etc/apt/preferences");
  return files;
}

Result<FetchedPackages> fetch_packages(const std::string& build, const std::vector<std::string>& packages,
                                       const OnLine& on_line) {
  TRY(expect_room(build));
  const Folders folders = TRY(make_folders(build));
  const Apt apt(folders, on_line);
  TRY(apt.update());
  std::vector<std::string> wanted{"?essential"};
  auto essential = TRY(apt.simulate(wanted));
  // What merges / with /usr does so with a running system. Here it was never apart (unpack_debian.sh).
  if (std::ranges::find(essential, "usrmerge", &AptStep::package) != essential.end()) {
    wanted.emplace_back("usr-is-merged");
    essential = TRY(apt.simulate(wanted));
  }
  FetchedPackages fetched{.folder = folders.cache + "/archives", .essential = {}, .steps = {}};
  for (AptStep& step : essential) {
    if (step.kind == AptStep::Kind::kUnpack) fetched.essential.push_back(std::move(step.package));
  }
  if (fetched.essential.empty()) return Error(Code::kUnavailable, "the sources of packages know no essential package");
  wanted.insert(wanted.end(), packages.begin(), packages.end());
  fetched.steps = TRY(apt.simulate(wanted));
  TRY(apt.download(wanted));
  for (const AptStep& step : fetched.steps) {
    const std::string file = fetched.folder + "/" + package_file(step);
    if (step.kind == AptStep::Kind::kUnpack && ::access(file.c_str(), R_OK) != 0)
      return Error(Code::kUnavailable, "apt-get did not fetch " + package_file(step) +
                                           ": a source of this machine's files has to be written as copy:, not file:");
  }
  return fetched;
}

}  // namespace brig::image
