// Kernels that clang compiles for the tests: ordinary code, without device libraries.
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#define GLOBAL __global
#define ITEM (__builtin_amdgcn_workgroup_id_x() * 256 + __builtin_amdgcn_workitem_id_x())

__kernel __attribute__((reqd_work_group_size(256, 1, 1))) void
add(GLOBAL const float *a, GLOBAL const float *b, GLOBAL float *c, long n) {
  const uint i = ITEM;
  if (i < n)
    c[i] = a[i] + b[i];
}

// Sum of a work group's 256 numbers, through LDS.
__kernel __attribute__((reqd_work_group_size(256, 1, 1))) void sum(GLOBAL const int *in,
                                                                 GLOBAL int *out) {
  __local int part[256];
  const uint t = __builtin_amdgcn_workitem_id_x();
  part[t] = in[ITEM];
  for (uint step = 128; step; step >>= 1) {
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
    __builtin_amdgcn_s_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
    if (t < step)
      part[t] += part[t + step];
  }
  if (t == 0)
    out[__builtin_amdgcn_workgroup_id_x()] = part[0];
}

// A histogram of bytes with atomics in LDS and in memory.
__kernel __attribute__((reqd_work_group_size(256, 1, 1))) void histogram(GLOBAL const uchar *in,
                                                                       GLOBAL uint *out, long n) {
  __local uint bins[256];
  const uint t = __builtin_amdgcn_workitem_id_x();
  bins[t] = 0;
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
  for (uint i = ITEM; i < n; i += 512)
    __opencl_atomic_fetch_add((__local atomic_uint *)&bins[in[i]], 1u, __ATOMIC_RELAXED,
                              __OPENCL_MEMORY_SCOPE_WORK_GROUP);
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
  if (bins[t])
    __opencl_atomic_fetch_add((GLOBAL atomic_uint *)&out[t], bins[t], __ATOMIC_RELAXED,
                              __OPENCL_MEMORY_SCOPE_DEVICE);
}

// Steps of the Collatz sequence: loops of different lengths in one wave.
__kernel __attribute__((reqd_work_group_size(256, 1, 1))) void collatz(GLOBAL const uint *in,
                                                                     GLOBAL uint *out) {
  uint x = in[ITEM], steps = 0;
  while (x != 1) {
    x = x % 2 ? 3 * x + 1 : x / 2;
    ++steps;
  }
  out[ITEM] = steps;
}

// 64-bit arithmetic, division, shifts, bytes and shorts.
__kernel __attribute__((reqd_work_group_size(256, 1, 1))) void
integers(GLOBAL const long *a, GLOBAL const long *b, GLOBAL long *out, GLOBAL short *shorts) {
  const uint i = ITEM;
  const long x = a[i], y = b[i];
  out[8 * i + 0] = x * y;
  out[8 * i + 1] = x / y;
  out[8 * i + 2] = x % y;
  out[8 * i + 3] = (ulong)x >> (y & 63);
  out[8 * i + 4] = x << (y & 63);
  out[8 * i + 5] = (int)x / (int)(y | 1);
  out[8 * i + 6] = (uint)x % (uint)(y | 1);
  out[8 * i + 7] = x < y ? (char)x : (uchar)y;
  shorts[i] = (short)(x + y);
}

// f32, f64 and f16.
__kernel __attribute__((reqd_work_group_size(256, 1, 1))) void
floats(GLOBAL const float *a, GLOBAL const double *b, GLOBAL const half *c, GLOBAL float *f,
       GLOBAL double *d, GLOBAL half *h) {
#pragma clang fp contract(off)
  const uint i = ITEM;
  f[4 * i + 0] = a[i] * a[i] + 1.0f;
  f[4 * i + 1] = __builtin_fmaf(a[i], a[i], -1.0f);
  f[4 * i + 2] = a[i] / 3.0f;
  f[4 * i + 3] = __builtin_sqrtf(__builtin_fabsf(a[i]));
  d[2 * i + 0] = b[i] * b[i] - 0.1;
  d[2 * i + 1] = b[i] / 3.0;
  h[2 * i + 0] = c[i] + c[i] * (half)0.25f;
  h[2 * i + 1] = (half)(float)b[i];
}

// Private memory: an array indexed by data.
__kernel __attribute__((reqd_work_group_size(256, 1, 1))) void scratch(GLOBAL const uint *in,
                                                                     GLOBAL uint *out) {
  volatile uint table[16];
  for (uint i = 0; i < 16; ++i)
    table[i] = i * i + in[ITEM];
  out[ITEM] = table[in[ITEM] % 16] + table[15 - in[ITEM] % 16];
}

