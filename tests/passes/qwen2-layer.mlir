// RUN: rosso-opt %s --rosso-simplify --rosso-fuse-dequant --rosso-fuse-attention --rosso-simplify --rosso-quantize-activations --rosso-fuse --rosso-plan-memory --rosso-schedule | FileCheck %s

// One layer of Qwen2, op by op as the frontend records it, is ten launches and the rope table that
// all layers share: norm, q/k/v, rope and cache, attention, pack, output and residual, norm,
// gate/up, pack, down and residual.
// CHECK-LABEL: @layer
// CHECK-DAG:     rosso.kernel "{{.*}}exp2_32" map
// CHECK-DAG:     rosso.kernel "map_sin_Tx32" map
// CHECK-DAG:     rosso.kernel "reduce_sum_quantize_Tx256" reduce
// CHECK-DAG:     rosso.kernel "matmul_q4_k_q6_k_add_512x256" matmul
// CHECK:         rosso.kernel "map_concat_update_4xTx64" map
// CHECK:         rosso.kernel "attention_f16_4xTx64" attention
// CHECK-NEXT:      rosso.attention {{.*}} causal scale 1.250000e-01 length "P + T"
// CHECK:         rosso.kernel "map_quantize_Tx256" map
// CHECK:         rosso.kernel "matmul_q4_k_add_256x256" matmul
// CHECK:         rosso.kernel "reduce_sum_quantize_Tx256" reduce
// CHECK:         rosso.kernel "matmul_q4_k_mul_1024x256" matmul
// CHECK:         rosso.kernel "map_quantize_Tx512" map
// CHECK:         rosso.kernel "matmul_q6_k_add_256x512" matmul
// CHECK-NOT:     rosso.kernel
module attributes {rosso.vars = {P = [0, 512], T = [1, 512]}} {
func.func @layer(%a0: tensor<?x256xf32, #rosso.dims<"T">> {rosso.name = "x", rosso.space = "input"}, %a1: tensor<256xf32> {rosso.name = "blk.0.attn_norm.weight", rosso.space = "weight"}, %a2: tensor<256x256x!rosso.quant<q4_k>> {rosso.name = "blk.0.attn_q.weight", rosso.space = "weight"}, %a3: tensor<256xf32> {rosso.name = "blk.0.attn_q_b.weight", rosso.space = "weight"}, %a4: tensor<128x256x!rosso.quant<q4_k>> {rosso.name = "blk.0.attn_k.weight", rosso.space = "weight"}, %a5: tensor<128xf32> {rosso.name = "blk.0.attn_k_b.weight", rosso.space = "weight"}, %a6: tensor<128x256x!rosso.quant<q6_k>> {rosso.name = "blk.0.attn_v.weight", rosso.space = "weight"}, %a7: tensor<128xf32> {rosso.name = "blk.0.attn_v_b.weight", rosso.space = "weight"}, %a8: tensor<2x1024x64xf16> {rosso.name = "k.0", rosso.space = "state"}, %a9: tensor<2x1024x64xf16> {rosso.name = "v.0", rosso.space = "state"}, %a10: tensor<256x256x!rosso.quant<q4_k>> {rosso.name = "blk.0.attn_output.weight", rosso.space = "weight"}, %a11: tensor<256xf32> {rosso.name = "blk.0.ffn_norm.weight", rosso.space = "weight"}, %a12: tensor<512x256x!rosso.quant<q4_k>> {rosso.name = "blk.0.ffn_gate.weight", rosso.space = "weight"}, %a13: tensor<512x256x!rosso.quant<q4_k>> {rosso.name = "blk.0.ffn_up.weight", rosso.space = "weight"}, %a14: tensor<256x512x!rosso.quant<q6_k>> {rosso.name = "blk.0.ffn_down.weight", rosso.space = "weight"}) -> (tensor<?x256xf32, #rosso.dims<"T">> {rosso.name = "y"}, tensor<2x1024x64xf16> {rosso.name = "state:k.0"}, tensor<2x1024x64xf16> {rosso.name = "state:v.0"}) {
  %v0 = rosso.iota : tensor<?xi32, #rosso.dims<"T">>
  %v1 = rosso.variable ["P"] : tensor<i32>
  %v2 = rosso.reshape %v1 : tensor<i32> -> tensor<1xi32>
  %v3 = rosso.expand %v2 : tensor<1xi32> -> tensor<?xi32, #rosso.dims<"T">>
  %v4 = rosso.add %v0, %v3 : tensor<?xi32, #rosso.dims<"T">>
  %v5 = rosso.cast %v4 : tensor<?xi32, #rosso.dims<"T">> -> tensor<?xf32, #rosso.dims<"T">>
  %v6 = rosso.iota : tensor<32xi32>
  %v7 = rosso.cast %v6 : tensor<32xi32> -> tensor<32xf32>
  %v8 = rosso.constant -0.622 -> tensor<f32>
  %v9 = rosso.reshape %v8 : tensor<f32> -> tensor<1xf32>
  %v10 = rosso.expand %v9 : tensor<1xf32> -> tensor<32xf32>
  %v11 = rosso.mul %v7, %v10 : tensor<32xf32>
  %v12 = rosso.exp2 %v11 : tensor<32xf32>
  %v13 = rosso.reshape %v5 : tensor<?xf32, #rosso.dims<"T">> -> tensor<?x1xf32, #rosso.dims<"T">>
  %v14 = rosso.expand %v13 : tensor<?x1xf32, #rosso.dims<"T">> -> tensor<?x32xf32, #rosso.dims<"T">>
  %v15 = rosso.reshape %v12 : tensor<32xf32> -> tensor<1x32xf32>
  %v16 = rosso.expand %v15 : tensor<1x32xf32> -> tensor<?x32xf32, #rosso.dims<"T">>
  %v17 = rosso.mul %v14, %v16 : tensor<?x32xf32, #rosso.dims<"T">>
  %v18 = rosso.mul %a0, %a0 : tensor<?x256xf32, #rosso.dims<"T">>
  %v19 = rosso.reduce_sum %v18 [1] : tensor<?x256xf32, #rosso.dims<"T">> -> tensor<?x1xf32, #rosso.dims<"T">>
  %v20 = rosso.constant 256.0 -> tensor<f32>
  %v21 = rosso.reshape %v20 : tensor<f32> -> tensor<1x1xf32>
  %v22 = rosso.expand %v21 : tensor<1x1xf32> -> tensor<?x1xf32, #rosso.dims<"T">>
  %v23 = rosso.div %v19, %v22 : tensor<?x1xf32, #rosso.dims<"T">>
  %v24 = rosso.constant 1.0e-06 -> tensor<f32>
  %v25 = rosso.reshape %v24 : tensor<f32> -> tensor<1x1xf32>
  %v26 = rosso.expand %v25 : tensor<1x1xf32> -> tensor<?x1xf32, #rosso.dims<"T">>
  %v27 = rosso.add %v23, %v26 : tensor<?x1xf32, #rosso.dims<"T">>
  %v28 = rosso.rsqrt %v27 : tensor<?x1xf32, #rosso.dims<"T">>
  %v29 = rosso.expand %v28 : tensor<?x1xf32, #rosso.dims<"T">> -> tensor<?x256xf32, #rosso.dims<"T">>
  %v30 = rosso.mul %a0, %v29 : tensor<?x256xf32, #rosso.dims<"T">>
  %v31 = rosso.reshape %a1 : tensor<256xf32> -> tensor<1x256xf32>
  %v32 = rosso.expand %v31 : tensor<1x256xf32> -> tensor<?x256xf32, #rosso.dims<"T">>
  %v33 = rosso.mul %v30, %v32 : tensor<?x256xf32, #rosso.dims<"T">>
  %v34 = rosso.dequant %a2 : tensor<256x256x!rosso.quant<q4_k>> -> tensor<256x256xf32>
  %v35 = rosso.linear %v33, %v34 : (tensor<?x256xf32, #rosso.dims<"T">>, tensor<256x256xf32>) -> tensor<?x256xf32, #rosso.dims<"T">>
  %v36 = rosso.reshape %a3 : tensor<256xf32> -> tensor<1x256xf32>
  %v37 = rosso.expand %v36 : tensor<1x256xf32> -> tensor<?x256xf32, #rosso.dims<"T">>
  %v38 = rosso.add %v35, %v37 : tensor<?x256xf32, #rosso.dims<"T">>
  %v39 = rosso.dequant %a4 : tensor<128x256x!rosso.quant<q4_k>> -> tensor<128x256xf32>
  %v40 = rosso.linear %v33, %v39 : (tensor<?x256xf32, #rosso.dims<"T">>, tensor<128x256xf32>) -> tensor<?x128xf32, #rosso.dims<"T">>
  %v41 = rosso.reshape %a5 : tensor<128xf32> -> tensor<1x128xf32>
  %v42 = rosso.expand %v41 : tensor<1x128xf32> -> tensor<?x128xf32, #rosso.dims<"T">>
  %v43 = rosso.add %v40, %v42 : tensor<?x128xf32, #rosso.dims<"T">>
  %v44 = rosso.dequant %a6 : tensor<128x256x!rosso.quant<q6_k>> -> tensor<128x256xf32>
  %v45 = rosso.linear %v33, %v44 : (tensor<?x256xf32, #rosso.dims<"T">>, tensor<128x256xf32>) -> tensor<?x128xf32, #rosso.dims<"T">>
  %v46 = rosso.reshape %a7 : tensor<128xf32> -> tensor<1x128xf32>
  %v47 = rosso.expand %v46 : tensor<1x128xf32> -> tensor<?x128xf32, #rosso.dims<"T">>
  %v48 = rosso.add %v45, %v47 : tensor<?x128xf32, #rosso.dims<"T">>
  %v49 = rosso.reshape %v38 : tensor<?x256xf32, #rosso.dims<"T">> -> tensor<?x4x64xf32, #rosso.dims<"T">>
  %v50 = rosso.permute %v49 [1, 0, 2] : tensor<?x4x64xf32, #rosso.dims<"T">> -> tensor<4x?x64xf32, #rosso.dims<"T">>
  %v51 = rosso.constant 1.5707963267948966 -> tensor<f32>
  %v52 = rosso.reshape %v51 : tensor<f32> -> tensor<1x1xf32>
  %v53 = rosso.expand %v52 : tensor<1x1xf32> -> tensor<?x32xf32, #rosso.dims<"T">>
  %v54 = rosso.sub %v53, %v17 : tensor<?x32xf32, #rosso.dims<"T">>
  %v55 = rosso.sin %v54 : tensor<?x32xf32, #rosso.dims<"T">>
  %v56 = rosso.sin %v17 : tensor<?x32xf32, #rosso.dims<"T">>
  %v57 = rosso.shrink %v50 ["0", "0", "0"] : tensor<4x?x64xf32, #rosso.dims<"T">> -> tensor<4x?x32xf32, #rosso.dims<"T">>
  %v58 = rosso.shrink %v50 ["0", "0", "32"] : tensor<4x?x64xf32, #rosso.dims<"T">> -> tensor<4x?x32xf32, #rosso.dims<"T">>
  %v59 = rosso.reshape %v55 : tensor<?x32xf32, #rosso.dims<"T">> -> tensor<1x?x32xf32, #rosso.dims<"T">>
  %v60 = rosso.expand %v59 : tensor<1x?x32xf32, #rosso.dims<"T">> -> tensor<4x?x32xf32, #rosso.dims<"T">>
  %v61 = rosso.reshape %v56 : tensor<?x32xf32, #rosso.dims<"T">> -> tensor<1x?x32xf32, #rosso.dims<"T">>
  %v62 = rosso.expand %v61 : tensor<1x?x32xf32, #rosso.dims<"T">> -> tensor<4x?x32xf32, #rosso.dims<"T">>
  %v63 = rosso.mul %v57, %v60 : tensor<4x?x32xf32, #rosso.dims<"T">>
  %v64 = rosso.mul %v58, %v62 : tensor<4x?x32xf32, #rosso.dims<"T">>
  %v65 = rosso.sub %v63, %v64 : tensor<4x?x32xf32, #rosso.dims<"T">>
  %v66 = rosso.mul %v58, %v60 : tensor<4x?x32xf32, #rosso.dims<"T">>
  %v67 = rosso.mul %v57, %v62 : tensor<4x?x32xf32, #rosso.dims<"T">>
  %v68 = rosso.add %v66, %v67 : tensor<4x?x32xf32, #rosso.dims<"T">>
  %v69 = rosso.concat %v65, %v68 axis 2 : (tensor<4x?x32xf32, #rosso.dims<"T">>, tensor<4x?x32xf32, #rosso.dims<"T">>) -> tensor<4x?x64xf32, #rosso.dims<"T">>
  %v70 = rosso.reshape %v43 : tensor<?x128xf32, #rosso.dims<"T">> -> tensor<?x2x64xf32, #rosso.dims<"T">>
  %v71 = rosso.permute %v70 [1, 0, 2] : tensor<?x2x64xf32, #rosso.dims<"T">> -> tensor<2x?x64xf32, #rosso.dims<"T">>
  %v72 = rosso.constant 1.5707963267948966 -> tensor<f32>
  %v73 = rosso.reshape %v72 : tensor<f32> -> tensor<1x1xf32>
  %v74 = rosso.expand %v73 : tensor<1x1xf32> -> tensor<?x32xf32, #rosso.dims<"T">>
  %v75 = rosso.sub %v74, %v17 : tensor<?x32xf32, #rosso.dims<"T">>
  %v76 = rosso.sin %v75 : tensor<?x32xf32, #rosso.dims<"T">>
  %v77 = rosso.sin %v17 : tensor<?x32xf32, #rosso.dims<"T">>
  %v78 = rosso.shrink %v71 ["0", "0", "0"] : tensor<2x?x64xf32, #rosso.dims<"T">> -> tensor<2x?x32xf32, #rosso.dims<"T">>
  %v79 = rosso.shrink %v71 ["0", "0", "32"] : tensor<2x?x64xf32, #rosso.dims<"T">> -> tensor<2x?x32xf32, #rosso.dims<"T">>
  %v80 = rosso.reshape %v76 : tensor<?x32xf32, #rosso.dims<"T">> -> tensor<1x?x32xf32, #rosso.dims<"T">>
  %v81 = rosso.expand %v80 : tensor<1x?x32xf32, #rosso.dims<"T">> -> tensor<2x?x32xf32, #rosso.dims<"T">>
  %v82 = rosso.reshape %v77 : tensor<?x32xf32, #rosso.dims<"T">> -> tensor<1x?x32xf32, #rosso.dims<"T">>
  %v83 = rosso.expand %v82 : tensor<1x?x32xf32, #rosso.dims<"T">> -> tensor<2x?x32xf32, #rosso.dims<"T">>
  %v84 = rosso.mul %v78, %v81 : tensor<2x?x32xf32, #rosso.dims<"T">>
  %v85 = rosso.mul %v79, %v83 : tensor<2x?x32xf32, #rosso.dims<"T">>
  %v86 = rosso.sub %v84, %v85 : tensor<2x?x32xf32, #rosso.dims<"T">>
  %v87 = rosso.mul %v79, %v81 : tensor<2x?x32xf32, #rosso.dims<"T">>
  %v88 = rosso.mul %v78, %v83 : tensor<2x?x32xf32, #rosso.dims<"T">>
  %v89 = rosso.add %v87, %v88 : tensor<2x?x32xf32, #rosso.dims<"T">>
  %v90 = rosso.concat %v86, %v89 axis 2 : (tensor<2x?x32xf32, #rosso.dims<"T">>, tensor<2x?x32xf32, #rosso.dims<"T">>) -> tensor<2x?x64xf32, #rosso.dims<"T">>
  %v91 = rosso.reshape %v48 : tensor<?x128xf32, #rosso.dims<"T">> -> tensor<?x2x64xf32, #rosso.dims<"T">>
  %v92 = rosso.permute %v91 [1, 0, 2] : tensor<?x2x64xf32, #rosso.dims<"T">> -> tensor<2x?x64xf32, #rosso.dims<"T">>
  %v93 = rosso.cast %v90 : tensor<2x?x64xf32, #rosso.dims<"T">> -> tensor<2x?x64xf16, #rosso.dims<"T">>
  %v94 = rosso.update %v93 into %a8 ["0", "P", "0"] : tensor<2x?x64xf16, #rosso.dims<"T">> into tensor<2x1024x64xf16>
  %v95 = rosso.cast %v92 : tensor<2x?x64xf32, #rosso.dims<"T">> -> tensor<2x?x64xf16, #rosso.dims<"T">>
  %v96 = rosso.update %v95 into %a9 ["0", "P", "0"] : tensor<2x?x64xf16, #rosso.dims<"T">> into tensor<2x1024x64xf16>
  %v97 = rosso.shrink %v94 ["0", "0", "0"] : tensor<2x1024x64xf16> -> tensor<2x?x64xf16, #rosso.dims<"P + T">>
  %v98 = rosso.reshape %v97 : tensor<2x?x64xf16, #rosso.dims<"P + T">> -> tensor<2x1x?x64xf16, #rosso.dims<"P + T">>
  %v99 = rosso.expand %v98 : tensor<2x1x?x64xf16, #rosso.dims<"P + T">> -> tensor<2x2x?x64xf16, #rosso.dims<"P + T">>
  %v100 = rosso.reshape %v99 : tensor<2x2x?x64xf16, #rosso.dims<"P + T">> -> tensor<4x?x64xf16, #rosso.dims<"P + T">>
  %v101 = rosso.cast %v100 : tensor<4x?x64xf16, #rosso.dims<"P + T">> -> tensor<4x?x64xf32, #rosso.dims<"P + T">>
  %v102 = rosso.shrink %v96 ["0", "0", "0"] : tensor<2x1024x64xf16> -> tensor<2x?x64xf16, #rosso.dims<"P + T">>
  %v103 = rosso.reshape %v102 : tensor<2x?x64xf16, #rosso.dims<"P + T">> -> tensor<2x1x?x64xf16, #rosso.dims<"P + T">>
  %v104 = rosso.expand %v103 : tensor<2x1x?x64xf16, #rosso.dims<"P + T">> -> tensor<2x2x?x64xf16, #rosso.dims<"P + T">>
  %v105 = rosso.reshape %v104 : tensor<2x2x?x64xf16, #rosso.dims<"P + T">> -> tensor<4x?x64xf16, #rosso.dims<"P + T">>
  %v106 = rosso.cast %v105 : tensor<4x?x64xf16, #rosso.dims<"P + T">> -> tensor<4x?x64xf32, #rosso.dims<"P + T">>
  %v107 = rosso.permute %v101 [0, 2, 1] : tensor<4x?x64xf32, #rosso.dims<"P + T">> -> tensor<4x64x?xf32, #rosso.dims<"P + T">>
  %v108 = rosso.matmul %v69, %v107 : (tensor<4x?x64xf32, #rosso.dims<"T">>, tensor<4x64x?xf32, #rosso.dims<"P + T">>) -> tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %v109 = rosso.constant 0.125 -> tensor<f32>
  %v110 = rosso.reshape %v109 : tensor<f32> -> tensor<1x1x1xf32>
  %v111 = rosso.expand %v110 : tensor<1x1x1xf32> -> tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %v112 = rosso.mul %v108, %v111 : tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %v113 = rosso.iota : tensor<?xi32, #rosso.dims<"T">>
  %v114 = rosso.reshape %v113 : tensor<?xi32, #rosso.dims<"T">> -> tensor<?x1xi32, #rosso.dims<"T">>
  %v115 = rosso.variable ["P"] : tensor<i32>
  %v116 = rosso.reshape %v115 : tensor<i32> -> tensor<1x1xi32>
  %v117 = rosso.expand %v116 : tensor<1x1xi32> -> tensor<?x1xi32, #rosso.dims<"T">>
  %v118 = rosso.add %v114, %v117 : tensor<?x1xi32, #rosso.dims<"T">>
  %v119 = rosso.iota : tensor<?xi32, #rosso.dims<"P + T">>
  %v120 = rosso.reshape %v119 : tensor<?xi32, #rosso.dims<"P + T">> -> tensor<1x?xi32, #rosso.dims<"P + T">>
  %v121 = rosso.expand %v118 : tensor<?x1xi32, #rosso.dims<"T">> -> tensor<?x?xi32, #rosso.dims<"T", "P + T">>
  %v122 = rosso.expand %v120 : tensor<1x?xi32, #rosso.dims<"P + T">> -> tensor<?x?xi32, #rosso.dims<"T", "P + T">>
  %v123 = rosso.cmplt %v121, %v122 : tensor<?x?xi32, #rosso.dims<"T", "P + T">>
  %v124 = rosso.constant 0xFFF0000000000000 : f64 -> tensor<f32>
  %v125 = rosso.reshape %v124 : tensor<f32> -> tensor<1x1xf32>
  %v126 = rosso.expand %v125 : tensor<1x1xf32> -> tensor<?x?xf32, #rosso.dims<"T", "P + T">>
  %v127 = rosso.constant 0.0 -> tensor<f32>
  %v128 = rosso.reshape %v127 : tensor<f32> -> tensor<1x1xf32>
  %v129 = rosso.expand %v128 : tensor<1x1xf32> -> tensor<?x?xf32, #rosso.dims<"T", "P + T">>
  %v130 = rosso.where %v123, %v126, %v129 : tensor<?x?xf32, #rosso.dims<"T", "P + T">>
  %v131 = rosso.reshape %v130 : tensor<?x?xf32, #rosso.dims<"T", "P + T">> -> tensor<1x?x?xf32, #rosso.dims<"T", "P + T">>
  %v132 = rosso.expand %v131 : tensor<1x?x?xf32, #rosso.dims<"T", "P + T">> -> tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %v133 = rosso.add %v112, %v132 : tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %v134 = rosso.reduce_max %v133 [2] : tensor<4x?x?xf32, #rosso.dims<"T", "P + T">> -> tensor<4x?x1xf32, #rosso.dims<"T">>
  %v135 = rosso.expand %v134 : tensor<4x?x1xf32, #rosso.dims<"T">> -> tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %v136 = rosso.sub %v133, %v135 : tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %v137 = rosso.constant 1.4426950408889634 -> tensor<f32>
  %v138 = rosso.reshape %v137 : tensor<f32> -> tensor<1x1x1xf32>
  %v139 = rosso.expand %v138 : tensor<1x1x1xf32> -> tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %v140 = rosso.mul %v136, %v139 : tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %v141 = rosso.exp2 %v140 : tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %v142 = rosso.reduce_sum %v141 [2] : tensor<4x?x?xf32, #rosso.dims<"T", "P + T">> -> tensor<4x?x1xf32, #rosso.dims<"T">>
  %v143 = rosso.expand %v142 : tensor<4x?x1xf32, #rosso.dims<"T">> -> tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %v144 = rosso.div %v141, %v143 : tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>
  %v145 = rosso.matmul %v144, %v106 : (tensor<4x?x?xf32, #rosso.dims<"T", "P + T">>, tensor<4x?x64xf32, #rosso.dims<"P + T">>) -> tensor<4x?x64xf32, #rosso.dims<"T">>
  %v146 = rosso.permute %v145 [1, 0, 2] : tensor<4x?x64xf32, #rosso.dims<"T">> -> tensor<?x4x64xf32, #rosso.dims<"T">>
  %v147 = rosso.reshape %v146 : tensor<?x4x64xf32, #rosso.dims<"T">> -> tensor<?x256xf32, #rosso.dims<"T">>
  %v148 = rosso.dequant %a10 : tensor<256x256x!rosso.quant<q4_k>> -> tensor<256x256xf32>
  %v149 = rosso.linear %v147, %v148 : (tensor<?x256xf32, #rosso.dims<"T">>, tensor<256x256xf32>) -> tensor<?x256xf32, #rosso.dims<"T">>
  %v150 = rosso.add %a0, %v149 : tensor<?x256xf32, #rosso.dims<"T">>
  %v151 = rosso.mul %v150, %v150 : tensor<?x256xf32, #rosso.dims<"T">>
  %v152 = rosso.reduce_sum %v151 [1] : tensor<?x256xf32, #rosso.dims<"T">> -> tensor<?x1xf32, #rosso.dims<"T">>
  %v153 = rosso.constant 256.0 -> tensor<f32>
  %v154 = rosso.reshape %v153 : tensor<f32> -> tensor<1x1xf32>
  %v155 = rosso.expand %v154 : tensor<1x1xf32> -> tensor<?x1xf32, #rosso.dims<"T">>
  %v156 = rosso.div %v152, %v155 : tensor<?x1xf32, #rosso.dims<"T">>
  %v157 = rosso.constant 1.0e-06 -> tensor<f32>
  %v158 = rosso.reshape %v157 : tensor<f32> -> tensor<1x1xf32>
  %v159 = rosso.expand %v158 : tensor<1x1xf32> -> tensor<?x1xf32, #rosso.dims<"T">>
  %v160 = rosso.add %v156, %v159 : tensor<?x1xf32, #rosso.dims<"T">>
  %v161 = rosso.rsqrt %v160 : tensor<?x1xf32, #rosso.dims<"T">>
  %v162 = rosso.expand %v161 : tensor<?x1xf32, #rosso.dims<"T">> -> tensor<?x256xf32, #rosso.dims<"T">>
  %v163 = rosso.mul %v150, %v162 : tensor<?x256xf32, #rosso.dims<"T">>
  %v164 = rosso.reshape %a11 : tensor<256xf32> -> tensor<1x256xf32>
  %v165 = rosso.expand %v164 : tensor<1x256xf32> -> tensor<?x256xf32, #rosso.dims<"T">>
  %v166 = rosso.mul %v163, %v165 : tensor<?x256xf32, #rosso.dims<"T">>
  %v167 = rosso.dequant %a12 : tensor<512x256x!rosso.quant<q4_k>> -> tensor<512x256xf32>
  %v168 = rosso.linear %v166, %v167 : (tensor<?x256xf32, #rosso.dims<"T">>, tensor<512x256xf32>) -> tensor<?x512xf32, #rosso.dims<"T">>
  %v169 = rosso.constant -1.4426950408889634 -> tensor<f32>
  %v170 = rosso.reshape %v169 : tensor<f32> -> tensor<1x1xf32>
  %v171 = rosso.expand %v170 : tensor<1x1xf32> -> tensor<?x512xf32, #rosso.dims<"T">>
  %v172 = rosso.mul %v168, %v171 : tensor<?x512xf32, #rosso.dims<"T">>
  %v173 = rosso.exp2 %v172 : tensor<?x512xf32, #rosso.dims<"T">>
  %v174 = rosso.constant 1.0 -> tensor<f32>
  %v175 = rosso.reshape %v174 : tensor<f32> -> tensor<1x1xf32>
  %v176 = rosso.expand %v175 : tensor<1x1xf32> -> tensor<?x512xf32, #rosso.dims<"T">>
  %v177 = rosso.add %v176, %v173 : tensor<?x512xf32, #rosso.dims<"T">>
  %v178 = rosso.recip %v177 : tensor<?x512xf32, #rosso.dims<"T">>
  %v179 = rosso.mul %v168, %v178 : tensor<?x512xf32, #rosso.dims<"T">>
  %v180 = rosso.dequant %a13 : tensor<512x256x!rosso.quant<q4_k>> -> tensor<512x256xf32>
  %v181 = rosso.linear %v166, %v180 : (tensor<?x256xf32, #rosso.dims<"T">>, tensor<512x256xf32>) -> tensor<?x512xf32, #rosso.dims<"T">>
  %v182 = rosso.mul %v179, %v181 : tensor<?x512xf32, #rosso.dims<"T">>
  %v183 = rosso.dequant %a14 : tensor<256x512x!rosso.quant<q6_k>> -> tensor<256x512xf32>
  %v184 = rosso.linear %v182, %v183 : (tensor<?x512xf32, #rosso.dims<"T">>, tensor<256x512xf32>) -> tensor<?x256xf32, #rosso.dims<"T">>
  %v185 = rosso.add %v150, %v184 : tensor<?x256xf32, #rosso.dims<"T">>
  return %v185, %v94, %v96 : tensor<?x256xf32, #rosso.dims<"T">>, tensor<2x1024x64xf16>, tensor<2x1024x64xf16>
}
}
