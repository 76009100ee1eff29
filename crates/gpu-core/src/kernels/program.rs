//! Element-wise programs: the table of scalar functions, and straight-line code made of them.

use crate::{DType, Half};

/// Functions of one element. Results of predicates are [`DType::Bool`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    /// `-x`
    Neg,
    /// `|x|`
    Abs,
    /// -1, 0 or 1; 0 for NaN.
    Sign,
    /// `1 / x`
    Recip,
    /// `x^(1/2)`
    Sqrt,
    /// `x^(-1/2)`
    Rsqrt,
    /// `e^x`
    Exp,
    /// `e^x - 1`, accurate near 0.
    Expm1,
    /// Natural logarithm.
    Log,
    /// `log(1 + x)`, accurate near 0.
    Log1p,
    /// Sine of radians.
    Sin,
    /// Cosine of radians.
    Cos,
    /// Tangent of radians.
    Tan,
    /// Arcsine in radians.
    Asin,
    /// Arccosine in radians.
    Acos,
    /// Arctangent in radians.
    Atan,
    /// Hyperbolic sine.
    Sinh,
    /// Hyperbolic cosine.
    Cosh,
    /// Inverse of the hyperbolic sine.
    Asinh,
    /// Inverse of the hyperbolic cosine.
    Acosh,
    /// Inverse of the hyperbolic tangent.
    Atanh,
    /// Hyperbolic tangent.
    Tanh,
    /// Gauss error function.
    Erf,
    /// `1 - erf(x)`, accurate where that is small.
    Erfc,
    /// `1 / (1 + e^-x)`
    Sigmoid,
    /// `max(x, 0)`; NaN stays.
    Relu,
    /// `x sigmoid(2 u)` with `u = sqrt(2 / pi) (x + 0.044715 x^3)`, which is GELU's approximation by tanh.
    GeluTanh,
    /// The derivative of [`GeluTanh`](Unary::GeluTanh).
    GeluTanhGrad,
    /// Towards minus infinity.
    Floor,
    /// Towards plus infinity.
    Ceil,
    /// To the nearest, halves to even.
    Round,
    /// Towards 0.
    Trunc,
    /// The nearest half, ties to even.
    AsHalf(Half),
    /// Whether it is not a number.
    IsNan,
    /// Whether it is plus or minus infinity.
    IsInf,
    /// Negation of a bool.
    Not,
    /// Conversion to another type; float to integer truncates.
    Cast(DType),
}

/// Functions of two elements of one type. Results of comparisons are [`DType::Bool`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a b`
    Mul,
    /// `a / b`
    Div,
    /// `a^b`
    Pow,
    /// Angle of the point `(b, a)` in radians, in `[-pi, pi]`.
    Atan2,
    /// Remainder with the sign of the dividend, C's `fmod`.
    Fmod,
    /// The larger one; NaN if either is.
    Max,
    /// The smaller one; NaN if either is.
    Min,
    /// `a == b`
    Eq,
    /// `a != b`; true if either is NaN.
    Ne,
    /// `a < b`
    Lt,
    /// `a <= b`
    Le,
    /// `a > b`
    Gt,
    /// `a >= b`
    Ge,
    /// Bitwise and, of bools and integers.
    And,
    /// Bitwise or, of bools and integers.
    Or,
    /// Bitwise exclusive or, of bools and integers.
    Xor,
}

impl Binary {
    /// Whether the result is a bool whatever the operands are.
    pub fn is_comparison(self) -> bool {
        use Binary::*;
        matches!(self, Eq | Ne | Lt | Le | Gt | Ge)
    }

    /// Type of the result on operands of type `x`.
    pub fn dtype(self, x: DType) -> DType {
        if self.is_comparison() { DType::Bool } else { x }
    }

    /// WGSL for operands `a` and `b` of type `t`.
    fn wgsl(self, t: DType, a: &str, b: &str) -> String {
        use Binary::*;
        let compare = |op| format!("select(0u, 1u, {a} {op} {b})");
        let float = t.is_float();
        match self {
            Add => format!("{a} + {b}"),
            Sub => format!("{a} - {b}"),
            Mul => format!("{a} * {b}"),
            Div => format!("{a} / {b}"),
            Pow => format!("pow_exact({a}, {b})"),
            Atan2 => format!("atan2_exact({a}, {b})"),
            Fmod if float => format!("fmod_exact({a}, {b})"),
            Fmod => format!("{a} % {b}"),
            Max if float => format!("max_nan({a}, {b})"),
            Min if float => format!("min_nan({a}, {b})"),
            Max => format!("max({a}, {b})"),
            Min => format!("min({a}, {b})"),
            Eq => compare("=="),
            Ne if float => format!("1u - select(0u, 1u, {a} == {b})"),
            Ne => compare("!="),
            Lt => compare("<"),
            Le => compare("<="),
            Gt => compare(">"),
            Ge => compare(">="),
            And => format!("{a} & {b}"),
            Or => format!("{a} | {b}"),
            Xor => format!("{a} ^ {b}"),
        }
    }
}

