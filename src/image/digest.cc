#include "image/digest.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>

#include "base/check.h"
#include "base/hex.h"

namespace brig::image {
namespace {

constexpr std::string_view kAlgorithm = "sha256:";
constexpr std::size_t kPiece = std::size_t{1} << 20;

}  // namespace

struct Sha256::Context {
  EVP_MD_CTX* md = EVP_MD_CTX_new();
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  BRIG_CHECK(context_->md != nullptr && EVP_DigestInit_ex(context_->md, EVP_sha256(), nullptr) == 1,
             "SHA-256 is there");
}

Sha256::~Sha256() { EVP_MD_CTX_free(context_->md); }

void Sha256::update(std::string_view bytes) {
  BRIG_CHECK(EVP_DigestUpdate(context_->md, bytes.data(), bytes.size()) == 1, "SHA-256 takes bytes");
}

std::string Sha256::finish() {
  std::array<unsigned char, 32> raw{};
  unsigned size = 0;
  BRIG_CHECK(EVP_DigestFinal_ex(context_->md, raw.data(), &size) == 1 && size == raw.size(), "SHA-256 ends");
  return std::string(kAlgorithm) + to_hex(std::as_bytes(std::span(raw)));
}

std::string digest_of(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Result<std::string> digest_of(FdRef file) {
  Sha256 hash;
  std::string piece(kPiece, '\0');
  for (off_t at = 0;;) {
    const ssize_t count = ::pread(file.get(), piece.data(), piece.size(), at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::last_system("read the image");
    if (count == 0) return hash.finish();
    hash.update(std::string_view(piece).substr(0, static_cast<std::size_t>(count)));
    at += count;
  }
}

}  // namespace brig::image
