//! All ways in which a line through the origin parts momenta in a plane.

use hepml_core::nalgebra::Vector3;

/// Momenta in a plane, and what each adds to a sum, with the sign of the side of a line that it is on.
#[derive(Debug, Clone, Default)]
pub(super) struct Sweep {
    /// Where the turning line meets the momentum, a number that grows with the angle, and the position in `signed`.
    meetings: Vec<(f64, usize)>,
    /// The momenta with the sign of the side they are on first.
    signed: Vec<Vector3<f64>>,
}

impl Sweep {
    pub(super) fn clear(&mut self) {
        self.meetings.clear();
        self.signed.clear();
    }

    /// Adds a momentum seen at `[x, y]` (not both 0) in the plane.
    pub(super) fn push(&mut self, [x, y]: [f64; 2], momentum: Vector3<f64>) {
        // The normal (cos a, sin a) starts just past a = 0 and turns to pi; the line meets the momentum at cot a = -y/x.
        let positive = if x == 0.0 { y > 0.0 } else { x > 0.0 };
        if x != 0.0 {
            self.meetings.push((y / x, self.signed.len()));
        }
        self.signed.push(if positive { momentum } else { -momentum });
    }

    /// Shows `visit` the sum for each way the line can part the momenta (once for a way and its opposite); where the line
    /// meets several at once, sums in between as well.
    pub(super) fn run(&mut self, mut visit: impl FnMut(Vector3<f64>)) {
        self.meetings.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut sum: Vector3<f64> = self.signed.iter().sum();
        visit(sum);
        for (_, met) in &self.meetings {
            sum -= 2.0 * self.signed[*met];
            visit(sum);
        }
    }
}
