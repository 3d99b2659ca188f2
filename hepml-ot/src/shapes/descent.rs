//! Downhill on a function with kinks.

use crate::error::Result;

/// Sufficient decrease and slope of a step (the weak Wolfe conditions): with them, and no more, quasi-Newton steps get over kinks.
const DECREASE: f64 = 1e-4;
const SLOPE: f64 = 0.9;
/// Bisections of a step.
const BISECTIONS: usize = 30;
/// A gain, of the value, that is none; so many in a row end a descent.
const GAIN: f64 = 1e-7;
const IDLE: usize = 3;
/// The gain of the step of a parameter, of the value and per unit of step, that is worth it: less is had for ever in
/// directions that are all but flat.
const WORTHWHILE: f64 = 1e-4;
/// Steps of one descent.
const STEPS: usize = 200;

/// A point and what is known there.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) at: Vec<f64>,
    pub(super) value: f64,
    gradient: Vec<f64>,
}

/// What is gone down on: values and derivatives of a function, counted.
pub(super) trait Landscape {
    fn value(&mut self, at: &[f64]) -> Result<f64>;
    fn gradient(&mut self, at: &[f64]) -> Result<(f64, Vec<f64>)>;
    /// Whether as much has been evaluated as is allowed.
    fn exhausted(&self) -> bool;
}

/// Goes down from `start` by BFGS, on a landscape whose features have a size of about 1.
pub(super) fn descend(landscape: &mut impl Landscape, start: &[f64]) -> Result<Place> {
    let n = start.len();
    let mut place = look(landscape, start)?;
    if n == 0 {
        return Ok(place);
    }
    // The inverse of the Hessian; none before the first step.
    let mut inverse: Option<Vec<Vec<f64>>> = None;
    let mut idle = 0;
    for _ in 0..STEPS {
        let size = dot(&place.gradient, &place.gradient).sqrt();
        if size == 0.0 || idle == IDLE || landscape.exhausted() {
            break;
        }
        let direction: Vec<f64> = match &inverse {
            Some(inverse) => inverse.iter().map(|row| -dot(row, &place.gradient)).collect(),
            None => place.gradient.iter().map(|g| -0.1 / size * g).collect(),
        };
        let Some(next) = step(landscape, &place, &direction)? else {
            if inverse.take().is_none() {
                break;
            }
            continue;
        };
        let moved: Vec<f64> = next.at.iter().zip(&place.at).map(|(a, b)| a - b).collect();
        let bent: Vec<f64> = next.gradient.iter().zip(&place.gradient).map(|(a, b)| a - b).collect();
        let curvature = dot(&moved, &bent);
        if curvature > 0.0 {
            let first = curvature / dot(&bent, &bent);
            let old = inverse.unwrap_or_else(|| diagonal(n, first));
            inverse = Some(updated(&old, &moved, &bent, curvature));
        }
        idle = if place.value - next.value <= GAIN * place.value.abs() { idle + 1 } else { 0 };
        place = next;
    }
    Ok(place)
}

/// Steps along each parameter, shorter and shorter, while that lowers the value; returns the length below which nothing did.
///
/// Ends at `finest`, or before if the landscape is exhausted.
pub(super) fn settle(landscape: &mut impl Landscape, place: &mut Place, finest: f64) -> Result<f64> {
    let mut length = 1e-2;
    while length > finest && !place.at.is_empty() {
        let mut better = false;
        for parameter in 0..place.at.len() {
            for step in [length, -length] {
                if landscape.exhausted() {
                    return Ok(length);
                }
                let mut at = place.at.clone();
                at[parameter] += step;
                let value = landscape.value(&at)?;
                if value < place.value - WORTHWHILE * length * place.value.abs() {
                    (place.at, place.value, better) = (at, value, true);
                    break;
                }
            }
        }
        if !better {
            length *= 0.25;
        }
    }
    Ok(finest)
}

fn look(landscape: &mut impl Landscape, at: &[f64]) -> Result<Place> {
    let (value, gradient) = landscape.gradient(at)?;
    Ok(Place { at: at.to_vec(), value, gradient })
}

