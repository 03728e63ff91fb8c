// RUN: rosso-opt %s --rosso-fuse-dequant --verify-diagnostics --split-input-file
// RUN: rosso-opt %s --rosso-fuse-attention --verify-diagnostics --split-input-file
// RUN: rosso-opt %s --rosso-plan-memory --verify-diagnostics --split-input-file
// RUN: rosso-opt %s --rosso-schedule --verify-diagnostics --split-input-file

// Passes that need sizes say which bounds are missing.
module attributes {rosso.vars = {P = [0, 7]}} {
// expected-error @+1 {{extent 'P + T' names 'T', which rosso.vars of the module does not declare}}
func.func @f(%x: tensor<?xf32, #rosso.dims<"P + T">>) {
  return
}
}
