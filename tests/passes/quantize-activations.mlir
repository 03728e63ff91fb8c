// RUN: rosso-opt %s --rosso-quantize-activations | FileCheck %s

// One x is packed once, for all the weights it meets.
// CHECK-LABEL: @packed_once
// CHECK-SAME:    %[[X:.*]]: tensor<1x256xf32>
// CHECK:         %[[Q:.*]] = rosso.quantize %[[X]] : tensor<1x256xf32> -> tensor<1x256x!rosso.quant<q8_a>>
// CHECK-NOT:     rosso.quantize
// CHECK:         rosso.linear %[[Q]]
// CHECK:         rosso.linear %[[Q]]
func.func @packed_once(%x: tensor<1x256xf32>, %q: tensor<512x256x!rosso.quant<q4_k>>, %k: tensor<64x256x!rosso.quant<q6_k>>) -> (tensor<1x512xf32>, tensor<1x64xf32>) {
  %0 = rosso.linear %x, %q : (tensor<1x256xf32>, tensor<512x256x!rosso.quant<q4_k>>) -> tensor<1x512xf32>
  %1 = rosso.linear %x, %k : (tensor<1x256xf32>, tensor<64x256x!rosso.quant<q6_k>>) -> tensor<1x64xf32>
  return %0, %1 : tensor<1x512xf32>, tensor<1x64xf32>
}

// Floats meet floats as they are.
// CHECK-LABEL: @dense_weight
// CHECK-NOT:     rosso.quantize
func.func @dense_weight(%x: tensor<1x256xf32>, %w: tensor<512x256xf16>) -> tensor<1x512xf32> {
  %0 = rosso.linear %x, %w : (tensor<1x256xf32>, tensor<512x256xf16>) -> tensor<1x512xf32>
  return %0 : tensor<1x512xf32>
}
