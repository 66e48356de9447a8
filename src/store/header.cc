#include "store/header.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "store/schema.h"
#include "sys/file.h"

namespace brig::store {
namespace {

// https://www.sqlite.org/fileformat.html, 1.3: numbers are big-endian.
constexpr std::size_t kHeaderSize = 100;
constexpr std::string_view kMagic("SQLite format 3\0", 16);
constexpr std::size_t kPageSizeAt = 16;
constexpr std::size_t kPageCountAt = 28;
constexpr std::size_t kUserVersionAt = 60;
constexpr std::size_t kApplicationIdAt = 68;

std::uint32_t number_at(std::string_view bytes, std::size_t offset, std::size_t size) {
  std::uint32_t number = 0;
  for (const char byte : bytes.substr(offset, size)) number = number << 8U | static_cast<unsigned char>(byte);
  return number;
}

Error untouched(Code code, const std::string& path, const std::string& what) {
  return {code, path + " " + what + "; it has not been touched"};
}

}  // namespace

bool has_log(const std::string& path) {
  struct stat status{};
  return ::stat((path + "-wal").c_str(), &status) == 0 && status.st_size > 0;
}

Result<> check_header(const std::string& path, std::int64_t newest) {
  const Fd file = TRY(sys::open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return Error::last_system("look at " + path);
  if (!S_ISREG(status.st_mode)) return untouched(Code::kInternal, path, "is not a file");
  if (status.st_size == 0) {
    if (has_log(path)) return untouched(Code::kInternal, path, "is missing or empty, but its log (-wal) has data");
    return {};
  }
  std::array<char, kHeaderSize> bytes{};
  const auto got = ::pread(file.get(), bytes.data(), bytes.size(), 0);
  if (got < 0) return Error::last_system("read " + path);
  const std::string_view header(bytes.data(), bytes.size());
  if (got != static_cast<ssize_t>(kHeaderSize) || !header.starts_with(kMagic)) {
    return untouched(Code::kInternal, path, "is damaged or no state database: it has no header of SQLite's");
  }
  const std::uint32_t page_field = number_at(header, kPageSizeAt, 2);
  const std::uint64_t page_size = page_field == 1 ? 65536 : page_field;
  const std::uint64_t size = page_size * number_at(header, kPageCountAt, 4);
  const auto actual = static_cast<std::uint64_t>(status.st_size);
  // With a log the file may lag behind its header: the rest is in the log.
  if (actual < page_size || (actual < size && !has_log(path))) {
    return untouched(Code::kInternal, path,
                     "is damaged: it was cut to " + std::to_string(actual) + " of " + std::to_string(size) + " bytes");
  }
  const std::uint32_t application = number_at(header, kApplicationIdAt, 4);
  // A start that was killed while it made the database leaves one page without a name.
  if (application != kApplicationId && (application != 0 || actual > page_size)) {
    return untouched(Code::kInternal, path, "is a database, but not of Brig");
  }
  const std::int64_t version = number_at(header, kUserVersionAt, 4);
  if (version > newest) {
    return untouched(Code::kUnsupported, path,
                     "is of version " + std::to_string(version) + ", and this program knows versions up to " +
                         std::to_string(newest) + ": it was written by a newer Brig");
  }
  return {};
}

}  // namespace brig::store
