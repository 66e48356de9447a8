#include "image/library.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include <boost/json/value.hpp>

#include "base/text.h"
#include "image/digest.h"
#include "image/json_text.h"
#include "json/json.h"
#include "json/reader.h"
#include "policy/validate.h"

namespace brig::image {
namespace {

using json::Reader;
using Object = boost::json::object;

constexpr const char* kHostPython = "/usr/bin/python3";
constexpr json::Limits kBounds{.max_bytes = kManifestBytesMost, .max_depth = 6};
constexpr std::size_t kNameMost = 255;

constexpr std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

Object to_object(const FileMark& mark) {
  return {
      {"inode", mark.inode}, {"size", mark.size}, {"modified_ns", mark.modified_ns}, {"changed_ns", mark.changed_ns}};
}

Result<FileMark> read_mark(const Reader& reader) {
  static constexpr std::array<std::string_view, 4> kKeys{"inode", "size", "modified_ns", "changed_ns"};
  TRY(reader.only(kKeys));
  return FileMark{.inode = static_cast<std::uint64_t>(TRY(TRY(reader.at("inode")).integer(0))),
                  .size = static_cast<std::uint64_t>(TRY(TRY(reader.at("size")).integer(0))),
                  .modified_ns = TRY(TRY(reader.at("modified_ns")).integer()),
                  .changed_ns = TRY(TRY(reader.at("changed_ns")).integer())};
}

Result<std::string> read_digest(const Reader& reader) {
  std::string digest(TRY(reader.text()));
  if (!is_digest(digest)) return reader.error("not a digest");
  return digest;
}

Result<Wheel> read_wheel(const Reader& reader) {
  static constexpr std::array<std::string_view, 3> kKeys{"file", "digest", "mark"};
  TRY(reader.only(kKeys));
  const Reader file = TRY(reader.at("file"));
  Wheel wheel{.file = std::string(TRY(bounded_text(file, kNameMost))),
              .digest = TRY(read_digest(TRY(reader.at("digest")))),
              .mark = TRY(read_mark(TRY(reader.at("mark"))))};
  if (wheel.file.contains('/') || !wheel.file.ends_with(".whl")) return file.error("no name of a wheel");
  return wheel;
}

}  // namespace

Result<FileMark> mark_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return Error::last_system("look at " + path);
  return FileMark{.inode = status.st_ino,
                  .size = static_cast<std::uint64_t>(status.st_size),
                  .modified_ns = nanoseconds(status.st_mtim),
                  .changed_ns = nanoseconds(status.st_ctim)};
}

Result<std::string> library_base(const Manifest* image) {
  if (image != nullptr) {
    if (std::ranges::find(image->defaults.languages, "python", &Language::name) == image->defaults.languages.end())
      return Error(Code::kUnsupported, "the template " + image->name + " has no Python, which libraries are for");
    return image->digest;
  }
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(kHostPython, nullptr), &std::free);
  if (real == nullptr)
    return Error(Code::kUnsupported, std::string("this machine has no ") + kHostPython +
                                         ", which libraries are for: install python3, or use a template that has one");
  const FileMark mark = TRY(mark_of(real.get()));
  return "host " + std::string(real.get()) + " " + std::to_string(mark.inode) + " " + std::to_string(mark.size) + " " +
         std::to_string(mark.changed_ns);
}

std::vector<std::string> sorted_names(std::vector<std::string> names) {
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  return names;
}

std::string library_id(std::string_view base, const std::vector<std::string>& names) {
  // FNV-1a: who reads the record compares what it says, so two that meet cost one of them its cache and no more.
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    hash = (hash ^ 0xff) * 0x100000001b3;
  };
  add(base);
  for (const std::string& name : names) add(name);
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[hash >> static_cast<unsigned>(shift) & 15U];
  return text;
}

bool is_current(const Library& library, const HostPath& wheels) {
  if (library.wheels_folder != wheels.text()) return false;
  const auto folder = mark_of(wheels.text());
  if (!folder) return folder.error().os_error() == ENOENT;
  if (*folder != library.folder_mark) return false;
  return std::ranges::all_of(library.wheels, [&](const Wheel& wheel) {
    const auto mark = mark_of(wheels.text() + "/" + wheel.file);
    return mark && *mark == wheel.mark;
  });
}

Result<policy::Mount> library_mount(const InstalledLibrary& installed) {
  return policy::Mount{.from = installed.folder,
                       .to = TRY(GuestPath::parse(policy::kLibrariesFolder)),
                       .access = policy::Access::kReadOnly};
}

std::string to_json(const Library& library) {
  boost::json::array wheels;
  for (const Wheel& wheel : library.wheels)
    wheels.emplace_back(Object{{"file", wheel.file}, {"digest", wheel.digest}, {"mark", to_object(wheel.mark)}});
  return json::write(Object{{"version", 1},
                            {"base", library.base},
                            {"names", to_array(library.names)},
                            {"digest", library.digest},
                            {"wheels_folder", library.wheels_folder},
                            {"folder_mark", to_object(library.folder_mark)},
                            {"wheels", std::move(wheels)},
                            {"packages", to_array(library.packages)}});
}

Result<Library> parse_library(std::string_view text) {
  static constexpr std::array<std::string_view, 8> kKeys{"version",       "base",        "names",  "digest",
                                                         "wheels_folder", "folder_mark", "wheels", "packages"};
  const json::Value value = TRY(json::parse(text, kBounds));
  const Reader root(value);
  TRY(root.only(kKeys));
  TRY(TRY(root.at("version")).integer(1, 1));
  Library library;
  library.base = TRY(bounded_text(TRY(root.at("base")), 5000));
  const Reader names = TRY(root.at("names"));
  library.names = TRY(text_list(names, {.count = policy::kMostLibraries, .length = kNameMost}));
  for (const std::string& name : library.names) {
    if (const auto normal = policy::normalised_library(name); !normal || *normal != name)
      return names.error("no package's name");
  }
  library.digest = TRY(read_digest(TRY(root.at("digest"))));
  library.wheels_folder = TRY(bounded_text(TRY(root.at("wheels_folder")), 4095));
  library.folder_mark = TRY(read_mark(TRY(root.at("folder_mark"))));
  const Reader wheels = TRY(root.at("wheels"));
  const auto items = TRY(wheels.items());
  if (items.size() > kWheelsMost) return wheels.error("more than " + std::to_string(kWheelsMost) + " wheels");
  for (const Reader& item : items) library.wheels.push_back(TRY(read_wheel(item)));
  library.packages = TRY(text_list(TRY(root.at("packages")), {.count = kWheelsMost, .length = 400}));
  return library;
}

}  // namespace brig::image
