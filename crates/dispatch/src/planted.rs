//! Faults that the simulation plants, to show that it would find them. Outside of this crate's own tests
//! there are none.

use crate::state::State;

/// A safeguard that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code, reason = "only tests plant faults"))]
pub(crate) enum Fault {
    /// A completion counts whatever its token.
    Fencing,
    /// Actions go out before their records are durable.
    Durable,
    /// What a lost worker held is not queued again.
    Requeue,
    /// A worker's memory is not looked at.
    Weights,
    /// What nobody wants any more is not stopped.
    Cancel,
    /// A task that is known is added again.
    Dedupe,
}

#[cfg(test)]
impl Fault {
    pub(crate) const ALL: [Self; 6] =
        [Self::Fencing, Self::Durable, Self::Requeue, Self::Weights, Self::Cancel, Self::Dedupe];
}

impl State {
    /// Whether this fault is planted.
    pub(crate) fn planted(&self, fault: Fault) -> bool {
        #[cfg(test)]
        return self.config().planted == Some(fault);
        #[cfg(not(test))]
        {
            let _ = fault;
            false
        }
    }
}
