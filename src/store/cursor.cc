#include "store/cursor.h"

#include <openssl/evp.h>

#include <array>
#include <cstring>

#include "base/check.h"
#include "store/ids.h"

namespace brig::store {
namespace {

constexpr std::size_t kBlock = 16;
constexpr std::string_view kHex = "0123456789abcdef";
using BlockBytes = std::array<unsigned char, kBlock>;
using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

void apply(EVP_CIPHER_CTX* context, const BlockBytes& in, BlockBytes& out) {
  int size = 0;
  BRIG_CHECK(EVP_CipherUpdate(context, out.data(), &size, in.data(), kBlock) == 1 && size == kBlock,
             "one block in gives one block out");
}

// A block: 6 bytes of time, 5 of seq, 5 of a digest of the scope.
constexpr std::size_t kTimeBytes = 6;
constexpr std::size_t kSeqBytes = 5;

void put(unsigned char* out, std::size_t size, std::int64_t number) {
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<unsigned char>(number >> (8 * i));
}

std::int64_t take(const unsigned char* in, std::size_t size) {
  std::int64_t number = 0;
  for (std::size_t i = 0; i < size; ++i) number |= std::int64_t{in[i]} << (8 * i);
  return number;
}

BlockBytes plain(Place place, std::string_view scope) {
  BlockBytes block{};
  put(block.data(), kTimeBytes, milliseconds_since_1970(place.at));
  put(block.data() + kTimeBytes, kSeqBytes, place.seq);
  const std::size_t used = kTimeBytes + kSeqBytes;
  std::memcpy(block.data() + used, sha256(scope).data(), kBlock - used);
  return block;
}

}  // namespace

struct Cursors::Cipher {
  Context encrypt{EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free};
  Context decrypt{EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free};
};

void Cursors::CipherDeleter::operator()(Cipher* cipher) const { delete cipher; }

Result<Cursors> Cursors::create(std::string_view key) {
  if (key.size() != kBlock) return Error(Code::kInternal, "the state database has no key for cursors");
  std::unique_ptr<Cipher, CipherDeleter> cipher(new Cipher);
  const auto* bytes = reinterpret_cast<const unsigned char*>(key.data());
  for (EVP_CIPHER_CTX* context : {cipher->encrypt.get(), cipher->decrypt.get()}) {
    // ECB of exactly one block: there is no second that could be compared with it.
    const int direction = context == cipher->encrypt.get() ? 1 : 0;
    if (context == nullptr || EVP_CipherInit_ex2(context, EVP_aes_128_ecb(), bytes, nullptr, direction, nullptr) != 1) {
      return Error(Code::kInternal, "the cryptographic library refuses AES");
    }
    EVP_CIPHER_CTX_set_padding(context, 0);
  }
  return Cursors(std::move(cipher));
}

std::string Cursors::encode(Place place, std::string_view scope) const {
  BlockBytes block{};
  BRIG_CHECK(fits_cursor(place.at) && place.seq >= 0 && place.seq < std::int64_t{1} << 40, "a place fits its bytes");
  apply(cipher_->encrypt.get(), plain(place, scope), block);
  std::string text;
  for (const unsigned char byte : block) {
    text += kHex[byte >> 4U];
    text += kHex[byte & 15U];
  }
  return text;
}

Result<Place> Cursors::decode(std::string_view cursor, std::string_view scope) const {
  const Error bad(Code::kInvalidArgument, "the cursor does not belong to this list");
  if (cursor.size() != 2 * kBlock || cursor.find_first_not_of(kHex) != std::string_view::npos) return bad;
  BlockBytes block{};
  for (std::size_t i = 0; i < kBlock; ++i) {
    block[i] = static_cast<unsigned char>(kHex.find(cursor[2 * i]) << 4U | kHex.find(cursor[2 * i + 1]));
  }
  BlockBytes opened{};
  apply(cipher_->decrypt.get(), block, opened);
  const Place place{.at = wall_time(take(opened.data(), kTimeBytes)),
                    .seq = take(opened.data() + kTimeBytes, kSeqBytes)};
  if (opened != plain(place, scope)) return bad;
  return place;
}

}  // namespace brig::store
