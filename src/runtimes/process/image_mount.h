#pragma once
/// Images as roots: one read-only mount for each image, made once and shared by all sandboxes of it, so that they share
/// its pages.
///
/// Which image it is, its name says: the store publishes each under its SHA-256, in a folder that nobody but the
/// launcher's own user can write to. The name is the kernel's for the very file that is mounted, whatever the asker
/// says; the digest is not computed again, which would take longer than everything else.
///
/// A file system is parsed by the kernel, so the launcher mounts only what its own user has published: a stranger who
/// asks must show a file that belongs to that user and that nobody else can write. Only root can mount images.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "runtimes/process/asker.h"
#include "runtimes/process/host_report.h"

namespace brig::runtimes::process {

/// kDenied if this asker may not have this file mounted; kInvalidArgument for what is no file.
Result<> check_image(const Asker& asker, FdRef file, const HostReport& host);

/// The digest (64 hexadecimal digits) that this file is published under. kDenied if its folder could be written by
/// others; kInvalidArgument for a file that has no such name, or has been removed.
Result<std::string> published_digest(FdRef file, const HostReport& host);

/// "erofs" or "squashfs", as the kernel has mounted it; "" for anything else.
std::string_view image_format(FdRef mount);

/// An image and its mount, borrowed.
struct Image {
  FdRef file;
  FdRef mount;  ///< hangs nowhere: no path leads to it
};

/// The mounts of one launcher. They hang nowhere, so all of them go when it and its wardens have gone, however that
/// comes.
class ImageMounts {
 public:
  /// The mount of this file, kept for the next one who asks. Borrowed until the next call. kUnsupported if the kernel
  /// does not know the format, kInvalidArgument if the file has none.
  /// kDenied if it is not the one that was published as `digest`.
  Result<Image> mount_of(FdRef file, const std::string& digest, const HostReport& host);

 private:
  struct Object {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    auto operator<=>(const Object&) const = default;
  };
  struct Kept {
    Fd file;  ///< pins the inode, whose number is the key
    Fd mount;
    std::string digest;
  };
  void forget_removed();

  std::map<Object, Kept> images_;
};

/// The image's mount once more, for one sandbox. Kernels before 6.15 copy no mount that hangs nowhere: they mount the
/// file again, and sandboxes of one image do not share its pages there.
Result<Fd> copy_mount(const Image& image);

/// What the image has at its top: folders, files and links, without /usr and without what every sandbox makes itself
/// (/home too, unless there is a /home/user for the sandbox to lie on).
/// kInvalidArgument if it has no /usr, too many entries or names that cannot be shown.
Result<std::vector<HostReport::RootEntry>> top_of_image(FdRef image);

}  // namespace brig::runtimes::process
