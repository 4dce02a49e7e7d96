//! The way of blocks from where they come from to whoever asks for their proofs: they go one at a time, but that the
//! chain went another way is heard at once, whatever is being asked for.

use std::sync::Arc;

use block_witness::DecodedBlock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// What comes out of a source of blocks.
#[derive(Debug)]
pub enum News {
    /// The next block, checked and decoded.
    Block(Box<DecodedBlock>, Turn),
    /// The chain went another way: blocks from this number on are none of it any more.
    Reorganised(u64),
}

/// The right to give one block. Whoever asks for the block keeps it until all of it is asked for.
#[derive(Debug)]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
}

/// The end where blocks are given.
#[derive(Debug)]
pub struct Lane {
    turns: Arc<Semaphore>,
    tell: mpsc::UnboundedSender<News>,
}

/// A lane, and the end where blocks are taken.
pub fn lane() -> (Lane, mpsc::UnboundedReceiver<News>) {
    let (tell, news) = mpsc::unbounded_channel();
    (Lane { turns: Arc::new(Semaphore::new(1)), tell }, news)
}

impl Lane {
    /// Waits until the block before was asked for; `None` where nobody takes any more. Dropped, it has taken no turn.
    pub async fn turn(&self) -> Option<Turn> {
        tokio::select! {
            permit = self.turns.clone().acquire_owned() => permit.ok().map(|permit| Turn { _permit: permit }),
            () = self.tell.closed() => None,
        }
    }

    /// Gives a block.
    pub fn block(&self, block: Box<DecodedBlock>, turn: Turn) {
        // Whoever takes no more is noticed at the next turn.
        let _ = self.tell.send(News::Block(block, turn));
    }

    /// Says that blocks from this number on, of those given, are of no use.
    pub fn reorganised(&self, from: u64) {
        let _ = self.tell.send(News::Reorganised(from));
    }
}
