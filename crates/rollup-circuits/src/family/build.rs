//! Building and loading: every circuit after the keys that it verifies under.

use std::sync::Arc;

use plonky2::plonk::circuit_data::CircuitConfig;
use proving::context::ProveContext;

use super::{Family, FamilyError, Ready, made};
use crate::check::Checker;
use crate::circuit::{self, Circuit};
use crate::client::account::{self, AccountTargets};
use crate::client::join_split::{self, JoinSplitTargets};
use crate::client::{PublicTarget, make_uniform, padding};
use crate::gadgets::Cx;
use crate::id::CircuitId;
use crate::inner::{self, InnerTargets};
use crate::outer::{self, OuterTargets};
use crate::plonk::{Builder, VerifierData};
use crate::proof_file;
use crate::recursion::{ChildKey, ChildProof};
use crate::root_verifier::{self, RootTargets};
use crate::settings::Settings;
use crate::switches::Switches;
use crate::verification_key::{KeyMaterial, VerificationKey};
use crate::wrap::{self, WrapTargets};

type Built<T> = Result<Arc<Ready<T>>, FamilyError>;

impl Family {
    pub(crate) fn join_split(&self) -> Built<JoinSplitTargets> {
        made(&self.join_split, || self.client(CircuitId::JoinSplit, join_split::define))
    }

    pub(crate) fn account(&self) -> Built<AccountTargets> {
        made(&self.account, || self.client(CircuitId::Account, account::define))
    }

    pub(crate) fn padding(&self) -> Built<PublicTarget> {
        made(&self.padding, || self.client(CircuitId::Padding, padding::define))
    }

    pub(crate) fn wrap(&self) -> Built<WrapTargets> {
        made(&self.wrap, || {
            self.settings.check_size(CircuitId::Wrap)?;
            let clients = self.client_keys()?;
            self.ready(CircuitId::Wrap, |cx| wrap::define(cx, clients.as_ref()))
        })
    }

    pub(crate) fn inner(&self) -> Built<InnerTargets> {
        made(&self.inner, || {
            self.settings.check_size(CircuitId::Inner)?;
            let key = self.verification_key(CircuitId::Wrap)?;
            let slots = self.settings.shape.inner();
            self.ready(CircuitId::Inner, |cx| inner::define(cx, child_key(&key), slots))
        })
    }

    pub(crate) fn outer(&self) -> Built<OuterTargets> {
        made(&self.outer, || {
            self.settings.check_size(CircuitId::Outer)?;
            let key = self.verification_key(CircuitId::Inner)?;
            let shape = self.settings.shape;
            self.ready(CircuitId::Outer, |cx| outer::define(cx, child_key(&key), shape.inner(), shape.outer()))
        })
    }

    pub(crate) fn root(&self) -> Built<RootTargets> {
        made(&self.root, || {
            self.settings.check_size(CircuitId::RootVerifier)?;
            let key = self.verification_key(CircuitId::Outer)?;
            self.ready(CircuitId::RootVerifier, |cx| root_verifier::define(cx, child_key(&key)))
        })
    }

    /// The three client keys, which share one shape; `None` in proverless mode.
    pub(crate) fn client_keys(&self) -> Result<Option<[VerifierData; 3]>, FamilyError> {
        if self.settings.is_mock() {
            return Ok(None);
        }
        let mut keys = Vec::with_capacity(3);
        for client in CircuitId::CLIENTS {
            if let KeyMaterial::Real(key) = self.verification_key(client)?.material() {
                keys.push(key.as_ref().clone());
            }
        }
        let keys: [VerifierData; 3] = keys.try_into().map_err(|_| FamilyError::ClientShapes)?;
        let one_shape = keys.iter().all(|key| key.common == keys[0].common);
        if one_shape { Ok(Some(keys)) } else { Err(FamilyError::ClientShapes) }
    }

    /// A verification key from disk, or of the built circuit.
    pub(super) fn make_key(&self, circuit: CircuitId) -> Result<VerificationKey, FamilyError> {
        self.settings.check_size(circuit)?;
        if let Some(key) = self.stored_key(circuit) {
            return Ok(key);
        }
        let key = match circuit {
            CircuitId::JoinSplit => self.key_of(circuit, &*self.join_split()?),
            CircuitId::Account => self.key_of(circuit, &*self.account()?),
            CircuitId::Padding => self.key_of(circuit, &*self.padding()?),
            CircuitId::Wrap => self.key_of(circuit, &*self.wrap()?),
            CircuitId::Inner => self.key_of(circuit, &*self.inner()?),
            CircuitId::Outer => self.key_of(circuit, &*self.outer()?),
            CircuitId::RootVerifier => self.key_of(circuit, &*self.root()?),
        };
        if let Some(store) = &self.store {
            let path = store.path(&self.settings, circuit, "vk");
            if let Err(error) = store.write(&path, &key.to_bytes()) {
                (self.notice)(&format!("the {circuit} verification key is not stored: {error}"));
            }
        }
        Ok(key)
    }

    fn key_of<T>(&self, circuit: CircuitId, ready: &Ready<T>) -> VerificationKey {
        let material = if self.settings.is_mock() {
            KeyMaterial::Mock(self.settings.fingerprint(circuit))
        } else {
            KeyMaterial::Real(Box::new(ready.circuit.data.verifier_data()))
        };
        VerificationKey::new(circuit, self.settings.key_shape(circuit), material)
    }

