// RUN: rosso-opt %s --verify-diagnostics --split-input-file

// expected-error @+1 {{no quantised format is named 'q9_z'}}
func.func private @unknown_format(tensor<32x!rosso.quant<q9_z>>)

// -----

// A plain float is an element type of its own.
// expected-error @+1 {{no quantised format is named 'f16'}}
func.func private @float_format(tensor<32x!rosso.quant<f16>>)

// -----

// expected-error @+1 {{the tensor has 1 extents '?', its dims name 2}}
func.func private @too_many_dims(tensor<?x4xf32, #rosso.dims<"T", "P">>)

// -----

// Equal extents are equal text.
// expected-error @+1 {{extent 'T+P' has the canonical form 'P + T'}}
func.func private @not_canonical(tensor<?xf32, #rosso.dims<"T+P">>)

// -----

// expected-error @+1 {{extent '4' is constant; write it in the tensor's type}}
func.func private @constant_dim(tensor<?xf32, #rosso.dims<"4">>)

// -----

// expected-error @+1 {{expected a form like '2*P + T + 3'}}
func.func private @no_form(tensor<?xf32, #rosso.dims<"T * P">>)

// -----

// expected-error @+1 {{rosso.vars: bounds of 'T': expected min <= max}}
module attributes {rosso.vars = {T = [2, 1]}} {
}

// -----

// expected-error @+1 {{rosso.vars: bounds of 'T': expected [min, max]}}
module attributes {rosso.vars = {T = 3}} {
}

// -----

// expected-error @+1 {{argument 0: rosso.space: expected "weight", "state" or "input"}}
func.func @space(%x: tensor<4xf32> {rosso.space = "heap"}) {
  return
}