/// A step along `direction` that satisfies the weak Wolfe conditions, or at least goes down; none if there is none.
fn step(landscape: &mut impl Landscape, from: &Place, direction: &[f64]) -> Result<Option<Place>> {
    let slope = dot(&from.gradient, direction);
    if slope.is_nan() || slope >= 0.0 {
        return Ok(None);
    }
    let (mut low, mut high, mut length) = (0.0, f64::INFINITY, 1.0);
    let mut best: Option<Place> = None;
    for _ in 0..BISECTIONS {
        let at: Vec<f64> = from.at.iter().zip(direction).map(|(x, d)| x + length * d).collect();
        if at == from.at || landscape.exhausted() {
            break;
        }
        let place = look(landscape, &at)?;
        if place.value > from.value + DECREASE * length * slope {
            high = length;
        } else {
            let done = dot(&place.gradient, direction) >= SLOPE * slope;
            low = length;
            best = Some(place);
            if done {
                break;
            }
        }
        length = if high.is_finite() { 0.5 * (low + high) } else { 2.0 * low };
    }
    Ok(best)
}

/// The BFGS update of the inverse Hessian.
fn updated(old: &[Vec<f64>], moved: &[f64], bent: &[f64], curvature: f64) -> Vec<Vec<f64>> {
    let bent_through: Vec<f64> = old.iter().map(|row| dot(row, bent)).collect();
    let factor = (1.0 + dot(bent, &bent_through) / curvature) / curvature;
    let entry = |i: usize, j: usize| {
        let mixed = moved[i] * bent_through[j] + bent_through[i] * moved[j];
        old[i][j] - mixed / curvature + factor * moved[i] * moved[j]
    };
    let n = moved.len();
    (0..n).map(|i| (0..n).map(|j| entry(i, j)).collect()).collect()
}

fn diagonal(n: usize, value: f64) -> Vec<Vec<f64>> {
    (0..n).map(|i| (0..n).map(|j| if i == j { value } else { 0.0 }).collect()).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Valley<F> {
        value: F,
        left: usize,
    }

    impl<F: Fn(&[f64]) -> f64> Landscape for Valley<F> {
        fn value(&mut self, at: &[f64]) -> Result<f64> {
            self.left = self.left.saturating_sub(1);
            Ok((self.value)(at))
        }

        fn gradient(&mut self, at: &[f64]) -> Result<(f64, Vec<f64>)> {
            let slope = |i: usize| {
                let (mut up, mut down) = (at.to_vec(), at.to_vec());
                up[i] += 1e-6;
                down[i] -= 1e-6;
                ((self.value)(&up) - (self.value)(&down)) / 2e-6
            };
            let gradient = (0..at.len()).map(slope).collect();
            Ok((self.value(at)?, gradient))
        }

        fn exhausted(&self) -> bool {
            self.left == 0
        }
    }

    #[test]
    fn smooth_and_kinked_valleys_are_gone_down() {
        let rosenbrock = |x: &[f64]| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2);
        let place = descend(&mut Valley { value: rosenbrock, left: 10_000 }, &[-1.2, 1.0]).unwrap();
        assert!((place.at[0] - 1.0).abs() < 1e-4 && (place.at[1] - 1.0).abs() < 1e-4, "{place:?}");
        let kinked = |x: &[f64]| (x[0] - 0.3).abs() + 3.0 * (x[1] + 0.2 - x[0]).abs() + 0.1 * x[2] * x[2];
        let mut valley = Valley { value: kinked, left: 10_000 };
        let mut place = descend(&mut valley, &[1.0, 2.0, -1.0]).unwrap();
        let finest = settle(&mut valley, &mut place, 1e-6).unwrap();
        assert!(place.value < 1e-4 && finest == 1e-6, "{place:?}");
        // By steps of single parameters alone.
        let bowl = |x: &[f64]| (x[0] - 0.3).powi(2) + 2.0 * (x[1] + 0.2).powi(2);
        let mut place =
            Place { at: vec![0.3537, -0.1571], value: bowl(&[0.3537, -0.1571]), gradient: Vec::new() };
        settle(&mut Valley { value: bowl, left: 10_000 }, &mut place, 1e-6).unwrap();
        assert!(place.value < 1e-7, "{place:?}");
    }

    #[test]
    fn an_end_of_patience_is_told() {
        let bowl = |x: &[f64]| x.iter().map(|x| x * x).sum();
        let mut valley = Valley { value: bowl, left: 3 };
        let mut place = descend(&mut valley, &[1.0, 2.0]).unwrap();
        assert!(settle(&mut valley, &mut place, 1e-6).unwrap() > 1e-6);
    }
}
