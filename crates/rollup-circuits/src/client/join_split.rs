//! Deposit, send, withdraw: two notes in, two notes out.

use plonky2::field::types::Field;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use rollup::field::Digest;
use rollup::hash::Tag;
use rollup::keys::AccountKey;
use rollup::note::{AMOUNT_BITS, ASSET_BITS, FEE_BITS, ValueNote};
use rollup::state::DATA_DEPTH;
use rollup::transaction::{TxType, layout};
use rollup::witness::{Input, JoinSplitWitness, MerklePath};

use crate::client::PublicTarget;
use crate::gadgets::Cx;
use crate::gadgets::merkle::PathTarget;
use crate::plonk::{DigestTarget, F};
use crate::switches::Constraint as Is;

/// The flags of the three types, in this order.
const TYPES: [TxType; 3] = [TxType::Deposit, TxType::Withdraw, TxType::Send];

/// A value note's opening.
#[derive(Debug, Clone)]
struct NoteTarget {
    owner: DigestTarget,
    registered: Target,
    blinding: DigestTarget,
    amount: Target,
    asset: Target,
    rho: DigestTarget,
    commitment: DigestTarget,
}

/// A used or unused input.
#[derive(Debug, Clone)]
struct InputTarget {
    used: BoolTarget,
    note: NoteTarget,
    path: PathTarget,
    randomness: DigestTarget,
}

/// Every wire that is set from outside.
#[derive(Debug, Clone)]
pub(crate) struct JoinSplitTargets {
    public: PublicTarget,
    account_secret: DigestTarget,
    account_key: DigestTarget,
    nullifier_key: DigestTarget,
    asset: Target,
    types: [BoolTarget; 3],
    amount_inverse: Target,
    owner_inverse: Target,
    pays: BoolTarget,
    registered: BoolTarget,
    inputs: [InputTarget; 2],
    /// Proves that two nullifiers differ: `Σ (n1 − n2)_k · weights_k = 1`.
    distinct: DigestTarget,
    outputs: [NoteTarget; 2],
    spending_secret: DigestTarget,
    spending_key: DigestTarget,
    alias: DigestTarget,
    note_account: DigestTarget,
    note_path: PathTarget,
}

/// Defines the circuit.
pub(crate) fn define(cx: &mut Cx<'_>) -> JoinSplitTargets {
    let public = PublicTarget::register(cx);
    let account_secret = cx.digest();
    let account_key = cx.digest();
    let nullifier_key = cx.digest();
    let computed = cx.hash(Tag::AccountKey, &account_secret);
    cx.equal_digest(Is::J1AccountKey, account_key, computed);
    let computed = cx.hash(Tag::NullifierKey, &account_secret);
    cx.equal_digest(Is::J1NullifierKey, nullifier_key, computed);

    let asset = cx.b.add_virtual_target();
    cx.range(Is::J4AssetRange, asset, ASSET_BITS);
    let types: [BoolTarget; 3] = std::array::from_fn(|_| cx.flag(Is::J5TypeBoolean));
    let [deposit, withdraw, send] = types.map(|flag| flag.target);
    let registered = cx.flag(Is::J6RegisteredBoolean);

    let inputs: [InputTarget; 2] =
        std::array::from_fn(|position| input(cx, &public, position, account_key, nullifier_key, asset, registered));
    let distinct = distinct(cx, &public, &inputs);
    let outputs: [NoteTarget; 2] = std::array::from_fn(|position| output(cx, &public, position, asset));

    let (amount_inverse, owner_inverse) = chain_side(cx, &public, asset, types);
    let pays = fee(cx, &public, asset);

    let amount = public.at(layout::PUBLIC_AMOUNT);
    let paid_in = cx.b.mul(deposit, amount);
    let paid_out = cx.b.mul(withdraw, amount);
    let left = cx.b.add_many([inputs[0].note.amount, inputs[1].note.amount, paid_in]);
    let right = cx.b.add_many([outputs[0].amount, outputs[1].amount, paid_out, public.at(layout::FEE)]);
    cx.equal(Is::J4Balance, left, right);

    let one = cx.b.one();
    let total = cx.b.add_many([deposit, withdraw, send]);
    cx.equal(Is::J5TypeOneHot, total, one);
    let mut tx_type = cx.b.zero();
    for (flag, value) in types.iter().zip(TYPES) {
        tx_type = cx.b.mul_const_add(F::from_canonical_u8(value as u8), flag.target, tx_type);
    }
    cx.equal(Is::J5Type, public.at(layout::TX_TYPE), tx_type);
    for &limb in public.reserved() {
        cx.zero(Is::J7Reserved, limb);
    }

    // The account note that registered inputs need.
    let spending_secret = cx.digest();
    let spending_key = cx.digest();
    let alias = cx.digest();
    let note_account = cx.digest();
    let computed = cx.hash(Tag::SpendingKey, &spending_secret);
    cx.equal_if(Is::J6SpendingKey, registered.target, &spending_key, &computed);
    cx.equal_if(Is::J6AccountKey, registered.target, &note_account, &account_key);
    let note = cx.hash(Tag::AccountNote, &[alias, note_account, spending_key].concat());
    let note_path = cx.path(DATA_DEPTH);
    let root = cx.root(note, &note_path);
    cx.equal_if(Is::J6Membership, registered.target, &root, &public.digest(layout::DATA_ROOT));

    JoinSplitTargets {
        public,
        account_secret,
        account_key,
        nullifier_key,
        asset,
        types,
        amount_inverse,
        owner_inverse,
        pays,
        registered,
        inputs,
        distinct,
        outputs,
        spending_secret,
        spending_key,
        alias,
        note_account,
        note_path,
    }
}

