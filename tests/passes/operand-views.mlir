// RUN: rosso-opt %s --rosso-fuse=operand-views --split-input-file | FileCheck %s

// A convolution is one kernel: padding and windows of the image are read in place, and the result
// is stored as its reshape shows it.
// CHECK-LABEL: @convolution
// CHECK:         rosso.kernel {{.*}} matmul
// CHECK:           rosso.pad
// CHECK:           rosso.window
// CHECK:           rosso.matmul
// CHECK:           rosso.max
// CHECK:           %[[R:.*]] = rosso.reshape {{.*}} -> tensor<1x8x6x6xf32>
// CHECK-NEXT:      rosso.yield %[[R]]
// CHECK-NOT:     rosso.kernel
func.func @convolution(%w: tensor<8x18xf32>, %x: tensor<1x2x6x6xf32>, %z: tensor<1x8x36xf32>)
    -> tensor<1x8x6x6xf32> {
  %w1 = rosso.reshape %w : tensor<8x18xf32> -> tensor<1x8x18xf32>
  %p = rosso.pad %x before ["0", "0", "1", "1"] after ["0", "0", "1", "1"] value 0.0 : tensor<1x2x6x6xf32> -> tensor<1x2x8x8xf32>
  %v = rosso.window %p axis 2 size 3 step 1 dilation 1 : tensor<1x2x8x8xf32> -> tensor<1x2x6x8x3xf32>
  %u = rosso.window %v axis 3 size 3 step 1 dilation 1 : tensor<1x2x6x8x3xf32> -> tensor<1x2x6x6x3x3xf32>
  %t = rosso.permute %u [0, 1, 4, 5, 2, 3] : tensor<1x2x6x6x3x3xf32> -> tensor<1x2x3x3x6x6xf32>
  %k = rosso.reshape %t : tensor<1x2x3x3x6x6xf32> -> tensor<1x18x36xf32>
  %y = rosso.matmul %w1, %k : (tensor<1x8x18xf32>, tensor<1x18x36xf32>) -> tensor<1x8x36xf32>
  %m = rosso.max %y, %z : tensor<1x8x36xf32>
  %r = rosso.reshape %m : tensor<1x8x36xf32> -> tensor<1x8x6x6xf32>
  return %r : tensor<1x8x6x6xf32>
}

// -----

// Cheap ops of arguments are computed as they are read.
// CHECK-LABEL: @transposed_sum
// CHECK:         rosso.kernel {{.*}} matmul
// CHECK-NEXT:      rosso.add
// CHECK-NEXT:      rosso.permute
// CHECK-NEXT:      rosso.matmul
// CHECK-NOT:     rosso.kernel
func.func @transposed_sum(%x: tensor<4x8xf32>, %w: tensor<6x8xf32>) -> tensor<4x6xf32> {
  %s = rosso.add %w, %w : tensor<6x8xf32>
  %t = rosso.permute %s [1, 0] : tensor<6x8xf32> -> tensor<8x6xf32>
  %y = rosso.matmul %x, %t : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}

// -----

// Dear ones are a buffer, and so is what another kernel computes; movements are read through.
// CHECK-LABEL: @transposed_powers
// CHECK:         rosso.kernel {{.*}} map
// CHECK:         rosso.kernel {{.*}} matmul
// CHECK-NEXT:      rosso.permute
// CHECK-NEXT:      rosso.matmul
func.func @transposed_powers(%x: tensor<4x8xf32>, %w: tensor<6x8xf32>) -> tensor<4x6xf32> {
  %s = rosso.exp2 %w : tensor<6x8xf32>
  %t = rosso.permute %s [1, 0] : tensor<6x8xf32> -> tensor<8x6xf32>
  %y = rosso.matmul %x, %t : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}

// -----

// Heads of a batch are heads: attention reads and stores them without a copy.
// CHECK-LABEL: @attention_of_batch
// CHECK:         rosso.kernel {{.*}} attention
// CHECK-NEXT:      rosso.reshape
// CHECK-NEXT:      rosso.attention
// CHECK-NEXT:      %[[R:.*]] = rosso.reshape
// CHECK-NEXT:      rosso.yield %[[R]]
// CHECK-NOT:     rosso.kernel
func.func @attention_of_batch(%q: tensor<2x3x16x32xf32>, %k: tensor<6x16x32xf32>)
    -> tensor<2x3x16x32xf32> {
  %h = rosso.reshape %q : tensor<2x3x16x32xf32> -> tensor<6x16x32xf32>
  %o = rosso.attention %h, %k, %k scale 1.0 length "16" : (tensor<6x16x32xf32>, tensor<6x16x32xf32>, tensor<6x16x32xf32>) -> tensor<6x16x32xf32>
  %r = rosso.reshape %o : tensor<6x16x32xf32> -> tensor<2x3x16x32xf32>
  return %r : tensor<2x3x16x32xf32>
}
