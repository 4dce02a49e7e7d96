//! The toy chain: leaves in a list, blocks in another, and the statements checked in plain code.

use std::collections::HashSet;

use crate::field::Digest;
use crate::hash::node;
use crate::keys::SpendingKey;
use crate::note::{AMOUNT_BITS, AccountNote, FEE_BITS, ValueNote, dummy_nullifier};
use crate::payload;
use crate::state::DATA_DEPTH;
use crate::transaction::{Address, ClientPublic, TxType};
use crate::wallet::{Draft, Membership, ScanSlot, Scanned, Wallet};
use crate::witness::{AccountMode, AccountWitness, Input, JoinSplitWitness, MerklePath, SpendingAuthority};

/// What a client would send, after all that its proof would show has been checked.
#[derive(Clone)]
pub(super) struct Sent {
    public: ClientPublic,
    payload: Vec<u8>,
}

impl From<Draft<JoinSplitWitness>> for Sent {
    fn from(draft: Draft<JoinSplitWitness>) -> Self {
        check_join_split(&draft.witness);
        Self { public: draft.witness.public, payload: draft.payload }
    }
}

impl From<Draft<AccountWitness>> for Sent {
    fn from(draft: Draft<AccountWitness>) -> Self {
        check_account(&draft.witness);
        Self { public: draft.witness.public, payload: draft.payload }
    }
}

#[derive(Clone)]
pub(super) struct Block {
    pub(super) data_root: Digest,
    pub(super) slots: Vec<(u64, ClientPublic, Vec<u8>)>,
}

impl Block {
    pub(super) fn slots(&self) -> impl Iterator<Item = ScanSlot<'_>> {
        self.slots.iter().map(|(leaf_index, public, payload)| ScanSlot { leaf_index: *leaf_index, public, payload })
    }
}

#[derive(Clone)]
pub(super) struct ToyChain {
    leaves: Vec<Digest>,
    roots: HashSet<Digest>,
    nullifiers: HashSet<Digest>,
    pub(super) blocks: Vec<Block>,
    /// Paths of these leaves cannot be had.
    pub(super) missing: HashSet<u64>,
}

impl ToyChain {
    pub(super) fn new() -> Self {
        let mut chain = Self {
            leaves: vec![Digest::from_limbs([1, 0, 0, 0]).unwrap()],
            roots: HashSet::new(),
            nullifiers: HashSet::new(),
            blocks: Vec::new(),
            missing: HashSet::new(),
        };
        chain.roots.insert(chain.data_root());
        chain
    }

    /// Puts transactions into a block, after checking what the provider and the rollup circuits check.
    pub(super) fn settle(&mut self, sent: impl IntoIterator<Item = Sent>) {
        // Some empty leaves between blocks, as alignment leaves them.
        self.leaves.resize(self.leaves.len().next_multiple_of(8), Digest::ZERO);
        let mut slots = Vec::new();
        for Sent { public, payload } in sent {
            payload::check(&public, &payload).unwrap();
            assert!(self.roots.contains(&public.data_root), "the data root is none of this chain");
            for nullifier in public.nullifiers {
                assert!(self.nullifiers.insert(nullifier), "a nullifier is used twice");
            }
            // Wallets get what is published, not what the provider saw.
            let published = ClientPublic::from_published(&public.published()).unwrap();
            slots.push((self.leaves.len() as u64, published, payload));
            self.leaves.extend(public.commitments);
        }
        slots.push((self.leaves.len() as u64, ClientPublic::default(), Vec::new()));
        let data_root = self.data_root();
        self.roots.insert(data_root);
        self.blocks.push(Block { data_root, slots });
    }

    /// Lets a wallet read the blocks that it has not read.
    pub(super) fn sync(&self, wallet: &mut Wallet) -> Scanned {
        let mut last = Scanned::default();
        for (block, id) in self.blocks.iter().zip(0..).skip(wallet.next_rollup() as usize) {
            last = wallet.scan(id, block.data_root, block.slots()).unwrap();
        }
        last
    }

    /// The hashes of the tree, level by level, as far as they are not of empty subtrees.
    fn levels(&self) -> Vec<(Vec<Digest>, Digest)> {
        let mut levels = vec![(self.leaves.clone(), Digest::ZERO)];
        for level in 0..DATA_DEPTH {
            let (below, empty) = &levels[level];
            let parents = below.chunks(2).map(|pair| node(&pair[0], pair.get(1).unwrap_or(empty))).collect();
            levels.push((parents, node(empty, empty)));
        }
        levels
    }
}

impl Membership for ToyChain {
    fn data_root(&self) -> Digest {
        self.levels()[DATA_DEPTH].0[0]
    }