/// The opening of a value note and its commitment, which `c` ties to it.
fn note(cx: &mut Cx<'_>, c: Is) -> NoteTarget {
    let owner = cx.digest();
    let registered = cx.b.add_virtual_target();
    let blinding = cx.digest();
    let [amount, asset] = cx.b.add_virtual_target_arr();
    let rho = cx.digest();
    let commitment = cx.digest();
    let partial = cx.hash(Tag::Partial, &[&owner[..], &[registered], &blinding].concat());
    let computed = cx.hash(Tag::Value, &[&partial[..], &[amount, asset], &rho].concat());
    cx.equal_digest(c, commitment, computed);
    NoteTarget { owner, registered, blinding, amount, asset, rho, commitment }
}

fn input(
    cx: &mut Cx<'_>,
    public: &PublicTarget,
    position: usize,
    account_key: DigestTarget,
    nullifier_key: DigestTarget,
    asset: Target,
    registered: BoolTarget,
) -> InputTarget {
    let used = cx.flag(Is::J1UsedBoolean);
    let unused = cx.not(used.target);
    let note = note(cx, Is::J1Commitment);
    cx.equal_digest(Is::J1InputOwner, note.owner, account_key);
    cx.equal(Is::J6InputRegistered, note.registered, registered.target);
    cx.equal(Is::J3InputAsset, note.asset, asset);
    cx.range(Is::J4InputRange, note.amount, AMOUNT_BITS);
    cx.zero_if(Is::J2UnusedAmount, unused, note.amount);

    let path = cx.path(DATA_DEPTH);
    let root = cx.root(note.commitment, &path);
    cx.equal_if(Is::J1Membership, used.target, &root, &public.digest(layout::DATA_ROOT));

    let randomness = cx.digest();
    let real = cx.hash(Tag::Nullifier, &[note.commitment, nullifier_key].concat());
    let dummy = cx.hash(Tag::Dummy, &randomness);
    let nullifier = public.nullifier(position);
    cx.equal_if(Is::J1Nullifier, used.target, &nullifier, &real);
    cx.equal_if(Is::J2Dummy, unused, &nullifier, &dummy);
    InputTarget { used, note, path, randomness }
}

/// Both used → the nullifiers differ.
fn distinct(cx: &mut Cx<'_>, public: &PublicTarget, inputs: &[InputTarget; 2]) -> DigestTarget {
    let weights = cx.digest();
    let mut sum = cx.b.zero();
    for ((&x, y), weight) in public.nullifier(0).iter().zip(public.nullifier(1)).zip(weights) {
        let difference = cx.b.sub(x, y);
        sum = cx.b.mul_add(difference, weight, sum);
    }
    let both = cx.b.mul(inputs[0].used.target, inputs[1].used.target);
    let rest = cx.not(sum);
    cx.zero_if(Is::J2Distinct, both, rest);
    weights
}

fn output(cx: &mut Cx<'_>, public: &PublicTarget, position: usize, asset: Target) -> NoteTarget {
    let note = note(cx, Is::J7Commitment);
    cx.b.connect_array(note.commitment, public.commitment(position));
    cx.equal_digest(Is::J7Rho, note.rho, public.nullifier(position));
    cx.equal(Is::J3OutputAsset, note.asset, asset);
    if cx.on(Is::J7RegisteredBoolean) {
        cx.b.assert_bool(BoolTarget::new_unsafe(note.registered));
    }
    cx.range(Is::J4OutputRange, note.amount, AMOUNT_BITS);
    note
}

