//! Confirmed blocks in order, across reorgs and restarts.

use crate::error::{Gone, SourceError};
use crate::place::{ChainName, Place, PlaceFile};
use crate::source::{BlockId, Source};
use ethereum_types::H256;
use std::path::PathBuf;
use std::sync::Arc;

/// Blocks that may be given out without being proved; then the follower waits.
const MOST_GIVEN: usize = 4096;

/// When a block counts as confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// When so many blocks came after it.
    Depth(u64),
    /// When the node calls it finalized.
    Finalized,
}

/// Which blocks are followed, and how.
#[derive(Clone, Debug)]
pub struct FollowSettings {
    /// The first block.
    pub start: u64,
    /// The last block; without one, the chain's end is followed.
    pub end: Option<u64>,
    /// When a block is given out.
    pub confirmation: Confirmation,
    /// The file that keeps the place; without one, every start is a new one.
    pub place: Option<PathBuf>,
}

/// What happens on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The next block is confirmed.
    Block(BlockId),
    /// The chain was reorganised: blocks from this number on, which were given out, are not part of it any more. Those
    /// that took their places come next.
    Dropped {
        /// The first block that is gone.
        from: u64,
    },
}

/// What one look at the chain shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Something happened.
    Event(Event),
    /// Nothing yet.
    Waiting(Waiting),
    /// The last block was given out.
    End,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The block that comes next.
    pub next: u64,
    /// The chain's last block, or the last one that is finalized; none where the node calls none so.
    pub last: Option<u64>,
}

/// Gives out confirmed blocks in order.
///
/// What is proved is told to it by [`Follower::proved`]; after a restart it goes on after that, so what was given out
/// without being proved is given out again.
#[derive(Debug)]
pub struct Follower {
    source: Arc<Source>,
    settings: FollowSettings,
    place: Place,
    file: Option<PlaceFile>,
    /// How many of the place's given blocks were given out by this follower.
    said: usize,
    /// The place is other than its file. It stays so while the caller heeds [`Event::Dropped`]: if that is cut short,
    /// it is said again after the restart.
    unsaved: bool,
}

impl Follower {
    /// Starts at the place that is kept, or else at the first block.
    ///
    /// # Errors
    /// [`SourceError::Place`] if the place is one of another chain or beginning, [`SourceError::Genesis`] for block 0,
    /// and those of calling the node.
    pub async fn open(source: Arc<Source>, settings: FollowSettings) -> Result<Self, SourceError> {
        if settings.start == 0 {
            return Err(SourceError::Genesis);
        }
        let chain = ChainName { id: source.chain_id().await?, genesis: source.genesis_hash().await? };
        let mut place = Place::new(chain, settings.start);
        let mut file = None;
        if let Some(path) = &settings.place {
            let (opened, kept) = PlaceFile::open(path)?;
            if let Some(kept) = kept {
                opened.check(&kept, &chain, settings.start)?;
                place = kept;
            }
            file = Some(opened);
        }
        Ok(Self { source, settings, place, file, said: 0, unsaved: false })
    }

    /// Looks once for the next event. May be dropped and called again at any time.
    ///
    /// # Errors
    /// [`SourceError::ProvedBlockGone`] if the chain was reorganised below what is proved, and those of calling the node.
    pub async fn look(&mut self) -> Result<Seen, SourceError> {
        let (last, event) = self.look_at_given().await?;
        if let Some(event) = event {
            return Ok(Seen::Event(event));
        }
        let waiting = Seen::Waiting(Waiting { next: self.place.next(), last });
        let Some(last) = last else { return Ok(waiting) };
        match self.step(last).await? {
            Some(block) => Ok(Seen::Event(Event::Block(block))),
            None if self.is_at_end() => Ok(Seen::End),
            None => Ok(waiting),
        }
    }

    /// Looks once whether what was given out is still part of the chain, for whoever has no use for another block yet.
    /// May be dropped and called again at any time.
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub async fn look_back(&mut self) -> Result<Option<Event>, SourceError> {
        self.look_at_given().await.map(|(_, event)| event)
    }

    /// Says that a block, and all before it, are proved. A block that is not of the chain any more is ignored, and
    /// `false` is returned.
    ///
    /// # Errors
    /// [`SourceError::Place`] if that cannot be written down.
    pub fn proved(&mut self, block: &BlockId) -> Result<bool, SourceError> {
        let Some(index) = self.place.given.iter().position(|given| given == block) else {
            return Ok(self.place.proved.is_some_and(|proved| proved == *block));
        };
        let proved = self.place.given.drain(..=index).collect::<Vec<_>>();
        self.place.prove(proved);
        self.said = self.said.saturating_sub(index + 1);
        self.save()?;
        Ok(true)
    }

