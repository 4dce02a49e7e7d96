//! Whoever lives in the dispatcher's own process and has to know what happens, as it happens.

use dispatch::record::Record;
use dispatch::state::State;

/// Sees every record once it is durable. It is called in the loop, so it only notes things down.
pub trait Observer: Send {
    /// The dispatcher started, or started again, from what its store has: what was noted before may be wrong.
    fn started(&mut self, state: &State);

    /// Records became durable, in this order. The state has them all, and may be ahead of them.
    fn records(&mut self, state: &State, records: &[Record]);
}

impl Observer for () {
    fn started(&mut self, _: &State) {}

    fn records(&mut self, _: &State, _: &[Record]) {}
}
