//! What keeps a block or its witness from us.

use crate::place::PlaceError;
use crate::source::BlockId;
use ethereum_types::{Address, H256};
use std::fmt;

/// What keeps a block or its witness from us.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The URL is not one of HTTP. It is not shown: it may hold a password.
    #[error("the node's URL cannot be used: give http://host:port or https://host, perhaps with a user and a path")]
    Url,
    /// TLS, or the client around it, cannot be set up.
    #[error("cannot set up the HTTP client")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer came, as often as it was tried.
    #[error("the node at {node} does not answer {method} (tried {attempts} times): {why}")]
    Unreachable {
        /// Where it should be, without what may be secret in its URL.
        node: String,
        /// What it was asked.
        method: &'static str,
        /// How often.
        attempts: u32,
        /// What came instead.
        why: String,
    },
    /// It answers that it does not want to, or cannot.
    #[error("the node at {node} refuses {method}: {message} (code {code})")]
    Refused {
        /// Where it is.
        node: String,
        /// What it was asked.
        method: &'static str,
        /// JSON-RPC's code.
        code: i64,
        /// What it says.
        message: String,
    },
    /// It answers something else than the method is for.
    #[error("the node at {node} answers {method} with something that it is not for: {why}")]
    Answer {
        /// Where it is.
        node: String,
        /// What it was asked.
        method: &'static str,
        /// What does not fit.
        why: String,
    },
    /// There is no such block there.
    #[error("the node has no block {0}; it may not have come that far, or keep no old ones")]
    NoBlock(String),
    /// The genesis block follows no block.
    #[error("block 0 has no witness: nothing comes before it; start at block 1")]
    Genesis,
    /// Only blocks from Cancun on are proved.
    #[error("block {0} is from before Cancun (its header has no parent beacon root): start at a later block")]
    BeforeCancun(u64),
    /// The node leaves out the system call of EIP-4788.
    #[error(
        "block {block} cannot be proved: the node does not apply EIP-4788's system call ({why}); use a node that \
         follows all Cancun rules"
    )]
    SystemCall {
        /// Which block shows it.
        block: u64,
        /// What is missing.
        why: &'static str,
    },
    /// A transaction that the prover does not know.
    #[error("block {block}, transaction {index}: type {kind} cannot be proved; types 0 to 3 can")]
    TransactionType {
        /// Its block.
        block: u64,
        /// Its place there.
        index: usize,
        /// Its EIP-2718 type.
        kind: u64,
    },
    /// What the node says about a block does not agree with the block's own header.
    #[error("block {block}: {what} from the node does not agree with the header; it may have been replaced meanwhile")]
    Disagrees {
        /// Which block.
        block: u64,
        /// What was compared.
        what: String,
    },
    /// A proof of an account does not lead to where it should.
    #[error("block {block}: the node's proof of {account:#x} is not whole: {why}")]
    Proof {
        /// At which block.
        block: u64,
        /// Whose.
        account: Address,
        /// What is wrong with it.
        why: String,
    },
    /// A node of a trie is needed that no proof can be asked for.
    #[error(
        "block {block}: a deletion in {account:#x} needs a node {depth} levels down in its trie, deeper than can be \
         asked for ({limit}); a node with eth_getWitness can give it"
    )]
    TooDeep {
        /// Which block.
        block: u64,
        /// Whose trie.
        account: Address,
        /// How far down.
        depth: usize,
        /// How far down it works.
        limit: usize,
    },
    /// Traces and tries do not lead to the header's state root.
    #[error(
        "block {block}: the node's traces lead to the state root {found:#x}, but the header says {expected:#x}; its \
         prestateTracer may be of an old version"
    )]
    StateRoot {
        /// Which block.
        block: u64,
        /// By traces.
        found: H256,
        /// By header.
        expected: H256,
    },
    /// A chain of proofs starts before what it proves.
    #[error("block {block} cannot have block {checkpoint} as its checkpoint: give one before it")]
    Checkpoint {
        /// Which block.
        block: u64,
        /// What was asked for.
        checkpoint: u64,
    },
    /// What is proved is not part of the chain any more. The place that is kept is that of the fork.
    #[error("{0}")]
    ProvedBlockGone(Box<Gone>),
    /// The file that keeps the place cannot be used.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

/// Proved blocks that are not part of the chain any more.
#[derive(Debug)]
pub struct Gone {
    /// Those that are known, in order; at least one.
    pub proved: Vec<BlockId>,
    /// What the chain has in the place of the first.
    pub found: H256,
    /// The last proved block that is still part of the chain, if one is known.
    pub kept: Option<u64>,
    /// The first block of all.
    pub start: u64,
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(BlockId { number, hash, .. }) = self.proved.first() {
            write!(f, "block {number} was proved as {hash:#x}, but the node's chain has {:#x} there: ", self.found)?;
        }
        let next = self.kept.map_or(self.start, |kept| kept + 1);
        write!(f, "the chain was reorganised below what is proved; started again, it goes on at block {next}")
    }
}

impl SourceError {
    /// Whether the same may work a little later: the node is away, or its chain was changing.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::NoBlock(_) | Self::Disagrees { .. })
    }
}
