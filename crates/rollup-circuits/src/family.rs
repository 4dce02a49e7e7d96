//! The circuits of one setting: built or loaded when first needed, kept until told otherwise.

mod build;
mod prove;

use std::sync::{Arc, Mutex, PoisonError};

use plonky2::field::types::Field;
use proving::error::ProveError;
use rollup::transaction::layout;

use crate::check::Checker;
use crate::circuit::{Circuit, TooLarge};
use crate::client::PublicTarget;
use crate::client::account::AccountTargets;
use crate::client::join_split::JoinSplitTargets;
use crate::id::CircuitId;
use crate::inner::InnerTargets;
use crate::outer::OuterTargets;
use crate::plonk::F;
use crate::recursion::ChildProof;
use crate::root_verifier::RootTargets;
use crate::settings::Settings;
use crate::store::KeyStore;
use crate::verification_key::VerificationKey;
use crate::wrap::WrapTargets;

/// Hears what is worth a line to the operator: a key that had to be built anew, a disk that is full.
pub type Notice = Arc<dyn Fn(&str) + Send + Sync>;

/// Why a circuit or key is not there.
#[derive(Debug, thiserror::Error)]
pub enum FamilyError {
    /// `MAX_CIRCUIT_SIZE`.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The three client circuits do not have one shape.
    #[error("the client circuits do not share one shape")]
    ClientShapes,
    /// A proof that the family makes for itself could not be made.
    #[error("the padding proof could not be made: {0}")]
    Padding(String),
}

impl From<FamilyError> for ProveError {
    fn from(error: FamilyError) -> Self {
        match error {
            FamilyError::TooLarge(too_large) => Self::resources(too_large.to_string()),
            other => Self::worker(other.to_string()),
        }
    }
}

/// A circuit that can prove, or check in proverless mode.
#[derive(Debug)]
pub(crate) struct Ready<T> {
    pub(crate) circuit: Circuit<T>,
    /// Proverless only.
    pub(crate) checker: Option<Checker>,
}

/// A place for something that is made once.
type Place<T> = Mutex<Option<Arc<T>>>;

/// The circuits of one setting.
pub struct Family {
    settings: Settings,
    store: Option<KeyStore>,
    notice: Notice,
    join_split: Place<Ready<JoinSplitTargets>>,
    account: Place<Ready<AccountTargets>>,
    padding: Place<Ready<PublicTarget>>,
    wrap: Place<Ready<WrapTargets>>,
    inner: Place<Ready<InnerTargets>>,
    outer: Place<Ready<OuterTargets>>,
    root: Place<Ready<RootTargets>>,
    keys: [Place<VerificationKey>; CircuitId::ALL.len()],
    wrapped_padding: Place<ChildProof>,
}

impl std::fmt::Debug for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Family").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Family {
    /// Nothing is built yet.
    pub fn new(settings: Settings, notice: Notice) -> Self {
        Self {
            store: settings.store.as_deref().map(KeyStore::new),
            settings,
            notice,
            join_split: Place::default(),
            account: Place::default(),
            padding: Place::default(),
            wrap: Place::default(),
            inner: Place::default(),
            outer: Place::default(),
            root: Place::default(),
            keys: Default::default(),
            wrapped_padding: Place::default(),
        }
    }

    /// What the circuits are built for.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Builds or loads the circuit, so that its first proof does not wait for it.
    ///
    /// # Errors
    /// It is larger than `MAX_CIRCUIT_SIZE`.
    pub fn prepare(&self, circuit: CircuitId) -> Result<(), FamilyError> {
        match circuit {
            CircuitId::JoinSplit => self.join_split().map(drop),
            CircuitId::Account => self.account().map(drop),
            CircuitId::Padding => self.padding().map(drop),
            CircuitId::Wrap => self.wrap().map(drop),
            CircuitId::Inner => {
                self.wrapped_padding()?;
                self.inner().map(drop)
            }
            CircuitId::Outer => self.outer().map(drop),
            CircuitId::RootVerifier => self.root().map(drop),
        }
    }

    /// Gives back the memory of a circuit; its verification key stays.
    pub fn release(&self, circuit: CircuitId) {
        match circuit {
            CircuitId::JoinSplit => take(&self.join_split),
            CircuitId::Account => take(&self.account),
            CircuitId::Padding => take(&self.padding),
            CircuitId::Wrap => take(&self.wrap),
            CircuitId::Inner => take(&self.inner),
            CircuitId::Outer => take(&self.outer),
            CircuitId::RootVerifier => take(&self.root),
        }
    }

    /// Rows and degree bits of a circuit.
    ///
    /// # Errors
    /// As [`Family::prepare`].
    pub fn size(&self, circuit: CircuitId) -> Result<CircuitSize, FamilyError> {
        fn of<T>(ready: &Ready<T>) -> CircuitSize {
            let common = &ready.circuit.data.common;
            CircuitSize {
                rows: ready.circuit.rows,
                degree_bits: common.degree_bits(),
                proof_bytes: crate::codec::proof_bytes(common),
            }
        }
        Ok(match circuit {
            CircuitId::JoinSplit => of(&*self.join_split()?),
            CircuitId::Account => of(&*self.account()?),
            CircuitId::Padding => of(&*self.padding()?),
            CircuitId::Wrap => of(&*self.wrap()?),
            CircuitId::Inner => of(&*self.inner()?),
            CircuitId::Outer => of(&*self.outer()?),
            CircuitId::RootVerifier => of(&*self.root()?),
        })
    }

    /// The wrapped padding proof that stands in every empty slot.
    ///
    /// # Errors
    /// As [`Family::prepare`].
    pub fn wrapped_padding(&self) -> Result<Arc<ChildProof>, FamilyError> {
        made(&self.wrapped_padding, || self.make_padding())
    }

    /// The verification key of a circuit, loaded if it is stored, else built with its circuit.
    ///
    /// # Errors
    /// As [`Family::prepare`].
    pub fn verification_key(&self, circuit: CircuitId) -> Result<Arc<VerificationKey>, FamilyError> {
        made(&self.keys[circuit as usize], || self.make_key(circuit))
    }
}

/// How large a circuit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CircuitSize {
    /// Rows of the statement, before blinding and padding.
    pub rows: usize,
    /// Rows that are proved are 2 to this.
    pub degree_bits: usize,
    /// Bytes of a proof.
    pub proof_bytes: usize,
}

/// The limbs of an empty slot.
pub(crate) const EMPTY_SLOT: [F; layout::TOTAL] = [F::ZERO; layout::TOTAL];

/// What is in the place, made first where there is nothing. Others wait meanwhile.
fn made<T, E>(place: &Place<T>, make: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
    let mut guard = place.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(there) = &*guard {
        return Ok(there.clone());
    }
    let new = Arc::new(make()?);
    *guard = Some(new.clone());
    Ok(new)
}

fn take<T>(place: &Place<T>) {
    place.lock().unwrap_or_else(PoisonError::into_inner).take();
}
