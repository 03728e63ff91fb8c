// Finds rows by mnemonic, in whatever generation's spelling.
#include "runtime/emulator/isa/Op.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

namespace rosso::emulator {

namespace {

struct Alias {
  std::string_view name, row;
};
// Other names of the same instruction: gfx10's, gfx11.5's, gfx12's.
constexpr Alias kAliases[] = {
    {"s_andn2_b32", "s_and_not1_b32"},
    {"s_andn2_b64", "s_and_not1_b64"},
    {"s_orn2_b32", "s_or_not1_b32"},
    {"s_orn2_b64", "s_or_not1_b64"},
    {"s_ff1_i32_b32", "s_ctz_i32_b32"},
    {"s_ff1_i32_b64", "s_ctz_i32_b64"},
    {"s_flbit_i32_b32", "s_clz_i32_u32"},
    {"s_flbit_i32_b64", "s_clz_i32_u64"},
    {"s_flbit_i32", "s_cls_i32"},
    {"s_flbit_i32_i64", "s_cls_i32_i64"},
    {"s_andn1_saveexec_b32", "s_and_not0_saveexec_b32"},
    {"s_andn1_saveexec_b64", "s_and_not0_saveexec_b64"},
    {"s_orn1_saveexec_b32", "s_or_not0_saveexec_b32"},
    {"s_orn1_saveexec_b64", "s_or_not0_saveexec_b64"},
    {"s_andn2_saveexec_b32", "s_and_not1_saveexec_b32"},
    {"s_andn2_saveexec_b64", "s_and_not1_saveexec_b64"},
    {"s_orn2_saveexec_b32", "s_or_not1_saveexec_b32"},
    {"s_orn2_saveexec_b64", "s_or_not1_saveexec_b64"},
    {"s_andn1_wrexec_b32", "s_and_not0_wrexec_b32"},
    {"s_andn1_wrexec_b64", "s_and_not0_wrexec_b64"},
    {"s_andn2_wrexec_b32", "s_and_not1_wrexec_b32"},
    {"s_andn2_wrexec_b64", "s_and_not1_wrexec_b64"},
    {"s_add_co_u32", "s_add_u32"},
    {"s_sub_co_u32", "s_sub_u32"},
    {"s_add_co_i32", "s_add_i32"},
    {"s_sub_co_i32", "s_sub_i32"},
    {"s_add_co_ci_u32", "s_addc_u32"},
    {"s_sub_co_ci_u32", "s_subb_u32"},
    {"s_addk_co_i32", "s_addk_i32"},
    {"v_ffbh_u32", "v_clz_i32_u32"},
    {"v_ffbl_b32", "v_ctz_i32_b32"},
    {"v_ffbh_i32", "v_cls_i32"},
    {"v_cvt_rpi_i32_f32", "v_cvt_nearest_i32_f32"},
    {"v_cvt_flr_i32_f32", "v_cvt_floor_i32_f32"},
    {"v_cvt_pkrtz_f16_f32", "v_cvt_pk_rtz_f16_f32"},
    {"v_cvt_pknorm_i16_f32", "v_cvt_pk_norm_i16_f32"},
    {"v_cvt_pknorm_u16_f32", "v_cvt_pk_norm_u16_f32"},
    {"v_cvt_pknorm_i16_f16", "v_cvt_pk_norm_i16_f16"},
    {"v_cvt_pknorm_u16_f16", "v_cvt_pk_norm_u16_f16"},
    {"v_mul_legacy_f32", "v_mul_dx9_zero_f32"},
    {"v_fma_legacy_f32", "v_fma_dx9_zero_f32"},
    {"v_fmac_legacy_f32", "v_fmac_dx9_zero_f32"},
    {"v_dot2c_f32_f16", "v_dot2acc_f32_f16"},
    {"v_dot2c_f32_bf16", "v_dot2acc_f32_bf16"},
    {"v_min_num_f16", "v_min_f16"},
    {"v_max_num_f16", "v_max_f16"},
    {"v_min_num_f32", "v_min_f32"},
    {"v_max_num_f32", "v_max_f32"},
    {"v_min_num_f64", "v_min_f64"},
    {"v_max_num_f64", "v_max_f64"},
    {"v_min3_num_f16", "v_min3_f16"},
    {"v_max3_num_f16", "v_max3_f16"},
    {"v_med3_num_f16", "v_med3_f16"},
    {"v_min3_num_f32", "v_min3_f32"},
    {"v_max3_num_f32", "v_max3_f32"},
    {"v_med3_num_f32", "v_med3_f32"},
    {"v_minmax_num_f16", "v_minmax_f16"},
    {"v_maxmin_num_f16", "v_maxmin_f16"},
    {"v_minmax_num_f32", "v_minmax_f32"},
    {"v_maxmin_num_f32", "v_maxmin_f32"},
    {"v_pk_min_num_f16", "v_pk_min_f16"},
    {"v_pk_max_num_f16", "v_pk_max_f16"},
    {"s_min_f32", "s_min_num_f32"},
    {"s_max_f32", "s_max_num_f32"},
    {"s_min_f16", "s_min_num_f16"},
    {"s_max_f16", "s_max_num_f16"},
    {"v_mad_co_u64_u32", "v_mad_u64_u32"},
    {"v_mad_co_i64_i32", "v_mad_i64_i32"},
    {"v_cmp_tru_f16", "v_cmp_t_f16"},
    {"v_cmp_tru_f32", "v_cmp_t_f32"},
    {"v_cmp_tru_f64", "v_cmp_t_f64"},
};

struct Tables {
  std::vector<const AluOp *> ops;
  std::unordered_map<std::string_view, const AluOp *> byName;

  Tables() {
    for (auto rows : {scalarOps(), scalarFloatOps(), vector32Ops(), vector16Ops(), vector64Ops(),
                      compareOps(), specialOps(), matrixOps()})
      for (const AluOp &op : rows) {
        ops.push_back(&op);
        byName.emplace(op.name, &op);
      }
    for (const Alias &alias : kAliases)
      byName.emplace(alias.name, byName.at(alias.row));
  }
};

const Tables &tables() {
  static const Tables kTables;
  return kTables;
}

} // namespace

const AluOp *findAlu(std::string_view name) {
  const auto &byName = tables().byName;
  if (auto found = byName.find(name); found != byName.end())
    return found->second;
  if (name.starts_with("v_cmpx_")) {
    auto found = byName.find("v_cmp_" + std::string(name.substr(7)));
    return found == byName.end() ? nullptr : found->second;
  }
  return nullptr;
}

std::span<const AluOp *const> allAluOps() { return tables().ops; }

Status checkHostForAlu() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("x86-64-v3"))
    return unsupported("the emulator needs a CPU with AVX2, FMA and F16C (x86-64-v3)");
#endif
  return {};
}

bool isAlu(std::string_view name) { return findAlu(name) != nullptr; }

InstructionClass aluClass(const Instruction &instruction) {
  if (instruction.encoding == Encoding::Vopd)
    return InstructionClass::Vopd;
  const AluOp *op = findAlu(instruction.name);
  return op ? op->kind : InstructionClass::Nop;
}

} // namespace rosso::emulator
