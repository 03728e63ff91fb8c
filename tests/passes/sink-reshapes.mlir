// RUN: rosso-opt %s --rosso-sink-reshapes --rosso-simplify --split-input-file | FileCheck %s

// A bias for each channel and a residual are added in the shape of the product.
// CHECK-LABEL: @convolution
// CHECK:         %[[Y:.*]] = rosso.matmul
// CHECK:         %[[S:.*]] = rosso.add %[[Y]], %{{.*}} : tensor<2x8x36xf32>
// CHECK:         %[[R:.*]] = rosso.reshape %arg2 : tensor<2x8x6x6xf32> -> tensor<2x8x36xf32>
// CHECK:         %[[T:.*]] = rosso.add %[[S]], %[[R]] : tensor<2x8x36xf32>
// CHECK:         %[[Z:.*]] = rosso.reshape %[[T]] : tensor<2x8x36xf32> -> tensor<2x8x6x6xf32>
// CHECK:         return %[[Z]]
func.func @convolution(%w: tensor<2x8x27xf32>, %x: tensor<2x27x36xf32>, %r: tensor<2x8x6x6xf32>,
                       %bias: tensor<8xf32>) -> tensor<2x8x6x6xf32> {
  %y = rosso.matmul %w, %x : (tensor<2x8x27xf32>, tensor<2x27x36xf32>) -> tensor<2x8x36xf32>
  %image = rosso.reshape %y : tensor<2x8x36xf32> -> tensor<2x8x6x6xf32>
  %b = rosso.reshape %bias : tensor<8xf32> -> tensor<1x8x1x1xf32>
  %b4 = rosso.expand %b : tensor<1x8x1x1xf32> -> tensor<2x8x6x6xf32>
  %s = rosso.add %image, %b4 : tensor<2x8x6x6xf32>
  %t = rosso.add %s, %r : tensor<2x8x6x6xf32>
  return %t : tensor<2x8x6x6xf32>
}

// -----

// A model's linear, whose weight lies in tiles, keeps its shape.
// CHECK-LABEL: @linear_of_weight
// CHECK:         rosso.linear
// CHECK-NEXT:    rosso.reshape
// CHECK-NEXT:    rosso.neg %{{.*}} : tensor<7x2x4xf32>
func.func @linear_of_weight(%x: tensor<7x8xf32>,
                            %w: tensor<8x8xf32> {rosso.name = "w", rosso.space = "weight"})
    -> tensor<7x2x4xf32> {
  %y = rosso.linear %x, %w : (tensor<7x8xf32>, tensor<8x8xf32>) -> tensor<7x8xf32>
  %heads = rosso.reshape %y : tensor<7x8xf32> -> tensor<7x2x4xf32>
  %n = rosso.neg %heads : tensor<7x2x4xf32>
  return %n : tensor<7x2x4xf32>
}
