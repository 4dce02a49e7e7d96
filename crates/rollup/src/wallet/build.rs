//! Drafting joins and splits: deposit, send, withdraw, merge, and moving notes after a migration.

use std::fmt;

use rand::CryptoRng;

use crate::field::Digest;
use crate::hash::node;
use crate::note::{AMOUNT_BITS, ValueNote, dummy_nullifier};
use crate::payload::{Opening, Payload};
use crate::state::DATA_DEPTH;
use crate::transaction::{Address, ClientPublic, TxType};
use crate::wallet::coins::{Coin, Kind, in_pairs, select, sum, to_merge};
use crate::wallet::error::{WalletError, check_amount, check_asset, check_fee};
use crate::wallet::{Membership, PaymentAddress, Pending, Wallet};
use crate::witness::{Input, JoinSplitWitness, MerklePath, Output, SpendingAuthority};

/// A transaction that only lacks its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft<W> {
    /// What the prover needs; its `public` is complete.
    pub witness: W,
    /// The payload to send along; empty for account transactions.
    pub payload: Vec<u8>,
}

/// Drafts transactions of a wallet; see [`Wallet::draft`].
///
/// Each draft is pending from then on and its notes are locked, until it is scanned in a block or
/// released. Its id is the first nullifier of its public fields.
pub struct Drafting<'a, M: ?Sized, R: ?Sized> {
    pub(super) wallet: &'a mut Wallet,
    pub(super) chain: &'a M,
    pub(super) rng: &'a mut R,
}

impl Wallet {
    /// Starts a draft whose notes are members of the tree behind `chain`.
    pub fn draft<'a, M, R>(&'a mut self, chain: &'a M, rng: &'a mut R) -> Drafting<'a, M, R>
    where
        M: Membership + ?Sized,
        R: CryptoRng + ?Sized,
    {
        Drafting { wallet: self, chain, rng }
    }
}

/// A join-split that is decided on: what it spends and whom it pays.
struct Plan {
    tx_type: TxType,
    asset: u32,
    fee: u64,
    /// Amount and owner, for deposit and withdraw.
    public: Option<(u64, Address)>,
    kind: Kind,
    coins: Vec<Coin>,
    outputs: [(PaymentAddress, u64); 2],
}

