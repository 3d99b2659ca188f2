//! From ranges of mothers to vertices.

use hepml_core::{Event, Vertex};

use crate::error::Result;

/// Adds the vertices that the mothers' ranges (indices from 0, inclusive) stand for.
///
/// Overlapping ranges are merged; vertices come in the order of their first outgoing particle.
pub(super) fn add_vertices(event: &mut Event, mothers: &[Option<(usize, usize)>]) -> Result<()> {
    let mut ranges: Vec<(usize, usize)> = mothers.iter().flatten().copied().collect();
    ranges.sort_unstable();
    // Ranges that share a particle become one.
    let mut merged: Vec<(usize, usize)> = Vec::new();
    for (first, last) in ranges {
        match merged.last_mut() {
            Some((_, end)) if first <= *end => *end = (*end).max(last),
            _ => merged.push((first, last)),
        }
    }
    let group = |(first, _): (usize, usize)| merged.partition_point(|&(start, _)| start <= first) - 1;
    let mut outgoing: Vec<Vec<usize>> = vec![Vec::new(); merged.len()];
    let mut order = Vec::new();
    for (particle, range) in mothers.iter().enumerate() {
        if let Some(range) = range {
            let group = group(*range);
            if outgoing[group].is_empty() {
                order.push(group);
            }
            outgoing[group].push(particle);
        }
    }
    for group in order {
        let outgoing = std::mem::take(&mut outgoing[group]);
        let (first, last) = merged[group];
        let incoming = (first..=last).filter(|particle| outgoing.binary_search(particle).is_err()).collect();
        event.add_vertex(Vertex { incoming, outgoing, ..Vertex::default() })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hepml_core::{FourMomentum, Particle};

    use super::*;

    fn event(mothers: &[Option<(usize, usize)>]) -> Event {
        let particles = mothers.iter().map(|_| Particle::new(21, 1, FourMomentum::ZERO)).collect();
        let mut event = Event::new(0, 1.0, particles);
        add_vertices(&mut event, mothers).unwrap();
        event
    }

    #[test]
    fn equal_ranges_share_a_vertex() {
        let event = event(&[None, None, Some((0, 1)), Some((0, 1)), Some((2, 2)), Some((2, 2))]);
        assert_eq!(event.vertices().len(), 2);
        assert_eq!(event.parents(3), [0, 1]);
        assert_eq!(event.parents(5), [2]);
        assert_eq!(event.children(2), [4, 5]);
        assert!(event.parents(0).is_empty());
    }

    #[test]
    fn overlapping_ranges_are_merged() {
        let event = event(&[None, None, Some((0, 1)), Some((0, 0)), Some((1, 1))]);
        assert_eq!(event.vertices().len(), 1);
        assert_eq!(event.parents(3), [0, 1]);
        assert_eq!(event.children(1), [2, 3, 4]);
    }

    #[test]
    fn a_vertex_is_not_its_own_mother() {
        let event = event(&[None, None, Some((0, 1)), Some((1, 2))]);
        assert_eq!(event.vertices().len(), 1);
        assert_eq!(event.parents(3), [0, 1]);
        assert_eq!(event.children(0), [2, 3]);
        assert!(event.children(2).is_empty());
    }
}
