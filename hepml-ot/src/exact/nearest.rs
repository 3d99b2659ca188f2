//! The plan that moves each mass to what is nearest on the other side, where there is one.
//!
//! If what every source has fits what its nearest sink wants, that plan is optimal: with u_i = min_j c_ij and v_j = 0, which no cost is
//! below, its cost is its own lower bound. So it is for events that are equal but for displacements smaller than the distances
//! between particles; and where one side is a single mass, there is no other plan.

use std::f64::consts::TAU;

use crate::exact::cloud::Cloud;

/// The distances that are compared at a time.
const LANES: usize = 8;

/// For each mass of `from` the position of the nearest of `to`, if these are all different ones and each `fits`.
pub(crate) fn nearest_sinks(
    [from, to]: [&Cloud; 2],
    periodic_phi: bool,
    fits: impl Fn(usize, usize) -> bool,
    nearest: &mut Vec<usize>,
    taken: &mut Vec<bool>,
) -> bool {
    nearest.clear();
    taken.clear();
    taken.resize(to.len(), false);
    from.len() == to.len()
        && (0..from.len()).all(|source| {
            let sink = nearest_point(from.point(source), to, periodic_phi);
            nearest.push(sink);
            fits(source, sink) && !std::mem::replace(&mut taken[sink], true)
        })
}

/// The first point that is nearest, by squares that neither overflow nor go more than once round.
fn nearest_point([y, phi]: [f64; 2], to: &Cloud, periodic_phi: bool) -> usize {
    let square = |dy: f64, dphi: f64| {
        let dphi = dphi.abs();
        let dphi = if periodic_phi && TAU - dphi < dphi { TAU - dphi } else { dphi };
        dy * dy + dphi * dphi
    };
    let (ys, phis) = (&to.y[..to.len()], &to.phi[..to.len()]);
    let (y_chunks, y_rest) = ys.as_chunks::<LANES>();
    let (phi_chunks, phi_rest) = phis.as_chunks::<LANES>();
    let mut least = [f64::INFINITY; LANES];
    for (ys, phis) in y_chunks.iter().zip(phi_chunks) {
        for lane in 0..LANES {
            let square = square(y - ys[lane], phi - phis[lane]);
            least[lane] = if square < least[lane] { square } else { least[lane] };
        }
    }
    let rest = y_rest.iter().zip(phi_rest).map(|(b_y, b_phi)| square(y - b_y, phi - b_phi));
    let least = rest.chain(least).fold(f64::INFINITY, |a, b| if b < a { b } else { a });
    let mut squares = ys.iter().zip(phis).map(|(b_y, b_phi)| square(y - b_y, phi - b_phi));
    squares.position(|square| square == least).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud(points: &[[f64; 2]]) -> Cloud {
        let coordinate = |axis: usize| points.iter().map(|point| point[axis]).collect();
        Cloud::new(vec![1.0; points.len()], coordinate(0), coordinate(1))
    }

    fn nearest(from: &[[f64; 2]], to: &[[f64; 2]], periodic_phi: bool) -> Option<Vec<usize>> {
        let (mut nearest, mut taken) = (Vec::new(), Vec::new());
        let all = nearest_sinks(
            [&cloud(from), &cloud(to)],
            periodic_phi,
            |_, sink| sink != 11,
            &mut nearest,
            &mut taken,
        );
        all.then_some(nearest)
    }

    #[test]
    fn each_finds_its_own() {
        // A spiral, backwards and moved a little.
        let spiral: Vec<[f64; 2]> = (1..=11).map(|k| [0.1 * f64::from(k), 0.6 * f64::from(k % 10)]).collect();
        let back: Vec<[f64; 2]> = spiral.iter().rev().map(|[y, phi]| [y + 0.01, phi - 0.02]).collect();
        assert_eq!(nearest(&spiral, &back, false), Some((0..11).rev().collect()));
        // Fewer, two to the same, or one that does not fit.
        assert_eq!(nearest(&spiral, &back[1..], false), None);
        assert_eq!(nearest(&[[0.0, 0.0], [0.1, 0.0]], &[[0.0, 0.0], [9.0, 0.0]], false), None);
        let twelve: Vec<[f64; 2]> = (0..12).map(|k| [f64::from(k), 0.0]).collect();
        assert_eq!(nearest(&twelve, &twelve, false), None);
    }

    #[test]
    fn around_the_circle() {
        let (a, b) = ([[0.0, 3.1], [0.0, 0.2]], [[0.0, 0.1], [0.0, -3.1]]);
        assert_eq!(nearest(&a, &b, true), Some(vec![1, 0]));
        assert_eq!(nearest(&a, &b, false), None);
    }
}
