// Makes a type of each row: its shape, and eval(), its expression for any backend. Include inside a
// namespace below lanes, then the rows; AsList.h then lists the types.
#undef SCALAR1
#undef SCALAR2
#undef SAVE
#undef VECTOR1
#undef VECTOR2
#undef VECTOR3
#undef VECTOR4
#undef PACKED2
#undef PACKED3
#undef COMPARE
#undef SCALAR_FLOAT1
#undef SCALAR_FLOAT2
#undef SCALAR_FLOAT3
#undef SCALAR_FLOAT_COMPARE
#undef ROW

#define ROW(NAME, FORM, CLASS, RESULT, SCC, COUNT, A, B, C3, D4, ...)                              \
  struct NAME {                                                                                    \
    static constexpr std::string_view kName = #NAME;                                               \
    static constexpr Form kForm = Form::FORM;                                                      \
    static constexpr InstructionClass kClass = InstructionClass::CLASS;                            \
    static constexpr OperandType kResult = OperandType::RESULT;                                    \
    static constexpr SccRule kScc = SccRule::SCC;                                                  \
    static constexpr unsigned kSources = COUNT;                                                    \
    static constexpr std::array<OperandType, 4> kSource{OperandType::A, OperandType::B,            \
                                                        OperandType::C3, OperandType::D4};         \
    template <class C, class X0, class X1, class X2, class X3>                                     \
    LANES_INLINE static auto eval([[maybe_unused]] const C &c, [[maybe_unused]] X0 x0,             \
                                  [[maybe_unused]] X1 x1, [[maybe_unused]] X2 x2,                  \
                                  [[maybe_unused]] X3 x3) {                                        \
      return __VA_ARGS__;                                                                          \
    }                                                                                              \
  };

#define SCALAR1(NAME, R, A, SCC, ...)                                                              \
  ROW(NAME, Scalar, Salu, R, SCC, 1, A, None, None, None, __VA_ARGS__)
#define SCALAR2(NAME, R, A, B, SCC, ...)                                                           \
  ROW(NAME, Scalar, Salu, R, SCC, 2, A, B, None, None, __VA_ARGS__)
#define SAVE(NAME, R, KEEPS_OLD, ...)                                                              \
  struct NAME {                                                                                    \
    static constexpr std::string_view kName = #NAME;                                               \
    static constexpr Form kForm = Form::Save;                                                      \
    static constexpr InstructionClass kClass = InstructionClass::Salu;                             \
    static constexpr OperandType kResult = OperandType::R;                                         \
    static constexpr SccRule kScc = SccRule::NonZero;                                              \
    static constexpr unsigned kSources = 1;                                                        \
    static constexpr std::array<OperandType, 4> kSource{OperandType::R};                           \
    static constexpr bool kKeepsOld = KEEPS_OLD;                                                   \
    template <class X> LANES_INLINE static auto eval(X x0, X e) { return __VA_ARGS__; }            \
  };
#define SCALAR_FLOAT1(NAME, R, A, ...)                                                             \
  ROW(NAME, ScalarFloat, Salu, R, Keep, 1, A, None, None, None, __VA_ARGS__)
#define SCALAR_FLOAT2(NAME, R, A, B, ...)                                                          \
  ROW(NAME, ScalarFloat, Salu, R, Keep, 2, A, B, None, None, __VA_ARGS__)
#define SCALAR_FLOAT3(NAME, R, A, B, C3, ...)                                                      \
  ROW(NAME, ScalarFloat, Salu, R, Keep, 3, A, B, C3, None, __VA_ARGS__)
#define SCALAR_FLOAT_COMPARE(NAME, A, B, ...)                                                      \
  ROW(NAME, ScalarFloat, Salu, None, Only, 2, A, B, None, None, __VA_ARGS__)
#define VECTOR1(NAME, CLASS, R, A, ...)                                                            \
  ROW(NAME, Vector, CLASS, R, Keep, 1, A, None, None, None, __VA_ARGS__)
#define VECTOR2(NAME, CLASS, R, A, B, ...)                                                         \
  ROW(NAME, Vector, CLASS, R, Keep, 2, A, B, None, None, __VA_ARGS__)
#define VECTOR3(NAME, CLASS, R, A, B, C3, ...)                                                     \
  ROW(NAME, Vector, CLASS, R, Keep, 3, A, B, C3, None, __VA_ARGS__)
#define VECTOR4(NAME, CLASS, R, A, B, C3, D4, ...)                                                 \
  ROW(NAME, Vector, CLASS, R, Keep, 4, A, B, C3, D4, __VA_ARGS__)
#define PACKED2(NAME, R, A, B, ...)                                                                \
  ROW(NAME, Packed, Valu, R, Keep, 2, A, B, None, None, __VA_ARGS__)
#define PACKED3(NAME, R, A, B, C3, ...)                                                            \
  ROW(NAME, Packed, Valu, R, Keep, 3, A, B, C3, None, __VA_ARGS__)
#define COMPARE(NAME, A, B, ...)                                                                   \
  ROW(NAME, Compare, Valu, Mask, Keep, 2, A, B, None, None, __VA_ARGS__)
