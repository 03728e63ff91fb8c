// Interpreter and translator must agree: the same programs with random operands in both, for all
// sorts of arithmetic, modifiers, masks and modes.
#include "tests/emulator/TestGpu.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <set>

namespace rosso::emulator {
namespace {

// Reads v1..v7, s20..s23 and vcc; writes v0, v[0:1], s24 or vcc.
constexpr const char *kInstructions[] = {
    "v_mov_b32 v0, v1",
    "v_mov_b32 v0, 1.0",
    "v_not_b32 v0, v1",
    "v_bfrev_b32 v0, v1",
    "v_clz_i32_u32 v0, v1",
    "v_ctz_i32_b32 v0, v1",
    "v_cls_i32 v0, v1",
    "v_cndmask_b32 v0, v1, v2, vcc_lo",
    "v_cndmask_b32 v0, -v1, |v2|, s20",
    "v_add_f32 v0, v1, v2",
    "v_add_f32 v0, 0, v2",
    "v_sub_f32 v0, v1, v2",
    "v_subrev_f32 v0, v1, v2",
    "v_mul_f32 v0, v1, v2",
    "v_mul_f32 v0, 1.0, v1",
    "v_mul_f32 v0, -1.0, v1 clamp",
    "v_mul_f32 v0, v1, v2 mul:4",
    "v_mul_dx9_zero_f32 v0, v1, v2",
    "v_min_f32 v0, v1, v2",
    "v_max_f32 v0, v1, v2",
    "v_max_f32 v0, v1, v1",
    "v_fma_f32 v0, v1, -v2, |v3|",
    "v_fma_f32 v0, v1, 1.0, v3 clamp",
    "v_fmac_f32 v0, v1, v2",
    "v_fmaak_f32 v0, v1, v2, 0x40490fdb",
    "v_fmamk_f32 v0, v1, 0x40490fdb, v2",
    "v_min3_f32 v0, v1, v2, v3",
    "v_max3_f32 v0, v1, v2, v3",
    "v_med3_f32 v0, v1, v2, v3",
    "v_minmax_f32 v0, v1, v2, v3",
    "v_fract_f32 v0, v1",
    "v_trunc_f32 v0, v1",
    "v_ceil_f32 v0, v1",
    "v_rndne_f32 v0, v1",
    "v_floor_f32 v0, v1",
    "v_exp_f32 v0, v1",
    "v_log_f32 v0, v1",
    "v_rcp_f32 v0, v1",
    "v_rsq_f32 v0, v1",
    "v_sqrt_f32 v0, v1",
    "v_sin_f32 v0, v1",
    "v_cos_f32 v0, v1",
    "v_frexp_exp_i32_f32 v0, v1",
    "v_frexp_mant_f32 v0, v1",
    "v_ldexp_f32 v0, v1, v2",
    "v_div_scale_f32 v0, vcc_lo, v1, v1, v2",
    "v_div_fmas_f32 v0, v1, v2, v3",
    "v_div_fixup_f32 v0, v1, v2, v3",
    "v_cubeid_f32 v0, v1, v2, v3",
    "v_cvt_f32_i32 v0, v1",
    "v_cvt_f32_u32 v0, v1",
    "v_cvt_u32_f32 v0, v1",
    "v_cvt_i32_f32 v0, v1",
    "v_cvt_nearest_i32_f32 v0, v1",
    "v_cvt_floor_i32_f32 v0, v1",
    "v_cvt_off_f32_i4 v0, v1",
    "v_cvt_f32_ubyte0 v0, v1",
    "v_cvt_f32_ubyte3 v0, v1",
    "v_cvt_pk_rtz_f16_f32 v0, v1, v2",
    "v_cvt_pk_i16_f32 v0, v1, v2",
    "v_cvt_pk_norm_i16_f32 v0, v1, v2",
    "v_cvt_pk_norm_u16_f32 v0, v1, v2",
    "v_cvt_pk_u16_u32 v0, v1, v2",
    "v_cvt_pk_i16_i32 v0, v1, v2",
    "v_cvt_pk_u8_f32 v0, v1, v2, v3",
    "v_add_nc_u32 v0, v1, v2",
    "v_add_nc_u32_e64 v0, v1, v2 clamp",
    "v_sub_nc_u32_e64 v0, v1, v2 clamp",
    "v_subrev_nc_u32 v0, v1, v2",
    "v_add_nc_i32 v0, v1, v2 clamp",
    "v_sub_nc_i32 v0, v1, v2 clamp",
    "v_add_co_u32 v0, vcc_lo, v1, v2",
    "v_add_co_ci_u32 v0, vcc_lo, v1, v2, vcc_lo",
    "v_sub_co_ci_u32 v0, vcc_lo, v1, v2, vcc_lo",
    "v_add_co_ci_u32 v0, s24, v1, v2, s20 clamp",
    "v_subrev_co_ci_u32 v0, s24, v1, v2, s20 clamp",
    "v_mul_i32_i24 v0, v1, v2",
    "v_mul_hi_i32_i24 v0, v1, v2",
    "v_mul_u32_u24 v0, v1, v2",
    "v_mul_hi_u32_u24 v0, v1, v2",
    "v_mad_i32_i24 v0, v1, v2, v3",
    "v_mad_i32_i24 v0, v1, v2, v3 clamp",
    "v_mad_u32_u24 v0, v1, v2, v3 clamp",
    "v_mad_u32_u16 v0, v1.l, v2.h, v3",
    "v_mad_i32_i16 v0, v1.h, v2.l, v3 clamp",
    "v_mul_lo_u32 v0, v1, v2",
    "v_mul_hi_u32 v0, v1, v2",
    "v_mul_hi_i32 v0, v1, v2",
    "v_min_i32 v0, v1, v2",
    "v_max_u32 v0, v1, v2",
    "v_min3_i32 v0, v1, v2, v3",
    "v_med3_i32 v0, v1, v2, v3",
    "v_med3_u32 v0, v1, v2, v3",
    "v_lshlrev_b32 v0, v1, v2",
    "v_lshrrev_b32 v0, v1, v2",
    "v_ashrrev_i32 v0, v1, v2",
    "v_xnor_b32 v0, v1, v2",
    "v_bfm_b32 v0, v1, v2",
    "v_bcnt_u32_b32 v0, v1, v2",
    "v_mbcnt_lo_u32_b32 v0, s20, v2",
    "v_mbcnt_hi_u32_b32 v0, s20, v2",
    "v_bfe_u32 v0, v1, v2, v3",
    "v_bfe_i32 v0, v1, v2, v3",
    "v_bfi_b32 v0, v1, v2, v3",
    "v_alignbit_b32 v0, v1, v2, v3",
    "v_alignbyte_b32 v0, v1, v2, v3",
    "v_perm_b32 v0, v1, v2, v3",
    "v_perm_b32 v0, v1, v2, v7",
    "v_perm_b32 v0, v1, v2, 0x0c0d0603",
    "v_perm_b32 v0, v1, v2, 0x08090a0b",
    "v_perm_b32 v0, v1, v2, s20",
    "v_lshl_add_u32 v0, v1, v2, v3",
    "v_add3_u32 v0, v1, v2, v3",
    "v_lshl_or_b32 v0, v1, v2, v3",
    "v_and_or_b32 v0, v1, v2, v3",
    "v_xad_u32 v0, v1, v2, v3",
    "v_sad_u8 v0, v1, v2, v3",
    "v_msad_u8 v0, v1, v2, v3",
    "v_sad_u16 v0, v1, v2, v3",
    "v_lerp_u8 v0, v1, v2, v3",
    "v_dot2_f32_f16 v0, v1, v2, v3",
    "v_dot2_f32_f16 v0, v1, v2, v3 op_sel:[1,0,0] neg_hi:[1,0,0]",
    "v_dot2acc_f32_f16 v0, v1, v2",
    "v_dot2_f32_bf16 v0, v1, v2, v3",
    "v_dot4_i32_iu8 v0, v1, v2, v3",
    "v_dot4_i32_iu8 v0, v1, v2, v3 neg_lo:[1,0,0]",
    "v_dot4_i32_iu8 v0, v1, v2, v3 neg_lo:[0,1,0]",
    "v_dot4_i32_iu8 v0, v1, v2, v3 neg_lo:[1,1,0]",
    "v_dot4_i32_iu8 v0, v1, v2, v3 neg_lo:[1,1,0] clamp",
    "v_dot4_u32_u8 v0, v1, v2, v3",
    "v_dot8_i32_iu4 v0, v1, v2, v3 neg_lo:[1,0,0]",
    "v_dot8_u32_u4 v0, v1, v2, v3 clamp",
    "v_fma_mix_f32 v0, v1, v2, -v3 op_sel:[1,0,0] op_sel_hi:[1,0,1]",
    "v_fma_mixlo_f16 v0, v1, |v2|, v3 op_sel_hi:[1,0,1]",
    "v_fma_mixhi_f16 v0, v1, v2, v3 clamp",
    "v_mov_b16 v0.h, v1.l",
    "v_not_b16 v0.l, v1.h",
    "v_and_b16 v0.l, v1.h, v2.l",
    "v_cndmask_b16 v0.h, v1.l, -v2.h, vcc_lo",
    "v_add_f16 v0.l, v1.l, v2.h",
    "v_sub_f16 v0.h, v1.l, v2.l",
    "v_mul_f16 v0.l, 1.0, v2.l",
    "v_mul_f16 v0.l, v1.l, v2.l clamp",
    "v_fma_f16 v0.l, v1.l, -v2.h, |v3.l|",
    "v_fmac_f16 v0.l, v1.l, v2.l",
    "v_min_f16 v0.l, v1.l, v2.l",
    "v_max_f16 v0.h, v1.h, v2.h",
    "v_med3_f16 v0.l, v1.l, v2.l, v3.l",
    "v_minmax_f16 v0.l, v1.l, v2.l, v3.l",
    "v_ldexp_f16 v0.l, v1.l, v2.l",
    "v_div_fixup_f16 v0.l, v1.l, v2.l, v3.l",
    "v_fract_f16 v0.l, v1.l",
    "v_trunc_f16 v0.l, v1.l",
    "v_rndne_f16 v0.l, v1.l",
    "v_exp_f16 v0.l, v1.l",
    "v_log_f16 v0.l, v1.l",
    "v_rcp_f16 v0.l, v1.l",
    "v_rsq_f16 v0.l, v1.l",
    "v_sqrt_f16 v0.l, v1.l",
    "v_sin_f16 v0.l, v1.l",
    "v_frexp_exp_i16_f16 v0.l, v1.l",
    "v_frexp_mant_f16 v0.l, v1.l",
    "v_cvt_f16_f32 v0.h, v1",
    "v_cvt_f32_f16 v0, v1.h",
    "v_cvt_f16_u16 v0.l, v1.l",
    "v_cvt_f16_i16 v0.l, v1.l",
    "v_cvt_u16_f16 v0.l, v1.l",
    "v_cvt_i16_f16 v0.l, v1.l",
    "v_cvt_norm_i16_f16 v0.l, v1.l",
    "v_cvt_pk_norm_u16_f16 v0, v1.l, v2.h",
    "v_cvt_i32_i16 v0, v1.h",
    "v_cvt_u32_u16 v0, v1.h",
    "v_sat_pk_u8_i16 v0.l, v1",
    "v_pack_b32_f16 v0, v1.h, -v2.l",
    "v_add_nc_u16 v0.l, v1.l, v2.h clamp",
    "v_sub_nc_i16 v0.l, v1.l, v2.h clamp",
    "v_mul_lo_u16 v0.l, v1.l, v2.l",
    "v_mad_u16 v0.h, v1.l, v2.l, v3.h clamp",
    "v_mad_i16 v0.l, v1.l, v2.l, v3.l clamp",
    "v_min_i16 v0.l, v1.l, v2.l",
    "v_med3_i16 v0.l, v1.l, v2.l, v3.l",
    "v_lshlrev_b16 v0.l, v1.l, v2.l",
    "v_ashrrev_i16 v0.h, v1.l, v2.l",
    "v_dot2_f16_f16 v0.l, v1, v2, v3.l",
    "v_dot2_bf16_bf16 v0.l, v1, v2, v3.h",
    "v_pk_add_f16 v0, v1, v2",
    "v_pk_add_f16 v0, v1, v2 op_sel:[1,0] op_sel_hi:[0,1] neg_lo:[0,1] neg_hi:[1,0] clamp",
    "v_pk_mul_f16 v0, v1, 1.0",
    "v_pk_fma_f16 v0, v1, v2, v3",
    "v_pk_fmac_f16 v0, v1, v2",
    "v_pk_min_f16 v0, v1, v2",
    "v_pk_max_f16 v0, v1, v2",
    "v_pk_add_u16 v0, v1, v2 clamp",
    "v_pk_sub_i16 v0, v1, v2 clamp",
    "v_pk_mul_lo_u16 v0, v1, v2",
    "v_pk_mad_i16 v0, v1, v2, v3",
    "v_pk_min_i16 v0, v1, v2",
    "v_pk_max_u16 v0, v1, -1",
    "v_pk_lshlrev_b16 v0, v1, v2",
    "v_pk_lshrrev_b16 v0, 4, v2 op_sel_hi:[0,1]",
    "v_pk_ashrrev_i16 v0, v1, v2",
    "v_add_f64 v[0:1], v[2:3], -v[4:5]",
    "v_mul_f64 v[0:1], v[2:3], |v[4:5]|",
    "v_fma_f64 v[0:1], v[2:3], v[4:5], v[6:7]",
    "v_min_f64 v[0:1], v[2:3], v[4:5]",
    "v_max_f64 v[0:1], v[2:3], 1.0",
    "v_rcp_f64 v[0:1], v[2:3]",
    "v_rsq_f64 v[0:1], v[2:3]",
    "v_trunc_f64 v[0:1], v[2:3]",
    "v_fract_f64 v[0:1], v[2:3]",
    "v_ldexp_f64 v[0:1], v[2:3], v4",
    "v_frexp_exp_i32_f64 v0, v[2:3]",
    "v_frexp_mant_f64 v[0:1], v[2:3]",
    "v_div_scale_f64 v[0:1], vcc_lo, v[2:3], v[2:3], v[4:5]",
    "v_div_fmas_f64 v[0:1], v[2:3], v[4:5], v[6:7]",
    "v_div_fixup_f64 v[0:1], v[2:3], v[4:5], v[6:7]",
    "v_cvt_f64_f32 v[0:1], v1",
    "v_cvt_f32_f64 v0, v[2:3]",
    "v_cvt_f64_i32 v[0:1], v1",
    "v_cvt_f64_u32 v[0:1], v1",
    "v_cvt_i32_f64 v0, v[2:3]",
    "v_cvt_u32_f64 v0, v[2:3]",
    "v_lshlrev_b64 v[0:1], v1, v[2:3]",
    "v_lshlrev_b64 v[0:1], 0, v[2:3]",
    "v_lshlrev_b64 v[0:1], 7, v[2:3]",
    "v_lshlrev_b64 v[0:1], 32, v[2:3]",
    "v_lshlrev_b64 v[0:1], 45, v[2:3]",
    "v_lshrrev_b64 v[0:1], 0, v[2:3]",
    "v_lshrrev_b64 v[0:1], 9, v[2:3]",
    "v_lshrrev_b64 v[0:1], 50, v[2:3]",
    "v_ashrrev_i64 v[0:1], v1, v[2:3]",
    "v_ashrrev_i64 v[0:1], 31, v[2:3]",
    "v_ashrrev_i64 v[0:1], 63, v[2:3]",
    "v_mad_u64_u32 v[0:1], s24, v2, v3, v[4:5]",
    "v_mad_i64_i32 v[0:1], vcc_lo, v2, v3, v[4:5]",
    "v_cmp_lt_f32 vcc_lo, v1, v2",
    "v_cmp_nge_f32 s24, v1, |v2|",
    "v_cmp_lg_f32 vcc_lo, v1, v2",
    "v_cmp_u_f32 vcc_lo, v1, v2",
    "v_cmp_o_f16 vcc_lo, v1.l, v2.l",
    "v_cmp_le_f16 vcc_lo, v1.l, v2.l",
    "v_cmp_neq_f64 vcc_lo, v[2:3], v[4:5]",
    "v_cmp_class_f32 vcc_lo, v1, v2",
    "v_cmp_class_f16 vcc_lo, v1.l, v2.l",
    "v_cmp_class_f64 vcc_lo, v[2:3], v4",
    "v_cmp_lt_i32 vcc_lo, v1, v2",
    "v_cmp_ge_u32 vcc_lo, v1, v2",
    "v_cmp_ne_i16 vcc_lo, v1.l, v2.l",
    "v_cmp_gt_u64 vcc_lo, v[2:3], v[4:5]",
    "v_cmp_lt_i64 vcc_lo, v[2:3], v[4:5]",
    "v_cmp_t_u32 vcc_lo, v1, v2",
    "v_add_f32 v0, v1, v2 quad_perm:[1,0,3,2] row_mask:0xf bank_mask:0xf",
    "v_mov_b32 v0, v1 row_shl:3 row_mask:0xf bank_mask:0xf",
    "v_mov_b32 v0, v1 row_shr:1 row_mask:0x1 bank_mask:0x5 bound_ctrl:1",
    "v_mov_b32 v0, v1 row_ror:5 row_mask:0xf bank_mask:0xf fi:1",
    "v_mov_b32 v0, v1 row_mirror row_mask:0xf bank_mask:0xf",
    "v_mov_b32 v0, v1 row_half_mirror row_mask:0xf bank_mask:0xf bound_ctrl:1",
    "v_mov_b32 v0, v1 row_share:7 row_mask:0xf bank_mask:0xf",
    "v_mov_b32 v0, v1 row_xmask:9 row_mask:0xf bank_mask:0xf",
    "v_mov_b32 v0, v1 dpp8:[7,0,6,1,5,2,4,3]",
    "v_mov_b32 v0, v1 dpp8:[7,0,6,1,5,2,4,3] fi:1",
    "v_cmp_lt_u32 vcc_lo, v1, v2 row_shr:4 row_mask:0xf bank_mask:0xf",
    "v_permlane16_b32 v0, v1, s20, s21",
    "v_permlanex16_b32 v0, v1, s20, s21 op_sel:[1,0]",
    "v_permlane16_b32 v0, v1, -1, 3 op_sel:[0,1]",
    "v_permlanex16_b32 v0, v1, 0, 0 op_sel:[1,1]",
    "v_readlane_b32 s24, v1, 13",
    "v_readlane_b32 s24, v1, s20",
    "v_readfirstlane_b32 s24, v1",
    "v_writelane_b32 v0, s20, s21",
    "v_swap_b32 v0, v1",
    "v_dual_mul_f32 v0, v2, v3 :: v_dual_add_f32 v1, v5, v6",
    "v_dual_mov_b32 v0, v1 :: v_dual_mov_b32 v1, v0",
    "v_dual_fmac_f32 v0, v2, v7 :: v_dual_cndmask_b32 v1, v1, v0",
    "s_add_u32 s24, s20, s21",
    "s_sub_u32 s24, s20, s21",
    "s_add_i32 s24, s20, s21",
    "s_sub_i32 s24, s20, s21",
    "s_addc_u32 s24, s20, s21",
    "s_subb_u32 s24, s20, s21",
    "s_absdiff_i32 s24, s20, s21",
    "s_lshl_b32 s24, s20, s21",
    "s_ashr_i32 s24, s20, s21",
    "s_lshl_b64 s[24:25], s[20:21], s22",
    "s_ashr_i64 s[24:25], s[20:21], s22",
    "s_lshl3_add_u32 s24, s20, s21",
    "s_min_i32 s24, s20, s21",
    "s_max_u32 s24, s20, s21",
    "s_nand_b32 s24, s20, s21",
    "s_xnor_b64 s[24:25], s[20:21], s[22:23]",
    "s_and_not1_b32 s24, s20, s21",
    "s_or_not1_b64 s[24:25], s[20:21], s[22:23]",
    "s_bfe_u32 s24, s20, s21",
    "s_bfe_i32 s24, s20, 0x80005",
    "s_bfe_i64 s[24:25], s[20:21], 0x150010",
    "s_bfm_b32 s24, s20, s21",
    "s_bfm_b64 s[24:25], s20, s21",
    "s_mul_i32 s24, s20, s21",
    "s_mul_hi_u32 s24, s20, s21",
    "s_mul_hi_i32 s24, s20, s21",
    "s_cselect_b32 s24, s20, s21",
    "s_cselect_b64 s[24:25], s[20:21], s[22:23]",
    "s_pack_lh_b32_b16 s24, s20, s21",
    "s_pack_hl_b32_b16 s24, s20, s21",
    "s_brev_b64 s[24:25], s[20:21]",
    "s_ctz_i32_b64 s24, s[20:21]",
    "s_clz_i32_u32 s24, s20",
    "s_cls_i32_i64 s24, s[20:21]",
    "s_sext_i32_i8 s24, s20",
    "s_bitset0_b32 s24, s20",
    "s_bitset1_b64 s[24:25], s20",
    "s_bitreplicate_b64_b32 s[24:25], s20",
    "s_abs_i32 s24, s20",
    "s_bcnt0_i32_b64 s24, s[20:21]",
    "s_bcnt1_i32_b32 s24, s20",
    "s_quadmask_b32 s24, s20",
    "s_wqm_b64 s[24:25], s[20:21]",
    "s_cmov_b32 s24, s20",
    "s_addk_i32 s24, 0x8123",
    "s_mulk_i32 s24, 0x81",
    "s_cmpk_lt_u32 s20, 0x8000",
    "s_cmp_le_i32 s20, s21",
    "s_bitcmp1_b32 s20, s21",
    "s_cmp_lg_u64 s[20:21], s[22:23]",
    "s_mov_b32 s24, src_scc",
    "s_and_saveexec_b32 s24, s20",
    "s_or_not1_saveexec_b32 s24, s20",
    "s_and_not0_wrexec_b32 s24, s20",
};

constexpr unsigned kOut =
    6; // dwords a lane stores for each instruction: v0, v1, vcc, s24, s25, scc

/// All instructions one after the other, each on the same operands: registers 21.. of the wave's
/// lanes, and scalars 28..31. `exec` is the mask they run with.
std::string program(uint32_t exec) {
  std::string text = R"(
    s_load_b64 s[4:5], s[0:1], 0x0
    s_load_b64 s[6:7], s[0:1], 0x8
    s_waitcnt lgkmcnt(0)
    v_mov_b32 v30, v0
    v_lshlrev_b32 v10, 5, v0
    s_lshl_b32 s8, s2, 10
    v_add_nc_u32 v10, s8, v10
    global_load_b128 v[20:23], v10, s[4:5]
    global_load_b128 v[24:27], v10, s[4:5] offset:16
    s_waitcnt vmcnt(0)
    v_readlane_b32 s28, v20, 3
    v_readlane_b32 s29, v21, 5
    v_readlane_b32 s30, v22, 7
    v_readlane_b32 s31, v23, 9
    v_lshlrev_b32 v11, 2, v30
    s_mul_i32 s8, s2, )";
  text += std::to_string(std::size(kInstructions) * kOut * 128) + "\n v_add_nc_u32 v11, s8, v11\n";
  for (const char *instruction : kInstructions) {
    for (int i = 0; i < 8; ++i)
      text += "v_mov_b32 v" + std::to_string(i) + ", v" + std::to_string(20 + i) + "\n";
    text += "s_mov_b64 s[20:21], s[28:29]\n s_mov_b64 s[22:23], s[30:31]\n"
            "s_mov_b32 vcc_lo, s29\n s_mov_b64 s[24:25], s[30:31]\n s_cmp_lt_u32 s28, s29\n"
            "s_mov_b32 exec_lo, " +
            std::to_string(exec) + "\n";
    text += std::string(instruction) +
            "\n s_mov_b32 s9, scc\n s_mov_b32 s10, exec_lo\n"
            "s_mov_b32 exec_lo, -1\n v_mov_b32 v12, vcc_lo\n v_mov_b32 v13, s24\n"
            "v_xor_b32 v14, s25, s10\n v_mov_b32 v15, s9\n";
    const unsigned stored[kOut] = {0, 1, 12, 13, 14, 15};
    for (unsigned i = 0; i < kOut; ++i)
      text += "global_store_b32 v11, v" + std::to_string(stored[i]) +
              ", s[6:7] offset:" + std::to_string(128 * i) + "\n";
    text += "v_add_nc_u32 v11, " + std::to_string(128 * kOut) + ", v11\n";
  }
  return text;
}

std::vector<uint32_t> operands(std::mt19937 &random, size_t count) {
  constexpr uint32_t kSpecial[] = {0,          0x80000000, 0x3f800000, 0x7f800000, 0xff800000,
                                   0x7fc00000, 0x7f800001, 1,          0x007fffff, 0x00800000,
                                   0x7f7fffff, 0xffffffff, 0x3c003c00, 0x7c007bff, 0x00018001};
  std::vector<uint32_t> values(count);
  for (uint32_t &value : values)
    switch (random() % 4) {
    case 0:
      value = kSpecial[random() % std::size(kSpecial)];
      break;
    case 1:
      value = (uint32_t(random()) & 0x807fffff) | (110 + uint32_t(random()) % 36) << 23;
      break;
    default:
      value = uint32_t(random());
    }
  return values;
}

/// NaNs count as equal: which of two goes on is not the same on every host.
bool same(uint32_t a, uint32_t b) {
  auto nan16 = [](uint32_t x) { return (x & 0x7fff) > 0x7c00; };
  auto same16 = [&](uint32_t x, uint32_t y) {
    return (x & 0xffff) == (y & 0xffff) || (nan16(x) && nan16(y));
  };
  return a == b || (std::isnan(std::bit_cast<float>(a)) && std::isnan(std::bit_cast<float>(b))) ||
         (same16(a, b) && same16(a >> 16, b >> 16));
}

struct Setting {
  uint32_t floatMode, exec;
  const char *hostCpu = "";
};
std::ostream &operator<<(std::ostream &out, const Setting &each) {
  return out << std::hex << "mode " << each.floatMode << ", exec " << each.exec << " "
             << each.hostCpu;
}
class TranslatorCheck : public testing::TestWithParam<Setting> {};

TEST_P(TranslatorCheck, AgreesWithTheInterpreter) {
  constexpr uint32_t kGroups = 40;
  std::vector<uint32_t> results[2];
  for (Mode mode : {Mode::Interpreted, Mode::Fast}) {
    std::mt19937 random(5);
    TestGpu gpu(mode, "gfx1100", 1, false, GetParam().hostCpu);
    const size_t words = kGroups * std::size(kInstructions) * kOut * 32;
    const uint64_t in = gpu.buffer("in", operands(random, kGroups * 32 * 8));
    const uint64_t out = gpu.allocate("out", words * 4);
    const uint64_t arguments = gpu.buffer("arguments", std::vector<uint64_t>{in, out});
    Dispatch dispatch;
    dispatch.code = gpu.assemble(program(GetParam().exec));
    dispatch.rsrc1 = GetParam().floatMode << 12 | 1u << 21 | 1u << 23 | 31;
    dispatch.rsrc2 = 2 << 1 | 1 << 7;
    dispatch.userData = {low(arguments), high(arguments)};
    dispatch.groupSize = {32, 1, 1};
    dispatch.groups = {kGroups, 1, 1};
    auto counters = gpu.run(dispatch);
    ASSERT_TRUE(counters.ok()) << counters.error().message;
    results[mode == Mode::Fast] = gpu.values<uint32_t>(out, words);
  }
  EXPECT_GT(std::set<uint32_t>(results[1].begin(), results[1].end()).size(), 1000u);
  unsigned wrong = 0;
  for (size_t i = 0; i < results[0].size() && wrong < 20; ++i) {
    if (same(results[0][i], results[1][i]))
      continue;
    ++wrong;
    const size_t which = i / 32 / kOut % std::size(kInstructions);
    ADD_FAILURE() << kInstructions[which] << ": result " << i / 32 % kOut << " of lane " << i % 32
                  << std::hex << ": interpreted " << results[0][i] << ", translated "
                  << results[1][i];
  }
}
// Denormals kept; flushed in f32; flushed everywhere; f32 rounding up; on lesser hosts.
INSTANTIATE_TEST_SUITE_P(Modes, TranslatorCheck,
                         testing::Values(Setting{0xF0, 0xFFFFFFFF}, Setting{0xC0, 0xFFFFFFFF},
                                         Setting{0xC0, 0x0F3355A9}, Setting{0xF0, 0x00000000},
                                         Setting{0x00, 0xFFFF0000}, Setting{0xF1, 0xFFFFFFFF},
                                         Setting{0xF0, 0x7FFFFFFF, "x86-64-v3"}));

} // namespace
} // namespace rosso::emulator