// A call that is not inlined, and a switch.
__attribute__((noinline)) static uint choose(uint x) {
  switch (x % 6) {
  case 0:
    return x + 1;
  case 1:
    return x * 7;
  case 2:
    return x ^ 0x55;
  case 3:
    return x - 9;
  case 4:
    return x << 3;
  default:
    return ~x;
  }
}
__kernel __attribute__((reqd_work_group_size(256, 1, 1))) void calls(GLOBAL const uint *in,
                                                                   GLOBAL uint *out) {
  out[ITEM] = choose(in[ITEM]) + choose(in[ITEM] + 1);
}

// Vectors of 16 bytes, and dots of bytes.
typedef int int4v __attribute__((ext_vector_type(4)));
__kernel __attribute__((reqd_work_group_size(256, 1, 1))) void dots(GLOBAL const int4v *a,
                                                                  GLOBAL const int4v *b,
                                                                  GLOBAL int *out) {
  const int4v x = a[ITEM], y = b[ITEM];
  int sum = 0;
  for (int i = 0; i < 4; ++i)
#if __has_builtin(__builtin_amdgcn_sudot4) && !defined(__gfx1030__)
    sum = __builtin_amdgcn_sudot4(true, x[i], true, y[i], sum, false);
#else
    sum = __builtin_amdgcn_sdot4(x[i], y[i], sum, false);
#endif
  // Sum over the wave: rows by DPP, halves by permlanex16.
  sum += __builtin_amdgcn_update_dpp(0, sum, 0xB1, 0xF, 0xF, true);  // quad_perm [1,0,3,2]
  sum += __builtin_amdgcn_update_dpp(0, sum, 0x4E, 0xF, 0xF, true);  // quad_perm [2,3,0,1]
  sum += __builtin_amdgcn_update_dpp(0, sum, 0x141, 0xF, 0xF, true); // row_half_mirror
  sum += __builtin_amdgcn_update_dpp(0, sum, 0x140, 0xF, 0xF, true); // row_mirror
  sum += __builtin_amdgcn_permlanex16(sum, sum, 0, 0, false, false);
  out[ITEM] = __builtin_amdgcn_readfirstlane(sum);
}

// A matrix of blocks of 32 weights of 4 bits by a vector of signed bytes: each wave one row, each
// lane every 32nd block.
typedef uint uint4v __attribute__((ext_vector_type(4)));
__kernel __attribute__((reqd_work_group_size(256, 1, 1))) void
matvec(GLOBAL const uint4v *codes, GLOBAL const half *scales, GLOBAL const int4v *x,
       GLOBAL const float *xScales, GLOBAL const float *xSums, GLOBAL float *y, long blocks) {
  const uint lane = __builtin_amdgcn_workitem_id_x() & 31;
  const uint wave = __builtin_amdgcn_readfirstlane(__builtin_amdgcn_workitem_id_x() >> 5);
  const uint row = __builtin_amdgcn_workgroup_id_x() * 8 + wave;
  GLOBAL const uint4v *w = codes + row * (uint)blocks;
  GLOBAL const half *d = scales + row * (uint)blocks;
  float sum = 0;
#pragma clang loop unroll_count(4)
  for (uint b = lane; b < (uint)blocks; b += 32) {
    const uint4v q = w[b];
    const int4v low = x[2 * b], high = x[2 * b + 1];
    int dot = 0;
    for (int i = 0; i < 4; ++i) {
#if !defined(__gfx1030__)
      dot = __builtin_amdgcn_sudot4(false, q[i] & 0x0F0F0F0F, true, low[i], dot, false);
      dot = __builtin_amdgcn_sudot4(false, q[i] >> 4 & 0x0F0F0F0F, true, high[i], dot, false);
#else
      dot = __builtin_amdgcn_sdot4(q[i] & 0x0F0F0F0F, low[i], dot, false);
      dot = __builtin_amdgcn_sdot4(q[i] >> 4 & 0x0F0F0F0F, high[i], dot, false);
#endif
    }
    sum = __builtin_fmaf((float)d[b], xScales[b] * (float)dot - 8 * xSums[b], sum);
  }
#define MOVED(X, CONTROL)                                                                          \
  __builtin_bit_cast(float, __builtin_amdgcn_update_dpp(0, __builtin_bit_cast(int, X), CONTROL,    \
                                                        0xF, 0xF, true))
  sum += MOVED(sum, 0xB1);
  sum += MOVED(sum, 0x4E);
  sum += MOVED(sum, 0x141);
  sum += MOVED(sum, 0x140);
  const int bits = __builtin_bit_cast(int, sum);
  sum += __builtin_bit_cast(float, __builtin_amdgcn_permlanex16(bits, bits, 0, 0, false, false));
  if (lane == 0)
    y[row] = sum;
}
