// Values from the ISA manual's own examples and rules, and from calculation by hand.
#include "tests/emulator/AluWave.h"

namespace rosso::emulator {
namespace {

struct Unary {
  const char *text; // reads v1, writes v0
  uint32_t input, expected;
};
class UnaryAlu : public testing::TestWithParam<Unary> {};
TEST_P(UnaryAlu, GivesWhatTheManualSays) {
  AluWave wave;
  wave.set(1, GetParam().input);
  wave.run(GetParam().text);
  EXPECT_EQ(wave.at(0, 0), GetParam().expected)
      << GetParam().text << std::hex << " of " << GetParam().input;
  EXPECT_EQ(wave.at(0, 31), GetParam().expected);
}
// "RDNA3 ISA", functional examples of 16.8 and 16.12.
const Unary kManual[] = {
    {"v_exp_f32 v0, v1", 0xff800000, 0x00000000},
    {"v_exp_f32 v0, v1", 0x80000000, 0x3f800000},
    {"v_exp_f32 v0, v1", 0x7f800000, 0x7f800000},
    {"v_log_f32 v0, v1", 0xff800000, 0xffc00000},
    {"v_log_f32 v0, v1", 0xbf800000, 0xffc00000},
    {"v_log_f32 v0, v1", 0x80000000, 0xff800000},
    {"v_log_f32 v0, v1", 0x00000000, 0xff800000},
    {"v_log_f32 v0, v1", 0x3f800000, 0x00000000},
    {"v_log_f32 v0, v1", 0x7f800000, 0x7f800000},
    {"v_rcp_f32 v0, v1", 0xff800000, 0x80000000},
    {"v_rcp_f32 v0, v1", 0xc0000000, 0xbf000000},
    {"v_rcp_f32 v0, v1", 0x80000000, 0xff800000},
    {"v_rcp_f32 v0, v1", 0x00000000, 0x7f800000},
    {"v_rcp_f32 v0, v1", 0x7f800000, 0x00000000},
    {"v_rsq_f32 v0, v1", 0xff800000, 0xffc00000},
    {"v_rsq_f32 v0, v1", 0x80000000, 0xff800000},
    {"v_rsq_f32 v0, v1", 0x00000000, 0x7f800000},
    {"v_rsq_f32 v0, v1", 0x40800000, 0x3f000000},
    {"v_rsq_f32 v0, v1", 0x7f800000, 0x00000000},
    {"v_sqrt_f32 v0, v1", 0xff800000, 0xffc00000},
    {"v_sqrt_f32 v0, v1", 0x80000000, 0x80000000},
    {"v_sqrt_f32 v0, v1", 0x40800000, 0x40000000},
    {"v_sin_f32 v0, v1", 0xff800000, 0xffc00000},
    {"v_sin_f32 v0, v1", 0xff7fffff, 0x00000000},
    {"v_sin_f32 v0, v1", 0x80000000, 0x80000000},
    {"v_sin_f32 v0, v1", 0x3e800000, 0x3f800000},
    {"v_sin_f32 v0, v1", 0x7f800000, 0xffc00000},
    {"v_cos_f32 v0, v1", 0xff800000, 0xffc00000},
    {"v_cos_f32 v0, v1", 0xff7fffff, 0x3f800000},
    {"v_cos_f32 v0, v1", 0x80000000, 0x3f800000},
    {"v_cos_f32 v0, v1", 0x3e800000, 0x00000000},
    {"v_clz_i32_u32 v0, v1", 0x00000000, 0xffffffff},
    {"v_clz_i32_u32 v0, v1", 0x800000ff, 0},
    {"v_clz_i32_u32 v0, v1", 0x100000ff, 3},
    {"v_clz_i32_u32 v0, v1", 0x0000ffff, 16},
    {"v_clz_i32_u32 v0, v1", 0x00000001, 31},
    {"v_ctz_i32_b32 v0, v1", 0x00000000, 0xffffffff},
    {"v_ctz_i32_b32 v0, v1", 0xff000008, 3},
    {"v_ctz_i32_b32 v0, v1", 0x80000000, 31},
    {"v_cls_i32 v0, v1", 0x00000000, 0xffffffff},
    {"v_cls_i32 v0, v1", 0x40000000, 1},
    {"v_cls_i32 v0, v1", 0x80000000, 1},
    {"v_cls_i32 v0, v1", 0x0fffffff, 4},
    {"v_cls_i32 v0, v1", 0xffff0000, 16},
    {"v_cls_i32 v0, v1", 0xfffffffe, 31},
    {"v_cls_i32 v0, v1", 0xffffffff, 0xffffffff},
    {"v_cvt_off_f32_i4 v0, v1", 8, 0xbf000000},
    {"v_cvt_off_f32_i4 v0, v1", 15, 0xbd800000},
    {"v_cvt_off_f32_i4 v0, v1", 7, 0x3ee00000},
};
INSTANTIATE_TEST_SUITE_P(Manual, UnaryAlu, testing::ValuesIn(kManual));

// f16 examples: the upper half of the destination stays.
const Unary kManual16[] = {
    {"v_rcp_f16 v0, v1", 0xfc00, 0x8000},
    {"v_rcp_f16 v0, v1", 0xc000, 0xb800},
    {"v_rcp_f16 v0, v1", 0x8000, 0xfc00},
    {"v_sqrt_f16 v0, v1", 0xfc00, 0xfe00},
    {"v_sqrt_f16 v0, v1", 0x4400, 0x4000},
    {"v_rsq_f16 v0, v1", 0x4400, 0x3800},
    {"v_rsq_f16 v0, v1", 0x8000, 0xfc00},
    {"v_log_f16 v0, v1", 0xbc00, 0xfe00},
    {"v_log_f16 v0, v1", 0x3c00, 0x0000},
    {"v_exp_f16 v0, v1", 0xfc00, 0x0000},
    {"v_exp_f16 v0, v1", 0x8000, 0x3c00},
    {"v_sin_f16 v0, v1", 0xfbff, 0x0000},
    {"v_sin_f16 v0, v1", 0x8000, 0x8000},
    {"v_sin_f16 v0, v1", 0x3400, 0x3c00},
    {"v_cos_f16 v0, v1", 0x3400, 0x0000},
    {"v_cos_f16 v0, v1", 0x7bff, 0x3c00},
    {"v_cos_f16 v0, v1", 0x7c00, 0xfe00},
    {"v_exp_f16 v0, v1", 0xcc00, 0x0100}, // 2^-16, a denormal
};
INSTANTIATE_TEST_SUITE_P(ManualF16, UnaryAlu, testing::ValuesIn(kManual16));

TEST(Alu, ScalarDifferencesOfTheManual) {
  const struct {
    uint32_t a, b, expected;
  } kCases[] = {{2, 5, 3},
                {0xffffffff, 0, 1},
                {0x80000000, 0, 0x80000000},
                {0x80000000, 1, 0x7fffffff},
                {0x80000000, 0xffffffff, 0x7fffffff},
                {0x80000000, 0xfffffffe, 0x7ffffffe}};
  for (const auto &test : kCases) {
    AluWave wave;
    wave.s(1) = test.a, wave.s(2) = test.b;
    wave.run("s_absdiff_i32 s0, s1, s2");
    EXPECT_EQ(wave.s(0), test.expected);
    EXPECT_TRUE(wave.registers->scc);
  }
}

TEST(Alu, CarriesAndOverflows) {
  AluWave wave;
  wave.s(1) = 0xffffffff, wave.s(2) = 1;
  wave.run("s_add_u32 s0, s1, s2");
  EXPECT_EQ(wave.s(0), 0u);
  EXPECT_TRUE(wave.registers->scc);
  wave.run("s_addc_u32 s3, 0, 0");
  EXPECT_EQ(wave.s(3), 1u);
  EXPECT_FALSE(wave.registers->scc);
  wave.s(1) = 0x7fffffff;
  wave.run("s_add_i32 s0, s1, s2");
  EXPECT_EQ(wave.s(0), 0x80000000u);
  EXPECT_TRUE(wave.registers->scc);
  wave.s(1) = 0, wave.s(2) = 1;
  wave.run("s_sub_u32 s0, s1, s2\n s_subb_u32 s3, 5, 5");
  EXPECT_EQ(wave.s(0), 0xffffffffu);
  EXPECT_EQ(wave.s(3), 0xffffffffu);
  EXPECT_TRUE(wave.registers->scc);
  wave.run("s_cmp_lt_i32 s0, 0\n s_cselect_b32 s4, 11, 22");
  EXPECT_EQ(wave.s(4), 11u);
}

TEST(Alu, VectorCarriesGoToTheMaskOfActiveLanes) {
  AluWave wave;
  wave.set(1, 0xffffffffu);
  wave.set(2, 7u);
  wave.s(kExecLo) = 0x0000ffff;
  wave.s(kVccLo) = 0xffffffff;
  wave.run("v_add_co_u32 v0, vcc_lo, v1, 1\n v_add_co_ci_u32 v3, vcc_lo, 0, v2, vcc_lo");
  EXPECT_EQ(wave.at(0, 0), 0u);
  EXPECT_EQ(wave.at(3, 0), 8u);
  EXPECT_EQ(wave.at(3, 16), 0u); // not active: not written
  EXPECT_EQ(wave.s(kVccLo), 0u);
  wave.run("v_add_co_u32 v0, s5, v1, 1");
  EXPECT_EQ(wave.s(5), 0x0000ffffu);
}

TEST(Alu, ComparesClearBitsOfInactiveLanes) {
  AluWave wave;
  for (unsigned i = 0; i < 32; ++i)
    wave.registers->v[1][i] = i;
  wave.s(kExecLo) = 0xffffff00;
  wave.run("v_cmp_gt_u32 vcc_lo, 16, v1");
  EXPECT_EQ(wave.s(kVccLo), 0x0000ff00u);
  wave.run("v_cmpx_gt_u32 12, v1");
  EXPECT_EQ(wave.s(kExecLo), 0x00000f00u);
}

TEST(Alu, SaveExec) {
  AluWave wave;
  wave.s(kExecLo) = 0xff00ff00;
  wave.s(1) = 0x0ff00ff0;
  wave.run("s_and_saveexec_b32 s0, s1");
  EXPECT_EQ(wave.s(0), 0xff00ff00u);
  EXPECT_EQ(wave.s(kExecLo), 0x0f000f00u);
  EXPECT_TRUE(wave.registers->scc);
  wave.run("s_and_not1_saveexec_b32 s2, s0");
  EXPECT_EQ(wave.s(kExecLo), 0xf000f000u);
}

TEST(Alu, MinimumAndMaximum) {
  const uint32_t kQuiet = 0x7fc00001, kSignal = 0x7f800001, kOne = 0x3f800000;
  const struct {
    const char *text;
    uint32_t a, b, expected;
  } kCases[] = {
      {"v_min_f32 v0, v1, v2", 0x80000000, 0x00000000, 0x80000000},
      {"v_min_f32 v0, v1, v2", 0x00000000, 0x80000000, 0x80000000},
      {"v_max_f32 v0, v1, v2", 0x80000000, 0x00000000, 0x00000000},
      {"v_max_f32 v0, v1, v2", kQuiet, kOne, kOne},
      {"v_max_f32 v0, v1, v2", kOne, kQuiet, kOne},
      {"v_max_f32 v0, v1, v2", kOne, kSignal, 0x7fc00001},
      {"v_max_f32 v0, v1, v2", kSignal, kQuiet, 0x7fc00001},
      {"v_min_f16 v0, v1, v2", 0x8000, 0x0000, 0x8000},
      {"v_max_f16 v0, v1, v2", 0x7e00, 0x3c00, 0x3c00},
      {"v_max_f16 v0, v1, v2", 0x7c01, 0x3c00, 0x7e01},
  };
  for (const auto &test : kCases) {
    AluWave wave;
    wave.set(1, test.a), wave.set(2, test.b);
    wave.run(test.text);
    EXPECT_EQ(wave.at(0), test.expected) << test.text << std::hex << " " << test.a << " " << test.b;
  }
  AluWave wave; // without IEEE signalling NaNs are like quiet ones
  wave.registers->mode &= ~(1u << 9);
  wave.set(1, kSignal), wave.set(2, kOne);
  wave.run("v_max_f32 v0, v1, v2");
  EXPECT_EQ(wave.at(0), kOne);
}

TEST(Alu, DenormalsAsTheModeSays) {
  const uint32_t kDenormal = 0x00000001, kSmall = 0x00800000; // 2^-126
  AluWave keep, flush;
  flush.registers->mode = kModeFlush32;
  for (AluWave *wave : {&keep, &flush}) {
    wave->set(1, kDenormal), wave->set(2, kSmall);
    wave->run("v_add_f32 v3, v1, v1\n v_mul_f32 v4, 0.5, v2\n v_max_f32 v5, v1, v1\n"
              "v_mov_b32 v6, v1\n v_cndmask_b32 v7, v1, v1, vcc_lo\n v_fma_f32 v8, v1, 1.0, v2");
  }
  EXPECT_EQ(keep.at(3), 2u);
  EXPECT_EQ(keep.at(4), 0x00400000u);
  EXPECT_EQ(keep.at(5), 1u);
  EXPECT_EQ(keep.at(8), 0x00800001u);
  EXPECT_EQ(flush.at(3), 0u);
  EXPECT_EQ(flush.at(4), 0u);
  EXPECT_EQ(flush.at(5), 0u);
  EXPECT_EQ(flush.at(6), 1u); // moves move
  EXPECT_EQ(flush.at(7), 1u);
  EXPECT_EQ(flush.at(8), kSmall);
  // f16 keeps its denormals meanwhile, and f64 too.
  flush.set(1, 0x0001u);
  flush.setWide(2, 1);
  flush.run("v_add_f16 v0, v1, v1\n v_add_f64 v[4:5], v[2:3], v[2:3]");
  EXPECT_EQ(flush.at(0) & 0xffff, 2u);
  EXPECT_EQ(flush.wide(4), 2u);
  flush.run("s_denorm_mode 15");
  flush.set(1, kDenormal);
  flush.run("v_add_f32 v3, v1, v1");
  EXPECT_EQ(flush.at(3), 2u);
}

TEST(Alu, RoundingModes) {
  // 1 + 2^-24 lies half way between 1 and its successor.
  const uint32_t kExpected[4] = {0x3f800000, 0x3f800001, 0x3f800000, 0x3f800000};
  const uint32_t kNegative[4] = {0xbf800000, 0xbf800000, 0xbf800001, 0xbf800000};
  for (unsigned mode = 0; mode < 4; ++mode) {
    AluWave wave;
    wave.set(1, 0x33800000u);
    wave.run("s_round_mode " + std::to_string(mode) +
             "\n v_add_f32 v0, 1.0, v1\n"
             "v_sub_f32 v2, -1.0, v1");
    EXPECT_EQ(wave.at(0), kExpected[mode]);
    EXPECT_EQ(wave.at(2), kNegative[mode]);
    // f16 has its own: 1 + 2^-11.
    wave.set(1, 0x1000u);
    wave.run("s_round_mode " + std::to_string(mode << 2) + "\n v_add_f16 v0, 1.0, v1");
    EXPECT_EQ(wave.at(0) & 0xffff, mode == 1 ? 0x3c01u : 0x3c00u);
  }
}

TEST(Alu, OneRoundingInFusedMultiplyAdd) {
  AluWave wave;
  // (1 + 2^-23)^2 - (1 + 2^-22) = 2^-46
  wave.set(1, 0x3f800001u), wave.set(2, 0xbf800002u);
  wave.run("v_fma_f32 v0, v1, v1, v2");
  EXPECT_EQ(wave.at(0), 0x28800000u);
  // f16: (1 + 2^-10)(1 + 2^-10) + 2^-24: exact 1 + 2^-9 + 2^-20 + 2^-24, above a tie? nearest: 1 +
  // 2^-9
  wave.set(1, 0x3c01u), wave.set(2, 0x0001u);
  wave.run("v_fma_f16 v0, v1, v1, v2");
  EXPECT_EQ(wave.at(0) & 0xffff, 0x3c02u);
  // A tie of the product that a tiny addend breaks: 1.5 x (1 + 2^-10) = 1.5 + 3 x 2^-11, half way
  // between 0x3e01 and 0x3e02; to even 0x3e02, and with -2^-24 below 0x3e01.
  wave.set(1, 0x3e00u), wave.set(2, 0x3c01u), wave.set(3, 0x8001u), wave.set(4, 0u);
  wave.run("v_fma_f16 v0, v1, v2, v4\n v_fma_f16 v5, v1, v2, v3");
  EXPECT_EQ(wave.at(0) & 0xffff, 0x3e02u);
  EXPECT_EQ(wave.at(5) & 0xffff, 0x3e01u);
  // The same where f32 alone would round twice: 2048 + 1 - 2^-24: f32 rounds to 2049, a tie of f16.
  wave.set(1, 0x6800u), wave.set(2, 0x3c00u), wave.set(3, 0x3bffu); // 2048 + 0.99951
  wave.run("v_fma_f16 v0, v1, v2, v3");
  EXPECT_EQ(wave.at(0) & 0xffff, 0x6800u);
}

TEST(Alu, ModifiersOfFloats) {
  AluWave wave;
  wave.registers->mode = kModeFlush32;
  wave.set(1, 3.0f), wave.set(2, -5.0f);
  wave.run("v_add_f32 v0, -v1, |v2|\n v_add_f32 v3, v1, v2 clamp\n v_mul_f32 v4, v1, v1 mul:2\n"
           "v_mul_f32 v5, v1, v1 div:2\n v_mul_f32 v6, v1, v1 clamp\n v_mov_b32_e64 v8, 1.0");
  EXPECT_EQ(wave.real(0), 2.0f);
  EXPECT_EQ(wave.at(3), 0u);
  EXPECT_EQ(wave.real(4), 18.0f);
  EXPECT_EQ(wave.real(5), 4.5f);
  EXPECT_EQ(wave.real(6), 1.0f);
  wave.set(1, 0x7fc00000u);
  wave.run("v_add_f32 v0, v1, v2 clamp");
  EXPECT_EQ(wave.at(0), 0u); // DX10_CLAMP
  wave.registers->mode &= ~(1u << 8);
  wave.run("v_add_f32 v0, v1, v2 clamp");
  EXPECT_EQ(wave.at(0), 0x7fc00000u);
}

TEST(Alu, SaturatingIntegers) {
  AluWave wave;
  wave.set(1, 0xfffffff0u), wave.set(2, 0x20u), wave.set(3, 0x7ffffff0u), wave.set(4, 0x80000001u);
  wave.run("v_add_nc_u32_e64 v10, v1, v2 clamp\n v_sub_nc_u32_e64 v11, v2, v1 clamp\n"
           "v_add_nc_i32 v12, v3, v2 clamp\n v_sub_nc_i32 v13, v4, v2 clamp\n"
           "v_pk_add_u16 v14, v1, v1 clamp\n v_pk_add_i16 v15, v3, v3 clamp\n"
           "v_mad_u32_u24 v16, v1, v1, v1 clamp");
  EXPECT_EQ(wave.at(10), 0xffffffffu);
  EXPECT_EQ(wave.at(11), 0u);
  EXPECT_EQ(wave.at(12), 0x7fffffffu);
  EXPECT_EQ(wave.at(13), 0x80000000u);
  EXPECT_EQ(wave.at(14), 0xffffffffu);
  EXPECT_EQ(wave.at(15), 0x7fffffe0u); // high: saturated; low: -16 + -16
  EXPECT_EQ(wave.at(16), 0xffffffffu);
}

TEST(Alu, HalvesOfRegisters) {
  AluWave wave;
  wave.set(1, 0x40003c00u); // 2, 1
  wave.set(0, 0xaaaabbbbu);
  wave.run("v_add_f16 v0.l, v1.h, v1.l");
  EXPECT_EQ(wave.at(0), 0xaaaa4200u);
  wave.run("v_add_f16_e64 v0.h, v1.h, v1.h");
  EXPECT_EQ(wave.at(0), 0x44004200u);
  wave.run("v_pack_b32_f16 v2, v1.h, v1.l");
  EXPECT_EQ(wave.at(2), 0x3c004000u);
}

TEST(Alu, PackedHalves) {
  AluWave wave;
  wave.set(1, 0x40003c00u), wave.set(2, 0x44004200u); // (1, 2), (3, 4)
  wave.run("v_pk_add_f16 v0, v1, v2\n v_pk_mul_f16 v3, v1, v2 op_sel:[1,0] op_sel_hi:[0,1]\n"
           "v_pk_fma_f16 v4, v1, v2, v1 neg_lo:[0,0,1] neg_hi:[1,0,0]\n v_pk_add_f16 v5, v1, 1.0\n"
           "v_pk_add_f16 v6, v1, 1.0 op_sel_hi:[1,0]\n v_pk_add_u16 v7, v1, 1 op_sel_hi:[1,0]");
  EXPECT_EQ(wave.at(0), 0x46004400u);
  EXPECT_EQ(wave.at(3), 0x44004600u); // 2 x 3, 1 x 4
  EXPECT_EQ(wave.at(4), 0xc6004000u); // 1 x 3 - 1 = 2, -2 x 4 + 2 = -6
  EXPECT_EQ(wave.at(5), 0x40004000u); // the constant's upper half is 0
  EXPECT_EQ(wave.at(6), 0x42004000u);
  EXPECT_EQ(wave.at(7), 0x40013c01u);
}

TEST(Alu, DotProducts) {
  AluWave wave;
  wave.set(1, 0x80ff0102u), wave.set(2, 0x02030405u), wave.set(3, 100u);
  wave.run("v_dot4_i32_iu8 v10, v1, v2, v3\n v_dot4_i32_iu8 v11, v1, v2, v3 neg_lo:[1,0,0]\n"
           "v_dot4_u32_u8 v12, v1, v2, v3");
  EXPECT_EQ(wave.at(10), 100u + 2 * 5 + 1 * 4 + 255 * 3 + 128 * 2);
  EXPECT_EQ(wave.at(11), 100u + 2 * 5 + 1 * 4 - 1 * 3 - 128 * 2);
  EXPECT_EQ(wave.at(12), wave.at(10));
  wave.set(1, 0xf1234567u), wave.set(2, 0x11111111u);
  wave.run("v_dot8_i32_iu4 v10, v1, v2, v3\n v_dot8_i32_iu4 v11, v1, v2, v3 neg_lo:[1,0,0]");
  EXPECT_EQ(wave.at(10), 100u + 15 + 1 + 2 + 3 + 4 + 5 + 6 + 7);
  EXPECT_EQ(wave.at(11), 100u - 1 + 1 + 2 + 3 + 4 + 5 + 6 + 7);
  wave.set(1, 0x40003c00u), wave.set(2, 0x44004200u), wave.set(3, 0.5f);
  wave.run("v_dot2_f32_f16 v10, v1, v2, v3\n v_mov_b32 v11, v3\n v_dot2acc_f32_f16 v11, v1, v2\n"
           "v_dot2_f32_f16 v12, v1, v2, v3 neg_lo:[1,0,0]");
  EXPECT_EQ(wave.real(10), 0.5f + 3 + 8);
  EXPECT_EQ(wave.real(11), 11.5f);
  EXPECT_EQ(wave.real(12), 0.5f - 3 + 8);
  wave.set(3, 0x7ffffff0u);
  wave.set(1, 0xffffffffu);
  wave.run("v_dot4_i32_iu8 v10, v1, v1, v3 clamp");
  EXPECT_EQ(wave.at(10), 0x7fffffffu);
}

TEST(Alu, MixedFusedMultiplyAdd) {
  AluWave wave;
  wave.set(1, 0x40003c00u), wave.set(2, 2.5f), wave.set(3, 0x44004200u), wave.set(0, 0x12345678u);
  wave.run("v_fma_mix_f32 v10, v1, v2, v3 op_sel:[1,0,0] op_sel_hi:[1,0,1]\n"
           "v_fma_mixlo_f16 v0, v1, v2, -v3 op_sel_hi:[1,0,1]\n v_mov_b32 v4, v0\n"
           "v_fma_mixhi_f16 v0, v1, v2, |v3| op_sel_hi:[1,0,1]");
  EXPECT_EQ(wave.real(10), 2 * 2.5f + 3);
  EXPECT_EQ(wave.at(4), 0x1234b800u); // 2.5 - 3
  EXPECT_EQ(wave.at(0), 0x4580b800u); // 5.5
}

TEST(Alu, BitFieldsAndBytes) {
  AluWave wave;
  wave.set(1, 0x89abcdefu), wave.set(2, 8u), wave.set(3, 12u), wave.set(4, 0x01234567u);
  wave.run("v_bfe_u32 v10, v1, v2, v3\n v_bfe_i32 v11, v1, v2, v3\n v_bfi_b32 v12, v1, v4, v3\n"
           "v_alignbit_b32 v13, v1, v4, v3\n v_alignbyte_b32 v14, v1, v4, 3\n"
           "v_bcnt_u32_b32 v15, v1, v2\n v_bfm_b32 v16, v2, v3\n v_perm_b32 v17, v1, v4, v5");
  EXPECT_EQ(wave.at(10), 0xbcdu);
  EXPECT_EQ(wave.at(11), 0xfffffbcdu);
  EXPECT_EQ(wave.at(12), (0x89abcdefu & 0x01234567u) | (~0x89abcdefu & 12u));
  EXPECT_EQ(wave.at(13), 0xdef01234u);
  EXPECT_EQ(wave.at(14), 0xabcdef01u);
  EXPECT_EQ(wave.at(15), 28u);
  EXPECT_EQ(wave.at(16), 0xff000u);
  // Bytes 0..3 are S1's, 4..7 S0's; 8..11 signs; 12 zero; above 255.
  wave.set(5, 0x0d0c0704u);
  wave.run("v_perm_b32 v17, v1, v4, v5");
  EXPECT_EQ(wave.at(17), 0xff0089efu);
  wave.set(5, 0x0b0a0908u);
  wave.run(
      "v_perm_b32 v17, v1, v4, v5"); // signs of bytes 1, 3 of v4 (0x45, 0x01), of v1 (0xcd, 0x89)
  EXPECT_EQ(wave.at(17), 0xffff0000u);
}

TEST(Alu, Conversions) {
  const struct {
    const char *text;
    uint32_t input, expected;
  } kCases[] = {
      {"v_cvt_i32_f32 v0, v1", 0x4f000000, 0x7fffffff}, // 2^31
      {"v_cvt_i32_f32 v0, v1", 0xff800000, 0x80000000},
      {"v_cvt_i32_f32 v0, v1", 0x7fc00000, 0},
      {"v_cvt_i32_f32 v0, v1", 0xc0200000, 0xfffffffe}, // -2.5
      {"v_cvt_u32_f32 v0, v1", 0x4f800000, 0xffffffff},
      {"v_cvt_u32_f32 v0, v1", 0x4f7fffff, 0xffffff00},
      {"v_cvt_u32_f32 v0, v1", 0xbf000000, 0},
      {"v_cvt_u32_f32 v0, v1", 0x7fc00000, 0},
      {"v_cvt_f32_u32 v0, v1", 0xffffffff, 0x4f800000},
      {"v_cvt_f32_i32 v0, v1", 0xffffffff, 0xbf800000},
      {"v_cvt_f32_ubyte2 v0, v1", 0x00ff0000, 0x437f0000},
      {"v_cvt_nearest_i32_f32 v0, v1", 0x40200000, 3}, // 2.5: floor(x + 0.5)
      {"v_cvt_floor_i32_f32 v0, v1", 0xbf000000, 0xffffffff},
      {"v_rndne_f32 v0, v1", 0x40200000, 0x40000000},
      {"v_fract_f32 v0, v1", 0xbf99999a, 0x3f4ccccc}, // -1.2 -> 0.8
      {"v_fract_f32 v0, v1", 0xa0000000, 0x3f7fffff},
      {"v_frexp_exp_i32_f32 v0, v1", 0x41000000, 4}, // 8 = 0.5 x 2^4
      {"v_frexp_mant_f32 v0, v1", 0xc1200000, 0xbf200000},
      {"v_frexp_exp_i32_f32 v0, v1", 0x00000001, 0xffffff6c}, // 2^-149 = 0.5 x 2^-148
      {"v_frexp_exp_i32_f32 v0, v1", 0x7f800000, 0},
      {"v_cvt_f16_f32 v0, v1", 0x477ff000, 0x7c00}, // 65520
      {"v_cvt_f16_f32 v0, v1", 0x33000000, 0x0000}, // 2^-25: a tie, to even
      {"v_cvt_f32_f16 v0, v1", 0x0001, 0x33800000},
      {"v_cvt_i16_f16 v0, v1", 0xfc00, 0x8000},
      {"v_cvt_u16_f16 v0, v1", 0x7bff, 65504},
  };
  for (const auto &test : kCases) {
    AluWave wave;
    wave.set(1, test.input);
    wave.run(test.text);
    EXPECT_EQ(wave.at(0), test.expected) << test.text << std::hex << " of " << test.input;
  }
  AluWave wave;
  wave.set(1, 0x477fffffu), wave.set(2, 0xb3000001u); // 65535.996, just below -2^-25
  wave.run("v_cvt_pk_rtz_f16_f32 v0, v1, v2");
  EXPECT_EQ(wave.at(0), 0x80007bffu);
}

TEST(Alu, Classes) {
  const uint32_t kValues[10] = {0x7f800001, 0x7fc00000, 0xff800000, 0xc0000000, 0x80000001,
                                0x80000000, 0x00000000, 0x00000001, 0x3f800000, 0x7f800000};
  for (unsigned i = 0; i < 10; ++i) {
    AluWave wave;
    wave.set(1, kValues[i]);
    for (unsigned lane = 0; lane < 10; ++lane)
      wave.registers->v[2][lane] = 1u << lane;
    wave.run("v_cmp_class_f32 vcc_lo, v1, v2");
    EXPECT_EQ(wave.s(kVccLo) & 0x3ff, 1u << i) << i;
  }
}

TEST(Alu, WideIntegers) {
  AluWave wave;
  wave.set(1, 0xffffffffu), wave.set(2, 0xfffffffeu);
  wave.setWide(4, 0xffffffff00000003);
  wave.run(
      "v_mad_u64_u32 v[6:7], s5, v1, v2, v[4:5]\n v_lshlrev_b64 v[8:9], 4, v[4:5]\n"
      "v_ashrrev_i64 v[10:11], 36, v[4:5]\n v_mul_hi_u32 v12, v1, v2\n v_mul_hi_i32 v13, v1, v2\n"
      "v_mul_lo_u32 v14, v1, v2");
  // (2^32 - 1)(2^32 - 2) = 2^64 - 3 x 2^32 + 2; and 2^64 - 2^32 + 3 more
  EXPECT_EQ(wave.wide(6), 0xfffffffc00000005u);
  EXPECT_EQ(wave.s(5), 0xffffffffu);
  EXPECT_EQ(wave.wide(8), 0xfffffff000000030u);
  EXPECT_EQ(wave.wide(10), 0xffffffffffffffffu);
  EXPECT_EQ(wave.at(12), 0xfffffffdu);
  EXPECT_EQ(wave.at(13), 0u);
  EXPECT_EQ(wave.at(14), 2u);
  wave.s(2) = 0x12345678, wave.s(3) = 0x9abcdef0, wave.s(4) = 36;
  wave.run("s_lshr_b64 s[6:7], s[2:3], s4\n s_bfe_u64 s[8:9], s[2:3], 0x00100018\n"
           "s_mov_b64 s[10:11], -1\n s_mov_b64 s[12:13], 0x80000000");
  EXPECT_EQ(wave.s(6), 0x09abcdefu);
  EXPECT_EQ(wave.s(7), 0u);
  EXPECT_EQ(wave.s(8), 0xf012u);
  EXPECT_EQ(wave.s(11), 0xffffffffu);
  EXPECT_EQ(wave.s(12), 0x80000000u);
  EXPECT_EQ(wave.s(13), 0u);
}

TEST(Alu, PairsReadBeforeTheyWrite) {
  AluWave wave;
  wave.set(0, 1.0f), wave.set(1, 2.0f), wave.set(2, 3.0f), wave.set(3, 10.0f);
  wave.run("v_dual_mov_b32 v0, v1 :: v_dual_mov_b32 v1, v0"); // swap
  EXPECT_EQ(wave.real(0), 2.0f);
  EXPECT_EQ(wave.real(1), 1.0f);
  wave.run("v_dual_fmac_f32 v0, v2, v2 :: v_dual_add_f32 v3, v0, v3");
  EXPECT_EQ(wave.real(0), 11.0f);
  EXPECT_EQ(wave.real(3), 12.0f);
}

TEST(Alu, UnknownInstructionsAreErrors) {
  AluWave wave;
  EXPECT_EQ(wave.tryRun("s_getpc_b64 s[0:1]"),
            "'s_getpc_b64': is no ALU instruction the emulator knows");
}

} // namespace
} // namespace rosso::emulator
