//! What is written down: every change of the durable state is one record, and records in their order are
//! the durable state.

use proving::id::{Owner, TaskId};
use proving::lease::{Token, Usage};
use proving::payload::Payload;
use serde::{Deserialize, Serialize};

use crate::model::{Durable, Failure, JobId, JobState, TaskSpec};
use crate::time::Time;

/// Goes before every batch and snapshot; it changes when an older build could not read them.
const VERSION: u8 = 2;

/// One change. New ones are added at the end: the place in this list is what is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "the large ones are the frequent ones")]
pub enum Record {
    /// Somebody asks.
    JobOpened {
        /// Its number.
        job: JobId,
        /// The asker's name of it.
        name: String,
        /// The asker.
        owner: Owner,
        /// 0 to 9.
        priority: u8,
        /// When it is of no use any more.
        deadline: Option<Time>,
        /// When.
        at: Time,
    },
    /// A task that was not known.
    TaskAdded {
        /// The job that asks.
        job: JobId,
        /// Its id, from the job's owner and what is asked for.
        task: TaskId,
        /// What it asks for.
        spec: TaskSpec,
    },
    /// A task that was known.
    TaskJoined {
        /// The job that asks.
        job: JobId,
        /// What it asks for.
        task: TaskId,
    },
    /// No more tasks are coming.
    JobSealed {
        /// Which.
        job: JobId,
        /// The task that it is for.
        root: TaskId,
    },
    /// A worker or a pool has a task.
    Leased {
        /// Which.
        task: TaskId,
        /// The fencing token.
        token: Token,
        /// Who.
        worker: String,
        /// When.
        at: Time,
    },
    /// An attempt ended without a proof; the task is queued again.
    Ended {
        /// Which.
        task: TaskId,
        /// Why.
        failure: Failure,
        /// How much memory the next worker must have.
        memory_bytes: u64,
    },
    /// An attempt ended with a proof that counts.
    Accepted {
        /// Which.
        task: TaskId,
        /// Under which lease.
        token: Token,
        /// The proof.
        output: Payload,
        /// What it took.
        usage: Usage,
        /// Who made it.
        worker: String,
        /// When.
        at: Time,
    },
    /// A task became a dead letter.
    Died {
        /// Which.
        task: TaskId,
    },
    /// A dead letter is tried again.
    Revived {
        /// Which.
        task: TaskId,
    },
    /// The output is gone: the next generation has to be made.
    OutputLost {
        /// Which.
        task: TaskId,
    },
    /// A job is over.
    JobEnded {
        /// Which.
        job: JobId,
        /// How.
        state: JobState,
        /// When.
        at: Time,
    },
    /// A job that was over runs again; without a deadline, if that was over, too.
    JobReopened {
        /// Which.
        job: JobId,
    },
    /// A finished job is not kept any longer.
    JobForgotten {
        /// Which.
        job: JobId,
    },
}

/// Why kept bytes cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Another build wrote them.
    #[error("the records have version {found}, and this version of meze reads {VERSION}")]
    Version {
        /// The version.
        found: u8,
    },
    /// They end early or make no sense.
    #[error("the records are damaged: {0}")]
    Damaged(#[from] postcard::Error),
}

/// The bytes of a batch of records.
pub fn encode_batch(records: &[Record]) -> Vec<u8> {
    encode(records)
}

/// The records of a batch.
///
/// # Errors
/// The bytes are no batch of this version.
pub fn decode_batch(bytes: &[u8]) -> Result<Vec<Record>, RecordError> {
    decode(bytes)
}

/// The bytes of a snapshot.
pub fn encode_snapshot(durable: &Durable) -> Vec<u8> {
    encode(durable)
}

/// The state of a snapshot.
///
/// # Errors
/// The bytes are no snapshot of this version.
pub fn decode_snapshot(bytes: &[u8]) -> Result<Durable, RecordError> {
    decode(bytes)
}

fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    postcard::to_extend(value, vec![VERSION]).expect("plain data in memory is always serialisable")
}

fn decode<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, RecordError> {
    match bytes.split_first() {
        Some((&VERSION, body)) => Ok(postcard::from_bytes(body)?),
        Some((&found, _)) => Err(RecordError::Version { found }),
        None => Err(RecordError::Damaged(postcard::Error::DeserializeUnexpectedEnd)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn batches_read_back_and_other_versions_are_named() {
        let records = vec![Record::JobForgotten { job: JobId(7) }];
        let mut bytes = encode_batch(&records);
        assert_eq!(decode_batch(&bytes).unwrap(), records);
        bytes[0] = 9;
        assert!(matches!(decode_batch(&bytes), Err(RecordError::Version { found: 9 })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_records_or_one_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode_batch(&bytes);
            let _ = decode_snapshot(&bytes);
        }
    }
}
