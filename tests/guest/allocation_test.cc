// The output path costs at most one heap allocation per chunk, counted.
#include <cstdlib>
#include <new>

#include "agent_process.h"

namespace {
std::size_t g_allocations = 0;
}

void* operator new(std::size_t size) {
  ++g_allocations;
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace brig::guest {
namespace {

class Counting final : public OutputSink {
 public:
  void on_output(Stream, std::span<const std::byte> bytes) override {
    if (chunks == 0) allocations_at_first = g_allocations;
    ++chunks;
    total += bytes.size();
    allocations_at_last = g_allocations;
  }
  std::size_t chunks = 0;
  std::size_t total = 0;
  std::size_t allocations_at_first = 0;
  std::size_t allocations_at_last = 0;
};

TEST_F(SessionTest, AChunkOfOutputCostsAtMostOneAllocation) {
  constexpr std::size_t kTotal = 100'000'000;
  Counting output;
  auto process = start({.argv = {"head", "-c", std::to_string(kTotal), "/dev/zero"}, .cwd = "/"}, output);
  EXPECT_EQ(finish(*process).value, 0);
  EXPECT_EQ(output.total, kTotal);
  ASSERT_GE(output.chunks, 1000U);
  const std::size_t allocations = output.allocations_at_last - output.allocations_at_first;
  RecordProperty("chunks", std::to_string(output.chunks));
  RecordProperty("allocations", std::to_string(allocations));
  EXPECT_LE(allocations, output.chunks);
}

}  // namespace
}  // namespace brig::guest
