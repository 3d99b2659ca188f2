//! What the kernels do, in the plainest way, and that they do it at every level.

use super::{ABSENT, AngularUnits, BLOCK, BlockArc, Kernel, LANES, SimdLevel, power};
use crate::AngularCost;

/// Numbers from a small generator that needs no crate.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// `count` numbers from `low` on, `range` different ones: few make ties.
    fn numbers(&mut self, count: usize, low: i32, range: u64) -> Vec<i32> {
        (0..count).map(|_| low + i32::try_from(self.below(range)).unwrap()).collect()
    }

    fn unit(&mut self) -> f64 {
        self.below(1 << 53) as f64 / (1_u64 << 53) as f64
    }
}

fn kernels() -> impl Iterator<Item = Kernel> {
    SimdLevel::available().into_iter().map(|level| Kernel::new(level).unwrap())
}

// Under Miri, which interprets, fewer: what it looks for does not depend on the numbers.
const STRIDES: &[usize] = if cfg!(miri) { &[16, 80] } else { &[16, 32, 48, 64, 80, 144] };
const RANGES: &[u64] = if cfg!(miri) { &[3, 1 << 25] } else { &[1, 3, 1000, 1 << 25] };

fn price_block(cost: &[i32], stride: usize, u: &[i32; BLOCK], w: &[i32]) -> Option<BlockArc> {
    let mut best: Option<BlockArc> = None;
    for row in 0..BLOCK {
        for column in 0..stride {
            let reduced = cost[row * stride + column] + w[column] - u[row];
            if reduced < best.map_or(0, |arc| arc.reduced) {
                best = Some(BlockArc { row, column, reduced });
            }
        }
    }
    best
}

/// The best arcs of so many rows, the lowest first.
fn price_rows(cost: &[i32], stride: usize, u: &[i32; BLOCK], w: &[i32], count: usize) -> Vec<BlockArc> {
    let arc_of_row = |row: usize| {
        let reduced = |column: usize| cost[row * stride + column] + w[column] - u[row];
        let column = (0..stride).min_by_key(|&column| reduced(column)).unwrap();
        BlockArc { row, column, reduced: reduced(column) }
    };
    let mut arcs: Vec<BlockArc> = (0..BLOCK).map(arc_of_row).filter(|arc| arc.reduced < 0).collect();
    arcs.sort_by_key(|arc| arc.reduced);
    arcs.truncate(count);
    arcs
}

