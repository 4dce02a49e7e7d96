//! The graph of one block, as a pure function of what is known of it so far: it grows with every batch that was
//! simulated, and each task comes after those that it needs.

/// A task of a block, by its place in the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Node {
    /// One segment of a batch.
    Segment {
        /// The batch.
        batch: usize,
        /// Which of its segments.
        segment: usize,
    },
    /// Neighbouring segments of one batch, `from` to before `to`. One alone only where the batch has no other.
    Segments {
        /// The batch.
        batch: usize,
        /// The first of them.
        from: usize,
        /// The first that is none of them.
        to: usize,
    },
    /// Neighbouring batches, `from` to before `to`: at least two.
    Batches {
        /// The first of them.
        from: usize,
        /// The first that is none of them.
        to: usize,
    },
    /// The block.
    Block,
}

/// What is known of a block's graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    batches: usize,
    /// How many segments each batch has, of those that are simulated.
    segments: Vec<usize>,
}

/// The least number of batches in a block: the circuits aggregate two by two, and the decoder pads to it.
pub const MIN_BATCHES: usize = 2;

impl Plan {
    /// A block of so many batches, none of them simulated yet; `None` where there are fewer than [`MIN_BATCHES`].
    pub fn new(batches: usize) -> Option<Self> {
        (batches >= MIN_BATCHES).then_some(Self { batches, segments: Vec::new() })
    }

    /// The next batch was simulated and has so many segments: what can be asked for now, each after its needs. With
    /// the last batch that is everything up to the block.
    pub fn simulated(&mut self, segments: usize) -> Vec<Node> {
        let batch = self.segments.len();
        if batch >= self.batches || segments == 0 {
            return Vec::new();
        }
        self.segments.push(segments);
        let mut nodes: Vec<Node> = (0..segments).map(|segment| Node::Segment { batch, segment }).collect();
        self.gather(self.batch(batch), &mut nodes);
        self.grown(0, self.batches, &mut nodes);
        if self.is_complete() {
            nodes.push(Node::Block);
        }
        nodes
    }

    /// Whether all batches are simulated.
    pub fn is_complete(&self) -> bool {
        self.segments.len() == self.batches
    }

    /// The batches that were simulated.
    pub fn known(&self) -> usize {
        self.segments.len()
    }

    /// What a task is on top of, in the prover's order, the block before it not counted.
    pub fn needs(&self, node: Node) -> Vec<Node> {
        match node {
            Node::Segment { .. } => Vec::new(),
            Node::Segments { batch, from, to } if to - from == 1 => vec![Node::Segment { batch, segment: from }],
            Node::Segments { batch, from, to } => {
                let middle = from + left(to - from);
                vec![segments(batch, from, middle), segments(batch, middle, to)]
            }
            Node::Batches { from, to } => {
                let middle = from + left(to - from);
                vec![self.over(from, middle), self.over(middle, to)]
            }
            Node::Block => vec![Node::Batches { from: 0, to: self.batches }],
        }
    }

    /// The aggregation of a whole batch, which is made even of a single segment.
    fn batch(&self, batch: usize) -> Node {
        Node::Segments { batch, from: 0, to: self.segments[batch] }
    }

    fn over(&self, from: usize, to: usize) -> Node {
        if to - from == 1 { self.batch(from) } else { Node::Batches { from, to } }
    }

    /// An aggregation of segments with everything under it.
    fn gather(&self, node: Node, nodes: &mut Vec<Node>) {
        if let Node::Segments { .. } = node {
            self.needs(node).into_iter().for_each(|need| self.gather(need, nodes));
            nodes.push(node);
        }
    }

    /// The aggregations of batches that the newest batch completes.
    fn grown(&self, from: usize, to: usize, nodes: &mut Vec<Node>) {
        let known = self.segments.len();
        if to - from < 2 || known <= from || to < known {
            return;
        }
        let middle = from + left(to - from);
        self.grown(from, middle, nodes);
        self.grown(middle, to, nodes);
        if to == known {
            nodes.push(Node::Batches { from, to });
        }
    }
}

fn segments(batch: usize, from: usize, to: usize) -> Node {
    if to - from == 1 { Node::Segment { batch, segment: from } } else { Node::Segments { batch, from, to } }
}

