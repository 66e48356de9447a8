#include "seccomp_program.inc"

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include "runtimes/process/compile.h"

namespace brig::runtimes::process {

const SeccompProgram& seccomp_program() {
  static const SeccompProgram kProgram = [] {
    return SeccompProgram{.bytes = std::string(std::begin(kSeccompProgram), std::end(kSeccompProgram)),
                          .hash = kSeccompHash,
                          .allowed = kSeccompAllowed};
  }();
  return kProgram;
}

std::string_view oci_seccomp() { return kSeccompOci; }
std::string_view oci_seccomp_identity() { return kSeccompOciIdentity; }

}  // namespace brig::runtimes::process
