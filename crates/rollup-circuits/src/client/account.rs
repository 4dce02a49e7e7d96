//! Account transactions: create, add spending keys, migrate.

use plonky2::field::types::Field;
use plonky2::iop::target::BoolTarget;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use rollup::field::Digest;
use rollup::hash::Tag;
use rollup::state::DATA_DEPTH;
use rollup::transaction::{TxType, layout};
use rollup::witness::{AccountMode, AccountWitness, MerklePath};

use crate::client::PublicTarget;
use crate::gadgets::Cx;
use crate::gadgets::merkle::PathTarget;
use crate::plonk::{DigestTarget, F};
use crate::switches::Constraint as Is;

/// Every wire that is set from outside.
#[derive(Debug, Clone)]
pub(crate) struct AccountTargets {
    public: PublicTarget,
    /// Create, add, migrate.
    modes: [BoolTarget; 3],
    alias: DigestTarget,
    new_key: DigestTarget,
    new_secret: DigestTarget,
    present: [BoolTarget; 2],
    new_spending: [DigestTarget; 2],
    old_key: DigestTarget,
    spending_secret: DigestTarget,
    note_alias: DigestTarget,
    note_account: DigestTarget,
    note_spending: DigestTarget,
    note_path: PathTarget,
    randomness: [DigestTarget; 2],
}

/// Defines the circuit.
pub(crate) fn define(cx: &mut Cx<'_>) -> AccountTargets {
    let public = PublicTarget::register(cx);
    let modes: [BoolTarget; 3] = std::array::from_fn(|_| cx.flag(Is::A0ModeBoolean));
    let [create, add, migrate] = modes.map(|flag| flag.target);
    let one = cx.b.one();
    let total = cx.b.add_many([create, add, migrate]);
    cx.equal(Is::A0ModeOneHot, total, one);
    let account = cx.constant(TxType::Account as u64);
    cx.equal(Is::A0Type, public.at(layout::TX_TYPE), account);

    let alias = cx.digest();
    let new_key = cx.digest();
    let new_secret = cx.digest();
    let computed = cx.hash(Tag::AccountKey, &new_secret);
    cx.equal_if(Is::A2Create, create, &new_key, &computed);
    cx.equal_if(Is::A2Migrate, migrate, &new_key, &computed);

    let present: [BoolTarget; 2] = std::array::from_fn(|_| cx.flag(Is::A1PresentBoolean));
    let new_spending: [DigestTarget; 2] = std::array::from_fn(|_| cx.digest());
    for position in 0..2 {
        let note = cx.hash(Tag::AccountNote, &[alias, new_key, new_spending[position]].concat());
        let expected = note.map(|limb| cx.b.mul(present[position].target, limb));
        cx.equal_digest(Is::A1Commitment, public.commitment(position), expected);
    }

    // The account note that add and migrate open.
    let old_key = cx.digest();
    let spending_secret = cx.digest();
    let note_alias = cx.digest();
    let note_account = cx.digest();
    let note_spending = cx.digest();
    let opens = cx.b.add(add, migrate);
    let computed = cx.hash(Tag::SpendingKey, &spending_secret);
    cx.equal_if(Is::A3SpendingKey, opens, &note_spending, &computed);
    cx.equal_if(Is::A3Alias, opens, &note_alias, &alias);
    cx.equal_if(Is::A3OldKey, opens, &note_account, &old_key);
    let note = cx.hash(Tag::AccountNote, &[note_alias, note_account, note_spending].concat());
    let note_path = cx.path(DATA_DEPTH);
    let root = cx.root(note, &note_path);
    cx.equal_if(Is::A3Membership, opens, &root, &public.digest(layout::DATA_ROOT));
    cx.equal_if(Is::A5KeyUnchanged, add, &new_key, &old_key);

    let [first, second] = [public.nullifier(0), public.nullifier(1)];
    let claimed = cx.hash(Tag::Alias, &alias);
    cx.equal_if(Is::A4CreateAlias, create, &first, &claimed);
    let registered = cx.hash(Tag::RegisteredKey, &new_key);
    cx.equal_if(Is::A4CreateKey, create, &second, &registered);
    let migrated = cx.hash(Tag::Migrated, &[alias, old_key].concat());
    cx.equal_if(Is::A4MigrateAlias, migrate, &first, &migrated);
    cx.equal_if(Is::A4MigrateKey, migrate, &second, &registered);
    let randomness: [DigestTarget; 2] = std::array::from_fn(|_| cx.digest());
    for (nullifier, randomness) in [first, second].iter().zip(&randomness) {
        let dummy = cx.hash(Tag::Dummy, randomness);
        cx.equal_if(Is::A4AddDummies, add, nullifier, &dummy);
    }

    for limb in layout::PUBLIC_AMOUNT..=layout::PUBLIC_ASSET {
        cx.zero(Is::A6Public, public.at(limb));
    }
    for limb in public.digest(layout::PAYLOAD_DIGEST) {
        cx.zero(Is::A6Payload, limb);
    }
    for limb in [layout::FEE, layout::FEE_ASSET] {
        cx.zero(Is::A6Fee, public.at(limb));
    }
    for &limb in public.reserved() {
        cx.zero(Is::A6Reserved, limb);
    }
    AccountTargets {
        public,
        modes,
        alias,
        new_key,
        new_secret,
        present,
        new_spending,
        old_key,
        spending_secret,
        note_alias,
        note_account,
        note_spending,
        note_path,
        randomness,
    }
}

