//! Why there is no proof, in codes and texts that clients of the service know. Those that say *not now* (`UNAVAILABLE`,
//! `RESOURCE_EXHAUSTED`, `CANCELLED`) are the ones that known clients try again.

use tonic::{Code, Status};

use crate::kind::ProofKind;

/// The worker has a request.
pub fn busy() -> Status {
    Status::resource_exhausted("Server is busy handling another request")
}

/// The proxy's queue has no place.
pub fn queue_full() -> Status {
    Status::resource_exhausted("Too many requests in the queue")
}

/// A client asks too often.
pub fn rate_limited(per_second: u32) -> Status {
    Status::resource_exhausted(format!("Rate limit exceeded: {per_second} requests per second"))
}

/// Too many bytes are on their way in at the same time.
pub fn too_much_at_once() -> Status {
    Status::resource_exhausted("too many large requests at the same time: try again")
}

/// Time is over, the client's or the service's.
pub fn timeout() -> Status {
    Status::cancelled("Timeout expired")
}

/// The request itself did not arrive in time.
pub fn slow() -> Status {
    Status::deadline_exceeded("the request took too long to arrive")
}

/// The prover is not ready.
pub fn not_ready(why: &str) -> Status {
    Status::unavailable(why)
}

/// A number that is no type of proof.
pub fn unknown_kind(number: i32) -> Status {
    Status::invalid_argument(format!("unknown proof_type value: {number}"))
}

/// A type of proof that is not made here.
pub fn unsupported(asked: ProofKind, made: ProofKind) -> Status {
    Status::invalid_argument(format!("unsupported proof type: {asked}; this is for proofs of type {made}"))
}

/// Whether a worker says that it does not make proofs of this type, in any line's words.
pub fn is_of_another_kind(status: &Status) -> bool {
    let says = |text: &str| status.message().starts_with(text);
    says("unsupported proof type") || says("unknown proof_type") || status.message().ends_with("prover is not enabled")
}

/// A code by its number and its text, as dispatch keeps why an attempt failed.
pub fn to_text(status: &Status) -> String {
    format!("{} {}", i32::from(status.code()), status.message())
}

/// Back from [`to_text`]; a text without a number is of `otherwise`.
pub fn from_text(text: &str, otherwise: Code) -> Status {
    let numbered = text.split_once(' ').and_then(|(code, message)| Some((code.parse::<i32>().ok()?, message)));
    match numbered {
        Some((code @ 1..=16, message)) => Status::new(Code::from(code), message),
        _ => Status::new(otherwise, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_back_from_its_text() {
        for status in [busy(), timeout(), Status::invalid_argument("12 is no"), Status::internal("")] {
            let back = from_text(&to_text(&status), Code::Unknown);
            assert_eq!((back.code(), back.message()), (status.code(), status.message()));
        }
        for text in ["panic: 7", "99 bottles", "", "0 is fine", "word"] {
            let status = from_text(text, Code::Unavailable);
            assert_eq!((status.code(), status.message()), (Code::Unavailable, text));
        }
    }
}
