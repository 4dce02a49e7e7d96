//! The provers and verifiers of the family behind the traits that all families share: each wrong input
//! is one clear refusal in its class, and a good proof of something else is refused.
//!
//! - `scene`: a rollup whose every proof can be made, proverless.
//! - `inputs`: wrong inputs and needs; `hostile`: witnesses with numbers that nobody has.
//! - `verifiers`: what a verifier accepts and what not. `running`: cancelling, progress, laziness.
#![allow(clippy::unwrap_used, reason = "a test")]

mod hostile;
mod inputs;
mod running;
mod scene;
mod verifiers;