impl Unary {
    /// Type of the result on an operand of type `x`.
    pub fn dtype(self, x: DType) -> DType {
        match self {
            Unary::IsNan | Unary::IsInf | Unary::Not => DType::Bool,
            Unary::Cast(to) => to,
            _ => x,
        }
    }

    /// WGSL for operand `a` of type `t`. Functions that WGSL lacks or computes too roughly are in `math.wgsl`.
    fn wgsl(self, t: DType, a: &str) -> String {
        use Unary::*;
        let call = |name: &str| format!("{name}({a})");
        match self {
            Neg => format!("-{a}"),
            Abs => call("abs"),
            Sign if t.is_float() => call("sign_exact"),
            Sign => call("sign"),
            Recip => format!("1.0 / {a}"),
            Sqrt => call("sqrt"),
            Rsqrt => format!("1.0 / sqrt({a})"),
            Exp => call("exp_exact"),
            Expm1 => call("expm1_exact"),
            Log => call("log_exact"),
            Log1p => call("log1p_exact"),
            Sin => call("sin_exact"),
            Cos => call("cos_exact"),
            Tan => format!("sin_exact({a}) / cos_exact({a})"),
            Asin => call("asin_exact"),
            Acos => call("acos_exact"),
            Atan => call("atan_exact"),
            Sinh => call("sinh_exact"),
            Cosh => call("cosh_exact"),
            Asinh => call("asinh_exact"),
            Acosh => call("acosh_exact"),
            Atanh => call("atanh_exact"),
            Tanh => call("tanh_exact"),
            Erf => call("erf_exact"),
            Erfc => call("erfc_exact"),
            Sigmoid => call("sigmoid_exact"),
            Relu => format!("select({a}, 0.0, {a} <= 0.0)"),
            GeluTanh => call("gelu_tanh"),
            GeluTanhGrad => call("gelu_tanh_grad"),
            Floor => call("floor"),
            Ceil => call("ceil"),
            Round => call("round"),
            Trunc => call("trunc"),
            AsHalf(half) => format!("round_{}({a})", half.wgsl()),
            IsNan => format!("select(0u, 1u, is_nan({a}))"),
            IsInf => format!("select(0u, 1u, is_inf({a}))"),
            Not => format!("1u - {a}"),
            Cast(DType::Bool) if t == DType::F32 => format!("select(1u, 0u, {a} == 0.0)"),
            Cast(DType::Bool) => format!("select(0u, 1u, {a} != {}(0))", t.wgsl()),
            Cast(to) => format!("{}({a})", to.wgsl()),
        }
    }
}

/// One instruction. Register `i` is input `i`, or the result of instruction `i - inputs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Instr {
    /// A function of one register.
    Unary(Unary, u16),
    /// A function of two registers.
    Binary(Binary, u16, u16),
    /// `[condition, if true, if false]`
    Select(u16, u16, u16),
    /// A constant, by its bits.
    Const(DType, u32),
}

impl Instr {
    /// Registers that it reads.
    pub(super) fn operands(&self) -> impl Iterator<Item = usize> {
        let (count, registers) = match *self {
            Instr::Unary(_, a) => (1, [a; 3]),
            Instr::Binary(_, a, b) => (2, [a, b, b]),
            Instr::Select(c, a, b) => (3, [c, a, b]),
            Instr::Const(..) => (0, [0; 3]),
        };
        registers.into_iter().take(count).map(usize::from)
    }
}

/// Straight-line code from input elements to output elements: mostly one, the last register.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Program {
    inputs: Vec<DType>,
    code: Vec<Instr>,
    /// Registers of the results.
    outputs: Vec<u16>,
    /// Type of every register.
    types: Vec<DType>,
    /// Where the CPU keeps every register.
    slots: Vec<usize>,
}

impl Program {
    /// The program whose result is the last register.
    ///
    /// # Panics
    /// When an instruction reads a register that does not exist yet, operands differ in type, or there is no register.
    pub fn new(inputs: &[DType], code: &[Instr]) -> Program {
        Program::with_outputs(inputs, code, &[(inputs.len() + code.len() - 1) as u16])
    }

