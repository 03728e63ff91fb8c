// RUN: rosso-opt %s --rosso-fuse --split-input-file | FileCheck %s

// A norm, with what packs its result, is one kernel; its rows are numbered by the leading axis.
// CHECK-LABEL: @norm_and_quantize
// CHECK:         rosso.kernel "reduce_sum_quantize_8x64" reduce {{.*}} attributes {nodes = array<i64: -1>, rows = [array<i64: 0>]}
// CHECK-NOT:     rosso.kernel
func.func @norm_and_quantize(%x: tensor<8x64xf32>, %w: tensor<64xf32>) -> tensor<8x64x!rosso.quant<q8_a>> {
  %0 = rosso.mul %x, %x : tensor<8x64xf32>
  %1 = rosso.reduce_sum %0 [1] : tensor<8x64xf32> -> tensor<8x1xf32>
  %2 = rosso.rsqrt %1 : tensor<8x1xf32>
  %3 = rosso.expand %2 : tensor<8x1xf32> -> tensor<8x64xf32>
  %4 = rosso.mul %x, %3 : tensor<8x64xf32>
  %5 = rosso.reshape %w : tensor<64xf32> -> tensor<1x64xf32>
  %6 = rosso.expand %5 : tensor<1x64xf32> -> tensor<8x64xf32>
  %7 = rosso.mul %4, %6 : tensor<8x64xf32>
  %8 = rosso.quantize %7 : tensor<8x64xf32> -> tensor<8x64x!rosso.quant<q8_a>>
  return %8 : tensor<8x64x!rosso.quant<q8_a>>
}

// -----

// Where another row would be needed, the reduction's value becomes a buffer.
// CHECK-LABEL: @leaves_its_row
// CHECK:         %[[SUM:.*]] = rosso.kernel "reduce_sum_{{.*}}" reduce {{.*}} -> tensor<8x1xf32>
// CHECK:         rosso.kernel "map_{{.*}}" map (%{{.*}} = %[[SUM]] : tensor<8x1xf32>
func.func @leaves_its_row(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %0 = rosso.reduce_sum %x [1] : tensor<8x8xf32> -> tensor<8x1xf32>
  %1 = rosso.expand %0 : tensor<8x1xf32> -> tensor<8x8xf32>
  %2 = rosso.permute %1 [1, 0] : tensor<8x8xf32> -> tensor<8x8xf32>
  %3 = rosso.mul %x, %2 : tensor<8x8xf32>
  return %3 : tensor<8x8xf32>
}

// -----

// A reduction in the middle has rows of the axes around it.
// CHECK-LABEL: @middle_axis
// CHECK:         rosso.kernel {{.*}} reduce {{.*}} rows = [array<i64: 0, 2>]
// CHECK:           rosso.reduce_max %{{.*}} [1] : tensor<2x3x4xf32> -> tensor<2x1x4xf32>
func.func @middle_axis(%x: tensor<2x3x4xf32>) -> tensor<2x1x4xf32> {
  %0 = rosso.reduce_max %x [1] : tensor<2x3x4xf32> -> tensor<2x1x4xf32>
  return %0 : tensor<2x1x4xf32>
}

// -----

// gate and up are one launch, and only their product is stored.
// CHECK-LABEL: @gate_and_up
// CHECK:         rosso.kernel "matvec_f16_mul_1024x64" matvec {{.*}} -> tensor<1x512xf32>
// CHECK:           rosso.linear
// CHECK:           rosso.exp2
// CHECK:           rosso.linear
// CHECK-NOT:     rosso.kernel
func.func @gate_and_up(%x: tensor<1x64xf32>, %g: tensor<512x64xf16>, %u: tensor<512x64xf16>) -> tensor<1x512xf32> {
  %0 = rosso.linear %x, %g : (tensor<1x64xf32>, tensor<512x64xf16>) -> tensor<1x512xf32>
  %1 = rosso.exp2 %0 : tensor<1x512xf32>
  %2 = rosso.mul %0, %1 : tensor<1x512xf32>
  %3 = rosso.linear %x, %u : (tensor<1x64xf32>, tensor<512x64xf16>) -> tensor<1x512xf32>
  %4 = rosso.mul %2, %3 : tensor<1x512xf32>
  return %4 : tensor<1x512xf32>
}

// -----

