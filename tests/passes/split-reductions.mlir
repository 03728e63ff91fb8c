// RUN: rosso-opt %s --rosso-split-reductions --split-input-file | FileCheck %s

// The sum of everything is a sum of parts.
// CHECK-LABEL: @sum_of_all
// CHECK:         %[[PARTS:.*]] = rosso.reshape %{{.*}} : tensor<1024x1024xf32> -> tensor<32x32x1024xf32>
// CHECK:         %[[SUMS:.*]] = rosso.reduce_sum %[[PARTS]] [1, 2] : tensor<32x32x1024xf32> -> tensor<32x1x1xf32>
// CHECK:         rosso.reduce_sum %[[SUMS]] [0] : tensor<32x1x1xf32> -> tensor<1x1x1xf32>
// CHECK:         rosso.reshape %{{.*}} : tensor<1x1x1xf32> -> tensor<1x1xf32>
func.func @sum_of_all(%x: tensor<1024x1024xf32>) -> tensor<1x1xf32> {
  %0 = rosso.reduce_sum %x [0, 1] : tensor<1024x1024xf32> -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// -----

// What no number of parts divides is done apart.
// CHECK-LABEL: @prime
// CHECK:         rosso.shrink %{{.*}} ["0"] : tensor<524309xf32> -> tensor<524288xf32>
// CHECK:         rosso.shrink %{{.*}} ["524288"] : tensor<524309xf32> -> tensor<21xf32>
// CHECK:         rosso.max
func.func @prime(%x: tensor<524309xf32>) -> tensor<1xf32> {
  %0 = rosso.reduce_max %x [0] : tensor<524309xf32> -> tensor<1xf32>
  return %0 : tensor<1xf32>
}

// -----

// Many rows share the work as they are, and short rows are not worth it.
// CHECK-LABEL: @rows
// CHECK-NOT:     rosso.reshape
func.func @rows(%x: tensor<4096x4096xf32>, %y: tensor<151936xf32>) -> (tensor<4096x1xf32>, tensor<1xf32>) {
  %0 = rosso.reduce_sum %x [1] : tensor<4096x4096xf32> -> tensor<4096x1xf32>
  %1 = rosso.reduce_max %y [0] : tensor<151936xf32> -> tensor<1xf32>
  return %0, %1 : tensor<4096x1xf32>, tensor<1xf32>
}

// -----

// The place of the largest: the part that holds it, and its place there.
// CHECK-LABEL: @place_of_largest
// CHECK:         rosso.reduce_max %[[PARTS:.*]] [1] : tensor<32x8192xf32> -> tensor<32x1xf32>
// CHECK:         rosso.argmax %[[PARTS]] [1] : tensor<32x8192xf32> -> tensor<32x1xi32>
// CHECK:         rosso.argmax %{{.*}} [0] : tensor<32x1xf32> -> tensor<1x1xi32>
func.func @place_of_largest(%x: tensor<262144xf32>) -> tensor<1xi32> {
  %0 = rosso.argmax %x [0] : tensor<262144xf32> -> tensor<1xi32>
  return %0 : tensor<1xi32>
}
