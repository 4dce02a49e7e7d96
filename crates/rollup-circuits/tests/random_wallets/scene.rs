//! Players with wallets, the pool of what they sent, and the books of what each should hold.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rollup::builder::{Pending, Rejection, build, screen};
use rollup::note::NO_ASSET;
use rollup::transaction::Address;
use rollup::wallet::{SeedPhrase, Wallet};
use rollup::witness::Input;
use rollup_circuits::family::Family;

use crate::chain::Chain;
use crate::drafts::{ASSETS, ClientWitness, Payee, Sent, attempt};
use crate::tree;

const PLAYERS: usize = 4;
const CONTRACT: Address = Address([1, 2, 3, 4, 5]);
const OTHER_CONTRACT: Address = Address([1, 2, 3, 4, 6]);
const BENEFICIARY: Address = Address([9, 8, 7, 6, 5]);

/// What providers take fees in, now this, now that.
const FEE_ASSETS: [[u32; 4]; 4] = [[0, 7, NO_ASSET, NO_ASSET], [7, 0, NO_ASSET, NO_ASSET], [3, 0, 1, 7], [NO_ASSET; 4]];

struct Player {
    phrase: SeedPhrase,
    wallet: Wallet,
}

/// What happened, by name.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<String, usize>);

impl Tally {
    fn add(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    pub(crate) fn show(&self) {
        println!("{:#?}", self.0);
    }

    /// A run in which something never happened would show nothing of it.
    pub(crate) fn check_everything_happened(&self) {
        let settled = ["deposit", "send", "withdraw", "merge", "move", "create", "add", "migrate"];
        let refused = ["payload", "unknown data root", "nullifier spent", "nullifier repeated", "fee asset"];
        let seen = ["partly filled", "several inners", "locked", "blocked", "registered input", "old root", "released"];
        for what in settled.iter().chain(&refused).chain(&seen) {
            assert!(self.0.contains_key(*what), "{what} never happened: {self:?}");
        }
    }
}

/// Everything of one run.
pub(crate) struct Scene<'a> {
    family: &'a Family,
    rng: ChaCha20Rng,
    chain: Chain,
    /// Another deployment: what is made on it is good for nothing here.
    elsewhere: Chain,
    players: Vec<Player>,
    pool: Vec<Sent>,
    /// What each player should hold of each asset.
    books: BTreeMap<(usize, u32), i128>,
    fees: BTreeMap<u32, i128>,
    pub(crate) tally: Tally,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(seed: u64, family: &'a Family) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let players = (0..PLAYERS).map(|_| SeedPhrase::generate(&mut rng));
        let players = players.map(|phrase| Player { wallet: Wallet::from_phrase(&phrase, ""), phrase }).collect();
        Self {
            family,
            rng,
            chain: Chain::new(CONTRACT),
            elsewhere: Chain::new(OTHER_CONTRACT),
            players,
            pool: Vec::new(),
            books: BTreeMap::new(),
            fees: BTreeMap::new(),
            tally: Tally::default(),
        }
    }

    /// Players act, then one rollup is made of what the provider takes.
    pub(crate) fn play(&mut self, rollup: usize) {
        loop {
            for _ in 0..self.rng.random_range(1..9) {
                self.act();
            }
            self.check_locks();
            if self.roll_up() {
                break;
            }
        }
        for player in &mut self.players {
            self.chain.sync(&mut player.wallet);
            assert_eq!(player.wallet.next_rollup() as usize, rollup);
        }
        self.check_books();
    }

