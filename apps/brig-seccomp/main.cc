/// brig-seccomp: a build tool. Compiles the system-call profile for one architecture and prints it as C++ source, so
/// that no program that ships needs libseccomp or its milliseconds at run time.
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <string_view>

#include "runtimes/process/seccomp_compile.h"
#include "runtimes/process/seccomp_oci.h"

namespace {

using brig::runtimes::process::Architecture;

/// As pieces of a raw string: one alone may be too long for a compiler.
void print_text(const char* name, std::string_view text) {
  constexpr std::size_t kPiece = 4096;
  std::printf("inline constexpr char %s[] =", name);
  for (; !text.empty(); text.remove_prefix(std::min(kPiece, text.size())))
    std::printf("\nR\"json(%.*s)json\"", static_cast<int>(std::min(kPiece, text.size())), text.data());
  std::printf(";\n");
}

int print_program(const brig::runtimes::process::CompiledProfile& profile,
                  const brig::runtimes::process::OciProfile& oci) {
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
  print_text("kSeccompOci", oci.seccomp);
  print_text("kSeccompOciIdentity", oci.identity);
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
  const auto architecture = name == "x86_64" ? Architecture::kX86_64 : Architecture::kAarch64;
  const auto profile = brig::runtimes::process::compile_profile(architecture);
  const auto oci = brig::runtimes::process::oci_profile(architecture);
  if (!profile.has_value() || !oci.has_value()) {
    std::fprintf(stderr, "brig-seccomp: %s\n", (profile.has_value() ? oci.error() : profile.error()).message().c_str());
    return 1;
  }
  if (is_text) {
    std::fputs(profile->text.c_str(), stdout);
    return 0;
  }
  return print_program(*profile, *oci);
}
