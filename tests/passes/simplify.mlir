// RUN: rosso-opt %s --rosso-simplify | FileCheck %s

// CHECK-LABEL: @movements_compose
// CHECK-SAME:    %[[X:.*]]: tensor<2x3x4xf32>
func.func @movements_compose(%x: tensor<2x3x4xf32>) -> (tensor<24xf32>, tensor<4x2x3xf32>, tensor<1x1x2xf32>) {
  // CHECK-DAG: %[[R:.*]] = rosso.reshape %[[X]] : tensor<2x3x4xf32> -> tensor<24xf32>
  %0 = rosso.reshape %x : tensor<2x3x4xf32> -> tensor<6x4xf32>
  %1 = rosso.reshape %0 : tensor<6x4xf32> -> tensor<24xf32>
  // CHECK-DAG: %[[P:.*]] = rosso.permute %[[X]] [2, 0, 1]
  %2 = rosso.permute %x [0, 2, 1] : tensor<2x3x4xf32> -> tensor<2x4x3xf32>
  %3 = rosso.permute %2 [1, 0, 2] : tensor<2x4x3xf32> -> tensor<4x2x3xf32>
  // CHECK-DAG: %[[S:.*]] = rosso.shrink %[[X]] ["1", "2", "1"] : tensor<2x3x4xf32> -> tensor<1x1x2xf32>
  %4 = rosso.shrink %x ["1", "1", "0"] : tensor<2x3x4xf32> -> tensor<1x2x4xf32>
  %5 = rosso.shrink %4 ["0", "1", "1"] : tensor<1x2x4xf32> -> tensor<1x1x2xf32>
  // CHECK: return %[[R]], %[[P]], %[[S]]
  return %1, %3, %5 : tensor<24xf32>, tensor<4x2x3xf32>, tensor<1x1x2xf32>
}

// CHECK-LABEL: @what_moves_nothing_goes
// CHECK-SAME:    %[[X:.*]]: tensor<2x3xf32>
// CHECK-NEXT:    return %[[X]]
func.func @what_moves_nothing_goes(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = rosso.permute %x [0, 1] : tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = rosso.pad %0 before ["0", "0"] after ["0", "0"] value 1.0 : tensor<2x3xf32> -> tensor<2x3xf32>
  %2 = rosso.shrink %1 ["0", "0"] : tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = rosso.flip %2 [] : tensor<2x3xf32> -> tensor<2x3xf32>
  %4 = rosso.stride %3 [1, 1] : tensor<2x3xf32> -> tensor<2x3xf32>
  %5 = rosso.concat %4 axis 0 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %6 = rosso.cast %5 : tensor<2x3xf32> -> tensor<2x3xf32>
  return %6 : tensor<2x3xf32>
}