    fn data_path(&self, leaf_index: u64) -> Result<MerklePath, Box<dyn std::error::Error + Send + Sync>> {
        if self.missing.contains(&leaf_index) {
            return Err("no such leaf".into());
        }
        let levels = self.levels();
        let sibling = |level: usize| {
            let (nodes, empty) = &levels[level];
            *nodes.get((leaf_index as usize >> level) ^ 1).unwrap_or(empty)
        };
        Ok(MerklePath { index: leaf_index, siblings: (0..DATA_DEPTH).map(sibling).collect() })
    }
}

fn check_join_split(witness: &JoinSplitWitness) {
    let JoinSplitWitness { public, account_secret, asset, inputs, outputs, authority } = witness;
    let mut left = 0_u128;
    for (input, nullifier) in inputs.iter().zip(public.nullifiers) {
        match input {
            Input::Used { note, path } => {
                check_member(path, note.commitment(), public);
                assert_eq!((note.owner, note.asset), (account_secret.account_key(), *asset));
                assert_eq!(note.registered, authority.is_some());
                assert_eq!(note.nullifier(account_secret), nullifier);
                left += u128::from(note.amount);
            }
            Input::Unused { randomness } => assert_eq!(dummy_nullifier(randomness), nullifier),
        }
    }
    assert_ne!(public.nullifiers[0], public.nullifiers[1]);
    if let Some(authority) = authority {
        check_authority(authority, account_secret.account_key(), public);
    }
    let mut right = u128::from(public.fee);
    for (at, output) in outputs.iter().enumerate() {
        let note = ValueNote {
            owner: output.owner,
            registered: output.registered,
            blinding: output.blinding,
            amount: output.amount,
            asset: *asset,
            rho: public.nullifiers[at],
        };
        assert!(output.amount >> AMOUNT_BITS == 0);
        assert_eq!(note.commitment(), public.commitments[at]);
        right += u128::from(output.amount);
    }
    match public.tx_type {
        TxType::Deposit => left += u128::from(public.public_amount),
        TxType::Withdraw => right += u128::from(public.public_amount),
        other => assert_eq!(other, TxType::Send),
    }
    assert_eq!(left, right);
    let crosses = public.tx_type != TxType::Send;
    assert_eq!(public.public_amount > 0, crosses);
    assert_eq!(public.public_owner != Address::default(), crosses);
    assert_eq!(public.public_asset, if crosses { *asset } else { 0 });
    assert!(public.fee >> FEE_BITS == 0 && public.public_amount >> AMOUNT_BITS == 0);
    assert_eq!(public.fee_asset, if public.fee > 0 { *asset } else { 0 });
}

fn check_account(witness: &AccountWitness) {
    let AccountWitness { public, alias, spending_keys, mode } = witness;
    let (account, nullifiers) = match mode {
        AccountMode::Create { account_secret } => {
            let key = account_secret.account_key();
            (key, [alias.nullifier(), key.nullifier()])
        }
        AccountMode::Add { authority, account, randomness } => {
            assert_eq!(authority.alias, *alias);
            check_authority(authority, *account, public);
            (*account, randomness.each_ref().map(dummy_nullifier))
        }
        AccountMode::Migrate { authority, old_account, new_account_secret } => {
            assert_eq!(authority.alias, *alias);
            check_authority(authority, *old_account, public);
            let key = new_account_secret.account_key();
            (key, [alias.migration_nullifier(old_account), key.nullifier()])
        }
    };
    let committed = |spending: SpendingKey| AccountNote { alias: *alias, account, spending }.commitment();
    let commitments = spending_keys.map(|key| key.map_or(Digest::ZERO, committed));
    let (tx_type, data_root) = (TxType::Account, public.data_root);
    assert_eq!(*public, ClientPublic { tx_type, commitments, nullifiers, data_root, ..ClientPublic::default() });
}

fn check_authority(authority: &SpendingAuthority, account: crate::keys::AccountKey, public: &ClientPublic) {
    let spending = authority.spending_secret.spending_key();
    check_member(&authority.path, AccountNote { alias: authority.alias, account, spending }.commitment(), public);
}

fn check_member(path: &MerklePath, leaf: Digest, public: &ClientPublic) {
    let (mut at, mut index) = (leaf, path.index);
    assert_eq!(path.siblings.len(), DATA_DEPTH);
    for sibling in &path.siblings {
        at = if index & 1 == 0 { node(&at, sibling) } else { node(sibling, &at) };
        index >>= 1;
    }
    assert_eq!((at, index), (public.data_root, 0));
}
