#include "image/make/debian.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "base/text.h"
#include "image/digest.h"
#include "sys/file.h"
#include "sys/process.h"

namespace brig::image {
namespace {

constexpr std::string_view kCacheVersion = "2";
constexpr const char* kProgram = "/usr/bin/mmdebstrap";
/// Times later than this become this one; Python is compiled by hash, so it does not matter which. November 2023.
constexpr const char* kNewest = "1700000000";
constexpr std::size_t kPackagesMost = std::size_t{4} << 20;

/// The host's sources of packages, as files that mmdebstrap takes.
std::vector<std::string> sources() {
  std::vector<std::string> files;
  std::error_code error;
  const auto has_text = [](const std::string& path) {
    const auto text = sys::read_file(path, std::size_t{1} << 20);
    return text && (text->find("\ndeb ") != std::string::npos || text->starts_with("deb ") ||
                    text->find("URIs:") != std::string::npos);
  };
  if (has_text("/etc/apt/sources.list")) files.emplace_back("/etc/apt/sources.list");
  for (const auto& entry : std::filesystem::directory_iterator("/etc/apt/sources.list.d", error)) {
    const std::string path = entry.path().string();
    if ((path.ends_with(".list") || path.ends_with(".sources")) && has_text(path)) files.push_back(path);
  }
  std::ranges::sort(files);
  return files;
}

/// "bookworm", from os-release.
Result<std::string> suite() {
  const std::string text = TRY(sys::read_file("/etc/os-release", std::size_t{64} << 10));
  constexpr std::string_view kKey = "\nVERSION_CODENAME=";
  const std::size_t at = text.find(kKey);
  std::string name = at == std::string::npos ? "" : text.substr(at + kKey.size());
  name.resize(std::min(name.find('\n'), name.size()));
  std::erase(name, '"');
  if (!std::ranges::all_of(name, [](char c) { return c >= 'a' && c <= 'z'; }) || name.empty())
    return Error(
        Code::kUnsupported,
        "this host's /etc/os-release names no Debian release: make the template on Debian or Ubuntu, or import "
        "an image that you have (brig template import)");
  return name;
}

/// How apt gets at its sources here (a proxy, say), for mmdebstrap's own apt.
Result<std::string> transport_settings(const std::string& build) {
  std::string settings;
  std::error_code error;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator("/etc/apt/apt.conf.d", error))
    files.push_back(entry.path().string());
  std::ranges::sort(files);
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
  const std::string file = build + "/apt.conf";
  const Fd out = TRY(sys::open(file, O_WRONLY | O_CREAT | O_EXCL, 0644));
  TRY(sys::write_all(out.ref(), settings + "APT::Install-Recommends \"0\";\n"));
  return file;
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : std::string(between)) + word;
  return text;
}

/// Runs it with its complaints as lines. Its hooks write what is installed to the file `packages`.
Result<> run_mmdebstrap(std::vector<std::string> arguments, const std::string& packages, const OnLine& on_line) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::last_system("make a pipe");
  const Fd read(ends[0]);
  Fd write(ends[1]);
  const Fd null = TRY(sys::open("/dev/null", O_RDWR));
  const std::vector<std::string> environment{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                             "LC_ALL=C.UTF-8", std::string("SOURCE_DATE_EPOCH=") + kNewest,
                                             "BRIG_PACKAGES=" + packages};
  const std::vector<sys::Inherited> fds{{null.ref(), 0}, {write.ref(), 1}, {write.ref(), 2}};
  auto child = TRY(sys::spawn(kProgram, arguments, environment, fds).context("start mmdebstrap"));
  write.reset();
  std::string line;
  std::string first_error;
  std::array<char, 4096> piece{};
  while (true) {
    const ssize_t count = ::read(read.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    for (const char c : std::string_view(piece.data(), static_cast<std::size_t>(count))) {
      if (c != '\n') {
        if (line.size() < 400) line += c;
        continue;
      }
      if (on_line) on_line(printable(line, 400));
      if (first_error.empty() && line.starts_with("E: "))
        first_error = line;  // the first says why, the others that it was so
      line.clear();
    }
  }
  const sys::ProcessEnd end = TRY(child.wait());
  if (!end.is_signal && end.value == 0) return {};
  return Error(Code::kUnavailable, "mmdebstrap could not install the packages: " +
                                       (first_error.empty() ? "see the log" : printable(first_error, 300)));
}