// q, k and v of different widths are one launch with three results. More than one token: matmul.
// CHECK-LABEL: @three_projections
// CHECK:         rosso.kernel "matmul_f16_add_128x64" matmul {{.*}} -> (tensor<2x64xf32>, tensor<2x32xf32>, tensor<2x32xf32>)
// CHECK-NOT:     rosso.kernel
func.func @three_projections(%x: tensor<2x64xf32>, %q: tensor<64x64xf16>, %k: tensor<32x64xf16>, %v: tensor<32x64xf16>, %b: tensor<2x64xf32>) -> (tensor<2x64xf32>, tensor<2x32xf32>, tensor<2x32xf32>) {
  %0 = rosso.linear %x, %q : (tensor<2x64xf32>, tensor<64x64xf16>) -> tensor<2x64xf32>
  %1 = rosso.add %0, %b : tensor<2x64xf32>
  %2 = rosso.linear %x, %k : (tensor<2x64xf32>, tensor<32x64xf16>) -> tensor<2x32xf32>
  %3 = rosso.linear %x, %v : (tensor<2x64xf32>, tensor<32x64xf16>) -> tensor<2x32xf32>
  return %1, %2, %3 : tensor<2x64xf32>, tensor<2x32xf32>, tensor<2x32xf32>
}

// -----

// The sum of two projections, one behind the other, joins the later one. Its other operand is ready
// by then; in the first it would have to wait for what waits for it.
// CHECK-LABEL: @chain
// CHECK:         rosso.kernel "matvec_f16_32x32" matvec
// CHECK:         rosso.kernel "matvec_f16_add_32x32" matvec
// CHECK-NOT:     rosso.kernel
func.func @chain(%x: tensor<1x32xf32>, %a: tensor<32x32xf16>, %b: tensor<32x32xf16>) -> tensor<1x32xf32> {
  %0 = rosso.linear %x, %a : (tensor<1x32xf32>, tensor<32x32xf16>) -> tensor<1x32xf32>
  %1 = rosso.linear %0, %b : (tensor<1x32xf32>, tensor<32x32xf16>) -> tensor<1x32xf32>
  %2 = rosso.add %0, %1 : tensor<1x32xf32>
  return %2 : tensor<1x32xf32>
}

// -----

// What two kernels need is made once if it is dear, and in both if it is cheap.
// CHECK-LABEL: @dear_and_cheap
// CHECK:         rosso.kernel "map_sin_2x32" map
// CHECK:         rosso.kernel {{.*}} reduce
// CHECK:           rosso.neg
// CHECK-NOT:       rosso.sin
// CHECK:         rosso.kernel {{.*}} map
// CHECK:           rosso.neg
// CHECK-NOT:       rosso.sin
func.func @dear_and_cheap(%x: tensor<2x32xf32>) -> (tensor<2x1xf32>, tensor<32x2xf32>) {
  %0 = rosso.sin %x : tensor<2x32xf32>
  %1 = rosso.neg %0 : tensor<2x32xf32>
  %2 = rosso.reduce_sum %1 [1] : tensor<2x32xf32> -> tensor<2x1xf32>
  %3 = rosso.permute %1 [1, 0] : tensor<2x32xf32> -> tensor<32x2xf32>
  return %2, %3 : tensor<2x1xf32>, tensor<32x2xf32>
}

// -----

// Writes of k and v, and q's turn, are one launch: nothing keeps them apart.
// CHECK-LABEL: @cache_update
// CHECK:         rosso.kernel {{.*}} map {{.*}} -> (tensor<4x8xf16>, tensor<4x8xf16>, tensor<1x8xf32>)
// CHECK-NOT:     rosso.kernel
module attributes {rosso.vars = {P = [0, 3]}} {
func.func @cache_update(%k: tensor<4x8xf16>, %v: tensor<4x8xf16>, %x: tensor<1x8xf32>, %y: tensor<1x8xf32>, %q: tensor<1x8xf32>) -> (tensor<4x8xf16> {rosso.name = "state:k"}, tensor<4x8xf16> {rosso.name = "state:v"}, tensor<1x8xf32>) {
  %0 = rosso.cast %x : tensor<1x8xf32> -> tensor<1x8xf16>
  %1 = rosso.update %0 into %k ["P", "0"] : tensor<1x8xf16> into tensor<4x8xf16>
  %2 = rosso.cast %y : tensor<1x8xf32> -> tensor<1x8xf16>
  %3 = rosso.update %2 into %v ["P", "0"] : tensor<1x8xf16> into tensor<4x8xf16>
  %4 = rosso.neg %q : tensor<1x8xf32>
  return %1, %3, %4 : tensor<4x8xf16>, tensor<4x8xf16>, tensor<1x8xf32>
}
}

