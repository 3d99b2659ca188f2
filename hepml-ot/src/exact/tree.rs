//! The spanning tree of a transportation basis, with flows that are exact integers.
//!
//! Nodes `0..sources` are sources, the rest sinks; every arc of the tree joins a source and a sink, so its direction (from
//! the source to the sink) follows from which end is the parent. For each node the tree keeps its parent, the flow on
//! the arc to it, and the set of nodes at and below it as bits: whether a node lies below another is one test, and the
//! cycle of an entering arc is found by climbing. There are no child lists, threads or depths to repair.
//!
//! The tree is kept *strongly feasible*: an arc without flow points to the root, that is, its lower end is a source. With
//! Cunningham's choice of the leaving arc (Math. Programming 11 (1976) 105) this excludes cycling at degenerate bases,
//! and because the flows are integers the rule is followed exactly.

/// The node above the root: none.
pub(crate) const NONE: u32 = u32::MAX;

/// A spanning tree with flows; node numbers are `u32` to keep it small.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    parent: Vec<u32>,
    flow: Vec<i64>,
    /// `words` per node: the nodes at and below it.
    below: Vec<u64>,
    words: usize,
    // Scratch space.
    start: Vec<usize>,
    moved: Vec<u64>,
    source_path: Vec<u32>,
    sink_path: Vec<u32>,
}

/// The part of the tree that a pivot has cut off and hung elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moved {
    /// It holds the source of the entering arc.
    Source,
    /// It holds the sink of the entering arc.
    Sink,
}

impl Tree {
    /// A tree of its arcs `(node, parent, flow)`, each node before its parent, and the root last of all.
    pub(crate) fn build(&mut self, arcs: &[(u32, u32, i64)], root: u32) {
        let nodes = arcs.len() + 1;
        self.words = nodes.div_ceil(64);
        self.parent.clear();
        self.parent.resize(nodes, NONE);
        self.flow.clear();
        self.flow.resize(nodes, 0);
        self.below.clear();
        self.below.resize(nodes * self.words, 0);
        let words = self.words;
        for &(node, parent, flow) in arcs {
            let (node, above) = (node as usize, parent as usize);
            self.parent[node] = parent;
            self.flow[node] = flow;
            self.below[node * words + node / 64] |= 1 << (node % 64);
            for word in 0..words {
                self.below[above * words + word] |= self.below[node * words + word];
            }
        }
        let root = root as usize;
        self.below[root * words + root / 64] |= 1 << (root % 64);
    }

    /// The parent of a node; [`NONE`] for the root.
    pub(crate) fn parent(&self, node: u32) -> u32 {
        self.parent[node as usize]
    }

    /// Lists the nodes, each after its parent.
    pub(crate) fn order(&mut self, order: &mut Vec<u32>) {
        // The number of nodes below falls from parent to child, so a counting sort by it puts parents first.
        let Self { below, words, start, .. } = self;
        let words = *words;
        let size = |node: usize| -> usize {
            below[node * words..(node + 1) * words].iter().map(|word| word.count_ones() as usize).sum()
        };
        let nodes = self.parent.len();
        start.clear();
        start.resize(nodes + 1, 0);
        for node in 0..nodes {
            start[nodes - size(node) + 1] += 1;
        }
        for i in 1..start.len() {
            start[i] += start[i - 1];
        }
        order.clear();
        order.resize(nodes, 0);
        for node in 0..nodes {
            let place = &mut start[nodes - size(node)];
            order[*place] = u32::try_from(node).expect("node numbers are u32");
            *place += 1;
        }
    }