/// Public amount, owner and asset; gives the inverses that prove amount and owner not 0.
fn chain_side(cx: &mut Cx<'_>, public: &PublicTarget, asset: Target, types: [BoolTarget; 3]) -> (Target, Target) {
    let [deposit, withdraw, send] = types.map(|flag| flag.target);
    let on_chain = cx.b.add(deposit, withdraw);
    let amount = public.at(layout::PUBLIC_AMOUNT);
    cx.range(Is::J4PublicRange, amount, AMOUNT_BITS);
    let amount_inverse = cx.b.add_virtual_target();
    let product = cx.b.mul(amount, amount_inverse);
    let rest = cx.not(product);
    cx.zero_if(Is::J5AmountNonZero, on_chain, rest);
    cx.zero_if(Is::J5AmountZero, send, amount);

    for &word in public.owner() {
        cx.range(Is::J5OwnerRange, word, 32);
        cx.zero_if(Is::J5OwnerZero, send, word);
    }
    // Words below 2^32 are all 0 exactly when their sum is.
    let words = cx.b.add_many(public.owner());
    let owner_inverse = cx.b.add_virtual_target();
    let product = cx.b.mul(words, owner_inverse);
    let rest = cx.not(product);
    cx.zero_if(Is::J5OwnerNonZero, on_chain, rest);

    let expected = cx.b.mul(on_chain, asset);
    cx.equal(Is::J3PublicAsset, public.at(layout::PUBLIC_ASSET), expected);
    (amount_inverse, owner_inverse)
}

/// The fee and its asset; gives the flag that a fee asset is named.
fn fee(cx: &mut Cx<'_>, public: &PublicTarget, asset: Target) -> BoolTarget {
    let pays = cx.flag(Is::J3PaysBoolean);
    let fee = public.at(layout::FEE);
    cx.range(Is::J4FeeRange, fee, FEE_BITS);
    let expected = cx.b.mul(pays.target, asset);
    cx.equal(Is::J3FeeAsset, public.at(layout::FEE_ASSET), expected);
    let free = cx.not(pays.target);
    cx.zero_if(Is::J3FeeZero, free, fee);
    pays
}

/// The opening of a note, in values.
#[derive(Debug, Clone)]
pub(crate) struct NoteValues {
    pub(crate) owner: Digest,
    pub(crate) registered: F,
    pub(crate) blinding: Digest,
    pub(crate) amount: F,
    pub(crate) asset: F,
    pub(crate) rho: Digest,
    pub(crate) commitment: Digest,
}

impl NoteValues {
    fn of(note: &ValueNote) -> Self {
        Self {
            owner: note.owner.0,
            registered: F::from_bool(note.registered),
            blinding: note.blinding,
            amount: F::from_noncanonical_u64(note.amount),
            asset: F::from_canonical_u32(note.asset),
            rho: note.rho,
            commitment: note.commitment(),
        }
    }
}

/// One input, in values.
#[derive(Debug, Clone)]
pub(crate) struct InputValues {
    pub(crate) used: F,
    pub(crate) note: NoteValues,
    pub(crate) path: MerklePath,
    pub(crate) randomness: Digest,
}

/// Every value that is set from outside; the tests forge these.
#[derive(Debug, Clone)]
pub(crate) struct JoinSplitValues {
    pub(crate) public: Vec<F>,
    pub(crate) account_secret: Digest,
    pub(crate) account_key: Digest,
    pub(crate) nullifier_key: Digest,
    pub(crate) asset: F,
    pub(crate) types: [F; 3],
    pub(crate) amount_inverse: F,
    pub(crate) owner_inverse: F,
    pub(crate) pays: F,
    pub(crate) registered: F,
    pub(crate) inputs: [InputValues; 2],
    pub(crate) distinct: [F; 4],
    pub(crate) outputs: [NoteValues; 2],
    pub(crate) spending_secret: Digest,
    pub(crate) spending_key: Digest,
    pub(crate) alias: Digest,
    pub(crate) note_account: Digest,
    pub(crate) note_path: MerklePath,
}

