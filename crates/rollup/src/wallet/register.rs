//! Drafting account transactions: create, add keys, migrate. They carry no value and pay no fee.

use rand::CryptoRng;

use crate::field::Digest;
use crate::keys::{AccountKey, AliasHash, SpendingKey};
use crate::note::{AccountNote, dummy_nullifier};
use crate::transaction::{ClientPublic, TxType};
use crate::wallet::build::{Draft, Drafting};
use crate::wallet::error::WalletError;
use crate::wallet::{Membership, Pending};
use crate::witness::{AccountMode, AccountWitness};

impl<M: Membership + ?Sized, R: CryptoRng + ?Sized> Drafting<'_, M, R> {
    /// Registers the account in use under an alias, with one fresh spending key. The wallet takes
    /// the alias as its own from now on.
    pub fn create_account(&mut self, alias: AliasHash) -> Result<Draft<AccountWitness>, WalletError> {
        if self.wallet.is_registered() {
            return Err(WalletError::AlreadyRegistered);
        }
        let account = self.wallet.account_key();
        let nullifiers = [alias.nullifier(), account.nullifier()];
        self.refuse_pending(&nullifiers)?;
        self.wallet.set_alias(alias);
        let account_secret = self.wallet.accounts.get(self.wallet.current_account()).secret.clone();
        let keys = [Some(self.wallet.fresh_spending_key(0)), None];
        Ok(self.account(alias, account, keys, nullifiers, AccountMode::Create { account_secret }))
    }

    /// Lets one or two more spending keys act for the account in use, of this wallet
    /// ([`crate::wallet::Wallet::fresh_spending_key`]) or of another device. Keys are never taken
    /// away: to revoke one, migrate and move the notes.
    pub fn add_keys(&mut self, keys: [Option<SpendingKey>; 2]) -> Result<Draft<AccountWitness>, WalletError> {
        if keys == [None, None] {
            return Err(WalletError::NoKeys);
        }
        let authority = self.authority(self.wallet.current_account())?;
        let account = self.wallet.account_key();
        let randomness = [(); 2].map(|()| Digest::random(self.rng));
        let nullifiers = randomness.each_ref().map(dummy_nullifier);
        Ok(self.account(
            authority.alias,
            account,
            keys,
            nullifiers,
            AccountMode::Add { authority, account, randomness },
        ))
    }

    /// Moves the alias to the wallet's next account, with one fresh spending key. Once it has
    /// settled, that account is in use; [`Drafting::move_notes`] then brings the notes after.
    pub fn migrate(&mut self) -> Result<Draft<AccountWitness>, WalletError> {
        let current = self.wallet.current_account();
        let authority = self.authority(current)?;
        let alias = authority.alias;
        let old_account = self.wallet.account_key();
        let next = self.wallet.accounts.get(current + 1);
        let (account, new_account_secret) = (next.key, next.secret.clone());
        let nullifiers = [alias.migration_nullifier(&old_account), account.nullifier()];
        self.refuse_pending(&nullifiers)?;
        let keys = [Some(self.wallet.fresh_spending_key(0)), None];
        let mode = AccountMode::Migrate { authority, old_account, new_account_secret };
        Ok(self.account(alias, account, keys, nullifiers, mode))
    }

    /// Only one of two such transactions could settle.
    fn refuse_pending(&self, nullifiers: &[Digest; 2]) -> Result<(), WalletError> {
        let clashes = |public: &ClientPublic| public.nullifiers.iter().any(|used| nullifiers.contains(used));
        if self.wallet.pending().any(|pending| clashes(&pending.public)) {
            return Err(WalletError::AccountPending);
        }
        Ok(())
    }

    fn account(
        &mut self,
        alias: AliasHash,
        account: AccountKey,
        spending_keys: [Option<SpendingKey>; 2],
        nullifiers: [Digest; 2],
        mode: AccountMode,
    ) -> Draft<AccountWitness> {
        let committed = |spending| AccountNote { alias, account, spending }.commitment();
        let public = ClientPublic {
            tx_type: TxType::Account,
            commitments: spending_keys.map(|key| key.map_or(Digest::ZERO, committed)),
            nullifiers,
            data_root: self.chain.data_root(),
            ..ClientPublic::default()
        };
        self.wallet.hold(Pending { public, locked: Vec::new() });
        Draft { witness: AccountWitness { public, alias, spending_keys, mode }, payload: Vec::new() }
    }
}