    fn act(&mut self) {
        let who = self.rng.random_range(0..PLAYERS);
        let payee = self.rng.random_range(0..PLAYERS);
        let registered = self.players[payee].wallet.has_authority() || self.rng.random_ratio(1, 4);
        let payee = Payee { who: payee, address: self.players[payee].wallet.address(registered) };
        match self.rng.random_range(0..24) {
            // The player gives something up that the provider has not taken yet.
            0 => {
                if let Some(at) = self.pool.iter().position(|sent| sent.who == who) {
                    let given_up = self.pool.remove(at);
                    self.forget(&given_up);
                    self.tally.add("released");
                }
            }
            // A second device of the player does not know what the first has under way.
            1..4 => {
                let mut twin = self.rebuilt(who);
                let sent = attempt(&mut twin, who, &payee, &self.chain, &mut self.rng);
                self.pool.extend(sent.unwrap_or_default());
            }
            // Somebody sends the same twice.
            4 => self.pool.extend(self.pool.choose_one(&mut self.rng)),
            // A payload that is not the one that was proved.
            5 => {
                if let Ok(mut sent) = attempt(&mut self.players[who].wallet, who, &payee, &self.chain, &mut self.rng) {
                    for sent in &mut sent {
                        let payload = &mut sent.pending.payload;
                        if payload.is_empty() { payload.push(0) } else { payload[self.rng.random_range(0..122)] ^= 1 }
                    }
                    self.pool.extend(sent);
                }
            }
            // A transaction that was made for another contract.
            6 => {
                let player = &mut self.players[who].wallet;
                let sent = attempt(player, who, &payee, &self.elsewhere, &mut self.rng);
                self.pool.extend(sent.unwrap_or_default());
            }
            _ => {
                let player = &mut self.players[who].wallet;
                let sent = attempt(player, who, &payee, &self.chain, &mut self.rng);
                self.pool.extend(sent.unwrap_or_default());
            }
        }
    }

    /// Proves and publishes a rollup of some of the pool; says whether there was anything to take.
    fn roll_up(&mut self) -> bool {
        let shape = self.family.settings().shape;
        let fee_assets = FEE_ASSETS[self.rng.random_range(0..FEE_ASSETS.len())];
        self.pool.shuffle(&mut self.rng);
        let looked_at = self.rng.random_range(1..=shape.slots() + 3).min(self.pool.len());
        let candidates: Vec<Sent> = self.pool.drain(..looked_at).collect();
        let pending: Vec<Pending> = candidates.iter().map(|sent| sent.pending.clone()).collect();
        let verdicts = screen(&self.chain.world, &fee_assets, &pending).unwrap();
        let mut taken = Vec::new();
        let mut refused = Vec::new();
        for (sent, verdict) in candidates.into_iter().zip(verdicts) {
            self.chain.check_verdict(&sent.pending, &verdict);
            match verdict {
                Ok(()) if taken.len() < shape.slots() => taken.push(sent),
                Ok(()) => self.pool.push(sent),
                Err(rejection) => {
                    self.tally.add(name(&rejection));
                    let again = matches!(rejection, Rejection::FeeAsset(asset) if asset != ASSETS[2]);
                    if again { self.pool.push(sent) } else { refused.push(sent) }
                }
            }
        }
        if !taken.is_empty() {
            let pending: Vec<Pending> = taken.iter().map(|sent| sent.pending.clone()).collect();
            let plan = build(&self.chain.world, shape, &pending, fee_assets, BENEFICIARY).unwrap();
            tree::prove(self.family, &plan, &taken);
            self.note(&taken, plan.inners.len());
            self.chain.take(plan);
        }
        refused.iter().filter(|sent| !taken.iter().any(|other| other.is(sent))).for_each(|sent| self.forget(sent));
        !taken.is_empty()
    }

    fn note(&mut self, taken: &[Sent], inners: usize) {
        let shape = self.family.settings().shape;
        self.tally.add(if taken.len() < shape.slots() { "partly filled" } else { "full" });
        self.tally.add(if inners > 1 { "several inners" } else { "one inner" });
        for sent in taken {
            self.tally.add(sent.what);
            let public = &sent.pending.public;
            if public.data_root != self.chain.world.state().data_root {
                self.tally.add("old root");
            }
            if matches!(&sent.witness, ClientWitness::JoinSplit(witness) if witness.authority.is_some()) {
                self.tally.add("registered input");
            }
            for (who, asset, change) in &sent.changes {
                *self.books.entry((*who, *asset)).or_default() += change;
            }
            *self.fees.entry(public.fee_asset).or_default() += i128::from(public.fee);
        }
    }