#[test]
fn blocks_are_priced() {
    let mut draw = Draw(1);
    for &stride in STRIDES {
        for &range in RANGES {
            for shift in [-1000, 0, 1] {
                let mut cost = draw.numbers(BLOCK * stride, 0, range);
                let w = draw.numbers(stride, shift, range);
                let u: [i32; BLOCK] = draw.numbers(BLOCK, 0, range).try_into().unwrap();
                for row in cost.chunks_exact_mut(stride) {
                    row[stride - 5..].fill(ABSENT);
                }
                let expected = price_block(&cost, stride, &u, &w);
                for kernel in kernels() {
                    assert_eq!(kernel.price_block(&cost, stride, &u, &w), expected, "{kernel:?}");
                    for count in [1, 3, BLOCK] {
                        let mut arcs = vec![BlockArc::default(); count];
                        let found = kernel.price_rows(&cost, stride, &u, &w, &mut arcs);
                        let expected = price_rows(&cost, stride, &u, &w, count);
                        assert_eq!(arcs[..found], expected, "{kernel:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn rows_and_columns_have_their_minima() {
    let mut draw = Draw(2);
    for &stride in STRIDES {
        for &range in RANGES {
            let row = draw.numbers(stride, -7, range);
            let penalty = draw.numbers(stride, -3, range);
            let sums: Vec<i32> = row.iter().zip(&penalty).map(|(a, b)| a + b).collect();
            let lowest = *sums.iter().min().unwrap();
            let first = sums.iter().position(|&sum| sum == lowest).unwrap();
            let u = draw.numbers(9, -5, range);
            let cost = draw.numbers(9 * stride, 0, range);
            let minima: Vec<i32> =
                (0..stride).map(|j| (0..9).map(|i| cost[i * stride + j] - u[i]).min().unwrap()).collect();
            for kernel in kernels() {
                assert_eq!(kernel.row_minimum(&row, &penalty), (first, lowest), "{kernel:?}");
                let mut got = vec![0; stride];
                kernel.column_minima(&cost, &u, &mut got);
                assert_eq!(got, minima, "{kernel:?}");
            }
        }
    }
}

#[test]
fn columns_become_rows() {
    let mut draw = Draw(6);
    for &stride in STRIDES {
        for (rows, length) in [(1, 16), (3, 16), (16, 16), (17, 48)] {
            let cost = draw.numbers(rows * stride, -7, 1 << 25);
            let at =
                |column: usize, row: usize| if row < rows { cost[row * stride + column] } else { ABSENT };
            let columns = (0..stride).flat_map(|column| (0..length).map(move |row| (column, row)));
            let expected: Vec<i32> = columns.map(|(column, row)| at(column, row)).collect();
            for kernel in kernels() {
                let mut got = vec![7; stride * length];
                kernel.transpose(&cost, stride, &mut got, length);
                assert_eq!(got, expected, "{kernel:?}");
            }
        }
    }
}

#[test]
fn close_arcs_are_listed() {
    let mut draw = Draw(3);
    for &stride in STRIDES {
        for &range in RANGES {
            let (cost, w) = (draw.numbers(5 * stride, 0, range), draw.numbers(stride, -9, range));
            let u = draw.numbers(5, -4, range);
            for limit in [0, 3, 16] {
                let close = |i: usize, j: usize| cost[i * stride + j] + w[j] - u[i] <= limit;
                let number = |x: usize| u32::try_from(x).unwrap();
                let all = (0..5).flat_map(|i| (0..stride).map(move |j| (i, j)));
                let expected: Vec<(u32, u32)> =
                    all.filter(|&(i, j)| close(i, j)).map(|(i, j)| (number(i), number(j))).collect();
                for kernel in kernels() {
                    let mut got = Vec::new();
                    kernel.arcs_at_most(&cost, &u, &w, limit, &mut got);
                    assert_eq!(got, expected, "{kernel:?}");
                }
            }
        }
    }
}

#[test]
fn potentials_move_where_bits_are_set() {
    let mut draw = Draw(4);
    for length in [16, 48, 64, 80, 208] {
        let potential = draw.numbers(length, -50, 100);
        let bits: Vec<u64> = (0..length.div_ceil(64)).map(|_| draw.below(u64::MAX)).collect();
        let shifted = |shift: i32| -> Vec<i32> {
            let set = |node: usize| bits[node / 64] >> (node % 64) & 1 != 0;
            potential.iter().enumerate().map(|(node, p)| if set(node) { p + shift } else { *p }).collect()
        };
        for kernel in kernels() {
            for shift in [-7, 1 << 20] {
                let mut got = potential.clone();
                kernel.add_where(&mut got, &bits, shift);
                assert_eq!(got, shifted(shift), "{kernel:?}");
            }
        }
    }
}

/// The levels agree bit for bit, and with the true costs within the bound that the solver trusts.
#[test]
fn angular_costs_are_within_their_error() {
    let mut draw = Draw(5);
    let betas: &[f64] =
        if cfg!(miri) { &[1.0, 1.3, 2.0] } else { &[0.4, 0.5, 0.9, 1.0, 1.3, 2.0, 3.0, 7.5, 20.0, 99.0] };
    for &beta in betas {
        for (periodic, radius, scale) in
            [(false, 1.0, 1.0), (true, 0.4, 3.0), (false, 1e-3, 1e-8), (true, 50.0, 0.3)]
        {
            let cost = AngularCost::new(radius, beta, periodic).unwrap();
            let coordinate = |draw: &mut Draw| {
                // Many scales at once, for the smallest distances.
                let size = 10_f64.powi(-i32::try_from(draw.below(12)).unwrap());
                scale * size * (draw.unit() - 0.5)
            };
            let count = if cfg!(miri) { LANES } else { 5 * LANES };
            let y: Vec<f64> = (0..count).map(|_| coordinate(&mut draw)).collect();
            let phi: Vec<f64> = (0..count).map(|_| coordinate(&mut draw)).collect();
            let distance = scale * 1.5;
            if !(1e-100..1e100).contains(&cost.of_distance(distance)) {
                continue;
            }
            let units_per_cost = f64::from(1_u32 << 25) / cost.of_distance(distance);
            let units = AngularUnits::new(&cost, distance, units_per_cost);
            let mut worst = 0.0_f64;
            for from in 0..count {
                let from = [y[from], phi[from]];
                let mut expected: Option<Vec<i32>> = None;
                for kernel in kernels() {
                    let mut row = vec![0; count];
                    kernel.angular_row(from, &y, &phi, units, &mut row);
                    assert_eq!(expected.get_or_insert(row.clone()), &row, "{kernel:?}");
                }
                for (to, got) in expected.unwrap().into_iter().enumerate() {
                    let exact = cost.plain_cost(from, [y[to], phi[to]]) * units_per_cost;
                    worst = worst.max((f64::from(got) - exact).abs());
                }
            }
            assert!(worst <= units.error(), "beta {beta}: off by {worst}, bound {}", units.error());
            // With steep powers nearly all costs are 0 units.
            assert!(worst >= 0.25 || beta > 3.0, "beta {beta}: {worst} is less than rounding itself");
        }
    }
}

#[test]
fn powers_are_within_their_error() {
    let mut worst = 0.0_f64;
    for p in [0.2_f32, 0.25, 0.65, 1.5, 4.0, 10.0, 50.0] {
        for step in (0..200_000_u32).step_by(if cfg!(miri) { 4001 } else { 1 }) {
            // From the smallest normal number to 1, and closely below 1.
            let x = if step % 2 == 0 {
                f32::from_bits(f32::MIN_POSITIVE.to_bits() + step * 5280)
            } else {
                1.0 - step as f32 * 1e-6
            };
            let exact = f64::from(x).powf(f64::from(p));
            let error = (f64::from(power(x, p)) - exact).abs();
            worst = worst.max(error / (super::POWER_ERROR * (1.0 + 2.0 * f64::from(p))));
        }
    }
    assert!(worst <= 1.0, "{worst} of the bound");
    assert!(worst > 0.05, "the bound is far too large: {worst} of it");
    assert_eq!(power(1.0, 3.0), 1.0);
}

#[test]
fn costs_are_rounded_to_units() {
    let costs = [0.0, 0.4, 0.5, -0.5, -0.51, 1e6, -3.25e7, 1e300, f64::NAN, f64::INFINITY];
    let expected = [0, 0, 1, -1, -1, 1_000_000, -32_500_000, 0, 0, 0];
    for kernel in kernels() {
        let mut row = [7; 10];
        kernel.quantise_row(&costs, 1.0, &mut row);
        assert_eq!(row, expected, "{kernel:?}");
    }
}

#[test]
fn levels_that_are_not_there_are_errors() {
    for level in [SimdLevel::Portable, SimdLevel::Avx2, SimdLevel::Avx512] {
        assert_eq!(Kernel::new(level).is_ok(), SimdLevel::available().contains(&level));
    }
    assert!(SimdLevel::available().contains(&SimdLevel::Portable));
}