    /// The verification key of a circuit if it is stored, of these settings and whole; nothing is built.
    pub fn stored_key(&self, circuit: CircuitId) -> Option<VerificationKey> {
        let store = self.store.as_ref()?;
        let path = store.path(&self.settings, circuit, "vk");
        let reason = match store.read_small(&path) {
            Ok(None) => return None,
            Ok(Some(bytes)) => match VerificationKey::from_bytes(&bytes) {
                Ok(key) if self.is_own(circuit, &key) => return Some(key),
                Ok(_) => "it is the key of another circuit, shape or mode".to_owned(),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        (self.notice)(&format!("{} is built again: {reason}", path.display()));
        None
    }

    fn is_own(&self, circuit: CircuitId, key: &VerificationKey) -> bool {
        let Settings { mode, .. } = self.settings;
        let made_for = match key.material() {
            KeyMaterial::Real(data) => data.common.config == self.config(circuit),
            KeyMaterial::Mock(name) => *name == self.settings.fingerprint(circuit),
        };
        made_for && (key.circuit(), key.mode(), key.shape()) == (circuit, mode, self.settings.key_shape(circuit))
    }

    /// A wrapped padding proof, from disk if it is stored and still verifies.
    pub(super) fn make_padding(&self) -> Result<ChildProof, FamilyError> {
        let key = self.verification_key(CircuitId::Wrap)?;
        let path = self.store.as_ref().map(|store| store.path(&self.settings, CircuitId::Padding, "proof"));
        if let (Some(store), Some(path)) = (&self.store, &path) {
            match store.read_small(path) {
                Ok(None) => {}
                Ok(Some(bytes)) => match proof_file::open(&bytes).and_then(|file| file.read(&key)) {
                    Ok(proof) if self.verify_as(&key, &proof).is_ok() && proof.public_inputs() == super::EMPTY_SLOT => {
                        return Ok(proof);
                    }
                    Ok(_) => (self.notice)(&format!("{} is made again: it does not verify", path.display())),
                    Err(error) => (self.notice)(&format!("{} is made again: {error}", path.display())),
                },
                Err(error) => (self.notice)(&format!("{} is made again: {error}", path.display())),
            }
        }
        let context = ProveContext::default();
        let wrapped = self
            .prove_padding(&context)
            .and_then(|proof| self.prove_wrap(CircuitId::Padding, proof, &context))
            .map_err(|error| FamilyError::Padding(error.to_string()))?;
        if let (Some(store), Some(path)) = (&self.store, &path)
            && let Err(error) = store.write(path, &proof_file::seal(&wrapped, &key))
        {
            (self.notice)(&format!("the padding proof is not stored: {error}"));
        }
        Ok(wrapped)
    }

    fn client<T>(&self, circuit: CircuitId, define: impl Fn(&mut Cx<'_>) -> T) -> Result<Ready<T>, FamilyError> {
        self.settings.check_size(circuit)?;
        self.ready(circuit, |cx| {
            let targets = define(cx);
            make_uniform(cx.b);
            targets
        })
    }

    /// Loads the circuit if it is stored, else builds and stores it.
    fn ready<T>(&self, circuit: CircuitId, define: impl Fn(&mut Cx<'_>) -> T) -> Result<Ready<T>, FamilyError> {
        let config = self.config(circuit);
        if self.settings.is_mock() {
            let circuit =
                circuit::build(circuit, config, &Switches::default(), self.settings.max_circuit_size, define)?;
            let checker = Checker::new(&circuit.data);
            return Ok(Ready { circuit, checker: Some(checker) });
        }
        if let Some(data) = self.stored(circuit) {
            let mut builder = Builder::new(config);
            let targets = define(&mut Cx { b: &mut builder, switches: &Switches::default() });
            let rows = builder.num_gates();
            return Ok(Ready { circuit: Circuit { data, targets, rows }, checker: None });
        }
        let built = circuit::build(circuit, config, &Switches::default(), self.settings.max_circuit_size, define)?;
        if let Some(store) = &self.store
            && let Err(error) = store.write_proving_key(&self.settings, circuit, &built.data)
        {
            (self.notice)(&format!("the {circuit} key is not stored: {error}"));
        }
        Ok(Ready { circuit: built, checker: None })
    }

    fn stored(&self, circuit: CircuitId) -> Option<crate::plonk::Data> {
        let store = self.store.as_ref()?;
        match store.read_proving_key(&self.settings, circuit) {
            Ok(Some(data)) => Some(data),
            Ok(None) => {
                let others = store.others(&self.settings, circuit, "pk");
                if others > 0 {
                    (self.notice)(&format!(
                        "the {circuit} key is built: {others} stored for other versions, shapes or modes"
                    ));
                }
                None
            }
            Err(error) => {
                let path = store.path(&self.settings, circuit, "pk");
                (self.notice)(&format!("{} is built again: {error}", path.display()));
                None
            }
        }
    }

    fn config(&self, circuit: CircuitId) -> CircuitConfig {
        let parameters = &self.settings.parameters;
        let real = !self.settings.is_mock();
        match circuit {
            CircuitId::JoinSplit | CircuitId::Account | CircuitId::Padding => parameters.client.config(real),
            CircuitId::Wrap => parameters.wrap.config(false),
            CircuitId::Inner => parameters.inner.config(false),
            CircuitId::Outer => parameters.outer.config(false),
            CircuitId::RootVerifier => parameters.root.config(false),
        }
    }
}

fn child_key(key: &VerificationKey) -> ChildKey<'_> {
    match key.material() {
        KeyMaterial::Real(data) => ChildKey::Real(data),
        KeyMaterial::Mock(_) => ChildKey::Mock { public_inputs: key.circuit().public_inputs() },
    }
}
