//! The Miden proving service on the wire, as its 0.8 to 0.16 lines speak it, both ends; the bytes of witnesses and
//! proofs are opaque here.
//!
//! - [`proto`]: messages and services, from the files in `proto/`.
//! - [`kind`]: transaction, batch or block.
//! - [`server`]: what a worker and a proxy serve: both names of every service, health, reflection, gRPC-web with CORS.
//! - [`serve`]: the connections under it, with limits on what one may keep others from.
//! - [`client`]: the way to a worker, of either line.
//! - [`refusal`]: codes and texts that clients know.

pub mod client;
mod guard;
pub mod kind;
pub mod refusal;
pub mod serve;
pub mod server;

/// The generated messages and services.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
pub mod proto {
    /// The 0.10 to 0.16 lines, and the messages of all.
    pub mod remote_prover {
        tonic::include_proto!("remote_prover");
    }
    /// The 0.8 and 0.9 lines.
    pub mod proving_service {
        tonic::include_proto!("proving_service");
    }
    /// The status of the 0.8 and 0.9 lines.
    pub mod status {
        tonic::include_proto!("status");
    }
    /// Meze's own.
    pub mod meze {
        tonic::include_proto!("meze");
    }
    /// What reflection tells.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
}
