//! The name of a task, made from everything that a proof depends on: asking twice is asking once.

use std::fmt;
use std::str::FromStr;

use crate::digest::digest_type;
use crate::kind::Kind;
use crate::statement::Statement;
use crate::text::serde_as_text;

/// Goes into every task id first; the number changes with the framing.
const TASK_DOMAIN: &[u8] = b"meze task 1";

/// The longest owner, in bytes.
pub const MAX_OWNER_BYTES: usize = 64;

digest_type! {
    /// The BLAKE3 digest of a task's input bytes; as a blob, the input has the same name.
    InputDigest
}

impl InputDigest {
    /// The digest of `input`.
    pub fn of(input: &[u8]) -> Self {
        Self(*blake3::hash(input).as_bytes())
    }
}

digest_type! {
    /// The name of a task: `BLAKE3(domain ‖ owner ‖ kind ‖ statement ‖ input ‖ needs)`.
    TaskId
}

/// Everything that makes a task the task it is.
#[derive(Debug, Clone, Copy)]
pub struct TaskParts<'a> {
    /// Who asks.
    pub owner: &'a Owner,
    /// What sort of proof.
    pub kind: &'a Kind,
    /// Under which circuit and mode.
    pub statement: &'a Statement,
    /// Of which input.
    pub input: &'a InputDigest,
    /// On top of which other tasks' proofs, in the order in which the prover takes them.
    pub needs: &'a [TaskId],
}

impl TaskId {
    /// The id of the task with these parts.
    ///
    /// Each part is preceded by its length in bytes as a big-endian `u64`, the needs by their number, so
    /// no two different tasks hash the same bytes.
    pub fn of(parts: &TaskParts<'_>) -> Self {
        let mut hasher = blake3::Hasher::new();
        let statement = parts.statement.to_string();
        let texts = [parts.owner.as_str(), parts.kind.as_str(), statement.as_str()].map(str::as_bytes);
        for part in [TASK_DOMAIN].into_iter().chain(texts).chain([&parts.input.0[..]]) {
            hasher.update(&length(part.len())).update(part);
        }
        hasher.update(&length(parts.needs.len()));
        for need in parts.needs {
            hasher.update(&length(need.0.len())).update(&need.0);
        }
        Self(*hasher.finalize().as_bytes())
    }
}

fn length(length: usize) -> [u8; 8] {
    (length as u64).to_be_bytes()
}

/// Who asked for a task: fairness counts by owner, and no owner is served another's task.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner(String);

/// A text that is not an [`Owner`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an owner has 1 to {MAX_OWNER_BYTES} ASCII letters, digits and the signs - . _ @")]
pub struct NotAnOwner;

impl Owner {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Owner {
    type Err = NotAnOwner;

    fn from_str(text: &str) -> Result<Self, NotAnOwner> {
        let well_formed = (1..=MAX_OWNER_BYTES).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._@".contains(&byte));
        if well_formed { Ok(Self(text.to_owned())) } else { Err(NotAnOwner) }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serde_as_text!(Owner);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::statement::{KeyDigest, Mode};

    /// The parts of a task, owned.
    #[derive(Debug, Clone)]
    struct Task {
        owner: Owner,
        kind: Kind,
        statement: Statement,
        input: InputDigest,
        needs: Vec<TaskId>,
    }

    impl Task {
        fn id(&self) -> TaskId {
            let Self { owner, kind, statement, input, needs } = self;
            TaskId::of(&TaskParts { owner, kind, statement, input, needs })
        }
    }

    fn task() -> Task {
        Task {
            owner: "alice".parse().unwrap(),
            kind: Kind::ROLLUP_INNER,
            statement: Statement::of_key(Mode::Real, KeyDigest::from_bytes([1; 32])),
            input: InputDigest::of(b"input"),
            needs: vec![TaskId::from_bytes([2; 32]), TaskId::from_bytes([3; 32])],
        }
    }

    #[test]
    fn the_id_is_the_blake3_of_the_framed_parts() {
        let mut framed = Vec::new();
        let statement = format!("real/key/{}", "01".repeat(32));
        for part in
            [&b"meze task 1"[..], b"alice", b"rollup.inner", statement.as_bytes(), InputDigest::of(b"input").as_bytes()]
        {
            framed.extend((part.len() as u64).to_be_bytes());
            framed.extend(part);
        }
        framed.extend(2u64.to_be_bytes());
        for need in [[2u8; 32], [3; 32]] {
            framed.extend(32u64.to_be_bytes());
            framed.extend(need);
        }
        assert_eq!(task().id().as_bytes(), blake3::hash(&framed).as_bytes());
    }

    #[test]
    fn the_framing_does_not_drift() {
        assert_eq!(task().id().to_string(), "ae6cceb0ee31ac49e6e7d41353e98f6f5de98416c29d5a2c4ef75d702c5cb746");
    }

    #[test]
    fn every_part_changes_the_id() {
        type Change = fn(&mut Task);
        let changes: [(&str, Change); 8] = [
            ("owner", |task| task.owner = "bob".parse().unwrap()),
            ("kind", |task| task.kind = Kind::ROLLUP_OUTER),
            ("mode", |task| task.statement.mode = Mode::Mock),
            ("key", |task| task.statement = Statement::of_key(Mode::Real, KeyDigest::from_bytes([9; 32]))),
            ("line", |task| task.statement = Statement::of_line(Mode::Real, "01".parse().unwrap())),
            ("input", |task| task.input = InputDigest::of(b"other")),
            ("order of needs", |task| task.needs.reverse()),
            ("number of needs", |task| task.needs.truncate(1)),
        ];
        for (what, change) in changes {
            let mut changed = task();
            change(&mut changed);
            assert_ne!(changed.id(), task().id(), "{what}");
        }
    }

    #[test]
    fn an_owner_is_short_and_plain() {
        for text in ["local", "team-7", "a.b_c@example.org", &"x".repeat(MAX_OWNER_BYTES)] {
            assert_eq!(text.parse::<Owner>().unwrap().to_string(), *text);
        }
        for text in ["", "a b", "a/b", "ünal", &"x".repeat(MAX_OWNER_BYTES + 1)] {
            assert_eq!(text.parse::<Owner>(), Err(NotAnOwner), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn text_moved_across_the_border_of_two_parts_changes_the_id(
            text in "[a-z]{6,20}", here in 1usize..5, there in 1usize..5,
        ) {
            prop_assume!(here != there);
            let split = |at: usize| {
                let (owner, family) = text.split_at(at);
                Task { owner: owner.parse().unwrap(), kind: format!("{family}.x").parse().unwrap(), ..task() }.id()
            };
            prop_assert_ne!(split(here), split(there));
        }

        #[test]
        fn ids_read_back_from_text_and_json(bytes: [u8; 32]) {
            let id = TaskId::from_bytes(bytes);
            prop_assert_eq!(id.to_string().parse::<TaskId>().unwrap(), id);
            let json = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(serde_json::from_str::<TaskId>(&json).unwrap(), id);
        }

        #[test]
        fn parsing_an_owner_never_panics(text in "\\PC{0,80}") {
            if let Ok(owner) = text.parse::<Owner>() {
                prop_assert_eq!(owner.to_string(), text);
            }
        }
    }
}