    /// The program whose results are the given registers.
    ///
    /// # Panics
    /// When an instruction reads a register that does not exist yet, operands differ in type, or a result does not exist.
    pub fn with_outputs(inputs: &[DType], code: &[Instr], outputs: &[u16]) -> Program {
        let mut types = inputs.to_vec();
        for instr in code {
            let of = |r: u16| types[usize::from(r)];
            types.push(match *instr {
                Instr::Unary(op, a) => op.dtype(of(a)),
                Instr::Binary(op, a, b) => {
                    assert_eq!(of(a), of(b), "operands of {op:?} differ in type");
                    op.dtype(of(a))
                }
                Instr::Select(_, a, b) => {
                    assert_eq!(of(a), of(b), "branches of a select differ in type");
                    of(a)
                }
                Instr::Const(t, _) => t,
            });
        }
        assert!(outputs.iter().all(|&r| usize::from(r) < types.len()), "a result does not exist");
        let slots = assign_slots(inputs.len(), code, outputs);
        Program { inputs: inputs.to_vec(), code: code.to_vec(), outputs: outputs.to_vec(), types, slots }
    }

    /// The program that returns its one input.
    pub fn identity(dtype: DType) -> Program {
        Program::new(&[dtype], &[])
    }

    /// Types of the inputs, registers 0 and up.
    pub fn inputs(&self) -> &[DType] {
        &self.inputs
    }

    /// The instructions in order.
    pub fn code(&self) -> &[Instr] {
        &self.code
    }

    /// Types of the registers: inputs, then results.
    pub fn types(&self) -> &[DType] {
        &self.types
    }

    /// Registers of the results.
    pub fn outputs(&self) -> &[u16] {
        &self.outputs
    }

    /// The slot of every register: memory that is reused once its register is no longer read.
    pub(super) fn slots(&self) -> &[usize] {
        &self.slots
    }

    /// Type of the first result.
    pub fn output(&self) -> DType {
        self.types[usize::from(self.outputs[0])]
    }

    /// The names of the first functions, and how many more there are, for people.
    pub(crate) fn summary(&self) -> String {
        const SHOWN: usize = 4;
        let name = |instr: &Instr| match instr {
            Instr::Unary(f, _) => format!("{f:?}").to_lowercase(),
            Instr::Binary(f, ..) => format!("{f:?}").to_lowercase(),
            Instr::Select(..) => "where".into(),
            Instr::Const(..) => "constant".into(),
        };
        let mut names: Vec<String> = self.code.iter().take(SHOWN).map(name).collect();
        if self.code.len() > SHOWN {
            names.push(format!("+ {} more", self.code.len() - SHOWN));
        }
        names.join(" ")
    }

    /// WGSL statements `let rK = ..;` from inputs already named `r0..`.
    pub(crate) fn wgsl(&self) -> String {
        let mut text = String::new();
        for (i, instr) in self.code.iter().enumerate() {
            let of = |r: u16| self.types[usize::from(r)];
            let value = match *instr {
                Instr::Unary(op, a) => op.wgsl(of(a), &format!("r{a}")),
                Instr::Binary(op, a, b) => op.wgsl(of(a), &format!("r{a}"), &format!("r{b}")),
                Instr::Select(c, a, b) => format!("select(r{b}, r{a}, r{c} != 0u)"),
                Instr::Const(t, bits) => format!("bitcast<{}>({bits}u)", t.wgsl()),
            };
            text += &format!(
                "    let r{}: {} = {value};\n",
                self.inputs.len() + i,
                self.types[self.inputs.len() + i].wgsl()
            );
        }
        text
    }
}

fn assign_slots(inputs: usize, code: &[Instr], outputs: &[u16]) -> Vec<usize> {
    let registers = inputs + code.len();
    let mut last_use = vec![0; registers];
    for (k, instr) in code.iter().enumerate() {
        instr.operands().for_each(|r| last_use[r] = inputs + k);
    }
    // Results are read at the end.
    outputs.iter().for_each(|&r| last_use[usize::from(r)] = usize::MAX);
    // Inputs are gathered before the first instruction.
    let mut slots: Vec<usize> = (0..inputs).collect();
    let (mut free, mut count) = (vec![], inputs);
    for k in inputs..registers {
        slots.push(free.pop().unwrap_or_else(|| {
            count += 1;
            count - 1
        }));
        free.extend((0..k).filter(|&r| last_use[r] == k).map(|r| slots[r]));
    }
    slots
}
