//! A block's graph in the fabric's words: tasks with their inputs, named by what they contain.

use std::collections::HashMap;

use bytes::Bytes;
use dispatch::model::{Class, TaskSpec};
use proving::id::{InputDigest, Owner, TaskId};
use proving::kind::Kind;
use proving::payload::{MAX_INLINE_BYTES, Payload};
use proving::statement::Statement;

use super::plan::{Node, Plan};

/// A block's tasks so far.
#[derive(Debug)]
pub struct Graph {
    plan: Plan,
    owner: Owner,
    statement: Statement,
    /// The task of the block before it, if that is asked for here, too.
    previous: Option<TaskId>,
    ids: HashMap<Node, TaskId>,
}

/// What a batch added.
#[derive(Debug, Default)]
pub struct Grown {
    /// Tasks, each after its needs.
    pub tasks: Vec<TaskSpec>,
    /// Their ids, in the same order.
    pub ids: Vec<TaskId>,
    /// Inputs that are not inline: to be kept before the tasks are asked for.
    pub blobs: Vec<Bytes>,
    /// Those of the tasks that are segments.
    pub segments: Vec<TaskId>,
    /// The last task before the block, with the last batch.
    pub aggregated: Option<TaskId>,
    /// The block's task, with the last batch.
    pub root: Option<TaskId>,
}

impl Grown {
    /// What two batches added.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.tasks.extend(more.tasks);
        self.ids.extend(more.ids);
        self.blobs.extend(more.blobs);
        self.segments.extend(more.segments);
        Self { aggregated: more.aggregated.or(self.aggregated), root: more.root.or(self.root), ..self }
    }
}

impl Graph {
    /// The graph of a block of such a plan, on top of the task of the block before it.
    pub fn new(plan: Plan, owner: Owner, statement: Statement, previous: Option<TaskId>) -> Self {
        Self { plan, owner, statement, previous, ids: HashMap::new() }
    }

    /// The next batch was simulated. `input` gives the bytes of a task's input.
    ///
    /// # Errors
    /// That of `input`.
    pub fn grow<E>(&mut self, segments: usize, input: impl Fn(Node) -> Result<Vec<u8>, E>) -> Result<Grown, E> {
        let mut grown = Grown::default();
        for node in self.plan.simulated(segments) {
            let (payload, blob) = payload(input(node)?);
            let mut needs: Vec<TaskId> =
                self.plan.needs(node).iter().filter_map(|need| self.ids.get(need).copied()).collect();
            if node == Node::Block {
                grown.aggregated = needs.first().copied();
                needs.extend(self.previous);
            }
            let spec = TaskSpec {
                class: Class { kind: kind(node), statement: self.statement.clone() },
                input: payload,
                secret: false,
                needs,
                memory_bytes: 0,
                traceparent: None,
            };
            let id = spec.id(&self.owner);
            self.ids.insert(node, id);
            match node {
                Node::Segment { .. } => grown.segments.push(id),
                Node::Block => grown.root = Some(id),
                Node::Segments { .. } | Node::Batches { .. } => {}
            }
            grown.tasks.push(spec);
            grown.ids.push(id);
            grown.blobs.extend(blob);
        }
        Ok(grown)
    }

    /// Whether nothing more comes.
    pub fn is_complete(&self) -> bool {
        self.plan.is_complete()
    }
}

/// The kind of a task's proof.
pub fn kind(node: Node) -> Kind {
    match node {
        Node::Segment { .. } => Kind::EVM_SEGMENT,
        Node::Segments { .. } => Kind::EVM_SEGMENT_AGGREGATION,
        Node::Batches { .. } => Kind::EVM_BATCH_AGGREGATION,
        Node::Block => Kind::EVM_BLOCK,
    }
}

fn payload(bytes: Vec<u8>) -> (Payload, Option<Bytes>) {
    if bytes.len() <= MAX_INLINE_BYTES {
        return (Payload::Inline(bytes), None);
    }
    (Payload::blob_of(&bytes), Some(bytes.into()))
}

/// The name of a block's job: the same for the same content, so that a leader that was started again finds it.
/// `parts` is everything that the block's tasks are made of.
pub fn job_name<'a>(number: u64, statement: &Statement, parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(statement.to_string().as_bytes());
    for part in parts {
        hasher.update(InputDigest::of(part).as_bytes());
    }
    format!("block-{number}-{}", &hasher.finalize().to_hex()[..16])
}

/// The number of the block that a job is for, if it is one of a block.
pub fn number_of(name: &str) -> Option<u64> {
    name.strip_prefix("block-")?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proving::statement::{KeyDigest, Mode};

    use super::*;

    fn statement() -> Statement {
        Statement::of_key(Mode::Test, KeyDigest::from_bytes([7; 32]))
    }

    fn input(node: Node) -> Result<Vec<u8>, std::convert::Infallible> {
        Ok(match node {
            Node::Segment { .. } => format!("{node:?} ").repeat(40).into_bytes(),
            _ => Vec::new(),
        })
    }

    fn graph(batches: &[usize], previous: Option<TaskId>) -> Vec<Grown> {
        let plan = Plan::new(batches.len()).unwrap();
        let mut graph = Graph::new(plan, "leader".parse().unwrap(), statement(), previous);
        batches.iter().map(|segments| graph.grow(*segments, input).unwrap()).collect()
    }

    #[test]
    fn the_same_block_is_the_same_tasks() {
        let ids = |previous| graph(&[2, 1], previous).into_iter().flat_map(|grown| grown.ids).collect::<Vec<_>>();
        assert_eq!(ids(None), ids(None));
        let (alone, chained) = (ids(None), ids(Some(TaskId::from_bytes([1; 32]))));
        assert_eq!(alone[..alone.len() - 1], chained[..chained.len() - 1], "only the block knows what is before it");
        assert_ne!(alone.last(), chained.last());
    }

    #[test]
    fn the_block_needs_its_batches_and_the_block_before_it() {
        let previous = TaskId::from_bytes([1; 32]);
        let last = graph(&[2, 1], Some(previous)).pop().unwrap();
        assert_eq!(last.tasks.last().unwrap().needs, [last.aggregated.unwrap(), previous]);
        assert_eq!(last.root, last.ids.last().copied());
        assert_eq!(last.tasks.last().unwrap().class.kind, Kind::EVM_BLOCK);
    }

    #[test]
    fn large_inputs_are_blobs_and_small_ones_are_inline() {
        let grown = graph(&[2, 1], None).into_iter().reduce(Grown::and).unwrap();
        assert_eq!((grown.segments.len(), grown.blobs.len()), (3, 3));
        let inline = grown.tasks.iter().filter(|task| task.input.blob().is_none());
        assert!(inline.clone().all(|task| task.class.kind != Kind::EVM_SEGMENT));
        assert_eq!(inline.count(), grown.tasks.len() - 3);
    }

    #[test]
    fn a_job_is_named_by_its_block_and_content() {
        let name = |parts: &[&[u8]]| job_name(28, &statement(), parts.iter().copied());
        assert_eq!(name(&[b"ab", b"c"]), name(&[b"ab", b"c"]));
        assert_ne!(name(&[b"ab", b"c"]), name(&[b"a", b"bc"]));
        assert_eq!(number_of(&name(&[b"ab"])), Some(28));
        assert_eq!(number_of("rollup-1"), None);
    }
}
