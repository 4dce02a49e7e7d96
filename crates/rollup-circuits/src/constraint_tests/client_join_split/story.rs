//! Honest join-splits to tamper with, and what makes tampered ones fit together again.

use plonky2::field::types::Field;
use rollup::field::Digest;
use rollup::hash::Tag;
use rollup::keys::{AccountKey, AliasHash, Secret};
use rollup::note::ValueNote;
use rollup::transaction::{Address, ClientPublic, TxType, layout};
use rollup::witness::{Input, JoinSplitWitness, MerklePath, Output, SpendingAuthority};

use crate::client::join_split::{JoinSplitValues, NoteValues, difference_weights, inverse};
use crate::constraint_tests::fixture::{digest, hashed, tree};
use crate::plonk::F;

/// The asset of every honest story.
const ASSET: u32 = 7;
/// Who deposits or receives on the chain.
const OWNER: Address = Address([1, 2, 3, 4, 5]);

/// Spends 60 and 50: pays 70, keeps 30, and a fee of 10.
pub(crate) fn pay() -> JoinSplitValues {
    story(TxType::Send, [Some(60), Some(50)], [70, 30], 0, 10, false)
}

/// The same with registered notes.
pub(crate) fn registered() -> JoinSplitValues {
    story(TxType::Send, [Some(60), Some(50)], [70, 30], 0, 10, true)
}

/// Brings in 100, with a fee of 10.
pub(crate) fn deposit() -> JoinSplitValues {
    story(TxType::Deposit, [None, None], [70, 20], 100, 10, false)
}

/// Spends 60 to take out 40, with a fee of 10.
pub(crate) fn withdraw() -> JoinSplitValues {
    story(TxType::Withdraw, [Some(60), None], [10, 0], 40, 10, false)
}

fn story(
    tx_type: TxType,
    inputs: [Option<u64>; 2],
    outputs: [u64; 2],
    amount: u64,
    fee: u64,
    registered: bool,
) -> JoinSplitValues {
    let account_secret = Secret::new(digest(1));
    let owner = account_secret.account_key();
    let nowhere = MerklePath { index: 0, siblings: vec![] };
    let inputs = [0, 1].map(|position| match inputs[position as usize] {
        None => Input::Unused { randomness: digest(10 + position) },
        Some(amount) => {
            let [blinding, rho] = [digest(20 + position), digest(30 + position)];
            let note = ValueNote { owner, registered, blinding, amount, asset: ASSET, rho };
            Input::Used { note, path: nowhere.clone() }
        }
    });
    let outputs = [(AccountKey(digest(40)), 0), (owner, 1)].map(|(owner, position)| Output {
        owner,
        registered,
        blinding: digest(50 + position as u64),
        amount: outputs[position],
    });
    let authority = registered.then(|| SpendingAuthority {
        alias: AliasHash(digest(2)),
        spending_secret: Secret::new(digest(3)),
        path: nowhere,
    });
    let on_chain = amount != 0;
    let public = ClientPublic {
        tx_type,
        public_amount: amount,
        public_owner: if on_chain { OWNER } else { Address::default() },
        public_asset: if on_chain { ASSET } else { 0 },
        payload_digest: digest(4),
        fee,
        fee_asset: ASSET,
        ..ClientPublic::default()
    };
    let witness = JoinSplitWitness { public, account_secret, asset: ASSET, inputs, outputs, authority };
    let mut values = JoinSplitValues::of(&witness);
    settle(&mut values);
    values
}

/// The commitment of an opening, whatever its limbs are.
pub(super) fn commitment(note: &NoteValues) -> Digest {
    let partial = hashed(Tag::Partial, &[&note.owner.0, &[note.registered], &note.blinding.0]);
    hashed(Tag::Value, &[&partial.0, &[note.amount, note.asset], &note.rho.0])
}

/// Puts the opened notes into a data tree and makes nullifiers, outputs and helpers fit.
pub(super) fn settle(values: &mut JoinSplitValues) {
    for input in &mut values.inputs {
        input.note.commitment = commitment(&input.note);
    }
    plant(values);
    let nullifiers = values.inputs.each_ref().map(|input| {
        if input.used == F::ZERO {
            hashed(Tag::Dummy, &[&input.randomness.0])
        } else {
            hashed(Tag::Nullifier, &[&input.note.commitment.0, &values.nullifier_key.0])
        }
    });
    nullify(values, nullifiers);
    values.amount_inverse = inverse(values.public[layout::PUBLIC_AMOUNT]);
    values.owner_inverse = inverse(values.public[super::OWNER].iter().copied().sum());
}

/// Makes a data tree of the inputs' commitments and the account note.
pub(super) fn plant(values: &mut JoinSplitValues) {
    let [first, second] = values.inputs.each_ref().map(|input| input.note.commitment);
    let note = hashed(Tag::AccountNote, &[&values.alias.0, &values.note_account.0, &values.spending_key.0]);
    let (root, paths) = tree(&[digest(0), first, second, note]);
    set(values, layout::DATA_ROOT, &root);
    for (input, path) in values.inputs.iter_mut().zip(&paths[1..]) {
        input.path = path.clone();
    }
    values.note_path = paths[3].clone();
}

/// Sets the public nullifiers, with outputs made of them.
pub(super) fn nullify(values: &mut JoinSplitValues, nullifiers: [Digest; 2]) {
    values.distinct = difference_weights(&nullifiers);
    for (position, nullifier) in nullifiers.into_iter().enumerate() {
        set(values, layout::NULLIFIERS + 4 * position, &nullifier);
        values.outputs[position].rho = nullifier;
        let made = commitment(&values.outputs[position]);
        publish(values, position, made);
    }
}

/// Sets an output's commitment.
pub(super) fn publish(values: &mut JoinSplitValues, position: usize, commitment: Digest) {
    values.outputs[position].commitment = commitment;
    set(values, layout::COMMITMENTS + 4 * position, &commitment);
}

/// The public nullifiers.
pub(super) fn nullifiers(values: &JoinSplitValues) -> [Digest; 2] {
    [0, 4].map(|at| Digest(std::array::from_fn(|limb| values.public[layout::NULLIFIERS + at + limb])))
}

fn set(values: &mut JoinSplitValues, at: usize, digest: &Digest) {
    values.public[at..at + 4].copy_from_slice(&digest.0);
}

/// The same transaction with its inputs and its outputs in the other order.
pub(super) fn mirrored(values: &JoinSplitValues) -> JoinSplitValues {
    let mut out = values.clone();
    out.inputs.swap(0, 1);
    out.outputs.swap(0, 1);
    out.distinct = out.distinct.map(|weight| -weight);
    for pair in [layout::COMMITMENTS, layout::NULLIFIERS] {
        out.public[pair..pair + 8].rotate_left(4);
    }
    out
}