Result<std::vector<std::string>> read_packages(const std::string& file) {
  const std::string text = TRY(sys::read_file(file, kPackagesMost));
  std::vector<std::string> all;
  std::string_view left = text;
  while (!left.empty()) {
    const std::string_view line = left.substr(0, left.find('\n'));
    left.remove_prefix(std::min(left.size(), line.size() + 1));
    if (!line.empty() && !line.ends_with('=')) all.push_back(printable(line, 300));
  }
  return all;
}

}  // namespace

std::vector<std::string> debian_hooks(const Definition& definition) {
  const std::string query = "dpkg-query --admindir=\"$1/var/lib/dpkg\" -W -f ";
  std::vector<std::string> all;
  if (!definition.purge.empty()) {
    all.push_back(query + "'${db:Status-Status} ${Package}\\n' '" + joined(definition.purge, "' '") +
                  "' 2>/dev/null | sed -n 's/^installed //p' | "
                  "xargs -r chroot \"$1\" dpkg --purge --force-depends");
  }
  for (const std::string& pattern : definition.remove)
    all.push_back("find \"$1\" -xdev -depth -path \"$1\"'" + pattern + "' -exec rm -rf {} +");
  all.push_back(query + "'${Package}=${Version}\\n' > \"$BRIG_PACKAGES\"");
  // Its failure is no failure of the build: packages have files that are no Python 3 (templates, tests of parsers), and
  // what is not compiled is compiled when it is imported.
  all.emplace_back(
      "if [ -x \"$1/usr/bin/python3\" ]; then chroot \"$1\" python3 -m compileall -q -j0 --invalidation-mode "
      "unchecked-hash "
      "/usr/lib/python3 $(cd \"$1\" && ls -d /usr/lib/python3.*) >/dev/null || true; fi");
  // What only says where and when it was installed, or is of no use without a network and without root.
  all.emplace_back(
      "rm -rf \"$1\"/var/lib/apt/lists/* \"$1\"/var/cache/* \"$1\"/var/log/* \"$1\"/etc/apt/sources.list* "
      "\"$1\"/etc/apt/apt.conf.d/99mmdebstrap \"$1\"/etc/machine-id \"$1\"/var/lib/dpkg/*-old");
  return all;
}

Result<Imported> build_definition(const Workshop& workshop, Store& store, const DefinitionRequest& request) {
  TRY(check_template_name(request.name));
  const std::string release = TRY(suite());
  const std::vector<std::string> files = sources();
  std::string identity =
      "debian " + std::string(kCacheVersion) + "\n" + release + "\n" + digest_of(request.text) + "\n";
  for (const std::string& file : files) identity += digest_of(TRY(sys::read_file(file, std::size_t{1} << 20))) + "\n";
  const std::string key = digest_of(identity);
  if (request.uses_cache) {
    if (auto known = store.cached(key)) {
      known->name = request.name;
      known->created_s = 0;
      if (auto again = store.publish_again(*std::move(known)))
        return Imported{.made = *std::move(again), .is_from_cache = true};
    }
  }
  TRY(choose_format());  // before the minutes that mmdebstrap takes
  if (::access(kProgram, X_OK) != 0)
    return Error(Code::kUnsupported,
                 "packages are unpacked by mmdebstrap, which is not here: apt-get install mmdebstrap");
  const BuildFolder build = TRY(store.new_build());
  const std::string tar = build.path() + "/root.tar";
  const std::string packages = build.path() + "/packages";
  const Definition& definition = request.definition;
  std::vector<std::string> arguments{"--variant=essential", "--include=" + joined(definition.packages, ","),
                                     "--aptopt=" + TRY(transport_settings(build.path()))};
  for (const std::string& pattern : definition.exclude) arguments.push_back("--dpkgopt=path-exclude=" + pattern);
  for (const std::string& hook : debian_hooks(definition)) arguments.push_back("--customize-hook=" + hook);
  arguments.push_back(release);
  arguments.push_back(tar);
  arguments.insert(arguments.end(), files.begin(), files.end());
  TRY(run_mmdebstrap(std::move(arguments), packages, workshop.on_line));

  ImportRequest import_request{
      .input = TRY(HostPath::parse(tar)), .name = request.name, .image = {}, .shown_source = request.source};
  import_request.provenance = Provenance{.kind = "debian",
                                         .source = request.source,
                                         .source_digest = digest_of(request.text),
                                         .packages = TRY(read_packages(packages))};
  import_request.environment = definition.defaults.environment;
  import_request.limits = definition.defaults.limits;
  import_request.description = definition.description;
  import_request.uses_cache = false;
  Imported made = TRY(import(workshop, store, import_request));
  TRY(store.remember(key, made.made.manifest));
  return made;
}

}  // namespace brig::image
