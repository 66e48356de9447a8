#include "runtimes/process/set_id_filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace brig::runtimes::process {
namespace {

constexpr std::uint32_t kFchmodat2 = 452;  // asm-generic/unistd.h since Linux 6.6

struct Call {
  std::uint32_t number;
  std::uint32_t mode;  ///< which argument is the mode
};
constexpr Call kCalls[] = {
#ifdef SYS_chmod
    {SYS_chmod, 1},
#endif
    {SYS_fchmod, 1},
    {SYS_fchmodat, 2},
    {kFchmodat2, 2},
};

constexpr sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
constexpr sock_filter answer(std::uint32_t what) { return BPF_STMT(BPF_RET | BPF_K, what); }

}  // namespace

std::string set_id_filter() {
  std::vector<sock_filter> program{load(offsetof(seccomp_data, nr))};
  for (const Call& call : kCalls) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call.number, 0, 4));
    // The lower half comes first: both architectures are little-endian.
    program.push_back(load(offsetof(seccomp_data, args) + std::size_t{call.mode} * 8));
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, S_ISUID | S_ISGID, 0, 1));
    program.push_back(answer(SECCOMP_RET_ERRNO | EPERM));
    program.push_back(answer(SECCOMP_RET_ALLOW));
  }
  program.push_back(answer(SECCOMP_RET_ALLOW));
  return {reinterpret_cast<const char*>(program.data()), program.size() * sizeof(sock_filter)};
}

}  // namespace brig::runtimes::process
