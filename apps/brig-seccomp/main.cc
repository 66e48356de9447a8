/// brig-seccomp: a build tool. Compiles the system-call profile for one architecture and prints it as C++ source, so
/// that no program that ships needs libseccomp or its milliseconds at run time.
#include <openssl/sha.h>

#include <array>
#include <cstdio>
#include <string>
#include <string_view>

#include "runtimes/process/seccomp_compile.h"

namespace {

using brig::runtimes::process::Architecture;

int print_program(const brig::runtimes::process::CompiledProfile& profile) {
  std::printf("// Made by brig-seccomp from seccomp_profile.cc; do not edit.\n#include <cstdint>\n");
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(profile.program.data()), profile.program.size(), digest.data());
  std::printf("inline constexpr char kSeccompHash[] = \"");
  for (std::size_t i = 0; i < 8; ++i) std::printf("%02x", digest[i]);
  std::printf("\";\n");
  std::printf("inline constexpr std::uint32_t kSeccompAllowed = %u;\n", profile.allowed);
  std::printf("inline constexpr unsigned char kSeccompProgram[] = {");
  for (std::size_t i = 0; i < profile.program.size(); ++i) {
    std::printf("%s%d,", i % 24 == 0 ? "\n" : "", static_cast<unsigned char>(profile.program[i]));
  }
  std::printf("\n};\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  const bool is_text = argc > 2 && std::string_view(argv[2]) == "--text";
  if (name != "x86_64" && name != "aarch64") {
    std::fprintf(stderr, "usage: brig-seccomp x86_64|aarch64 [--text]\n");
    return 2;
  }
  const auto profile =
      brig::runtimes::process::compile_profile(name == "x86_64" ? Architecture::kX86_64 : Architecture::kAarch64);
  if (!profile.has_value()) {
    std::fprintf(stderr, "brig-seccomp: %s\n", profile.error().message().c_str());
    return 1;
  }
  if (is_text) {
    std::fputs(profile->text.c_str(), stdout);
    return 0;
  }
  return print_program(*profile);
}
