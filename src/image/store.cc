#include "image/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <set>

#include "base/text.h"
#include "image/digest.h"
#include "image/own_name.h"
#include "sys/file.h"
#include "sys/random_bytes.h"

namespace brig::image {
namespace {

/// What a step left in `layers` and `build` keeps its modes and set-id bits, and logs hold what programs printed: none
/// of it is anybody's but the owner's. Daemons read images and names.
struct Folder {
  const char* name;
  mode_t mode;
};
constexpr std::array<Folder, 8> kFolders{{{"images", 0755},
                                          {"names", 0755},
                                          {"libraries", 0755},
                                          {"wheels", 0755},
                                          {"cache", 0700},
                                          {"layers", 0700},
                                          {"build", 0700},
                                          {"logs", 0700}}};
constexpr std::string_view kNameEnd = ".json";
constexpr std::string_view kHalf = ".half";
constexpr std::string_view kLock = "lock";

/// 16 hexadecimal digits, unlike any other's.
std::string fresh_id() { return sys::random_hex(8); }

/// Who could write here could give others' sandboxes another system.
Result<> check_own(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return Error::last_system("look at " + path);
  if (!S_ISDIR(status.st_mode)) return Error(Code::kDenied, path + " is not a folder: move it out of the way");
  if (status.st_uid != ::geteuid() || (status.st_mode & 022U) != 0) {
    return Error(Code::kDenied, path + " belongs to, or can be written by, somebody else (user " +
                                    std::to_string(status.st_uid) +
                                    "): templates are only kept where nobody else can change them");
  }
  return {};
}

Result<> make_folders(const std::string& path) {
  for (std::size_t end = path.find('/', 1); true; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) return Error::last_system("make the folder " + part);
    if (end == std::string::npos) return {};
  }
}

/// Everything in the file system of that folder: a tree has too many files to be written one by one.
Result<> sync_file_system(const std::string& path) {
  const Fd folder = TRY(sys::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (::syncfs(folder.get()) != 0) return Error::last_system("write " + path + " to the disk");
  return {};
}

Result<> sync_folder(const std::string& path) {
  const Fd folder = TRY(sys::open(path, O_RDONLY | O_DIRECTORY));
  if (::fsync(folder.get()) != 0) return Error::last_system("write " + path + " to the disk");
  return {};
}

/// A lock of the open file, not of the process. False if somebody else holds it and `command` does not wait.
Result<bool> lock_file(FdRef file, int command) {
  struct flock whole{.l_type = F_WRLCK, .l_whence = SEEK_SET};
  while (::fcntl(file.get(), command, &whole) != 0) {
    if (errno == EAGAIN || errno == EACCES) return false;
    if (errno != EINTR) return Error::last_system("lock a file");
  }
  return true;
}

/// True if nobody holds the build folder's lock; then it is held by `lock`.
bool is_dead(const std::string& build, Fd& lock) {
  lock = Fd(::open((build + "/" + std::string(kLock)).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!lock.is_open()) return errno == ENOENT;
  return lock_file(lock.ref(), F_OFD_SETLK).value_or(false);
}

std::uint64_t size_of(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

}  // namespace

BuildFolder::~BuildFolder() {
  if (!path_.empty()) (void)sys::remove_tree(path_).has_value();  // what stays is removed by the next prepare()
}

Result<std::size_t> Store::prepare() {
  TRY(make_folders(this->folder().text()));
  TRY(check_own(this->folder().text()));
  for (const auto& [name, mode] : kFolders) {
    const std::string folder = this->folder().text() + "/" + name;
    if (::mkdir(folder.c_str(), mode) != 0 && errno != EEXIST) return Error::last_system("make the folder " + folder);
    TRY(check_own(folder));  // before its mode is set: what others could write, they may have written
    if (::chmod(folder.c_str(), mode) != 0) return Error::last_system("set the mode of " + folder);
  }
  if (::chmod(folder().c_str(), 0755) != 0) return Error::last_system("open " + this->folder().text() + " to readers");
  return remove_dead_builds();
}

/// Held for moments only: while a name or an image appears or goes.
Result<Fd> Store::lock() const {
  Fd lock = TRY(sys::open(folder().text() + "/" + std::string(kLock), O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  TRY(lock_file(lock.ref(), F_OFD_SETLKW).context("lock " + folder().text()));
  return lock;
}

Result<BuildFolder> Store::new_build() {
  // Made with its lock inside before it has its name: whoever looks for dead builds never sees one without.
  const Fd held = TRY(lock());
  const std::string folder = path("build", fresh_id());
  if (::mkdir(folder.c_str(), 0700) != 0) return Error::last_system("make the folder " + folder);
  Fd own = TRY(sys::open(folder + "/" + std::string(kLock), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  TRY(lock_file(own.ref(), F_OFD_SETLK));
  return BuildFolder(folder, std::move(own));
}

Result<std::size_t> Store::remove_dead_builds() {
  const Fd held = TRY(lock());
  std::size_t removed = 0;
  for (const std::string& name : TRY(names_in("build"))) {
    const std::string build = path("build", name);
    Fd dead;
    if (!is_dead(build, dead)) continue;
    TRY(sys::remove_tree(build));
    ++removed;
  }
  return removed;
}

Result<> Store::write_record(std::string_view folder, std::string_view name, const std::string& text) {
  const std::string whole = path(folder, std::string(name) + std::string(kNameEnd));
  const std::string half = whole + "." + fresh_id() + std::string(kHalf);
  const auto write = [&]() -> Result<> {
    const Fd file = TRY(sys::open(half, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
    TRY(sys::write_all(file.ref(), text + "\n").context(half));
    if (::fchmod(file.get(), 0644) != 0 || ::fsync(file.get()) != 0) return Error::last_system("write " + half);
    if (std::rename(half.c_str(), whole.c_str()) != 0) return Error::last_system("name " + whole);
    return sync_folder(path(folder, ""));
  };
  auto written = write();
  if (!written) ::unlink(half.c_str());
  return written;
}

Result<Template> Store::publish(Manifest manifest, const std::string& file) {
  const Fd image = TRY(sys::open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat status{};
  if (::fstat(image.get(), &status) != 0) return Error::last_system("look at " + file);
  if (!S_ISREG(status.st_mode) || status.st_size == 0 || status.st_nlink != 1)
    return Error(Code::kInternal, "what was built is no image file: " + file);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (!manifest.owner.empty()) TRY(expect_owner(manifest.name, manifest.owner, Code::kConflict));
  if (::fchmod(image.get(), 0644) != 0 || ::fsync(image.get()) != 0)
    return Error::last_system("write the image to the disk");
  manifest.digest = TRY(digest_of(image.ref()));
  manifest.size.count = size;
  const Fd held = TRY(lock());
  TRY(expect_room(manifest));
  // The same contents are the same file: what is open stays what it is.
  if (std::rename(file.c_str(), image_path(manifest).c_str()) != 0) return Error::last_system("name the image");
  TRY(sync_folder(path("images", "")));
  return give_name(std::move(manifest));
}

Result<Template> Store::publish_again(Manifest manifest) {
  const Fd held = TRY(lock());
  TRY(expect_room(manifest));
  return give_name(std::move(manifest));
}

/// Under the lock: what is published at the same time is counted.
Result<> Store::expect_room(const Manifest& manifest) const {
  if (!owner_most_) return {};
  std::uint64_t used = 0;
  for (const Listed& other : TRY(list())) {
    const bool counts = other.manifest.owner == manifest.owner && other.manifest.name != manifest.name;
    if (counts) used += other.manifest.size.count;
  }
  const std::uint64_t left = owner_most_->count - std::min(used, owner_most_->count);
  if (manifest.size.count <= left) return {};
  return Error(Code::kExhausted, "the image has " + format_rounded(manifest.size) + ", and there is room for " +
                                     format_rounded(Bytes{left}) +
                                     " more of this key's: remove a template, or make less");
}

Result<Template> Store::give_name(Manifest manifest) {
  TRY(check_template_name(manifest.name));
  if (!manifest.owner.empty()) TRY(expect_owner(manifest.name, manifest.owner, Code::kConflict));
  if (manifest.created_s == 0) manifest.created_s = ::time(nullptr);
  // What cannot be read back must not be written.
  TRY(parse_manifest(to_json(manifest)).context("describe the template"));
  const HostPath file = TRY(HostPath::parse(image_path(manifest)));
  if (::access(file.c_str(), R_OK) != 0) return Error::last_system("find the image " + file.text());
  const auto before = read(path("names", manifest.name + std::string(kNameEnd)));
  TRY(write_record("names", manifest.name, to_json(manifest)));
  if (before && !before->manifest.owner.empty()) TRY(remove_if_unused(before->file.text()));
  return Template{.manifest = std::move(manifest), .file = file};
}

/// A name that is there and cannot be read is nobody's but the machine's owner's.
Result<> Store::expect_owner(std::string_view name, std::string_view owner, Code otherwise) const {
  const auto known = read(path("names", std::string(name) + std::string(kNameEnd)));
  if (!known && known.error().os_error() == ENOENT) return {};
  if (known && known->manifest.owner == owner) return {};
  return Error(otherwise, "the template \"" + printable(name, 80) + "\" is somebody else's" +
                              (otherwise == Code::kConflict ? ": choose another name" : ""));
}

Result<> Store::remove(std::string_view name, std::string_view owner) {
  TRY(check_own_name(name));
  const Fd held = TRY(lock());
  if (!owner.empty()) TRY(expect_owner(name, owner, Code::kDenied));
  const std::string file = path("names", std::string(name) + std::string(kNameEnd));
  const auto known = read(file);  // what cannot be read can be removed all the same
  if (::unlink(file.c_str()) != 0) {
    if (errno != ENOENT) return Error::last_system("remove " + file);
    return no_such_template(name);
  }
  TRY(sync_folder(path("names", "")));
  return known ? remove_if_unused(known->file.text()) : Result<>();
}

Result<> Store::remove_if_unused(const std::string& image) {
  for (const Listed& other : TRY(list())) {
    if (other.trouble.empty() && image_path(other.manifest) == image) return {};
  }
  if (::unlink(image.c_str()) != 0 && errno != ENOENT) return Error::last_system("remove " + image);
  return {};
}

Result<> Store::remove_unused_images(Collected& collected) {
  std::set<std::string> used;
  for (const Listed& listed : TRY(list())) {
    if (!listed.trouble.empty()) {  // which image is it that must stay?
      return Error(Code::kConflict, listed.trouble + ": brig template rm " + listed.manifest.name + " first");
    }
    used.insert(image_path(listed.manifest));
  }
  for (const std::string& name : TRY(names_in("images"))) {
    const std::string image = path("images", name);
    if (used.contains(image)) continue;
    const std::uint64_t size = size_of(image);
    if (::unlink(image.c_str()) != 0) return Error::last_system("remove " + image);
    ++collected.images;
    collected.bytes.count += size;
  }
  return {};
}

Result<Collected> Store::collect_garbage() {
  Collected collected;
  collected.builds = TRY(remove_dead_builds());
  const Fd held = TRY(lock());
  for (const std::string_view folder :
       {std::string_view("names"), std::string_view("cache"), std::string_view("logs")}) {
    for (const std::string& name : TRY(names_in(folder))) {
      if (folder == "names" && !name.ends_with(kHalf)) continue;
      if (::unlink(path(folder, name).c_str()) != 0) return Error::last_system("remove " + path(folder, name));
      if (folder == "cache") ++collected.entries;
    }
  }
  TRY(remove_unused_images(collected));
  TRY(remove_libraries(collected));
  if (!TRY(names_in("build")).empty()) return collected;
  for (const std::string& name : TRY(names_in("layers"))) {
    TRY(sys::remove_tree(path("layers", name)));
    ++collected.layers;
  }
  return collected;
}

std::optional<Manifest> Store::cached(std::string_view key) const {
  auto found = read(path("cache", std::string(hex_of(key)) + std::string(kNameEnd)));
  if (!found) return std::nullopt;  // not there, or not readable: then it is made again
  return std::move(found->manifest);
}

Result<> Store::remember(std::string_view key, const Manifest& manifest) {
  return write_record("cache", hex_of(key), to_json(manifest));
}

std::optional<HostPath> Store::layer(std::string_view key) const {
  const std::string folder = path("layers", hex_of(key));
  struct stat status{};
  if (::lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return std::nullopt;
  auto found = HostPath::parse(folder);
  return found ? std::optional(*std::move(found)) : std::nullopt;
}

Result<HostPath> Store::keep_layer(std::string_view key, const std::string& changes) {
  TRY(sync_file_system(changes));
  const Fd held = TRY(lock());
  const std::string folder = path("layers", hex_of(key));
  if (::access(folder.c_str(), F_OK) != 0) {
    if (::rename(changes.c_str(), folder.c_str()) != 0) return Error::last_system("keep a layer");
    TRY(sync_folder(path("layers", "")));
    return HostPath::parse(folder);
  }
  if (::renameat2(AT_FDCWD, changes.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) != 0)
    return Error::last_system("keep a layer in the place of an older one");
  // The older one goes with the build folder, unless another build may have it in a root: then gc removes it.
  const std::string aside = folder + "." + fresh_id();
  if (TRY(names_in("build")).size() > 1 && ::rename(changes.c_str(), aside.c_str()) != 0)
    return Error::last_system("put an older layer aside");
  TRY(sync_folder(path("layers", "")));
  return HostPath::parse(folder);
}

Result<InstalledLibrary> Store::keep_library(const Library& library, const std::string& packages) {
  TRY(parse_library(to_json(library)).context("describe the packages"));  // what cannot be read back is not written
  TRY(sync_file_system(packages));
  const Fd held = TRY(lock());
  HostPath folder = TRY(HostPath::parse(path("libraries", hex_of(library.digest))));
  if (::rename(packages.c_str(), folder.c_str()) != 0 && errno != ENOTEMPTY && errno != EEXIST)
    return Error::last_system("keep the packages");
  TRY(sync_folder(path("libraries", "")));
  TRY(write_record("libraries", library_id(library.base, library.names), to_json(library)));
  return InstalledLibrary{.library = library, .folder = std::move(folder)};
}

Result<> Store::forget_libraries_of(const std::string& wheels_folder, const Wheel& wheel) {
  const Fd held = TRY(lock());
  for (const InstalledLibrary& other : TRY(libraries())) {
    const Library& library = other.library;
    const auto is_other = [&](const Wheel& its) { return its.file == wheel.file && its.digest != wheel.digest; };
    if (library.wheels_folder != wheels_folder || std::ranges::none_of(library.wheels, is_other)) continue;
    const std::string record = path("libraries", library_id(library.base, library.names) + std::string(kNameEnd));
    if (::unlink(record.c_str()) != 0 && errno != ENOENT) return Error::last_system("remove " + record);
  }
  return {};
}

/// Those of templates that have gone, and of a Python that the host has no more. Others stay: their folders are mounted
/// in sandboxes, which would see the files go.
Result<> Store::remove_libraries(Collected& collected) {
  std::set<std::string> bases;
  if (const auto host = library_base(nullptr)) bases.insert(*host);
  for (const Listed& listed : TRY(list())) bases.insert(listed.manifest.digest);
  std::set<std::string> used;
  for (const InstalledLibrary& installed : TRY(libraries())) {
    const Library& library = installed.library;
    if (!bases.contains(library.base)) continue;
    used.insert(installed.folder.text());
    used.insert(path("libraries", library_id(library.base, library.names) + std::string(kNameEnd)));
  }
  for (const std::string& name : TRY(names_in("libraries"))) {
    const std::string whole = path("libraries", name);
    if (used.contains(whole)) continue;
    TRY(sys::remove_tree(whole));
    if (!name.contains('.')) ++collected.libraries;
  }
  return {};
}

}  // namespace brig::image