/// Every value that is set from outside; the tests forge these.
#[derive(Debug, Clone)]
pub(crate) struct AccountValues {
    pub(crate) public: Vec<F>,
    pub(crate) modes: [F; 3],
    pub(crate) alias: Digest,
    pub(crate) new_key: Digest,
    pub(crate) new_secret: Digest,
    pub(crate) present: [F; 2],
    pub(crate) new_spending: [Digest; 2],
    pub(crate) old_key: Digest,
    pub(crate) spending_secret: Digest,
    pub(crate) note_alias: Digest,
    pub(crate) note_account: Digest,
    pub(crate) note_spending: Digest,
    pub(crate) note_path: MerklePath,
    pub(crate) randomness: [Digest; 2],
}

impl AccountValues {
    /// The honest values of a witness.
    pub(crate) fn of(witness: &AccountWitness) -> Self {
        let mut values = Self {
            public: witness.public.limbs().to_vec(),
            modes: [F::ZERO; 3],
            alias: witness.alias.0,
            new_key: Digest::ZERO,
            new_secret: Digest::ZERO,
            present: witness.spending_keys.map(|key| F::from_bool(key.is_some())),
            new_spending: witness.spending_keys.map(|key| key.map_or(Digest::ZERO, |key| key.0)),
            old_key: Digest::ZERO,
            spending_secret: Digest::ZERO,
            note_alias: witness.alias.0,
            note_account: Digest::ZERO,
            note_spending: Digest::ZERO,
            note_path: MerklePath { index: 0, siblings: vec![] },
            randomness: [Digest::ZERO; 2],
        };
        let mode = match &witness.mode {
            AccountMode::Create { account_secret } => {
                values.new_secret = *account_secret.reveal();
                values.new_key = account_secret.account_key().0;
                0
            }
            AccountMode::Add { authority, account, randomness } => {
                values.open(authority, account.0);
                values.new_key = account.0;
                values.randomness = *randomness;
                1
            }
            AccountMode::Migrate { authority, old_account, new_account_secret } => {
                values.open(authority, old_account.0);
                values.new_secret = *new_account_secret.reveal();
                values.new_key = new_account_secret.account_key().0;
                2
            }
        };
        values.modes[mode] = F::ONE;
        values
    }

    fn open(&mut self, authority: &rollup::witness::SpendingAuthority, old_key: Digest) {
        self.old_key = old_key;
        self.note_account = old_key;
        self.note_alias = authority.alias.0;
        self.spending_secret = *authority.spending_secret.reveal();
        self.note_spending = authority.spending_secret.spending_key().0;
        self.note_path = authority.path.clone();
    }
}

impl AccountTargets {
    /// Sets every wire from outside.
    pub(crate) fn assign(&self, pw: &mut PartialWitness<F>, values: &AccountValues) -> anyhow::Result<()> {
        self.public.assign(pw, &values.public)?;
        pw.set_target_arr(&self.modes.map(|flag| flag.target), &values.modes)?;
        pw.set_target_arr(&self.present.map(|flag| flag.target), &values.present)?;
        let digests = [
            (self.alias, values.alias),
            (self.new_key, values.new_key),
            (self.new_secret, values.new_secret),
            (self.new_spending[0], values.new_spending[0]),
            (self.new_spending[1], values.new_spending[1]),
            (self.old_key, values.old_key),
            (self.spending_secret, values.spending_secret),
            (self.note_alias, values.note_alias),
            (self.note_account, values.note_account),
            (self.note_spending, values.note_spending),
            (self.randomness[0], values.randomness[0]),
            (self.randomness[1], values.randomness[1]),
        ];
        for (targets, value) in digests {
            pw.set_target_arr(&targets, &value.0)?;
        }
        self.note_path.assign(pw, &values.note_path)
    }
}
