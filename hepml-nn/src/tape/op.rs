//! What a tape records.

use std::sync::Arc;

use super::{CustomOp, Segments, Var};
use crate::kernel::{Binary, Conv2dShape, Function, Fused, Pool2dShape};
use crate::parameters::ParameterId;
use crate::scalar::Scalar;

/// An operation and its operands.
#[derive(Debug, Clone)]
pub(super) enum Op<T: Scalar> {
    /// A value that nothing is differentiated by.
    Constant,
    /// A value that is differentiated by.
    Input,
    Parameter(ParameterId),
    /// activation(x weight + bias); the bias is one row.
    Dense {
        x: Var,
        weight: Var,
        bias: Option<Var>,
        activation: Fused,
    },
    /// activation(x * weight + bias) for the images in x; the bias is one number a channel.
    Conv2d {
        x: Var,
        weight: Var,
        bias: Option<Var>,
        shape: Conv2dShape,
        activation: Fused,
    },
    /// The mean of each window.
    MeanPool {
        x: Var,
        shape: Pool2dShape,
    },
    Transpose(Var),
    Binary {
        operation: Binary,
        a: Var,
        b: Var,
    },
    /// scale x + shift.
    Affine {
        x: Var,
        scale: T,
        shift: T,
    },
    /// The derivative of that order of the function.
    Function {
        function: Function,
        order: u32,
        x: Var,
    },
    RowSums(Var),
    ColumnSums(Var),
    LogSumExp(Var),
    /// The sum of each set's rows, each times its weight if there are weights.
    SegmentSum {
        x: Var,
        weights: Option<Var>,
        segments: Segments,
    },
    /// Each set's row, for each of its members.
    SegmentBroadcast {
        x: Var,
        segments: Segments,
    },
    /// Row `rows[i]` of x as row i.
    Gather {
        x: Var,
        rows: Arc<[u32]>,
    },
    /// Row i of x, added to row `rows[i]`.
    ScatterAdd {
        x: Var,
        rows: Arc<[u32]>,
    },
    /// x[entries[i, j], j], and 0 where that is [`NOTHING`].
    TakeFromRows {
        x: Var,
        entries: Arc<[u32]>,
    },
    /// x[i, entries[i, j]], and 0 where that is [`NOTHING`].
    TakeFromColumns {
        x: Var,
        entries: Arc<[u32]>,
    },
    /// Matrices side by side.
    Concat(Arc<[Var]>),
    /// Some columns, from the first on.
    Columns {
        x: Var,
        first: usize,
    },
    /// The same numbers, row by row, in another shape.
    Reshape(Var),
    Custom {
        op: Arc<dyn CustomOp<T>>,
        inputs: Arc<[Var]>,
    },
}

impl<T: Scalar> Op<T> {
    /// Calls `f` with each operand.
    pub(super) fn for_operands(&self, mut f: impl FnMut(Var)) {
        match self {
            Self::Constant | Self::Input | Self::Parameter(_) => {}
            Self::Dense { x, weight, bias, .. } | Self::Conv2d { x, weight, bias, .. } => {
                f(*x);
                f(*weight);
                if let Some(bias) = bias {
                    f(*bias);
                }
            }
            Self::Binary { a, b, .. } => {
                f(*a);
                f(*b);
            }
            Self::SegmentSum { x, weights, .. } => {
                f(*x);
                if let Some(weights) = weights {
                    f(*weights);
                }
            }
            Self::Transpose(x)
            | Self::Affine { x, .. }
            | Self::MeanPool { x, .. }
            | Self::Function { x, .. }
            | Self::RowSums(x)
            | Self::ColumnSums(x)
            | Self::LogSumExp(x)
            | Self::SegmentBroadcast { x, .. }
            | Self::Gather { x, .. }
            | Self::ScatterAdd { x, .. }
            | Self::TakeFromRows { x, .. }
            | Self::TakeFromColumns { x, .. }
            | Self::Columns { x, .. }
            | Self::Reshape(x) => f(*x),
            Self::Concat(parts) => parts.iter().for_each(|part| f(*part)),
            Self::Custom { inputs, .. } => inputs.iter().for_each(|input| f(*input)),
        }
    }
}