impl JoinSplitValues {
    /// The honest values of a witness.
    pub(crate) fn of(witness: &JoinSplitWitness) -> Self {
        let public = witness.public;
        let secret = &witness.account_secret;
        let owner = secret.account_key();
        let registered = witness.authority.is_some();
        let inputs = [0, 1].map(|position| input_values(&witness.inputs[position], owner, registered, witness.asset));
        let outputs = [0, 1].map(|position| {
            let output = witness.outputs[position];
            NoteValues::of(&ValueNote {
                owner: output.owner,
                registered: output.registered,
                blinding: output.blinding,
                amount: output.amount,
                asset: witness.asset,
                rho: public.nullifiers[position],
            })
        });
        let limbs = public.limbs();
        let words = limbs[layout::PUBLIC_OWNER..layout::PUBLIC_OWNER + 5].iter().copied().sum();
        let empty = MerklePath { index: 0, siblings: vec![] };
        let mut values = Self {
            account_secret: *secret.reveal(),
            account_key: owner.0,
            nullifier_key: *secret.nullifier_key().reveal(),
            asset: F::from_canonical_u32(witness.asset),
            types: TYPES.map(|tx_type| F::from_bool(tx_type == public.tx_type)),
            amount_inverse: inverse(limbs[layout::PUBLIC_AMOUNT]),
            owner_inverse: inverse(words),
            pays: F::from_bool(public.fee != 0 || public.fee_asset != 0),
            registered: F::from_bool(registered),
            inputs,
            distinct: difference_weights(&public.nullifiers),
            outputs,
            spending_secret: Digest::ZERO,
            spending_key: Digest::ZERO,
            alias: Digest::ZERO,
            note_account: owner.0,
            note_path: empty,
            public: limbs.to_vec(),
        };
        if let Some(authority) = &witness.authority {
            values.spending_secret = *authority.spending_secret.reveal();
            values.spending_key = authority.spending_secret.spending_key().0;
            values.alias = authority.alias.0;
            values.note_path = authority.path.clone();
        }
        values
    }
}

/// An unused input is a note of amount 0 that nobody looks up.
fn input_values(input: &Input, owner: AccountKey, registered: bool, asset: u32) -> InputValues {
    let nothing = ValueNote { owner, registered, blinding: Digest::ZERO, amount: 0, asset, rho: Digest::ZERO };
    let (used, note, path, randomness) = match input {
        Input::Used { note, path } => (true, *note, path.clone(), Digest::ZERO),
        Input::Unused { randomness } => (false, nothing, MerklePath { index: 0, siblings: vec![] }, *randomness),
    };
    InputValues { used: F::from_bool(used), note: NoteValues::of(&note), path, randomness }
}

/// 1/x, or 0 where there is none.
pub(crate) fn inverse(x: F) -> F {
    x.try_inverse().unwrap_or(F::ZERO)
}

/// Weights with `Σ (a − b)_k · weights_k = 1`; zeros where a = b.
pub(crate) fn difference_weights([a, b]: &[Digest; 2]) -> [F; 4] {
    let mut weights = [F::ZERO; 4];
    if let Some(limb) = (0..4).find(|&limb| a.0[limb] != b.0[limb]) {
        weights[limb] = (a.0[limb] - b.0[limb]).inverse();
    }
    weights
}

impl NoteTarget {
    fn assign(&self, pw: &mut PartialWitness<F>, values: &NoteValues) -> anyhow::Result<()> {
        pw.set_target_arr(&self.owner, &values.owner.0)?;
        pw.set_target(self.registered, values.registered)?;
        pw.set_target_arr(&self.blinding, &values.blinding.0)?;
        pw.set_target(self.amount, values.amount)?;
        pw.set_target(self.asset, values.asset)?;
        pw.set_target_arr(&self.rho, &values.rho.0)?;
        pw.set_target_arr(&self.commitment, &values.commitment.0)
    }
}

impl JoinSplitTargets {
    /// Sets every wire from outside.
    pub(crate) fn assign(&self, pw: &mut PartialWitness<F>, values: &JoinSplitValues) -> anyhow::Result<()> {
        self.public.assign(pw, &values.public)?;
        pw.set_target_arr(&self.account_secret, &values.account_secret.0)?;
        pw.set_target_arr(&self.account_key, &values.account_key.0)?;
        pw.set_target_arr(&self.nullifier_key, &values.nullifier_key.0)?;
        pw.set_target(self.asset, values.asset)?;
        pw.set_target_arr(&self.types.map(|flag| flag.target), &values.types)?;
        pw.set_target(self.amount_inverse, values.amount_inverse)?;
        pw.set_target(self.owner_inverse, values.owner_inverse)?;
        pw.set_target(self.pays.target, values.pays)?;
        pw.set_target(self.registered.target, values.registered)?;
        for (targets, input) in self.inputs.iter().zip(&values.inputs) {
            pw.set_target(targets.used.target, input.used)?;
            targets.note.assign(pw, &input.note)?;
            targets.path.assign(pw, &input.path)?;
            pw.set_target_arr(&targets.randomness, &input.randomness.0)?;
        }
        pw.set_target_arr(&self.distinct, &values.distinct)?;
        for (targets, output) in self.outputs.iter().zip(&values.outputs) {
            targets.assign(pw, output)?;
        }
        pw.set_target_arr(&self.spending_secret, &values.spending_secret.0)?;
        pw.set_target_arr(&self.spending_key, &values.spending_key.0)?;
        pw.set_target_arr(&self.alias, &values.alias.0)?;
        pw.set_target_arr(&self.note_account, &values.note_account.0)?;
        self.note_path.assign(pw, &values.note_path)
    }
}
