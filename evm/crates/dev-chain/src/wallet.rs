//! Accounts with known keys, and transactions that are signed when they are put into a block.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEnvelope, TxLegacy};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use k256::ecdsa::SigningKey;

/// One wei a gas, for those who produce blocks.
pub(crate) const TIP: u128 = 1_000_000_000;

/// An account whose key everybody knows.
#[derive(Clone, Debug)]
pub struct Wallet {
    key: SigningKey,
    address: Address,
}

impl Wallet {
    /// The account with this index: the same key on every run.
    pub fn numbered(index: u64) -> Self {
        let secret = keccak256(format!("meze development account {index}"));
        let key = SigningKey::from_slice(secret.as_slice()).expect("a digest below the curve's order, of few digests");
        let point = key.verifying_key().to_encoded_point(false);
        let address = Address::from_raw_public_key(&point.as_bytes()[1..]);
        Self { key, address }
    }

    /// Where its money is.
    pub fn address(&self) -> Address {
        self.address
    }

    #[allow(deprecated, reason = "the transaction types of this line take this signature")]
    fn sign(&self, digest: B256) -> alloy_primitives::Signature {
        let (signature, recovery) =
            self.key.sign_prehash_recoverable(digest.as_slice()).expect("a digest of 32 bytes can be signed");
        alloy_primitives::Signature::from_signature_and_parity(signature, recovery.is_y_odd())
            .expect("a bool is a parity")
    }
}

/// The kinds of transactions that are made here.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Legacy,
    AccessList,
    DynamicFee,
}

/// A transaction that a block will hold; it gets its nonce and its fee there.
#[derive(Clone, Debug)]
pub struct Transaction {
    from: Wallet,
    to: Option<Address>,
    value: U256,
    input: Bytes,
    gas_limit: u64,
    form: Form,
    access_list: AccessList,
}

impl Transaction {
    /// Sends `wei` to somebody.
    pub fn transfer(from: &Wallet, to: Address, wei: u64) -> Self {
        Self::new(from, Some(to), U256::from(wei), Bytes::new(), 21_000)
    }

    /// Calls a contract, with up to 300,000 gas.
    pub fn call(from: &Wallet, to: Address, input: Bytes) -> Self {
        Self::new(from, Some(to), U256::ZERO, input, 300_000)
    }

    /// Creates a contract by its init code, with up to 500,000 gas.
    pub fn create(from: &Wallet, init: Bytes) -> Self {
        Self::new(from, None, U256::ZERO, init, 500_000)
    }

    fn new(from: &Wallet, to: Option<Address>, value: U256, input: Bytes, gas_limit: u64) -> Self {
        let (form, access_list) = (Form::DynamicFee, AccessList::default());
        Self { from: from.clone(), to, value, input, gas_limit, form, access_list }
    }

    /// The same in the oldest form, with one gas price.
    pub fn legacy(mut self) -> Self {
        self.form = Form::Legacy;
        self
    }

    /// The same in EIP-2930's form, naming an account and slots of it.
    pub fn with_access_list(mut self, address: Address, slots: &[B256]) -> Self {
        self.form = Form::AccessList;
        self.access_list = AccessList(vec![AccessListItem { address, storage_keys: slots.to_vec() }]);
        self
    }

    /// The same with other gas.
    pub fn gas_limit(mut self, gas: u64) -> Self {
        self.gas_limit = gas;
        self
    }

    pub(crate) fn sender(&self) -> Address {
        self.from.address
    }

    pub(crate) fn sign(&self, chain_id: u64, nonce: u64, base_fee: u64) -> TxEnvelope {
        let to = self.to.map_or(TxKind::Create, TxKind::Call);
        let price = u128::from(base_fee) + TIP;
        let (gas_limit, value, input) = (u128::from(self.gas_limit), self.value, self.input.clone());
        let access_list = self.access_list.clone();
        match self.form {
            Form::Legacy => {
                let it = TxLegacy { chain_id: Some(chain_id), nonce, gas_price: price, gas_limit, to, value, input };
                // EIP-155: the chain's id is part of the signature.
                let signature = self.sign_digest(it.signature_hash()).with_chain_id(chain_id);
                it.into_signed(signature).into()
            }
            Form::AccessList => {
                let it = TxEip2930 { chain_id, nonce, gas_price: price, gas_limit, to, value, input, access_list };
                let signature = self.sign_digest(it.signature_hash());
                it.into_signed(signature).into()
            }
            Form::DynamicFee => {
                let (max_fee_per_gas, max_priority_fee_per_gas) = (2 * price, TIP);
                let it = TxEip1559 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas,
                    max_priority_fee_per_gas,
                    to,
                    value,
                    access_list,
                    input,
                };
                let signature = self.sign_digest(it.signature_hash());
                it.into_signed(signature).into()
            }
        }
    }

    #[allow(deprecated, reason = "as in Wallet::sign")]
    fn sign_digest(&self, digest: B256) -> alloy_primitives::Signature {
        self.from.sign(digest)
    }
}