    /// Takes back the block that was given out last, for whoever could not use it: it is given out again, unless the
    /// chain was reorganised meanwhile. Call it before anything else after that [`Event::Block`].
    pub fn again(&mut self) {
        self.said = self.said.saturating_sub(1);
    }

    /// The last block that was given out.
    pub fn last(&self) -> Option<BlockId> {
        self.place.last().copied()
    }

    /// The last block that is proved.
    pub fn last_proved(&self) -> Option<BlockId> {
        self.place.proved
    }

    fn is_at_end(&self) -> bool {
        self.said == self.place.given.len() && self.settings.end.is_some_and(|end| self.place.next() > end)
    }

    fn save(&mut self) -> Result<(), SourceError> {
        if let Some(file) = &self.file {
            file.write(&self.place)?;
        }
        self.unsaved = false;
        Ok(())
    }

    /// The last block, or the last finalized one, and what became of the blocks that were given out. Nothing is changed
    /// before the last answer is there.
    async fn look_at_given(&mut self) -> Result<(Option<u64>, Option<Event>), SourceError> {
        if self.unsaved {
            self.save()?;
        }
        let last = match self.settings.confirmation {
            Confirmation::Depth(_) => Some(self.source.last_number().await?),
            Confirmation::Finalized => self.source.finalized_number().await?,
        };
        let event = match last {
            Some(last) => self.heed_reorg(last).await?,
            None => None,
        };
        Ok((last, event))
    }

    /// The next block, if there is one to give out.
    async fn step(&mut self, last: u64) -> Result<Option<BlockId>, SourceError> {
        if let Some(again) = self.place.given.get(self.said) {
            self.said += 1;
            return Ok(Some(*again));
        }
        let confirmed = match self.settings.confirmation {
            Confirmation::Depth(depth) => last.checked_sub(depth),
            Confirmation::Finalized => Some(last),
        };
        let next = self.place.next();
        let wanted = confirmed.is_some_and(|confirmed| next <= confirmed)
            && self.settings.end.is_none_or(|end| next <= end)
            && self.place.given.len() < MOST_GIVEN;
        if !wanted {
            return Ok(None);
        }
        let Some(block) = self.source.block(next).await? else { return Ok(None) };
        if self.place.last().is_some_and(|before| before.hash != block.parent_hash) {
            // The chain changed between two answers; the next look sees how.
            return Ok(None);
        }
        self.place.given.push(block);
        self.said = self.place.given.len();
        self.save()?;
        Ok(Some(block))
    }

    /// Checks that the last block given out is still part of the chain, and else goes back to the fork. A node that has
    /// not come that far is only behind.
    async fn heed_reorg(&mut self, last: u64) -> Result<Option<Event>, SourceError> {
        let mut keep = self.place.given.len();
        while let Some(given) = keep.checked_sub(1).map(|index| self.place.given[index]) {
            if given.number <= last {
                match self.source.block(given.number).await? {
                    Some(block) if block.hash == given.hash => break,
                    Some(_) => keep -= 1,
                    // It was shorter all of a sudden: the next look knows more.
                    None => return Ok(None),
                }
            } else {
                keep -= 1;
            }
        }
        if keep == 0 {
            self.check_proved(last).await?;
        }
        // Blocks above the chain's end are gone only if one below them is.
        let gone = self.place.given.get(keep).filter(|given| given.number <= last);
        let Some(gone) = gone else { return Ok(None) };
        let from = gone.number;
        self.place.given.truncate(keep);
        self.said = self.said.min(keep);
        self.unsaved = true;
        Ok(Some(Event::Dropped { from }))
    }

    /// Checks that what is proved is still part of the chain, and else has whoever starts again go on at the fork.
    async fn check_proved(&mut self, last: u64) -> Result<(), SourceError> {
        let (mut keep, mut gone) = (self.place.proved(), Vec::new());
        let mut found = H256::zero();
        while let Some(proved) = keep.pop_if(|proved| proved.number <= last) {
            match self.source.block(proved.number).await? {
                Some(block) if block.hash == proved.hash => {
                    keep.push(proved);
                    break;
                }
                Some(block) => found = block.hash,
                None => return Ok(()),
            }
            gone.push(proved);
        }
        if gone.is_empty() {
            return Ok(());
        }
        gone.reverse();
        let kept = keep.last().map(|kept| kept.number);
        self.place.go_back_to(keep);
        self.said = 0;
        self.save()?;
        Err(SourceError::ProvedBlockGone(Box::new(Gone { proved: gone, found, kept, start: self.settings.start })))
    }
}