// -----

// The old value is read before it is overwritten, and by a kernel of its own.
// CHECK-LABEL: @old_value
// CHECK:         rosso.kernel "map_neg_4x8" map
// CHECK:         rosso.kernel "map_update_4x8" map
func.func @old_value(%s: tensor<4x8xf32>, %x: tensor<1x8xf32>) -> (tensor<4x8xf32> {rosso.name = "state:s"}, tensor<4x8xf32>) {
  %0 = rosso.update %x into %s ["0", "0"] : tensor<1x8xf32> into tensor<4x8xf32>
  %1 = rosso.neg %s : tensor<4x8xf32>
  return %0, %1 : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// A state that is shifted by its own update is copied first; one that is counted up is not.
// CHECK-LABEL: @shifted_and_counted
// CHECK:         rosso.kernel "map_{{.*}}" map
// CHECK:           rosso.shrink
// CHECK:         rosso.kernel
// CHECK:           rosso.update
func.func @shifted_and_counted(%s: tensor<4xf32>, %c: tensor<4xf32>) -> (tensor<4xf32> {rosso.name = "state:s"}, tensor<4xf32> {rosso.name = "state:c"}) {
  %0 = rosso.shrink %s ["1"] : tensor<4xf32> -> tensor<3xf32>
  %1 = rosso.update %0 into %s ["0"] : tensor<3xf32> into tensor<4xf32>
  %2 = rosso.add %c, %c : tensor<4xf32>
  %3 = rosso.update %2 into %c ["0"] : tensor<4xf32> into tensor<4xf32>
  return %1, %3 : tensor<4xf32>, tensor<4xf32>
}

// -----

// Doubling by shifted sums would evaluate the first tensor 2^6 times for each element of the last.
// CHECK-LABEL: @shifted_sums
// CHECK-COUNT-2: rosso.kernel {{.*}} map
func.func @shifted_sums(%x: tensor<64xf32>) -> tensor<64xf32> {
  %0 = rosso.shrink %x ["0"] : tensor<64xf32> -> tensor<63xf32>
  %1 = rosso.pad %0 before ["1"] after ["0"] value 0.0 : tensor<63xf32> -> tensor<64xf32>
  %2 = rosso.add %x, %1 : tensor<64xf32>
  %3 = rosso.shrink %2 ["0"] : tensor<64xf32> -> tensor<62xf32>
  %4 = rosso.pad %3 before ["2"] after ["0"] value 0.0 : tensor<62xf32> -> tensor<64xf32>
  %5 = rosso.add %2, %4 : tensor<64xf32>
  %6 = rosso.shrink %5 ["0"] : tensor<64xf32> -> tensor<60xf32>
  %7 = rosso.pad %6 before ["4"] after ["0"] value 0.0 : tensor<60xf32> -> tensor<64xf32>
  %8 = rosso.add %5, %7 : tensor<64xf32>
  %9 = rosso.shrink %8 ["0"] : tensor<64xf32> -> tensor<56xf32>
  %10 = rosso.pad %9 before ["8"] after ["0"] value 0.0 : tensor<56xf32> -> tensor<64xf32>
  %11 = rosso.add %8, %10 : tensor<64xf32>
  %12 = rosso.shrink %11 ["0"] : tensor<64xf32> -> tensor<48xf32>
  %13 = rosso.pad %12 before ["16"] after ["0"] value 0.0 : tensor<48xf32> -> tensor<64xf32>
  %14 = rosso.add %11, %13 : tensor<64xf32>
  return %14 : tensor<64xf32>
}

// -----

// A result is always a buffer of the entry's own.
// CHECK-LABEL: @results
// CHECK:         rosso.kernel {{.*}} map (%[[A:.*]] = %{{.*}} : tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
// CHECK-DAG:       rosso.neg %[[A]]
// CHECK-DAG:       rosso.reshape %[[A]]
func.func @results(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %0 = rosso.neg %x : tensor<4xf32>
  return %x, %0, %x : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// What is normed and its norm are one kernel: its rows know both.
// CHECK-LABEL: @sum_and_norm
// CHECK:         rosso.kernel {{.*}} reduce {{.*}} -> (tensor<8x64xf32>, tensor<8x64xf32>) {{.*}} rows = [array<i64: 0>, array<i64: 0>]
// CHECK-NOT:     rosso.kernel
func.func @sum_and_norm(%x: tensor<8x64xf32>, %y: tensor<8x64xf32>) -> (tensor<8x64xf32>, tensor<8x64xf32>) {
  %0 = rosso.add %x, %y : tensor<8x64xf32>
  %1 = rosso.mul %0, %0 : tensor<8x64xf32>
  %2 = rosso.reduce_sum %1 [1] : tensor<8x64xf32> -> tensor<8x1xf32>
  %3 = rosso.rsqrt %2 : tensor<8x1xf32>
  %4 = rosso.expand %3 : tensor<8x1xf32> -> tensor<8x64xf32>
  %5 = rosso.mul %0, %4 : tensor<8x64xf32>
  return %0, %5 : tensor<8x64xf32>, tensor<8x64xf32>
}

// -----

// Reductions of one tensor over the same axes are one kernel; over others they are not.
// CHECK-LABEL: @sums_and_largest
// CHECK-COUNT-2: rosso.kernel {{.*}} reduce
// CHECK-NOT:     rosso.kernel
func.func @sums_and_largest(%x: tensor<8x64xf32>) -> (tensor<8x1xf32>, tensor<8x1xf32>, tensor<1x64xf32>) {
  %0 = rosso.reduce_sum %x [1] : tensor<8x64xf32> -> tensor<8x1xf32>
  %1 = rosso.reduce_max %x [1] : tensor<8x64xf32> -> tensor<8x1xf32>
  %2 = rosso.reduce_sum %x [0] : tensor<8x64xf32> -> tensor<1x64xf32>
  return %0, %1, %2 : tensor<8x1xf32>, tensor<8x1xf32>, tensor<1x64xf32>
}

// -----

// Rows of columns: softmax over the leading axis stays one kernel.
// CHECK-LABEL: @columns
// CHECK:         rosso.kernel {{.*}} reduce {{.*}} rows = [array<i64: 1>]
// CHECK-NOT:     rosso.kernel
func.func @columns(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %0 = rosso.reduce_max %x [0] : tensor<8x64xf32> -> tensor<1x64xf32>
  %1 = rosso.expand %0 : tensor<1x64xf32> -> tensor<8x64xf32>
  %2 = rosso.sub %x, %1 : tensor<8x64xf32>
  %3 = rosso.exp2 %2 : tensor<8x64xf32>
  %4 = rosso.reduce_sum %3 [0] : tensor<8x64xf32> -> tensor<1x64xf32>
  %5 = rosso.expand %4 : tensor<1x64xf32> -> tensor<8x64xf32>
  %6 = rosso.div %3, %5 : tensor<8x64xf32>
  return %6 : tensor<8x64xf32>
}

// -----

// Quotients that are shown in many places are made once; constants are wherever they are needed.
// CHECK-LABEL: @spread_table
// CHECK:         %[[TABLE:.*]] = rosso.kernel "map_{{.*}}" map {{.*}} -> tensor<16xi32>
// CHECK:           rosso.div
// CHECK:           rosso.add
// CHECK:         rosso.kernel "map_{{.*}}" map {{.*}} = %[[TABLE]] : tensor<16xi32>
// CHECK-NOT:       rosso.div
// CHECK:           rosso.mul
// CHECK-NOT:     rosso.kernel
func.func @spread_table(%x: tensor<16xi32>, %y: tensor<64x16xi32>) -> tensor<64x16xi32> {
  %three = rosso.constant 3 -> tensor<i32>
  %0 = rosso.reshape %three : tensor<i32> -> tensor<1xi32>
  %1 = rosso.expand %0 : tensor<1xi32> -> tensor<16xi32>
  %2 = rosso.div %x, %1 : tensor<16xi32>
  %3 = rosso.add %2, %1 : tensor<16xi32>
  %4 = rosso.reshape %3 : tensor<16xi32> -> tensor<1x16xi32>
  %5 = rosso.expand %4 : tensor<1x16xi32> -> tensor<64x16xi32>
  %6 = rosso.mul %5, %y : tensor<64x16xi32>
  return %6 : tensor<64x16xi32>
}
