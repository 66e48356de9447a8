#include "image/catalog.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/check.h"
#include "base/text.h"
#include "image/digest.h"
#include "image/everybodys.h"
#include "image/own_name.h"
#include "sys/file.h"

namespace brig::image {
namespace {

constexpr std::string_view kNameEnd = ".json";

}  // namespace

std::string Catalog::path(std::string_view folder, std::string_view name) const {
  return folder_.text() + "/" + std::string(folder) + "/" + std::string(name);
}

std::string Catalog::image_path(const Manifest& manifest) const {
  return path("images", std::string(hex_of(manifest.digest)) + "." + std::string(to_string(manifest.format)));
}

Result<std::vector<std::string>> Catalog::names_in(std::string_view folder) const {
  std::vector<std::string> names;
  std::error_code error;
  const std::string path = folder_.text() + "/" + std::string(folder);
  for (std::filesystem::directory_iterator at(path, error), end; !error && at != end; at.increment(error))
    names.push_back(at->path().filename().string());
  if (error && error.value() != ENOENT) return Error::system(error.value(), "look into " + path);
  std::ranges::sort(names);
  return names;
}

Result<Template> Catalog::read(const std::string& path) const {
  const Fd file = TRY(sys::open(path, O_RDONLY | O_NOFOLLOW));
  const std::string text = TRY(sys::read_all(file.ref(), kManifestBytesMost).context("read " + path));
  Manifest manifest = TRY(parse_manifest(text).context(path));
  HostPath image = TRY(HostPath::parse(image_path(manifest)));
  struct stat status{};
  if (::lstat(image.c_str(), &status) != 0) {
    return Error(Code::kUnavailable,
                 "the image of template \"" + manifest.name + "\" is gone (" + image.text() + "): build it again");
  }
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) != manifest.size.count) {
    return Error(Code::kUnavailable, "the image of template \"" + manifest.name + "\" is not what was built (" +
                                         image.text() + "): brig template rm " + manifest.name +
                                         ", and build it again");
  }
  return Template{.manifest = std::move(manifest), .file = std::move(image)};
}

Result<> check_own_name(std::string_view name) {
  if (name != kHostName) return check_template_name(name);
  return Error(Code::kInvalidArgument,
               "\"host\" is this machine's own /usr and no image of its own: it cannot be shown, built upon or removed "
               "(brig run uses it where no template is named, brig doctor says what it has)");
}

Result<Template> Catalog::find(std::string_view name) const {
  TRY(check_own_name(name));
  const std::string file = std::string(name) + std::string(kNameEnd);
  auto found = read(path("names", file));
  if (!found && found.error().code() == Code::kNotFound) {
    return no_such_template(name);
  }
  if (found && found->manifest.name != name)
    return Error(Code::kInvalidArgument, path("names", file) + ": is about template \"" + found->manifest.name + "\"");
  return found;
}

Result<Template> find_everybodys(const Catalog& catalog, std::string_view name) {
  Template found = TRY(catalog.find(name));
  if (is_everybodys(found.manifest)) return found;
  return Error(Code::kDenied, "the template \"" + printable(name, 80) + "\" is the key's " + found.manifest.owner +
                                  ", which made it over the API, and used with that key only: build or import one of "
                                  "your own under another name, or brig template rm " +
                                  printable(name, 80));
}

Result<std::vector<Listed>> Catalog::list() const {
  std::vector<Listed> all;
  for (const std::string& file : TRY(names_in("names"))) {
    if (!file.ends_with(kNameEnd)) continue;
    const std::string name = file.substr(0, file.size() - kNameEnd.size());
    if (!is_template_name(name)) continue;
    auto found = read(path("names", file));
    if (found) all.push_back({.manifest = std::move(found->manifest), .trouble = {}});
    else if (found.error().os_error() != ENOENT)  // gone meanwhile
      all.push_back({.manifest = {.name = name}, .trouble = found.error().message()});
  }
  return all;
}

Result<InstalledLibrary> Catalog::read_library(const std::string& path) const {
  const Fd file = TRY(sys::open(path, O_RDONLY | O_NOFOLLOW));
  Library library =
      TRY(parse_library(TRY(sys::read_all(file.ref(), kManifestBytesMost).context("read " + path))).context(path));
  HostPath folder = TRY(HostPath::parse(this->path("libraries", hex_of(library.digest))));
  struct stat status{};
  if (::lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
    return Error(Code::kNotFound, "the packages of " + path + " are gone");
  return InstalledLibrary{.library = std::move(library), .folder = std::move(folder)};
}

Result<InstalledLibrary> Catalog::find_library(std::string_view base, std::vector<std::string> names) const {
  names = sorted_names(std::move(names));
  auto found = TRY(read_library(path("libraries", library_id(base, names) + std::string(kNameEnd))));
  if (found.library.base != base || found.library.names != names)
    return Error(Code::kNotFound, "these packages are not installed");
  return found;
}

Result<std::vector<InstalledLibrary>> Catalog::libraries() const {
  std::vector<InstalledLibrary> all;
  for (const std::string& file : TRY(names_in("libraries"))) {
    if (!file.ends_with(kNameEnd)) continue;
    if (auto found = read_library(path("libraries", file))) all.push_back(*std::move(found));
  }
  return all;
}

HostPath Catalog::wheels() const {
  auto folder = HostPath::parse(folder_.text() + "/wheels");
  BRIG_CHECK(folder.has_value(), "a folder in a folder");
  return *std::move(folder);
}

Error Catalog::no_such_template(std::string_view name) const {
  std::vector<std::string> names;
  if (const auto all = list()) {
    for (const Listed& listed : *all) {
      if (listed.trouble.empty()) names.push_back(listed.manifest.name);
    }
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  return {Code::kNotFound,
          "there is no template \"" + printable(name, 80) + "\"" + did_you_mean(name, known) +
              ": brig template ls lists them (over the API: GET /v1/templates), brig template build and import "
              "make them"};
}

}  // namespace brig::image
