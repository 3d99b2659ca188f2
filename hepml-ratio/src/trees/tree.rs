//! One tree as a flat array.

/// A node; the children of an inner one lie side by side, behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Node {
    /// The threshold of an inner node (an event goes left where its feature is at most that), the value of a leaf.
    pub(super) number: f64,
    /// The feature that an inner node looks at.
    pub(super) feature: u32,
    /// The left child; the right one is the next. 0 for a leaf.
    pub(super) left: u32,
}

impl Node {
    pub(super) const fn leaf(value: f64) -> Self {
        Self { number: value, feature: 0, left: 0 }
    }
}

/// A tree; its root is node 0.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
}

impl Tree {
    /// The value of the leaf that an event falls into.
    pub(super) fn value(&self, event: &[f64]) -> f64 {
        let mut node = self.nodes[0];
        while node.left != 0 {
            let right = u32::from(event[node.feature as usize] > node.number);
            node = self.nodes[(node.left + right) as usize];
        }
        node.number
    }
}
