//! Lines of equal height.

use std::collections::HashMap;

use hepml::core::ndarray::ArrayView2;

/// An edge of the grid, by the indices of its two points, the lower one first.
type Edge = [(usize, usize); 2];

/// Where a function on a square grid is `level`, as lines of points (marching squares, linear between points of the grid).
pub(crate) fn contours(values: &ArrayView2<'_, f64>, grid: &[f64], level: f64) -> Vec<Vec<(f64, f64)>> {
    // What each crossed edge is connected to; at most two others, one in each cell that it belongs to.
    let mut neighbours: HashMap<Edge, Vec<Edge>> = HashMap::new();
    let mut edges = Vec::new();
    for i in 0..grid.len() - 1 {
        for j in 0..grid.len() - 1 {
            // The corners of a cell in turn.
            let corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)];
            let crossed: Vec<Edge> = (0..4)
                .map(|k| [corners[k], corners[(k + 1) % 4]])
                .filter(|[a, b]| (values[*a] > level) != (values[*b] > level))
                .map(|[a, b]| if a < b { [a, b] } else { [b, a] })
                .collect();
            for pair in crossed.chunks_exact(2) {
                neighbours.entry(pair[0]).or_default().push(pair[1]);
                neighbours.entry(pair[1]).or_default().push(pair[0]);
                edges.extend_from_slice(pair);
            }
        }
    }
    let point = |[a, b]: Edge| {
        let t = (level - values[a]) / (values[b] - values[a]);
        let between = |from: usize, to: usize| grid[from] + t * (grid[to] - grid[from]);
        (between(a.0, b.0), between(a.1, b.1))
    };
    let mut lines = Vec::new();
    // Lines that end at the border first, from one of their ends; then those that close.
    edges.sort_by_key(|edge| neighbours[edge].len());
    for start in edges {
        let mut line = vec![point(start)];
        let mut at = start;
        while let Some(next) = neighbours.get_mut(&at).and_then(Vec::pop) {
            if let Some(back) = neighbours.get_mut(&next) {
                back.retain(|edge| *edge != at);
            }
            line.push(point(next));
            at = next;
        }
        if line.len() > 1 {
            lines.push(line);
        }
    }
    lines
}