    /// The nodes that the last pivot has moved.
    pub(crate) fn for_each_moved(&self, mut visit: impl FnMut(usize)) {
        for (word, &bits) in self.moved.iter().enumerate() {
            let mut bits = bits;
            while bits != 0 {
                visit(word * 64 + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }

    fn is_below(&self, node: u32, ancestor: u32) -> bool {
        let (node, ancestor) = (node as usize, ancestor as usize);
        self.below[ancestor * self.words + node / 64] >> (node % 64) & 1 == 1
    }

    /// Brings the arc from `source` to `sink` into the tree and takes out the arc that blocks it.
    pub(crate) fn pivot(&mut self, source: u32, sink: u32) -> Moved {
        let mut source_path = std::mem::take(&mut self.source_path);
        let mut sink_path = std::mem::take(&mut self.sink_path);
        source_path.clear();
        sink_path.clear();
        let mut node = source;
        while !self.is_below(sink, node) {
            source_path.push(node);
            node = self.parent(node);
        }
        let apex = node;
        node = sink;
        while node != apex {
            sink_path.push(node);
            node = self.parent(node);
        }

        // New flow runs source -> sink -> apex -> source. On both paths the arcs above the even positions run against
        // it and lose. Of the arcs that lose all, the last one met from the apex along the flow has to leave: the
        // highest on the sink's path, or else the lowest on the source's.
        let mut change = i64::MAX;
        let mut leaving = 0;
        let mut moved = Moved::Source;
        for (position, &node) in source_path.iter().enumerate().step_by(2) {
            let flow = self.flow[node as usize];
            if flow < change {
                (change, leaving) = (flow, position);
            }
        }
        for (position, &node) in sink_path.iter().enumerate().step_by(2) {
            let flow = self.flow[node as usize];
            if flow <= change {
                (change, leaving, moved) = (flow, position, Moved::Sink);
            }
        }
        if change != 0 {
            for path in [&source_path, &sink_path] {
                for (position, &node) in path.iter().enumerate() {
                    self.flow[node as usize] += if position % 2 == 0 { -change } else { change };
                }
            }
        }
        match moved {
            Moved::Source => self.rehang(&source_path, leaving, &sink_path, sink, change),
            Moved::Sink => self.rehang(&sink_path, leaving, &source_path, source, change),
        }
        self.source_path = source_path;
        self.sink_path = sink_path;
        moved
    }

    /// Cuts the arc above `path[leaving]`, makes `path[0]` the root of what falls off, and hangs it below `head` with an
    /// arc of the given flow; `other` is the path from `head` to the apex.
    fn rehang(&mut self, path: &[u32], leaving: usize, other: &[u32], head: u32, flow: i64) {
        let words = self.words;
        let top = path[leaving] as usize;
        let mut moved = std::mem::take(&mut self.moved);
        moved.clear();
        moved.extend_from_slice(&self.below[top * words..(top + 1) * words]);
        for &node in &path[leaving + 1..] {
            let node = node as usize;
            for (bits, moved) in self.below[node * words..(node + 1) * words].iter_mut().zip(&moved) {
                *bits &= !moved;
            }
        }
        for &node in other {
            let node = node as usize;
            for (bits, moved) in self.below[node * words..(node + 1) * words].iter_mut().zip(&moved) {
                *bits |= moved;
            }
        }
        // From the top down: each node gets its former child as parent and loses what stays below that child.
        for position in (1..=leaving).rev() {
            let (node, child) = (path[position] as usize, path[position - 1] as usize);
            self.parent[node] = path[position - 1];
            self.flow[node] = self.flow[child];
            for (word, moved) in moved.iter().enumerate() {
                self.below[node * words + word] = moved & !self.below[child * words + word];
            }
        }
        let root = path[0] as usize;
        self.parent[root] = head;
        self.flow[root] = flow;
        self.below[root * words..(root + 1) * words].copy_from_slice(&moved);
        self.moved = moved;
    }

    #[cfg(test)]
    pub(crate) fn check(&self, sources: usize) {
        let nodes = self.parent.len();
        let id = |node: usize| u32::try_from(node).unwrap();
        assert_eq!(self.parent.iter().filter(|&&parent| parent == NONE).count(), 1, "one root");
        for node in 0..nodes {
            // Climbing reaches the root, and `below` is what climbing says.
            let mut above = vec![id(node)];
            while self.parent(above[above.len() - 1]) != NONE {
                above.push(self.parent(above[above.len() - 1]));
                assert!(above.len() <= nodes, "a cycle in the tree");
            }
            for other in 0..nodes {
                assert_eq!(self.is_below(id(node), id(other)), above.contains(&id(other)));
            }
            if let Some(&parent) = above.get(1) {
                assert!(
                    (node < sources) != ((parent as usize) < sources),
                    "an arc joins a source and a sink"
                );
                assert!(self.flow[node] >= 0);
                assert!(self.flow[node] > 0 || node < sources, "an arc without flow points to the root");
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn net_flow(&self, node: u32, sources: usize) -> i64 {
        let out = |x: usize| if x < sources { self.flow[x] } else { -self.flow[x] };
        let below: i64 = (0..self.parent.len()).filter(|&x| self.parent[x] == node).map(out).sum();
        (if self.parent(node) == NONE { 0 } else { out(node as usize) }) - below
    }
}