impl<M: Membership + ?Sized, R: CryptoRng + ?Sized> Drafting<'_, M, R> {
    /// Takes `amount` from the chain's `from`; all but the fee goes into one note of this wallet,
    /// which is registered when the wallet can spend registered notes.
    pub fn deposit(
        &mut self,
        amount: u64,
        asset: u32,
        from: Address,
        fee: u64,
    ) -> Result<Draft<JoinSplitWitness>, WalletError> {
        check_public(amount, asset, &from, fee)?;
        let left = amount.checked_sub(fee).ok_or(WalletError::FeeTooLarge { fee, amount })?;
        let own = self.wallet.address(self.wallet.has_authority());
        self.join_split(Plan {
            tx_type: TxType::Deposit,
            asset,
            fee,
            public: Some((amount, from)),
            kind: Kind { account: self.wallet.current_account(), registered: false },
            coins: Vec::new(),
            outputs: [(own, left), (own, 0)],
        })
    }

    /// Pays `amount` to an address; the fee comes on top.
    pub fn send(
        &mut self,
        to: &PaymentAddress,
        amount: u64,
        asset: u32,
        fee: u64,
    ) -> Result<Draft<JoinSplitWitness>, WalletError> {
        check_value(amount, asset, fee)?;
        let (kind, coins, change) = self.cover(amount, asset, fee)?;
        let outputs = [(*to, amount), (self.own(kind), change)];
        self.join_split(Plan { tx_type: TxType::Send, asset, fee, public: None, kind, coins, outputs })
    }

    /// Pays `amount` to an address on the chain; the fee comes on top.
    pub fn withdraw(
        &mut self,
        to: Address,
        amount: u64,
        asset: u32,
        fee: u64,
    ) -> Result<Draft<JoinSplitWitness>, WalletError> {
        check_public(amount, asset, &to, fee)?;
        let (kind, coins, change) = self.cover(amount, asset, fee)?;
        let own = self.own(kind);
        let outputs = [(own, change), (own, 0)];
        self.join_split(Plan {
            tx_type: TxType::Withdraw,
            asset,
            fee,
            public: Some((amount, to)),
            kind,
            coins,
            outputs,
        })
    }

    /// Makes one note of two, by a send to self: the two largest that can be spent together.
    pub fn merge(&mut self, asset: u32, fee: u64) -> Result<Draft<JoinSplitWitness>, WalletError> {
        check_asset(asset)?;
        check_fee(fee)?;
        let two = to_merge(&self.wallet.coins(asset), fee).ok_or(WalletError::NothingToMerge { asset })?;
        let own = self.own(two[0].kind);
        self.sweep(two.to_vec(), own, asset, fee)
    }

    /// Moves the notes of accounts that the wallet has migrated away from to the account in use, two
    /// by two. Notes that are worth no more than the fee stay where they are.
    pub fn move_notes(&mut self, asset: u32, fee: u64) -> Result<Vec<Draft<JoinSplitWitness>>, WalletError> {
        check_asset(asset)?;
        check_fee(fee)?;
        let current = self.wallet.current_account();
        let mut coins = self.wallet.coins(asset);
        coins.retain(|coin| coin.kind.account < current);
        if coins.iter().any(|coin| coin.kind.registered) && !self.wallet.has_authority() {
            return Err(WalletError::NoAuthority);
        }
        let mut drafts: Vec<Draft<JoinSplitWitness>> = Vec::new();
        for pair in in_pairs(&coins).into_iter().filter(|pair| sum(pair) > u128::from(fee)) {
            let own = self.own(pair[0].kind);
            match self.sweep(pair, own, asset, fee) {
                Ok(draft) => drafts.push(draft),
                Err(error) => {
                    // The caller gets none of them, so none may stay locked.
                    drafts.iter().for_each(|draft| {
                        self.wallet.release(&draft.witness.public.nullifiers[0]);
                    });
                    return Err(error);
                }
            }
        }
        Ok(drafts)
    }

    /// Coins for `amount` and `fee`, with their kind and the change.
    fn cover(&self, amount: u64, asset: u32, fee: u64) -> Result<(Kind, Vec<Coin>, u64), WalletError> {
        let needed = amount + fee;
        let coins = select(&self.wallet.coins(asset), asset, needed)?;
        let change = u64::try_from(sum(&coins) - u128::from(needed)).expect("two amounts below 2^62 fit");
        Ok((coins[0].kind, coins, change))
    }

    /// All that `coins` hold but the fee, to `own`; the second note takes what the first cannot.
    fn sweep(
        &mut self,
        coins: Vec<Coin>,
        own: PaymentAddress,
        asset: u32,
        fee: u64,
    ) -> Result<Draft<JoinSplitWitness>, WalletError> {
        let left = u64::try_from(sum(&coins) - u128::from(fee)).expect("two amounts below 2^62 fit");
        let first = left.min((1 << AMOUNT_BITS) - 1);
        let outputs = [(own, first), (own, left - first)];
        self.join_split(Plan { tx_type: TxType::Send, asset, fee, public: None, kind: coins[0].kind, coins, outputs })
    }

    /// Where change of a kind goes: to the account in use, except that registered change stays with
    /// its account where the wallet could not spend it under the new one.
    fn own(&self, kind: Kind) -> PaymentAddress {
        if kind.registered && !self.wallet.has_authority() {
            self.wallet.accounts.address(kind.account, true)
        } else {
            self.wallet.address(kind.registered)
        }
    }

    fn join_split(&mut self, plan: Plan) -> Result<Draft<JoinSplitWitness>, WalletError> {
        let account_secret = self.wallet.accounts.get(plan.kind.account).secret.clone();
        let mut inputs = [(); 2].map(|()| Input::Unused { randomness: Digest::random(self.rng) });
        for (input, coin) in inputs.iter_mut().zip(&plan.coins) {
            let note = self.wallet.notes[&coin.commitment].note;
            *input = Input::Used { note, path: self.path(coin.leaf_index, &coin.commitment)? };
        }
        let nullifiers = inputs.each_ref().map(|input| match input {
            Input::Used { note, .. } => note.nullifier(&account_secret),
            Input::Unused { randomness } => dummy_nullifier(randomness),
        });
        let authority = plan.kind.registered.then(|| self.authority(plan.kind.account)).transpose()?;
        let outputs = plan.outputs.map(|(to, amount)| Output {
            owner: to.account,
            registered: to.registered,
            blinding: Digest::random(self.rng),
            amount,
        });
        let payload = self.seal(&plan, &outputs);
        let (public_amount, public_owner) = plan.public.unwrap_or_default();
        let public = ClientPublic {
            tx_type: plan.tx_type,
            commitments: [0, 1].map(|at| committed(&outputs[at], plan.asset, nullifiers[at])),
            nullifiers,
            public_amount,
            public_owner,
            public_asset: if plan.public.is_some() { plan.asset } else { 0 },
            payload_digest: payload.digest(),
            data_root: self.chain.data_root(),
            fee: plan.fee,
            // Fee and fee asset are both 0, or the fee is in the one asset of the transaction.
            fee_asset: if plan.fee == 0 { 0 } else { plan.asset },
        };
        self.wallet.hold(Pending { public, locked: plan.coins.iter().map(|coin| coin.commitment).collect() });
        let witness = JoinSplitWitness { public, account_secret, asset: plan.asset, inputs, outputs, authority };
        Ok(Draft { witness, payload: payload.encode() })
    }

    fn seal(&mut self, plan: &Plan, outputs: &[Output; 2]) -> Payload {
        let openings = outputs.map(|output| Opening {
            amount: output.amount,
            asset: plan.asset,
            registered: output.registered,
            blinding: output.blinding,
        });
        let [first, second] = &plan.outputs;
        Payload::seal([(&openings[0], &first.0.viewing), (&openings[1], &second.0.viewing)], self.rng)
    }

    /// The account note and spending secret that let the wallet act for an account.
    pub(super) fn authority(&self, account: u32) -> Result<SpendingAuthority, WalletError> {
        let accounts = &self.wallet.accounts;
        let (Some(alias), Some(known)) = (accounts.alias(), accounts.authority(account)) else {
            return Err(WalletError::NoAuthority);
        };
        let spending_secret = accounts.spending_secret(known.spending);
        let note = crate::note::AccountNote {
            alias,
            account: accounts.get(account).key,
            spending: spending_secret.spending_key(),
        };
        let path = self.path(known.leaf_index, &note.commitment())?;
        Ok(SpendingAuthority { alias, spending_secret, path })
    }

    /// The path of a leaf, walked once: a wrong one would only show after a long proof.
    fn path(&self, leaf_index: u64, leaf: &Digest) -> Result<MerklePath, WalletError> {
        let path = self.chain.data_path(leaf_index);
        let path = path.map_err(|source| WalletError::Membership { leaf_index, source })?;
        let root = path.siblings.iter().enumerate().fold(*leaf, |below, (level, sibling)| {
            if leaf_index >> level & 1 == 0 { node(&below, sibling) } else { node(sibling, &below) }
        });
        let leads = path.index == leaf_index && path.siblings.len() == DATA_DEPTH && root == self.chain.data_root();
        if leads { Ok(path) } else { Err(WalletError::WrongPath { leaf_index }) }
    }
}

impl<M: ?Sized, R: ?Sized> fmt::Debug for Drafting<'_, M, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drafting").field("wallet", &self.wallet).finish_non_exhaustive()
    }
}

fn committed(output: &Output, asset: u32, rho: Digest) -> Digest {
    let Output { owner, registered, blinding, amount } = *output;
    ValueNote { owner, registered, blinding, amount, asset, rho }.commitment()
}

fn check_value(amount: u64, asset: u32, fee: u64) -> Result<(), WalletError> {
    check_amount(amount)?;
    check_asset(asset)?;
    check_fee(fee)?;
    if amount == 0 { Err(WalletError::ZeroAmount) } else { Ok(()) }
}

fn check_public(amount: u64, asset: u32, owner: &Address, fee: u64) -> Result<(), WalletError> {
    check_value(amount, asset, fee)?;
    if *owner == Address::default() { Err(WalletError::ZeroAddress) } else { Ok(()) }
}
