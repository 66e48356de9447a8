/// What the C++ library's headers want from its binary, which standalone programs do not link (BrigStandalone.cmake).
namespace std {

/// A failed assertion of _GLIBCXX_ASSERTIONS: a bug of ours.
[[noreturn]] void __glibcxx_assert_fail(const char* /*file*/, int /*line*/, const char* /*function*/,
                                        const char* /*condition*/) noexcept {
  __builtin_trap();
}

}  // namespace std
