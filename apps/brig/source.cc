#include "source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "base/text.h"

namespace brig::cli {
namespace {

using service::Language;

/// The language of the program that "#!" names, or null.
const Language* language_of_first_line(std::string_view text) {
  if (!text.starts_with("#!")) return nullptr;
  const std::string_view line = text.substr(0, text.find('\n'));
  for (const Language& language : service::languages()) {
    if (line.find(language.interpreter) != std::string_view::npos) return &language;
  }
  return line.ends_with("/sh") || line.find("/sh ") != std::string_view::npos ? service::language_of_file(".sh")
                                                                              : nullptr;
}

Result<const Language*> choose_language(const SourceOptions& options, const std::string& file_name,
                                        std::string_view text) {
  if (options.language) {
    auto language = service::find_language(*options.language);
    if (language || language.error().code() != Code::kInvalidArgument) return language;
    return Error(Code::kInvalidArgument, language.error().message() + ", and any program after --");
  }
  if (file_name.empty()) return &service::languages().front();
  if (const Language* language = service::language_of_file(file_name)) return language;
  if (const Language* language = language_of_first_line(text)) return language;
  return Error(Code::kInvalidArgument,
               "the name \"" + printable(file_name) +
                   "\" does not say which language it is: add --lang python, javascript, bash or r, or run a "
                   "program of the template after --");
}

/// `path` without symbolic links, or empty.
std::string true_path(const std::string& path) {
  std::string text(PATH_MAX, '\0');
  return ::realpath(path.c_str(), text.data()) != nullptr ? std::string(text.c_str()) : std::string();
}

/// Where a mount shows the file: there it finds the files that lie beside it, as it would on the host. A link that
/// leads out of the mount is not shown by it.
std::optional<GuestPath> place_in(std::span<const policy::Mount> mounts, const std::string& path) {
  const std::string file = true_path(path);
  if (file.empty()) return {};
  for (const policy::Mount& mount : mounts) {
    const std::string from = true_path(mount.from.text());
    const bool is_below =
        !from.empty() && file.starts_with(from) && (file.size() == from.size() || file[from.size()] == '/');
    if (!is_below) continue;
    auto place = GuestPath::parse(mount.to.text() + file.substr(from.size()));
    if (place) return *std::move(place);
  }
  return {};
}

Result<Source> read_file(const SourceOptions& options, std::span<const policy::Mount> mounts) {
  const std::string& path = *options.file;
  const Fd fd = TRY(open_plain(path, "the program"));
  struct stat about{};
  const bool is_regular = ::fstat(fd.get(), &about) == 0 && S_ISREG(about.st_mode);
  std::string name = is_regular ? path.substr(path.rfind('/') + 1) : std::string();  // a pipe has no name of its own
  std::string text = TRY(read_all(fd.ref(), path, service::kSourceMax));
  const Language* language = TRY(choose_language(options, name, text));
  const auto origin = is_regular ? service::Origin::kFile : service::Origin::kCode;
  return Source{service::Script{.language = language,
                                .origin = origin,
                                .name = std::move(name),
                                .text = std::move(text),
                                .arguments = options.rest.value_or(std::vector<std::string>()),
                                .mounted = is_regular ? place_in(mounts, path) : std::optional<GuestPath>()}};
}

}  // namespace

Result<Fd> open_plain(const std::string& path, const char* what) {
  const std::string named = std::string(what) + " " + printable(path);
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0) return Error::last_system(named);  // before open(), which a device may notice
  if (S_ISDIR(about.st_mode)) return Error(Code::kInvalidArgument, named + " is a folder: give a file");
  if (!S_ISREG(about.st_mode) && !S_ISFIFO(about.st_mode)) {
    return Error(Code::kInvalidArgument, named + " is a device or a socket: give a file");
  }
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd.is_open()) return Error::last_system(named);
  return fd;
}

Result<std::string> read_all(FdRef fd, const std::string& name, std::size_t limit) {
  std::string text;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::last_system("read " + printable(name));
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > limit) {
      return Error(Code::kInvalidArgument, printable(name) + " has more than " + std::to_string(limit >> 20) +
                                               " MB of source, the most that Brig takes: give data with --in instead");
    }
  }
}

Result<Source> read_source(const SourceOptions& options, std::span<const policy::Mount> mounts) {
  const std::vector<std::string> rest = options.rest.value_or(std::vector<std::string>());
  if (options.code && options.file) return Error(Code::kInvalidArgument, "give either -c CODE or FILE, not both");
  if (options.file && *options.file != "-") return read_file(options, mounts);
  if (options.code || options.file) {
    std::string text =
        options.code ? *options.code : TRY(read_all(FdRef(STDIN_FILENO), "the standard input", service::kSourceMax));
    const Language* language = TRY(choose_language(options, "", text));
    return Source{service::Script{.language = language, .name = {}, .text = std::move(text), .arguments = rest},
                  options.file.has_value()};
  }
  if (rest.empty()) {
    return Error(Code::kInvalidArgument,
                 "nothing to run: give FILE, -c CODE, - for code from the standard input, or -- PROGRAM ARGS");
  }
  if (options.language)
    return Error(Code::kInvalidArgument, "--lang is for source code, and what follows -- is a program");
  return Source{service::Command{rest}};
}

}  // namespace brig::cli
