#include "api/e2b/gzip.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include <cstring>

#include <boost/asio/io_context.hpp>

#include "async/run.h"

namespace brig::api::e2b {
namespace {

std::string gzip(std::string_view plain) {
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(::deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  return packed;
}

/// A body that comes in pieces of `piece` bytes.
guest::ByteSource body_of(std::string bytes, std::size_t piece) {
  return
      [bytes = std::move(bytes), piece, at = std::size_t{0}](std::span<std::byte> buffer) mutable -> Task<std::size_t> {
        const std::size_t count = std::min({buffer.size(), piece, bytes.size() - at});
        std::memcpy(buffer.data(), bytes.data() + at, count);
        at += count;
        co_return count;
      };
}

Task<std::string> all_of(Gunzip& gunzip, std::size_t piece) {
  std::string text;
  std::vector<std::byte> buffer(piece);
  while (true) {
    CO_TRY(const std::size_t count, co_await gunzip.read_some(buffer));
    if (count == 0) co_return text;
    text.append(reinterpret_cast<const char*>(buffer.data()), count);
  }
}

Result<std::string> unpack(std::string bytes, std::size_t in, std::size_t out) {
  asio::io_context io;
  Gunzip gunzip(body_of(std::move(bytes), in));
  return run(io, all_of(gunzip, out));
}

TEST(Gzip, IsWhatGunzipTakes) {
  std::string plain;
  for (std::uint64_t i = 0; i < 50'000; ++i) plain += std::to_string(i * i);
  std::string noise(300'000, '\0');
  std::uint32_t state = 1;
  for (char& byte : noise) byte = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24U);
  for (const std::string& text : {std::string(), std::string("x"), plain, noise, std::string(1'000'000, 'a')}) {
    for (const std::size_t piece : {std::size_t{999}, std::size_t{64} << 10, std::size_t{1} << 20}) {
      Gzip gzip;
      std::string packed;
      for (std::size_t at = 0; at < text.size(); at += piece)
        packed += gzip.add(std::string_view(text).substr(at, piece));
      packed += gzip.finish();
      EXPECT_EQ(unpack(packed, 4096, 4096).value(), text);
      if (text.size() > 300'000) EXPECT_LT(packed.size(), text.size() / 2);
    }
  }
}

TEST(Gunzip, IsWhatItWasHoweverItComes) {
  std::string plain;
  for (std::uint64_t i = 0; i < 50'000; ++i) plain += std::to_string(i * i);
  for (const std::size_t in : {std::size_t{1}, std::size_t{1000}, std::size_t{1} << 20}) {
    for (const std::size_t out : {std::size_t{7}, std::size_t{1} << 20})
      EXPECT_EQ(unpack(gzip(plain), in, out).value(), plain);
  }
  EXPECT_EQ(unpack(gzip(""), 1, 1).value(), "");
}

TEST(Gunzip, RefusesWhatIsNoneEndsEarlyOrGoesOn) {
  const std::string packed = gzip("hello");
  for (const std::string& wrong : {std::string(), std::string("hello"), packed.substr(0, packed.size() - 1),
                                   packed + "x", packed + packed, packed.substr(0, 12) + "zzzz" + packed.substr(16)})
    EXPECT_EQ(unpack(wrong, 1000, 1000).error().code(), Code::kInvalidArgument) << wrong.size();
}

TEST(Gunzip, ABombComesInPiecesNoLargerThanAskedFor) {
  asio::io_context io;
  Gunzip gunzip(body_of(gzip(std::string(std::size_t{64} << 20, '\0')), 1 << 16));
  std::vector<std::byte> buffer(1000);
  EXPECT_LE(*run(io, gunzip.read_some(buffer)), 1000U);
}

}  // namespace
}  // namespace brig::api::e2b
