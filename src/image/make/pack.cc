#include "image/make/pack.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <cerrno>
#include <vector>

#include "base/text.h"
#include "image/make/step.h"
#include "sys/file.h"
#include "sys/process.h"

namespace brig::image {

Result<std::string> pack(const HostPath& folder, const std::string& build, const std::string& name) {
  const std::string file = build + "/" + name + ".tar";
  const Fd null = TRY(sys::open("/dev/null", O_RDWR));
  const Fd log = TRY(sys::open(build + "/" + name + ".log", O_RDWR | O_CREAT | O_EXCL, 0600));
  const std::vector<std::string> arguments{
      "--create",    "--file=" + file,    "--directory=" + folder.text(), "--format=gnu",
      "--sort=name", "--one-file-system", "--warning=no-file-ignored",    "."};
  const std::vector<std::string> environment{"PATH=/usr/bin:/bin", "LC_ALL=C"};
  const std::vector<sys::Inherited> fds{{null.ref(), 0}, {null.ref(), 1}, {log.ref(), 2}};
  auto child = TRY(sys::spawn("/usr/bin/tar", arguments, environment, fds).context("pack " + printable(folder.text())));
  while (true) {
    pollfd ended{.fd = child.pidfd().get(), .events = POLLIN};
    const int count = ::poll(&ended, 1, kDiskLookEvery);
    if (count < 0 && errno != EINTR) return Error::last_system("wait for tar");
    TRY(expect_room(build));  // also of a tar that found the disk full between two looks; dropped, it is killed
    if (count > 0) break;
  }
  const sys::ProcessEnd end = TRY(child.wait());
  if (end.is_signal || end.value != 0) {
    const std::string said = sys::read_file(build + "/" + name + ".log", std::size_t{1} << 20).value_or("");
    return Error(Code::kInvalidArgument,
                 "the folder could not be read: " + printable(said.substr(0, said.find('\n')), 400));
  }
  if (::chmod(file.c_str(), 0644) != 0) return Error::last_system("open " + file + " to the worker");
  return file;
}

}  // namespace brig::image
