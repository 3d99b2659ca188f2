//! The spanning tree of a transportation basis, with flows that are exact integers.
//!
//! Nodes below `first_sink` are sources, the rest sinks (node numbers between the last source and the first sink may be
//! unused); every arc of the tree joins a source and a sink, so its direction (from the source to the sink) follows from
//! which end is the parent. For each node the tree keeps its parent, the flow on the arc to it, and the set of nodes at
//! and below it as bits: whether a node lies below another is one test, and the cycle of an entering arc is found by
//! climbing. There are no child lists, threads or depths to repair.
//!
//! The tree is kept *strongly feasible*: an arc without flow points to the root, that is, its lower end is a source. With
//! Cunningham's choice of the leaving arc (Math. Programming 11 (1976) 105) this excludes cycling at degenerate bases,
//! and because the flows are integers the rule is followed exactly.

/// The node above the root: none.
pub(crate) const NONE: u32 = u32::MAX;

/// The numbers of words a node for which loops over words are unrolled.
const UNROLLED: [usize; 12] = [1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128, 256];

/// The nodes on both paths of a pivot, about; even.
const SHORT_PATHS: usize = 8;

/// A spanning tree with flows; node numbers are `u32` to keep it small.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    /// Of each node, and of one more that is not in the tree: it fills up lists.
    parent: Vec<u32>,
    flow: Vec<i64>,
    /// `words` per node: the nodes at and below it.
    below: Vec<u64>,
    words: usize,
    /// The nodes that the last pivot moved, as bits.
    moved: Vec<u64>,
    /// Scratch space: the nodes from the ends of the entering arc up to their common ancestor.
    path: Vec<u32>,
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
    /// A tree of its arcs `(node, parent, flow)`, each node before its parent, and the root; all below `nodes`.
    pub(crate) fn build(&mut self, arcs: &[(u32, u32, i64)], root: u32, nodes: usize) {
        let words = nodes.div_ceil(64);
        let words = UNROLLED.into_iter().find(|&unrolled| unrolled >= words).unwrap_or(words);
        self.words = words;
        self.parent.clear();
        self.parent.resize(nodes + 1, NONE);
        self.flow.clear();
        self.flow.resize(nodes + 1, 0);
        self.below.clear();
        self.below.resize((nodes + 1) * words, 0);
        self.moved.clear();
        self.moved.resize(words, 0);
        self.path.resize(nodes + 3 + SHORT_PATHS, 0);
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

    /// Lists the nodes of the tree, each after its parent; they are those below `sources` and from `first_sink` on.
    pub(crate) fn order(
        &self,
        sources: usize,
        first_sink: usize,
        order: &mut Vec<u32>,
        listed: &mut Vec<bool>,
    ) {
        listed.clear();
        listed.resize(self.parent.len(), false);
        order.clear();
        for start in (0..sources).chain(first_sink..self.parent.len() - 1) {
            // Up to what is listed, and back.
            let first = order.len();
            let mut node = start;
            while !listed[node] {
                listed[node] = true;
                order.push(number(node));
                match self.parent[node] {
                    NONE => break,
                    parent => node = parent as usize,
                }
            }
            order[first..].reverse();
        }
    }

    /// The nodes that the last pivot has moved, as bits.
    pub(crate) fn moved(&self) -> &[u64] {
        &self.moved
    }

    /// Brings the arc from `source` to `sink` into the tree and takes out the arc that blocks it.
    ///
    /// Inlined, so that it is compiled for the instructions of its caller.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "see above")]
    pub(crate) fn pivot(&mut self, source: usize, sink: usize) -> Moved {
        match self.words {
            1 => self.pivot_words::<1>(source, sink),
            2 => self.pivot_words::<2>(source, sink),
            3 => self.pivot_words::<3>(source, sink),
            4 => self.pivot_words::<4>(source, sink),
            6 => self.pivot_words::<6>(source, sink),
            8 => self.pivot_words::<8>(source, sink),
            12 => self.pivot_words::<12>(source, sink),
            16 => self.pivot_words::<16>(source, sink),
            32 => self.pivot_words::<32>(source, sink),
            64 => self.pivot_words::<64>(source, sink),
            128 => self.pivot_words::<128>(source, sink),
            256 => self.pivot_words::<256>(source, sink),
            _ => self.pivot_chunks(source, sink),
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "see `pivot`")]
    fn pivot_words<const WORDS: usize>(&mut self, source: usize, sink: usize) -> Moved {
        let Self { parent, flow, below, moved, path, .. } = self;
        let below = below.as_chunks_mut::<WORDS>().0;
        let kept = moved.first_chunk_mut::<WORDS>().expect("as many words as a node has");
        // A list of its own, of which the compiler knows that it lies nowhere in `below`.
        let mut moved = [0; WORDS];
        let side = pivot(Parts { parent, flow, path }, below, &mut moved, source, sink);
        *kept = moved;
        side
    }

    fn pivot_chunks(&mut self, source: usize, sink: usize) -> Moved {
        let Self { parent, flow, below, moved, path, words } = self;
        let mut below: Vec<&mut [u64]> = below.chunks_exact_mut(*words).collect();
        pivot(Parts { parent, flow, path }, &mut below, moved, source, sink)
    }

    #[cfg(test)]
    pub(crate) fn check(&self, sources: usize, first_sink: usize) {
        let nodes: Vec<usize> = (0..sources).chain(first_sink..self.parent.len() - 1).collect();
        let holds =
            |node: usize, other: usize| self.below[node * self.words + other / 64] >> (other % 64) & 1 != 0;
        assert_eq!(nodes.iter().filter(|&&node| self.parent[node] == NONE).count(), 1, "one root");
        for &node in &nodes {
            // Climbing reaches the root, and `below` is what climbing says.
            let mut above = vec![node];
            while self.parent[above[above.len() - 1]] != NONE {
                above.push(self.parent[above[above.len() - 1]] as usize);
                assert!(above.len() <= nodes.len(), "a cycle in the tree");
            }
            for &other in &nodes {
                assert_eq!(holds(other, node), above.contains(&other));
            }
            if let Some(&parent) = above.get(1) {
                assert!((node < sources) != (parent < sources), "an arc joins a source and a sink");
                assert!(self.flow[node] >= 0);
                assert!(self.flow[node] > 0 || node < sources, "an arc without flow points to the root");
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn net_flow(&self, node: usize, sources: usize) -> i64 {
        let out = |x: usize| if x < sources { self.flow[x] } else { -self.flow[x] };
        let children = (0..self.parent.len()).filter(|&x| self.parent[x] as usize == node);
        let below: i64 = children.map(out).sum();
        (if self.parent[node] == NONE { 0 } else { out(node) }) - below
    }
}

/// What a pivot changes besides the sets of nodes.
struct Parts<'a> {
    parent: &'a mut [u32],
    flow: &'a mut [i64],
    path: &'a mut [u32],
}

/// See [`Tree::pivot`]; `below` holds a set of nodes for each node. The last of all nodes is one that is not in the tree.
#[inline(always)]
#[expect(clippy::inline_always, reason = "see `Tree::pivot`")]
fn pivot<Set: AsRef<[u64]> + AsMut<[u64]>>(
    Parts { parent, flow, path }: Parts<'_>,
    below: &mut [Set],
    moved: &mut [u64],
    source: usize,
    sink: usize,
) -> Moved {
    let none = number(parent.len() - 1);
    let holds =
        |below: &[Set], node: usize, other: usize| below[node].as_ref()[other / 64] >> (other % 64) & 1 != 0;
    // New flow runs source -> sink -> apex -> source. On both paths the arcs above the even positions run against
    // it and lose. Of the arcs that lose all, the last one met from the apex along the flow has to leave: the
    // highest on the sink's path, or else the lowest on the source's.
    let mut change = i64::MAX;
    let mut leaving = 0;
    let mut length = 0;
    let mut node = source;
    while !holds(below, node, sink) {
        let lost = if length % 2 == 0 { flow[node] } else { i64::MAX };
        leaving = if lost < change { length } else { leaving };
        change = change.min(lost);
        path[length] = number(node);
        length += 1;
        node = parent[node] as usize;
    }
    let apex = node;
    // The sink's path follows in the same list, from an even position on too.
    path[length] = none;
    let sink_start = length + length % 2;
    length = sink_start;
    node = sink;
    while node != apex {
        let lost = if length % 2 == 0 { flow[node] } else { i64::MAX };
        leaving = if lost <= change && lost < i64::MAX { length } else { leaving };
        change = change.min(lost);
        path[length] = number(node);
        length += 1;
        node = parent[node] as usize;
    }

    // Lists that are seldom longer than what they are filled up to make a loop whose end is foreseen.
    let filled = length.next_multiple_of(2).max(SHORT_PATHS);
    path[length..filled.max(length + 1)].fill(none);

    // The arc above `path[leaving]` is cut; what is below it is hung below `head` by what was `path[first]`.
    let (side, first, head) =
        if leaving < sink_start { (Moved::Source, 0, sink) } else { (Moved::Sink, sink_start, source) };
    moved.copy_from_slice(below[path[leaving] as usize].as_ref());
    // What moves comes to be below the nodes that lead to its new place, and was below those above the cut; and of the
    // nodes in between, which change places, each gets what did not lie below its child.
    for pair in path[..filled].as_chunks::<2>().0 {
        let [even, odd] = pair.map(|node| node as usize);
        flow[even] -= change;
        flow[odd] += change;
        for node in [even, odd] {
            for (bits, moved) in below[node].as_mut().iter_mut().zip(&*moved) {
                *bits ^= moved;
            }
        }
    }
    let mut node = path[leaving] as usize;
    for &child in path[first..leaving].iter().rev() {
        parent[node] = child;
        let child = child as usize;
        flow[node] = flow[child];
        for word in 0..moved.len() {
            below[node].as_mut()[word] = below[child].as_ref()[word];
        }
        node = child;
    }
    parent[node] = number(head);
    flow[node] = change;
    below[node].as_mut().copy_from_slice(moved);
    side
}

/// Node numbers come as u32 and stay below what has been allocated.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a matrix with 2^32 rows or columns does not fit into memory"
)]
fn number(node: usize) -> u32 {
    node as u32
}
