// How fast the emulator runs, in wave-instructions a second on one thread: not a test, a program to
// run by hand (emulator_speed [fast|interpreted [which]]).
#include "tests/emulator/TestGpu.h"

#include <cstdio>
#include <ctime>
#include <random>

namespace rosso::emulator {
namespace {

/// Of the processor, so that others on the machine do not count.
double seconds(auto &&work) {
  auto now = [] {
    timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
  };
  const double start = now();
  work();
  return now() - start;
}

std::string_view only; // measure what has this in its name

void report(const std::string &what, TestGpu &gpu, const Dispatch &dispatch) {
  if (what.find(only) == what.npos)
    return;
  double first = 0, best = 1e9;
  uint64_t count = 0;
  for (int i = 0; i < 5; ++i) {
    Counters counters;
    const double time = seconds([&] {
      auto result = gpu.run(dispatch);
      if (!result)
        std::printf("%s: %s\n", what.c_str(), result.error().message.c_str());
      else
        counters = *result;
    });
    (i ? best : first) = std::min(i ? best : 1e9, time);
    count = 0;
    for (uint64_t each : counters.instructions)
      count += each;
  }
  std::printf("%-28s %8.1f million instructions/s (%.1f M in %.1f ms; first run %.1f ms)\n",
              what.c_str(), double(count) / best * 1e-6, double(count) * 1e-6, best * 1e3,
              first * 1e3);
}

Dispatch assembled(TestGpu &gpu, std::string_view text, uint32_t groups) {
  Dispatch dispatch;
  dispatch.code = gpu.assemble(text);
  dispatch.rsrc1 = 0x000C0000u | 31;
  dispatch.rsrc2 = 1u << 7;
  dispatch.groupSize = {256, 1, 1};
  dispatch.groups = {groups, 1, 1};
  return dispatch;
}

std::string loop(const std::string &body) {
  return "s_movk_i32 s4, 2000\nagain:\n" + body +
         "s_sub_u32 s4, s4, 1\n s_cmp_lg_u32 s4, 0\n"
         "s_cbranch_scc1 again\n";
}

void run(Mode mode) {
  TestGpu gpu(mode, "gfx1100", 1);
  std::string body;
  char text[512];
  for (int i = 0; i < 8; ++i) {
    std::snprintf(text, sizeof text,
                  "v_fma_f32 v%d, v%d, v%d, v1\n v_add_nc_u32 v%d, v%d, v2\n"
                  "v_lshl_or_b32 v3, v%d, 4, v%d\n v_xor_b32 v4, v3, v4\n",
                  8 + i, 16 + i, 8 + i, 16 + i, 16 + i, 8 + i, 16 + i);
    body += text;
  }
  report("float and integer loop", gpu, assembled(gpu, loop(body), 20));
  report("one fma loop", gpu, assembled(gpu, loop("v_fma_f32 v1, v2, v3, v1\n"), 40));
  body.clear();
  for (int i = 0; i < 8; ++i) {
    std::snprintf(
        text, sizeof text,
        "v_pk_fma_f16 v%d, v%d, v%d, v1\n v_dot4_i32_iu8 v3, v%d, v%d, v3 neg_lo:[0,1,0]\n"
        "v_cvt_f32_f16 v5, v%d.l\n v_max_f32 v6, v5, v6\n",
        8 + i, 16 + i, 8 + i, 8 + i, 16 + i, 16 + i);
    body += text;
  }
  report("packed halves, dots, maxima", gpu, assembled(gpu, loop(body), 10));
  report("exp and rcp", gpu, assembled(gpu, loop("v_exp_f32 v1, v2\n v_rcp_f32 v2, v1\n"), 10));
  report("WMMA f16", gpu,
         assembled(gpu, loop("v_wmma_f32_16x16x16_f16 v[0:7], v[8:15], v[16:23], v[0:7]\n"), 1));

  const uint32_t rows = 16384, blocks = 4096 / 32;
  std::mt19937 random(1);
  auto bytes = [&](size_t count) {
    std::vector<uint32_t> values(count / 4);
    for (uint32_t &value : values)
      value = uint32_t(random());
    return values;
  };
  auto floats = [&](size_t count) {
    std::vector<float> values(count);
    for (float &value : values)
      value = std::uniform_real_distribution<float>(-1, 1)(random);
    return values;
  };
  std::vector<uint16_t> scales(rows * blocks, 0x2E66);
  const uint64_t y = gpu.allocate("y", rows * 4);
  Dispatch matvec = gpu.kernel(
      "matvec", {gpu.buffer("codes", bytes(rows * blocks * 16)), gpu.buffer("scales", scales),
                 gpu.buffer("x", bytes(blocks * 32)), gpu.buffer("xScales", floats(blocks)),
                 gpu.buffer("xSums", floats(blocks)), y, blocks});
  matvec.groupSize = {256, 1, 1};
  matvec.groups = {rows / 8, 1, 1};
  report("matvec of 4-bit blocks", gpu, matvec);
}

} // namespace
} // namespace rosso::emulator

int main(int argc, char **argv) {
  if (argc > 2)
    rosso::emulator::only = argv[2];
  const bool interpreted = argc > 1 && std::string_view(argv[1]) == "interpreted";
  rosso::emulator::run(interpreted ? rosso::emulator::Mode::Interpreted
                                   : rosso::emulator::Mode::Fast);
}