    /// The player takes back what the provider did not take, so its notes are free again.
    fn forget(&mut self, sent: &Sent) {
        let wallet = &mut self.players[sent.who].wallet;
        // A second device may have drafted another transaction with the same first nullifier.
        let own = wallet.pending().any(|pending| pending.public == sent.pending.public);
        if own && !self.pool.iter().any(|other| other.is(sent)) {
            assert!(wallet.release(&sent.id()));
        }
    }

    /// Exactly the notes of what is under way are locked.
    fn check_locks(&mut self) {
        for player in &self.players {
            let mut locked = BTreeMap::<u32, u128>::new();
            for pending in player.wallet.pending() {
                let sent = self.pool.iter().find(|sent| sent.pending.public == pending.public).unwrap();
                let ClientWitness::JoinSplit(witness) = &sent.witness else { continue };
                for input in &witness.inputs {
                    if let Input::Used { note, .. } = input {
                        *locked.entry(note.asset).or_default() += u128::from(note.amount);
                    }
                }
            }
            for asset in ASSETS {
                let balance = player.wallet.balance(asset);
                assert_eq!(balance.locked, locked.get(&asset).copied().unwrap_or(0));
                if balance.locked > 0 {
                    self.tally.add("locked");
                }
                if balance.blocked > 0 {
                    self.tally.add("blocked");
                }
            }
        }
    }

    /// Wallets hold what the books say, and nothing was made of nothing.
    fn check_books(&self) {
        for asset in ASSETS {
            let totals: Vec<i128> =
                self.players.iter().map(|player| player.wallet.balance(asset).total as i128).collect();
            for (who, total) in totals.iter().enumerate() {
                let booked = self.books.get(&(who, asset)).copied().unwrap_or(0);
                assert_eq!(*total, booked, "player {who} of asset {asset}");
            }
            let fees = self.fees.get(&asset).copied().unwrap_or(0);
            assert_eq!(totals.iter().sum::<i128>() + fees, self.chain.held(asset), "asset {asset}");
        }
    }

    /// A wallet of the player's words that has read every block.
    fn rebuilt(&self, who: usize) -> Wallet {
        let player = &self.players[who];
        let mut wallet = Wallet::from_phrase(&SeedPhrase::parse(&player.phrase.reveal()).unwrap(), "");
        self.chain.sync(&mut wallet);
        if let Some(alias) = player.wallet.alias() {
            wallet.set_alias(alias);
        }
        wallet
    }

    /// The words and the published blocks alone give the same wallet.
    pub(crate) fn check_rebuilt_wallets(&self) {
        for (who, player) in self.players.iter().enumerate() {
            let mut alone = Wallet::from_phrase(&player.phrase, "");
            self.chain.sync(&mut alone);
            let totals = |wallet: &Wallet| ASSETS.map(|asset| wallet.balance(asset).total);
            assert_eq!(totals(&alone), totals(&player.wallet), "player {who}");
            assert!(alone.notes().eq(player.wallet.notes()), "player {who}");

            let mut rebuilt = self.rebuilt(who);
            player.wallet.pending().for_each(|pending| rebuilt.hold(pending.clone()));
            assert_eq!(rebuilt.balances(), player.wallet.balances(), "player {who}");
            assert_eq!(rebuilt.current_account(), player.wallet.current_account(), "player {who}");
            assert_eq!(rebuilt.has_authority(), player.wallet.has_authority(), "player {who}");
        }
    }
}

/// One of a list, if there is any.
trait ChooseOne<T> {
    fn choose_one(&self, rng: &mut ChaCha20Rng) -> Option<T>;
}

impl<T: Clone> ChooseOne<T> for Vec<T> {
    fn choose_one(&self, rng: &mut ChaCha20Rng) -> Option<T> {
        if self.is_empty() { None } else { Some(self[rng.random_range(0..self.len())].clone()) }
    }
}

fn name(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::Payload(_) => "payload",
        Rejection::UnknownDataRoot(_) => "unknown data root",
        Rejection::NullifierSpent(_) => "nullifier spent",
        Rejection::NullifierRepeated(_) => "nullifier repeated",
        Rejection::FeeAsset(_) => "fee asset",
        other => panic!("a wallet drafted what no provider takes: {other}"),
    }
}
