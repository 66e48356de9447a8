#include "seccomp_program.inc"

#include <cstdint>
#include <iterator>
#include <string>

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

}  // namespace brig::runtimes::process
