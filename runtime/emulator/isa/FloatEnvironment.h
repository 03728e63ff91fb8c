// The host's floating-point control, set as a wave's MODE says. Whoever executes instructions holds
// a FloatEnvironment meanwhile, and calls apply() after it wrote Registers::mode by itself.
#pragma once

#include <cstdint>
#if defined(__x86_64__)
#include <xmmintrin.h>
#elif !defined(__aarch64__)
#error "the emulator knows the floating-point control of x86-64 and AArch64 only"
#endif

namespace rosso::emulator {

// MODE: [1:0] rounding of f32, [3:2] of f16 and f64 (0 nearest, 1 up, 2 down, 3 to zero),
// [5:4] denormals of f32, [7:6] of f16 and f64 (bit 0: inputs are kept; bit 1: results are).
inline constexpr uint32_t kModeDx10Clamp = 1u << 8, kModeIeee = 1u << 9;
inline uint32_t roundingOf(uint32_t mode, bool wide) { return mode >> (wide ? 2 : 0) & 3; }
inline uint32_t denormalsOf(uint32_t mode, bool wide) { return mode >> (wide ? 6 : 4) & 3; }

/// The value of the host's control register for a rounding and what is kept of denormals.
inline uint32_t hostFloatControl(uint32_t rounding, uint32_t denormals) {
#if defined(__x86_64__)
  const uint32_t swapped = rounding == 1 ? 2 : rounding == 2 ? 1 : rounding; // 1 is down, 2 up
  return 0x1F80u | swapped << 13 | (denormals & 1 ? 0 : 0x40u) | (denormals & 2 ? 0 : 0x8000u);
#else
  return rounding << 22 | (denormals == 3 ? 0 : 1u << 24);
#endif
}
inline uint32_t hostFloatControl(uint32_t mode) {
  return hostFloatControl(roundingOf(mode, false), denormalsOf(mode, false));
}

inline uint32_t readFloatControl() {
#if defined(__x86_64__)
  return _mm_getcsr();
#else
  uint64_t value;
  asm volatile("mrs %0, fpcr" : "=r"(value));
  return uint32_t(value);
#endif
}
inline void writeFloatControl(uint32_t value) {
#if defined(__x86_64__)
  _mm_setcsr(value);
#else
  asm volatile("msr fpcr, %0" : : "r"(uint64_t(value)));
#endif
}

class FloatEnvironment {
public:
  explicit FloatEnvironment(uint32_t mode) : saved_(readFloatControl()) { apply(mode); }
  ~FloatEnvironment() { writeFloatControl(saved_); }
  FloatEnvironment(const FloatEnvironment &) = delete;
  FloatEnvironment &operator=(const FloatEnvironment &) = delete;

  static void apply(uint32_t mode) { writeFloatControl(hostFloatControl(mode)); }

private:
  uint32_t saved_;
};

} // namespace rosso::emulator
