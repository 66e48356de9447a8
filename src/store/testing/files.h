#pragma once
/// Whole files and mounts, for tests that damage or fill a state folder.
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

namespace brig::store {

inline std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// The files that hold data, by name: not the lock, and not the log's index, which SQLite may make anew at any time.
inline std::map<std::string, std::string> data_files(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    if (name == "brig.lock" || name == "brig.db-shm") continue;
    files[name] = bytes_of(entry.path());
  }
  // An empty log is made and removed by looking at a database.
  if (files.contains("brig.db-wal") && files["brig.db-wal"].empty()) files.erase("brig.db-wal");
  return files;
}

/// A tmpfs of four megabytes over a folder. Needs root.
class SmallDisk {
 public:
  explicit SmallDisk(std::string folder)
      : folder_(std::move(folder)),
        is_mounted_(::mount("tmpfs", folder_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=4m,mode=0700") == 0) {}
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (is_mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  [[nodiscard]] bool is_mounted() const { return is_mounted_; }
  [[nodiscard]] bool make_read_only() const {
    return ::mount(nullptr, folder_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  }
  /// Writes into `name` until nothing more fits.
  void fill(const std::string& name) const {
    std::ofstream out(folder_ + "/" + name, std::ios::binary);
    const std::string block(4096, 'x');
    while (out.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }

 private:
  std::string folder_;
  bool is_mounted_;
};

}  // namespace brig::store