// A flip keeps the type and is no identity.
// CHECK-LABEL: @flip_stays
// CHECK:         rosso.flip
func.func @flip_stays(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = rosso.flip %x [1] : tensor<2x3xf32> -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: @permuted_units_are_reshaped
// CHECK-NEXT:    rosso.reshape %{{.*}} : tensor<1x4x64xf32> -> tensor<4x1x64xf32>
func.func @permuted_units_are_reshaped(%x: tensor<1x4x64xf32>) -> tensor<4x1x64xf32> {
  %0 = rosso.permute %x [1, 0, 2] : tensor<1x4x64xf32> -> tensor<4x1x64xf32>
  return %0 : tensor<4x1x64xf32>
}

// (2 * 3 + 1) / 2 = 3.5, and 7 / 2 = 3 in integers; both tensors are one constant.
// CHECK-LABEL: @constants_fold
func.func @constants_fold() -> (tensor<4xf32>, tensor<i32>) {
  // CHECK-DAG: rosso.constant 3.500000e+00 -> tensor<f32>
  // CHECK-DAG: rosso.constant 3 -> tensor<i32>
  // CHECK-NOT: rosso.{{add|mul|div}}
  %two = rosso.constant 2.0 -> tensor<f32>
  %three = rosso.constant 3.0 -> tensor<f32>
  %one = rosso.constant 1.0 -> tensor<f32>
  %0 = rosso.mul %two, %three : tensor<f32>
  %1 = rosso.add %0, %one : tensor<f32>
  %2 = rosso.reshape %1 : tensor<f32> -> tensor<1xf32>
  %3 = rosso.expand %2 : tensor<1xf32> -> tensor<4xf32>
  %4 = rosso.reshape %two : tensor<f32> -> tensor<1xf32>
  %5 = rosso.expand %4 : tensor<1xf32> -> tensor<4xf32>
  %6 = rosso.div %3, %5 : tensor<4xf32>
  %i7 = rosso.constant 7 -> tensor<i32>
  %i2 = rosso.constant 2 -> tensor<i32>
  %7 = rosso.div %i7, %i2 : tensor<i32>
  return %6, %7 : tensor<4xf32>, tensor<i32>
}

// 0.1 is not a f16: the nearest is 0.0999755859375. i8 wraps: 100 + 100 = 200 - 256.
// CHECK-LABEL: @folding_rounds_to_the_type
// CHECK-DAG:     rosso.constant 0.0999755859375 -> tensor<f16>
// CHECK-DAG:     rosso.constant -56 -> tensor<i8>
func.func @folding_rounds_to_the_type() -> (tensor<f16>, tensor<i8>) {
  %0 = rosso.constant 0.1 -> tensor<f32>
  %1 = rosso.cast %0 : tensor<f32> -> tensor<f16>
  %2 = rosso.constant 100 -> tensor<i8>
  %3 = rosso.add %2, %2 : tensor<i8>
  return %1, %3 : tensor<f16>, tensor<i8>
}

// 300 is 127 as i8, and -1 is 0 as u8.
// CHECK-LABEL: @casts_saturate
// CHECK-DAG:     rosso.constant 127 -> tensor<i8>
// CHECK-DAG:     rosso.constant 0 -> tensor<ui8>
func.func @casts_saturate() -> (tensor<i8>, tensor<ui8>) {
  %0 = rosso.constant 300.0 -> tensor<f32>
  %1 = rosso.cast %0 : tensor<f32> -> tensor<i8>
  %2 = rosso.constant -1.0 -> tensor<f32>
  %3 = rosso.cast %2 : tensor<f32> -> tensor<ui8>
  return %1, %3 : tensor<i8>, tensor<ui8>
}

// CHECK-LABEL: @neutral_operands_go
// CHECK-SAME:    %[[X:.*]]: tensor<4xf32>, %[[I:.*]]: tensor<4xi32>
// CHECK-NEXT:    return %[[X]], %[[I]]
func.func @neutral_operands_go(%x: tensor<4xf32>, %i: tensor<4xi32>) -> (tensor<4xf32>, tensor<4xi32>) {
  %c = rosso.constant 1.0 -> tensor<f32>
  %c1 = rosso.reshape %c : tensor<f32> -> tensor<1xf32>
  %ones = rosso.expand %c1 : tensor<1xf32> -> tensor<4xf32>
  %z = rosso.constant 0 -> tensor<i32>
  %z1 = rosso.reshape %z : tensor<i32> -> tensor<1xi32>
  %zeros = rosso.expand %z1 : tensor<1xi32> -> tensor<4xi32>
  %0 = rosso.mul %ones, %x : tensor<4xf32>
  %1 = rosso.div %0, %ones : tensor<4xf32>
  %2 = rosso.neg %1 : tensor<4xf32>
  %3 = rosso.neg %2 : tensor<4xf32>
  %4 = rosso.add %i, %zeros : tensor<4xi32>
  return %3, %4 : tensor<4xf32>, tensor<4xi32>
}

// -0 + 0 is 0, and 0 * inf is nan.
// CHECK-LABEL: @float_zeros_stay
// CHECK:         rosso.add
// CHECK:         rosso.mul
func.func @float_zeros_stay(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %zero = rosso.constant 0.0 -> tensor<f32>
  %0 = rosso.add %x, %zero : tensor<f32>
  %1 = rosso.mul %x, %zero : tensor<f32>
  return %0, %1 : tensor<f32>, tensor<f32>
}

// f32 holds every f16, so the way through it says nothing.
// CHECK-LABEL: @exact_casts_compose
// CHECK-SAME:    %[[H:.*]]: tensor<4xf16>
// CHECK-NEXT:    return %[[H]]
func.func @exact_casts_compose(%h: tensor<4xf16>) -> tensor<4xf16> {
  %0 = rosso.cast %h : tensor<4xf16> -> tensor<4xf32>
  %1 = rosso.cast %0 : tensor<4xf32> -> tensor<4xf16>
  return %1 : tensor<4xf16>
}

// Rounding on the way is part of the meaning; bf16 does not hold every f16.
// CHECK-LABEL: @rounding_casts_stay
// CHECK-COUNT-4: rosso.cast
func.func @rounding_casts_stay(%x: tensor<4xf32>, %h: tensor<4xf16>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = rosso.cast %x : tensor<4xf32> -> tensor<4xf16>
  %1 = rosso.cast %0 : tensor<4xf16> -> tensor<4xf32>
  %2 = rosso.cast %h : tensor<4xf16> -> tensor<4xbf16>
  %3 = rosso.cast %2 : tensor<4xbf16> -> tensor<4xf32>
  return %1, %3 : tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: @constant_conditions_choose
// CHECK-SAME:    %[[A:.*]]: tensor<f32>, %[[B:.*]]: tensor<f32>
// CHECK-NEXT:    return %[[A]], %[[B]]
func.func @constant_conditions_choose(%a: tensor<f32>, %b: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %one = rosso.constant 1 -> tensor<i32>
  %two = rosso.constant 2 -> tensor<i32>
  %yes = rosso.cmplt %one, %two : tensor<i32>
  %no = rosso.not %yes : tensor<i1>
  %0 = rosso.where %yes, %a, %b : tensor<f32>
  %1 = rosso.where %no, %a, %b : tensor<f32>
  return %0, %1 : tensor<f32>, tensor<f32>
}

// Two nodes that compute the same are one, whatever their numbers in the graph.
// CHECK-LABEL: @equal_ops_are_shared
// CHECK:         %[[S:.*]] = rosso.sin {{.*}} {rosso.node = 1 : i64}
// CHECK-NOT:     rosso.sin
// CHECK:         return %[[S]], %[[S]]
func.func @equal_ops_are_shared(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = rosso.sin %x {rosso.node = 1 : i64} : tensor<4xf32>
  %1 = rosso.sin %x {rosso.node = 2 : i64} : tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: @what_nobody_reads_goes
// CHECK-NEXT:    return
func.func @what_nobody_reads_goes(%x: tensor<4xf32>) {
  %0 = rosso.sin %x : tensor<4xf32>
  %1 = rosso.reduce_sum %0 [0] : tensor<4xf32> -> tensor<1xf32>
  return
}

// -----

// Nothing is added up that is one number: 2^30 times a half, 200 bytes of 3.
// CHECK-LABEL: @reductions_of_constants
// CHECK-NOT:     rosso.reduce
// CHECK:         rosso.constant 0x41C0000000000000 -> tensor<f32>
// CHECK-NOT:     rosso.reduce
// CHECK:         rosso.constant 88 -> tensor<ui8>
// CHECK-NOT:     rosso.reduce
func.func @reductions_of_constants() -> (tensor<1x1xf32>, tensor<1xui8>, tensor<1x4xf32>) {
  %half = rosso.constant 5.000000e-01 -> tensor<f32>
  %0 = rosso.reshape %half : tensor<f32> -> tensor<1x1xf32>
  %1 = rosso.expand %0 : tensor<1x1xf32> -> tensor<32768x32768xf32>
  %2 = rosso.reduce_sum %1 [0, 1] : tensor<32768x32768xf32> -> tensor<1x1xf32>
  %three = rosso.constant 3 -> tensor<ui8>
  %3 = rosso.reshape %three : tensor<ui8> -> tensor<1xui8>
  %4 = rosso.expand %3 : tensor<1xui8> -> tensor<200xui8>
  %5 = rosso.reduce_sum %4 [0] : tensor<200xui8> -> tensor<1xui8>
  %6 = rosso.expand %0 : tensor<1x1xf32> -> tensor<9x4xf32>
  %7 = rosso.reduce_max %6 [0] : tensor<9x4xf32> -> tensor<1x4xf32>
  return %2, %5, %7 : tensor<1x1xf32>, tensor<1xui8>, tensor<1x4xf32>
}
