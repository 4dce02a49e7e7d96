//! What a random player tries, and what it should change in the books.

use proving::context::ProveContext;
use rand::RngExt;
use rand_chacha::ChaCha20Rng;
use rollup::builder::Pending;
use rollup::field::Digest;
use rollup::keys::AliasHash;
use rollup::transaction::Address;
use rollup::wallet::{Draft, PaymentAddress, Wallet, WalletError};
use rollup::witness::{AccountWitness, JoinSplitWitness};
use rollup_circuits::ChildProof;
use rollup_circuits::family::Family;
use rollup_circuits::id::CircuitId;

use crate::chain::Chain;

/// Assets that players hold; no provider takes fees in the last one.
pub(crate) const ASSETS: [u32; 3] = [0, 7, (1 << 30) - 1];

const OUTSIDE: Address = Address([0, 0, 0, 0, 7]);

/// More names than players, so that names run out and clash, but not for ever.
const NAMES: [&str; 6] = ["anna", "ben", "carla", "dora", "emil", "frida"];

/// What the client circuits take.
#[derive(Debug, Clone)]
pub(crate) enum ClientWitness {
    JoinSplit(Box<JoinSplitWitness>),
    Account(Box<AccountWitness>),
}

impl ClientWitness {
    pub(crate) fn prove(&self, family: &Family, context: &ProveContext) -> (CircuitId, ChildProof) {
        match self {
            Self::JoinSplit(witness) => (CircuitId::JoinSplit, family.prove_join_split(witness, context).unwrap()),
            Self::Account(witness) => (CircuitId::Account, family.prove_account(witness, context).unwrap()),
        }
    }
}

/// A change of the books: whose, of which asset, by how much.
pub(crate) type Change = (usize, u32, i128);

/// A transaction under way.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) who: usize,
    pub(crate) what: &'static str,
    pub(crate) pending: Pending,
    pub(crate) witness: ClientWitness,
    pub(crate) changes: Vec<Change>,
}

impl Sent {
    pub(crate) fn id(&self) -> Digest {
        self.pending.public.nullifiers[0]
    }

    /// Whether both are the same transaction, sent twice.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.pending.public == other.pending.public
    }
}

/// Whom a player may pay, chosen before it drafts.
pub(crate) struct Payee {
    pub(crate) who: usize,
    pub(crate) address: PaymentAddress,
}

/// Lets `wallet` try something; what it cannot do it refuses, which is fine too.
pub(crate) fn attempt(
    wallet: &mut Wallet,
    who: usize,
    payee: &Payee,
    chain: &Chain,
    rng: &mut ChaCha20Rng,
) -> Result<Vec<Sent>, WalletError> {
    let asset = ASSETS[rng.random_range(0..ASSETS.len())];
    let fee = fee(rng);
    let own_key = wallet.fresh_spending_key(0);
    let choice = rng.random_range(0..100);
    let name = NAMES[rng.random_range(0..NAMES.len())];
    let split = |what, draft: Draft<JoinSplitWitness>, change: &[Change]| Sent {
        who,
        what,
        pending: Pending { public: draft.witness.public, payload: draft.payload },
        witness: ClientWitness::JoinSplit(Box::new(draft.witness)),
        changes: change.to_vec(),
    };
    let account = |what, draft: Draft<AccountWitness>| Sent {
        who,
        what,
        pending: Pending { public: draft.witness.public, payload: draft.payload },
        witness: ClientWitness::Account(Box::new(draft.witness)),
        changes: Vec::new(),
    };
    let paid = i128::from(fee);
    Ok(match choice {
        0..26 => {
            let amount = fee + amount(rng);
            let draft = wallet.draft(chain, rng).deposit(amount.min((1 << 62) - 1), asset, OUTSIDE, fee)?;
            let change = i128::from(draft.witness.public.public_amount) - paid;
            vec![split("deposit", draft, &[(who, asset, change)])]
        }
        26..54 => {
            let amount = some_of(wallet, asset, rng);
            let draft = wallet.draft(chain, rng).send(&payee.address, amount, asset, fee)?;
            let change = i128::from(amount);
            vec![split("send", draft, &[(who, asset, -change - paid), (payee.who, asset, change)])]
        }
        54..68 => {
            let amount = some_of(wallet, asset, rng);
            let draft = wallet.draft(chain, rng).withdraw(OUTSIDE, amount, asset, fee)?;
            vec![split("withdraw", draft, &[(who, asset, -i128::from(amount) - paid)])]
        }
        68..78 => vec![split("merge", wallet.draft(chain, rng).merge(asset, fee)?, &[(who, asset, -paid)])],
        78..86 => {
            let drafts = wallet.draft(chain, rng).move_notes(asset, fee)?;
            drafts.into_iter().map(|draft| split("move", draft, &[(who, asset, -paid)])).collect()
        }
        86..92 => vec![account("create", wallet.draft(chain, rng).create_account(AliasHash::of(name).unwrap())?)],
        92..96 => {
            let other = wallet.fresh_spending_key(3);
            let keys = if rng.random() { [Some(own_key), Some(other)] } else { [None, Some(own_key)] };
            vec![account("add", wallet.draft(chain, rng).add_keys(keys)?)]
        }
        _ => vec![account("migrate", wallet.draft(chain, rng).migrate()?)],
    })
}

/// Mostly small, sometimes as large as an amount may be.
fn amount(rng: &mut ChaCha20Rng) -> u64 {
    match rng.random_range(0..10) {
        0 => (1 << 62) - 1,
        1 => rng.random_range(1 << 60..1 << 61),
        _ => rng.random_range(1..200),
    }
}

/// Mostly none or small, sometimes as large as a fee may be.
fn fee(rng: &mut ChaCha20Rng) -> u64 {
    match rng.random_range(0..12) {
        0 => (1 << 48) - 1,
        1..6 => rng.random_range(1..4),
        _ => 0,
    }
}

/// Some part of what the wallet could spend, or all of it, or more.
fn some_of(wallet: &Wallet, asset: u32, rng: &mut ChaCha20Rng) -> u64 {
    let available = u64::try_from(wallet.balance(asset).available()).unwrap_or(u64::MAX).min((1 << 62) - 1);
    match rng.random_range(0..4) {
        0 => available.max(1),
        1 => rng.random_range(0..=available).max(1),
        _ => rng.random_range(1..100),
    }
}
