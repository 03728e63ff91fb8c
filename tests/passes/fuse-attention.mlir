// RUN: rosso-opt %s --rosso-simplify --rosso-fuse-attention --rosso-simplify --split-input-file | FileCheck %s

// As the frontend writes it: a cache in f16, two query heads for each of two key heads, the scale
// on the scores, a causal mask that is added.
// CHECK-LABEL: @causal_over_cache
// CHECK-SAME:    %[[Q:.*]]: tensor<4x?x64xf32, #rosso.dims<"T">>, %[[K:.*]]: tensor<2x1024x64xf16>, %[[V:.*]]: tensor<2x1024x64xf16>
// CHECK-NEXT:    %[[O:.*]] = rosso.attention %[[Q]], %[[K]], %[[V]] causal scale 1.250000e-01 length "P + T" {rosso.node = 9 : i64}
// CHECK-NEXT:    return %[[O]]
module attributes {rosso.vars = {P = [0, 512], T = [1, 512]}} {
func.func @causal_over_cache(%q: tensor<4x?x64xf32, #rosso.dims<"T">>, %k: tensor<2x1024x64xf16>, %v: tensor<2x1024x64xf16>) -> tensor<4x?x64xf32, #rosso.dims<"T">> {
  %k0 = rosso.shrink %k ["0", "0", "0"] : tensor<2x1024x64xf16> -> tensor<2x?x64xf16, #rosso.dims<"P + T">>
  %k1 = rosso.reshape %k0 : tensor<2x?x64xf16, #rosso.dims<"P + T">> -> tensor<2x1x?x64xf16, #rosso.dims<"P + T">>
  %k2 = rosso.expand %k1 : tensor<2x1x?x64xf16, #rosso.dims<"P + T">> -> tensor<2x2x?x64xf16, #rosso.dims<"P + T">>
  %k3 = rosso.reshape %k2 : tensor<2x2x?x64xf16, #rosso.dims<"P + T">> -> tensor<4x?x64xf16, #rosso.dims<"P + T">>
  %k4 = rosso.cast %k3 : tensor<4x?x64xf16, #rosso.dims<"P + T">> -> tensor<4x?x64xf32, #rosso.dims<"P + T">>
  %kt = rosso.permute %k4 [0, 2, 1] : tensor<4x?x64xf32, #rosso.dims<"P + T">> -> tensor<4x64x?xf32, #rosso.dims<"P + T">>
  %v0 = rosso.shrink %v ["0", "0", "0"] : tensor<2x1024x64xf16> -> tensor<2x?x64xf16, #rosso.dims<"P + T">>
  %v1 = rosso.reshape %v0 : tensor<2x?x64xf16, #rosso.dims<"P + T">> -> tensor<2x1x?x64xf16, #rosso.dims<"P + T">>
  %v2 = rosso.expand %v1 : tensor<2x1x?x64xf16, #rosso.dims<"P + T">> -> tensor<2x2x?x64xf16, #rosso.dims<"P + T">>
  %v3 = rosso.reshape %v2 : tensor<2x2x?x64xf16, #rosso.dims<"P + T">> -> tensor<4x?x64xf16, #rosso.dims<"P + T">>
  %v4 = rosso.cast %v3 : tensor<4x?x64xf16, #rosso.dims<"P + T">> -> tensor<4x?x64xf32, #rosso.dims<"P + T">>
  %s = rosso.matmul %q, %kt : (tensor<4x?x64xf32, #rosso.dims<"T">>, tensor<4x64x?xf32, #rosso.dims<"P + T">>) -> tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %c = rosso.constant 0.125 -> tensor<f32>
  %c1 = rosso.reshape %c : tensor<f32> -> tensor<1x1x1xf32>
  %c2 = rosso.expand %c1 : tensor<1x1x1xf32> -> tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %s1 = rosso.mul %s, %c2 : tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  // Row t may not see column s where t + P < s.
  %rows = rosso.iota : tensor<?xi32, #rosso.dims<"T">>
  %p = rosso.variable ["P"] : tensor<i32>
  %p1 = rosso.reshape %p : tensor<i32> -> tensor<1xi32>
  %p2 = rosso.expand %p1 : tensor<1xi32> -> tensor<?xi32, #rosso.dims<"T">>
  %last = rosso.add %rows, %p2 : tensor<?xi32, #rosso.dims<"T">>
  %last1 = rosso.reshape %last : tensor<?xi32, #rosso.dims<"T">> -> tensor<?x1xi32, #rosso.dims<"T">>
  %last2 = rosso.expand %last1 : tensor<?x1xi32, #rosso.dims<"T">> -> tensor<?x?xi32, #rosso.dims<"T", "P + T">>
  %cols = rosso.iota : tensor<?xi32, #rosso.dims<"P + T">>
  %cols1 = rosso.reshape %cols : tensor<?xi32, #rosso.dims<"P + T">> -> tensor<1x?xi32, #rosso.dims<"P + T">>
  %cols2 = rosso.expand %cols1 : tensor<1x?xi32, #rosso.dims<"P + T">> -> tensor<?x?xi32, #rosso.dims<"T", "P + T">>
  %hidden = rosso.cmplt %last2, %cols2 : tensor<?x?xi32, #rosso.dims<"T", "P + T">>
  %inf = rosso.constant 0xFFF0000000000000 : f64 -> tensor<f32>
  %inf1 = rosso.reshape %inf : tensor<f32> -> tensor<1x1xf32>
  %inf2 = rosso.expand %inf1 : tensor<1x1xf32> -> tensor<?x?xf32, #rosso.dims<"T", "P + T">>
  %zero = rosso.constant 0.0 -> tensor<f32>
  %zero1 = rosso.reshape %zero : tensor<f32> -> tensor<1x1xf32>
  %zero2 = rosso.expand %zero1 : tensor<1x1xf32> -> tensor<?x?xf32, #rosso.dims<"T", "P + T">>
  %mask = rosso.where %hidden, %inf2, %zero2 : tensor<?x?xf32, #rosso.dims<"T", "P + T">>
  %mask1 = rosso.reshape %mask : tensor<?x?xf32, #rosso.dims<"T", "P + T">> -> tensor<1x?x?xf32, #rosso.dims<"T", "P + T">>
  %mask2 = rosso.expand %mask1 : tensor<1x?x?xf32, #rosso.dims<"T", "P + T">> -> tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %s2 = rosso.add %s1, %mask2 : tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %max = rosso.reduce_max %s2 [2] : tensor<4x?x?xf32, #rosso.dims<"T", "P + T">> -> tensor<4x?x1xf32, #rosso.dims<"T">>
  %max1 = rosso.expand %max : tensor<4x?x1xf32, #rosso.dims<"T">> -> tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %d = rosso.sub %s2, %max1 : tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %l = rosso.constant 1.4426950408889634 -> tensor<f32>
  %l1 = rosso.reshape %l : tensor<f32> -> tensor<1x1x1xf32>
  %l2 = rosso.expand %l1 : tensor<1x1x1xf32> -> tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %x = rosso.mul %d, %l2 : tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %e = rosso.exp2 %x : tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %sum = rosso.reduce_sum %e [2] : tensor<4x?x?xf32, #rosso.dims<"T", "P + T">> -> tensor<4x?x1xf32, #rosso.dims<"T">>
  %sum1 = rosso.expand %sum : tensor<4x?x1xf32, #rosso.dims<"T">> -> tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %w = rosso.div %e, %sum1 : tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %o = rosso.matmul %w, %v4 {rosso.node = 9 : i64} : (tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>, tensor<4x?x64xf32, #rosso.dims<"P + T">>) -> tensor<4x?x64xf32, #rosso.dims<"T">>
  return %o : tensor<4x?x64xf32, #rosso.dims<"T">>
}
}

// -----

// Another hand: one token, the scale on q, 1/sum multiplied, scores hidden by selection where the
// condition says what is seen, a quantised cache. The condition is data, so it stays a mask.
// CHECK-LABEL: @selected_over_q8
// CHECK-SAME:    %[[Q:.*]]: tensor<2x1x32xf32>, %[[K:.*]]: tensor<2x16x32x!rosso.quant<q8_0>>, %[[SEEN:.*]]: tensor<1x16xi1>
// CHECK:         %[[M:.*]] = rosso.where %[[SEEN]]
// CHECK:         rosso.attention %[[Q]], %[[K]], %[[K]] mask %[[M]] : tensor<1x16xf32> scale 5.000000e-01 length "16"
func.func @selected_over_q8(%q: tensor<2x1x32xf32>, %k: tensor<2x16x32x!rosso.quant<q8_0>>, %seen: tensor<1x16xi1>) -> tensor<2x1x32xf32> {
  %half = rosso.constant 0.5 -> tensor<f32>
  %half1 = rosso.reshape %half : tensor<f32> -> tensor<1x1x1xf32>
  %half2 = rosso.expand %half1 : tensor<1x1x1xf32> -> tensor<2x1x32xf32>
  %q1 = rosso.mul %half2, %q : tensor<2x1x32xf32>
  %kd = rosso.dequant %k : tensor<2x16x32x!rosso.quant<q8_0>> -> tensor<2x16x32xf32>
  %kt = rosso.permute %kd [0, 2, 1] : tensor<2x16x32xf32> -> tensor<2x32x16xf32>
  %s = rosso.matmul %q1, %kt : (tensor<2x1x32xf32>, tensor<2x32x16xf32>) -> tensor<2x1x16xf32>
  %low = rosso.constant -1.0e30 -> tensor<f32>
  %low1 = rosso.reshape %low : tensor<f32> -> tensor<1x1x1xf32>
  %low2 = rosso.expand %low1 : tensor<1x1x1xf32> -> tensor<2x1x16xf32>
  %seen1 = rosso.reshape %seen : tensor<1x16xi1> -> tensor<1x1x16xi1>
  %seen2 = rosso.expand %seen1 : tensor<1x1x16xi1> -> tensor<2x1x16xi1>
  %s1 = rosso.where %seen2, %s, %low2 : tensor<2x1x16xf32>
  %max = rosso.reduce_max %s1 [2] : tensor<2x1x16xf32> -> tensor<2x1x1xf32>
  %max1 = rosso.expand %max : tensor<2x1x1xf32> -> tensor<2x1x16xf32>
  %d = rosso.sub %s1, %max1 : tensor<2x1x16xf32>
  %l = rosso.constant 1.4426950408889634 -> tensor<f32>
  %l1 = rosso.reshape %l : tensor<f32> -> tensor<1x1x1xf32>
  %l2 = rosso.expand %l1 : tensor<1x1x1xf32> -> tensor<2x1x16xf32>
  %x = rosso.mul %d, %l2 : tensor<2x1x16xf32>
  %e = rosso.exp2 %x : tensor<2x1x16xf32>
  %sum = rosso.reduce_sum %e [2] : tensor<2x1x16xf32> -> tensor<2x1x1xf32>
  %inverse = rosso.recip %sum : tensor<2x1x1xf32>
  %inverse1 = rosso.expand %inverse : tensor<2x1x1xf32> -> tensor<2x1x16xf32>
  %w = rosso.mul %e, %inverse1 : tensor<2x1x16xf32>
  %o = rosso.matmul %w, %kd : (tensor<2x1x16xf32>, tensor<2x16x32xf32>) -> tensor<2x1x32xf32>
  return %o : tensor<2x1x32xf32>
}

// -----

// Heads in another order than groups of neighbours: head h reads h mod 2. What it reads is then the
// repeated tensor. Without the factor log2(e), the weights are powers of 2: a scale of ln 2.
// CHECK-LABEL: @interleaved_heads
// CHECK:         %[[K:.*]] = rosso.reshape %{{.*}} -> tensor<4x16x32xf32>
// CHECK:         rosso.attention %{{.*}}, %[[K]], %[[K]] scale 0.693147{{[0-9]*}} length "16"
func.func @interleaved_heads(%q: tensor<4x1x32xf32>, %k: tensor<2x16x32xf32>) -> tensor<4x1x32xf32> {
  %k1 = rosso.reshape %k : tensor<2x16x32xf32> -> tensor<1x2x16x32xf32>
  %k2 = rosso.expand %k1 : tensor<1x2x16x32xf32> -> tensor<2x2x16x32xf32>
  %k3 = rosso.reshape %k2 : tensor<2x2x16x32xf32> -> tensor<4x16x32xf32>
  %kt = rosso.permute %k3 [0, 2, 1] : tensor<4x16x32xf32> -> tensor<4x32x16xf32>
  %s = rosso.matmul %q, %kt : (tensor<4x1x32xf32>, tensor<4x32x16xf32>) -> tensor<4x1x16xf32>
  %max = rosso.reduce_max %s [2] : tensor<4x1x16xf32> -> tensor<4x1x1xf32>
  %max1 = rosso.expand %max : tensor<4x1x1xf32> -> tensor<4x1x16xf32>
  %d = rosso.sub %s, %max1 : tensor<4x1x16xf32>
  %e = rosso.exp2 %d : tensor<4x1x16xf32>
  %sum = rosso.reduce_sum %e [2] : tensor<4x1x16xf32> -> tensor<4x1x1xf32>
  %sum1 = rosso.expand %sum : tensor<4x1x1xf32> -> tensor<4x1x16xf32>
  %w = rosso.div %e, %sum1 : tensor<4x1x16xf32>
  %o = rosso.matmul %w, %k3 : (tensor<4x1x16xf32>, tensor<4x16x32xf32>) -> tensor<4x1x32xf32>
  return %o : tensor<4x1x32xf32>
}

// -----

// A maximum over the wrong axis is no softmax.
// CHECK-LABEL: @max_of_columns
// CHECK-NOT:     rosso.attention
func.func @max_of_columns(%q: tensor<1x16x32xf32>, %k: tensor<1x16x32xf32>) -> tensor<1x16x32xf32> {
  %kt = rosso.permute %k [0, 2, 1] : tensor<1x16x32xf32> -> tensor<1x32x16xf32>
  %s = rosso.matmul %q, %kt : (tensor<1x16x32xf32>, tensor<1x32x16xf32>) -> tensor<1x16x16xf32>
  %max = rosso.reduce_max %s [1] : tensor<1x16x16xf32> -> tensor<1x1x16xf32>
  %max1 = rosso.expand %max : tensor<1x1x16xf32> -> tensor<1x16x16xf32>
  %d = rosso.sub %s, %max1 : tensor<1x16x16xf32>
  %e = rosso.exp2 %d : tensor<1x16x16xf32>
  %sum = rosso.reduce_sum %e [2] : tensor<1x16x16xf32> -> tensor<1x16x1xf32>
  %sum1 = rosso.expand %sum : tensor<1x16x1xf32> -> tensor<1x16x16xf32>
  %w = rosso.div %e, %sum1 : tensor<1x16x16xf32>
  %o = rosso.matmul %w, %k : (tensor<1x16x16xf32>, tensor<1x16x32xf32>) -> tensor<1x16x32xf32>
  return %o : tensor<1x16x32xf32>
}

// -----

// The caches of several sequences, one behind the other: the heads of sequence S are read where
// they are.
// CHECK-LABEL: @one_of_several_sequences
// CHECK-SAME:    %[[Q:.*]]: tensor<2x1x64xf32>, %[[K:.*]]: tensor<8x256x64xf16>, %[[V:.*]]: tensor<8x256x64xf16>
// CHECK-NEXT:    %[[O:.*]] = rosso.attention %[[Q]], %[[K]], %[[V]] scale 1.000000e+00 length "P + 1" {first_head = "2*S", kv_heads = 2 : i64}
// CHECK-NEXT:    return %[[O]]
module attributes {rosso.vars = {P = [0, 255], S = [0, 3]}} {
func.func @one_of_several_sequences(%q: tensor<2x1x64xf32>, %k: tensor<8x256x64xf16>, %v: tensor<8x256x64xf16>) -> tensor<2x1x64xf32> {
  %k0 = rosso.shrink %k ["2*S", "0", "0"] : tensor<8x256x64xf16> -> tensor<2x?x64xf16, #rosso.dims<"P + 1">>
  %k1 = rosso.cast %k0 : tensor<2x?x64xf16, #rosso.dims<"P + 1">> -> tensor<2x?x64xf32, #rosso.dims<"P + 1">>
  %kt = rosso.permute %k1 [0, 2, 1] : tensor<2x?x64xf32, #rosso.dims<"P + 1">> -> tensor<2x64x?xf32, #rosso.dims<"P + 1">>
  %v0 = rosso.shrink %v ["2*S", "0", "0"] : tensor<8x256x64xf16> -> tensor<2x?x64xf16, #rosso.dims<"P + 1">>
  %v1 = rosso.cast %v0 : tensor<2x?x64xf16, #rosso.dims<"P + 1">> -> tensor<2x?x64xf32, #rosso.dims<"P + 1">>
  %s = rosso.matmul %q, %kt : (tensor<2x1x64xf32>, tensor<2x64x?xf32, #rosso.dims<"P + 1">>) -> tensor<2x1x?xf32, #rosso.dims<"P + 1">>
  %max = rosso.reduce_max %s [2] : tensor<2x1x?xf32, #rosso.dims<"P + 1">> -> tensor<2x1x1xf32>
  %max1 = rosso.expand %max : tensor<2x1x1xf32> -> tensor<2x1x?xf32, #rosso.dims<"P + 1">>
  %d = rosso.sub %s, %max1 : tensor<2x1x?xf32, #rosso.dims<"P + 1">>
  %l = rosso.constant 1.4426950408889634 -> tensor<f32>
  %l1 = rosso.reshape %l : tensor<f32> -> tensor<1x1x1xf32>
  %l2 = rosso.expand %l1 : tensor<1x1x1xf32> -> tensor<2x1x?xf32, #rosso.dims<"P + 1">>
  %x = rosso.mul %d, %l2 : tensor<2x1x?xf32, #rosso.dims<"P + 1">>
  %e = rosso.exp2 %x : tensor<2x1x?xf32, #rosso.dims<"P + 1">>
  %sum = rosso.reduce_sum %e [2] : tensor<2x1x?xf32, #rosso.dims<"P + 1">> -> tensor<2x1x1xf32>
  %sum1 = rosso.expand %sum : tensor<2x1x1xf32> -> tensor<2x1x?xf32, #rosso.dims<"P + 1">>
  %w = rosso.div %e, %sum1 : tensor<2x1x?xf32, #rosso.dims<"P + 1">>
  %o = rosso.matmul %w, %v1 : (tensor<2x1x?xf32, #rosso.dims<"P + 1">>, tensor<2x?x64xf32, #rosso.dims<"P + 1">>) -> tensor<2x1x64xf32>
  return %o : tensor<2x1x64xf32>
}
}

// -----

// Sequences of heads side by side, as networks hold them: one permute moves the heads of k out and
// exchanges its axes. It becomes two, and attention reads the first.
// CHECK-LABEL: @heads_side_by_side
// CHECK-SAME:    %[[Q:.*]]: tensor<2x4x1x8xf32>, %[[K:.*]]: tensor<2x3x4x8xf32>, %[[V:.*]]: tensor<2x4x3x8xf32>
// CHECK:         %[[KT:.*]] = rosso.permute %[[K]] [0, 2, 1, 3]
// CHECK:         %[[KH:.*]] = rosso.reshape %[[KT]] : tensor<2x4x3x8xf32> -> tensor<8x3x8xf32>
// CHECK:         rosso.attention %{{.*}}, %[[KH]], %{{.*}} scale 1.000000e+00 length "3"
func.func @heads_side_by_side(%q: tensor<2x4x1x8xf32>, %k: tensor<2x3x4x8xf32>, %v: tensor<2x4x3x8xf32>) -> tensor<2x4x1x8xf32> {
  %kt = rosso.permute %k [0, 2, 3, 1] : tensor<2x3x4x8xf32> -> tensor<2x4x8x3xf32>
  %s = rosso.matmul %q, %kt : (tensor<2x4x1x8xf32>, tensor<2x4x8x3xf32>) -> tensor<2x4x1x3xf32>
  %max = rosso.reduce_max %s [3] : tensor<2x4x1x3xf32> -> tensor<2x4x1x1xf32>
  %max1 = rosso.expand %max : tensor<2x4x1x1xf32> -> tensor<2x4x1x3xf32>
  %d = rosso.sub %s, %max1 : tensor<2x4x1x3xf32>
  %l = rosso.constant 1.4426950408889634 -> tensor<f32>
  %l1 = rosso.reshape %l : tensor<f32> -> tensor<1x1x1x1xf32>
  %l2 = rosso.expand %l1 : tensor<1x1x1x1xf32> -> tensor<2x4x1x3xf32>
  %x = rosso.mul %d, %l2 : tensor<2x4x1x3xf32>
  %e = rosso.exp2 %x : tensor<2x4x1x3xf32>
  %sum = rosso.reduce_sum %e [3] : tensor<2x4x1x3xf32> -> tensor<2x4x1x1xf32>
  %sum1 = rosso.expand %sum : tensor<2x4x1x1xf32> -> tensor<2x4x1x3xf32>
  %w = rosso.div %e, %sum1 : tensor<2x4x1x3xf32>
  %o = rosso.matmul %w, %v : (tensor<2x4x1x3xf32>, tensor<2x4x3x8xf32>) -> tensor<2x4x1x8xf32>
  return %o : tensor<2x4x1x8xf32>
}