/// How many of `length` go to the left: the largest power of two below it, so that what comes first is aggregated
/// first, whatever comes later.
fn left(length: usize) -> usize {
    length.next_power_of_two() / 2
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn grown(batches: &[usize]) -> (Plan, Vec<Vec<Node>>) {
        let mut plan = Plan::new(batches.len()).unwrap();
        let steps = batches.iter().map(|segments| plan.simulated(*segments)).collect();
        (plan, steps)
    }

    /// The segments under a task, in order.
    fn under(plan: &Plan, node: Node) -> Vec<(usize, usize)> {
        match node {
            Node::Segment { batch, segment } => vec![(batch, segment)],
            _ => plan.needs(node).into_iter().flat_map(|need| under(plan, need)).collect(),
        }
    }

    #[test]
    fn the_smallest_block_is_two_segments_lifted_and_joined() {
        let (plan, steps) = grown(&[1, 1]);
        let segment = |batch| Node::Segment { batch, segment: 0 };
        let lifted = |batch| Node::Segments { batch, from: 0, to: 1 };
        assert_eq!(steps[0], [segment(0), lifted(0)]);
        assert_eq!(steps[1], [segment(1), lifted(1), Node::Batches { from: 0, to: 2 }, Node::Block]);
        assert_eq!(plan.needs(Node::Batches { from: 0, to: 2 }), [lifted(0), lifted(1)]);
        assert_eq!(plan.needs(Node::Block), [Node::Batches { from: 0, to: 2 }]);
    }

    #[test]
    fn aggregation_is_asked_for_before_the_last_batch_is_known() {
        let (_, steps) = grown(&[2, 3, 1]);
        assert!(steps[0].contains(&Node::Segments { batch: 0, from: 0, to: 2 }));
        assert!(steps[1].contains(&Node::Batches { from: 0, to: 2 }));
        assert_eq!(steps[2].last(), Some(&Node::Block));
    }

    #[test]
    fn a_block_has_at_least_two_batches() {
        assert_eq!((Plan::new(0), Plan::new(1)), (None, None));
    }

    #[test]
    fn what_comes_after_the_last_batch_adds_nothing() {
        let (mut plan, _) = grown(&[1, 1]);
        assert!(plan.simulated(4).is_empty());
    }

    proptest! {
        #[test]
        fn every_task_comes_once_and_after_what_it_needs(
            batches in prop::collection::vec(1usize..40, 2..24),
        ) {
            let (plan, steps) = grown(&batches);
            let mut seen = BTreeSet::new();
            for node in steps.concat() {
                prop_assert!(plan.needs(node).iter().all(|need| seen.contains(need)), "{:?}", node);
                prop_assert!(seen.insert(node), "{:?} twice", node);
            }
        }

        #[test]
        fn the_block_covers_every_segment_once_and_in_order(
            batches in prop::collection::vec(1usize..40, 2..24),
        ) {
            let (plan, _) = grown(&batches);
            let all: Vec<_> =
                batches.iter().enumerate().flat_map(|(batch, count)| (0..*count).map(move |at| (batch, at))).collect();
            prop_assert_eq!(under(&plan, Node::Block), all);
        }

        #[test]
        fn everything_but_the_block_is_needed_by_exactly_one_task(
            batches in prop::collection::vec(1usize..40, 2..24),
        ) {
            let (plan, steps) = grown(&batches);
            let nodes = steps.concat();
            let mut needed: BTreeMap<Node, usize> = BTreeMap::new();
            nodes.iter().flat_map(|node| plan.needs(*node)).for_each(|need| *needed.entry(need).or_default() += 1);
            for node in nodes {
                let times = needed.get(&node).copied().unwrap_or(0);
                prop_assert_eq!(times, usize::from(node != Node::Block), "{:?}", node);
            }
        }

        #[test]
        fn aggregations_of_batches_are_over_aggregated_segments_only(
            batches in prop::collection::vec(1usize..10, 2..24),
        ) {
            let (plan, steps) = grown(&batches);
            for node in steps.concat() {
                if let Node::Batches { .. } = node {
                    let aggregated = plan.needs(node).iter().all(|need| !matches!(need, Node::Segment { .. }));
                    prop_assert!(aggregated, "{:?}", node);
                }
            }
        }

        #[test]
        fn a_tree_is_no_deeper_than_it_has_to_be(segments in 1usize..3000) {
            let (plan, _) = grown(&[segments, 1]);
            let mut depth = 0;
            let mut level = vec![plan.batch(0)];
            while !level.is_empty() {
                level = level.into_iter().flat_map(|node| plan.needs(node)).collect();
                depth += 1;
            }
            let least = segments.next_power_of_two().trailing_zeros() as usize;
            prop_assert_eq!(depth, least.max(1) + 1);
        }
    }
}
