//! What happens: for each rollup some transactions, chosen so that every type gets its share.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rollup::builder::Pending;
use rollup::transaction::TxType;
use rollup::wallet::{Draft, WalletError};
use rollup::witness::{AccountWitness, JoinSplitWitness};
use rollup_circuits::witness_file::Witness;

use super::books::Entry;
use super::cast::{Next, Person, cast};
use super::ledger::Chain;

/// Assets that the demo uses, with their names.
pub(crate) const ASSETS: [(u32, &str); 2] = [(0, "ether"), (7, "token 7")];
/// Types in the order in which they are preferred when all lack as much.
const TYPES: [TxType; 4] = [TxType::Account, TxType::Send, TxType::Withdraw, TxType::Deposit];

/// A transaction that waits for its proof.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) entry: Entry,
    pub(crate) witness: Witness,
    pub(crate) pending: Pending,
}

/// The people, and what is still to be done.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) people: Vec<Person>,
    rng: ChaCha20Rng,
    /// How many of each type are still wanted.
    wanted: BTreeMap<TxType, isize>,
}

impl Script {
    /// A script of `total` transactions.
    pub(crate) fn new(seed: u64, total: usize) -> Result<Self> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let people = cast(&mut rng, total / 4)?;
        let mut script = Self { people, rng, wanted: BTreeMap::new() };
        script.want(total);
        Ok(script)
    }

    /// Begins to count anew: `total` more transactions, a quarter of each type as far as people can.
    pub(crate) fn want(&mut self, total: usize) {
        let share = |place: usize| (total / 4 + usize::from(place >= 4 - total % 4)) as isize;
        self.wanted = TYPES.into_iter().enumerate().map(|(place, tx_type)| (tx_type, share(place))).collect();
    }

    /// The transactions of the next rollup.
    pub(crate) fn next_rollup(&mut self, chain: &Chain, count: usize) -> Result<Vec<Step>> {
        (0..count).map(|_| self.next_step(chain)).collect()
    }

    /// The most wanted transaction that somebody can make now; a deposit can always be made.
    fn next_step(&mut self, chain: &Chain) -> Result<Step> {
        let mut types = TYPES;
        types.sort_by_key(|tx_type| -self.wanted.get(tx_type).copied().unwrap_or_default());
        for tx_type in types {
            if let Some(step) = self.attempt(chain, tx_type)? {
                *self.wanted.entry(tx_type).or_default() -= 1;
                return Ok(step);
            }
        }
        anyhow::bail!("nobody can make any transaction")
    }

    /// Somebody's transaction of this type, beginning at a random person.
    fn attempt(&mut self, chain: &Chain, tx_type: TxType) -> Result<Option<Step>> {
        let count = self.people.len();
        let first = self.rng.random_range(0..count);
        for who in (first..first + count).map(|who| who % count) {
            let step = match tx_type {
                TxType::Account => self.account(chain, who)?,
                TxType::Deposit => Some(self.deposit(chain, who)?),
                TxType::Send => match self.move_notes(chain, who)? {
                    Some(step) => Some(step),
                    None => self.spend(chain, who, TxType::Send)?,
                },
                _ => self.spend(chain, who, TxType::Withdraw)?,
            };
            if step.is_some() {
                return Ok(step);
            }
        }
        Ok(None)
    }

    fn account(&mut self, chain: &Chain, who: usize) -> Result<Option<Step>> {
        let person = &mut self.people[who];
        if person.account_pending() || (person.next != Next::Create && !person.wallet.has_authority()) {
            return Ok(None);
        }
        let draft = match person.next {
            Next::Create => person.wallet.draft(chain, &mut self.rng).create_account(person.alias)?,
            Next::AddKey => {
                let key = person.wallet.fresh_spending_key(0);
                person.wallet.draft(chain, &mut self.rng).add_keys([Some(key), None])?
            }
            Next::Migrate => person.wallet.draft(chain, &mut self.rng).migrate()?,
        };
        person.next = if person.next == Next::AddKey { Next::Migrate } else { Next::AddKey };
        let entry = Entry { tx_type: TxType::Account, who, to: None, asset: 0, amount: 0, fee: 0 };
        Ok(Some(Step::account(draft, entry)))
    }

    fn deposit(&mut self, chain: &Chain, who: usize) -> Result<Step> {
        let (asset, _) = ASSETS[usize::from(self.rng.random_range(0..4) == 0)];
        let (amount, fee) = (self.rng.random_range(5_000..50_000), self.rng.random_range(0..20));
        let person = &mut self.people[who];
        let draft = person.wallet.draft(chain, &mut self.rng).deposit(amount, asset, person.outside, fee)?;
        let entry = Entry { tx_type: TxType::Deposit, who, to: None, asset, amount, fee };
        Ok(Step::join_split(draft, entry))
    }

    /// After a migration the notes come along, two at a time.
    fn move_notes(&mut self, chain: &Chain, who: usize) -> Result<Option<Step>> {
        let person = &mut self.people[who];
        if person.wallet.current_account() == 0 {
            return Ok(None);
        }
        for (asset, _) in ASSETS {
            let fee = self.rng.random_range(0..20);
            let mut drafts = person.wallet.draft(chain, &mut self.rng).move_notes(asset, fee)?.into_iter();
            let first = drafts.next();
            for later in drafts {
                person.wallet.release(&later.witness.public.nullifiers[0]);
            }
            if let Some(draft) = first {
                let entry = Entry { tx_type: TxType::Send, who, to: Some(who), asset, amount: 0, fee };
                return Ok(Some(Step::join_split(draft, entry)));
            }
        }
        Ok(None)
    }

    /// A send or withdrawal of part of what somebody has.
    fn spend(&mut self, chain: &Chain, who: usize, tx_type: TxType) -> Result<Option<Step>> {
        let other = (who + self.rng.random_range(1..self.people.len())) % self.people.len();
        let payee = &self.people[other].wallet;
        let to = payee.address(payee.has_authority());
        let first = self.rng.random_range(0..ASSETS.len());
        for place in first..first + ASSETS.len() {
            let (asset, _) = ASSETS[place % ASSETS.len()];
            let fee = self.rng.random_range(0..20);
            let percent = self.rng.random_range(5..80);
            let person = &mut self.people[who];
            let available = person.wallet.balance(asset).available();
            // Part of an average note, so that one or two notes cover it.
            let notes = person.wallet.unspent().filter(|own| own.note.asset == asset && own.note.amount > 0).count();
            let amount = available * percent / 100 / notes.max(1) as u128;
            let amount = u64::try_from(amount).context("more than all money there is")?;
            if amount == 0 {
                continue;
            }
            let outside = person.outside;
            let mut drafting = person.wallet.draft(chain, &mut self.rng);
            let (draft, to) = match tx_type {
                TxType::Send => (drafting.send(&to, amount, asset, fee), Some(other)),
                _ => (drafting.withdraw(outside, amount, asset, fee), None),
            };
            match draft {
                Ok(draft) => {
                    return Ok(Some(Step::join_split(draft, Entry { tx_type, who, to, asset, amount, fee })));
                }
                Err(WalletError::Insufficient { .. } | WalletError::MergeFirst { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}

impl Step {
    fn join_split(draft: Draft<JoinSplitWitness>, entry: Entry) -> Self {
        let pending = Pending { public: draft.witness.public, payload: draft.payload };
        Self { entry, witness: Witness::JoinSplit(Box::new(draft.witness)), pending }
    }

    fn account(draft: Draft<AccountWitness>, entry: Entry) -> Self {
        let pending = Pending { public: draft.witness.public, payload: draft.payload };
        Self { entry, witness: Witness::Account(Box::new(draft.witness)), pending }
    }
}
