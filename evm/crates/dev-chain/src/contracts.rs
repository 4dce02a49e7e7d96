//! Code of the contracts that tests use, small enough to be written by hand.

use alloy_primitives::{Address, Bytes, U256, address, bytes};

/// Where EIP-4788's contract is.
pub const BEACON_ROOTS: Address = address!("000f3df6d732807ef1319fb7b8bb8522d0beac02");

/// The code of EIP-4788's contract, as the EIP gives it.
pub fn beacon_roots_code() -> Bytes {
    bytes!(
        "3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f35801560495762001fff810690815414"
        "603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f359062001fff015500"
    )
}

/// Init code of a contract that keeps words: called with a slot and a value ([`store_input`]) it reads the slot, writes
/// it and logs it; called with a slot ([`load_input`]) it answers what is there.
pub fn store_init() -> Bytes {
    // Copies what follows these nine bytes, and returns it:
    //   calldatasize == 64 ? goto 16 : return sload(calldataload(0))
    //   16: pop(sload(calldataload(0))); sstore(calldataload(0), calldataload(32)); log1(0, 32, calldataload(0))
    bytes!("60218060095f395ff3" "366040146010575f35545f5260205ff35b6020355f35805450555f3560205fa100")
}

/// Input of [`store_init`]'s contract that writes `value` to `slot`; zero deletes it.
pub fn store_input(slot: u64, value: u64) -> Bytes {
    [U256::from(slot).to_be_bytes::<32>(), U256::from(value).to_be_bytes()].concat().into()
}

/// Input of [`store_init`]'s contract that reads `slot`.
pub fn load_input(slot: u64) -> Bytes {
    U256::from(slot).to_be_bytes::<32>().into()
}

/// Init code of a contract that sends its money to its caller and destroys itself when it is called: under Cancun's
/// rules only the money goes.
pub fn destructible_init() -> Bytes {
    bytes!("6133ff5f526002601ef3")
}

/// Init code that destroys the contract which it is creating.
pub fn stillborn_init() -> Bytes {
    bytes!("33ff")
}

/// Init code of a contract that, when it is called, creates one that destroys itself at birth.
pub fn factory_init() -> Bytes {
    // mstore(0, 0x33ff); create(0, 30, 2)
    bytes!("600c8060095f395ff3" "6133ff5f526002601e5ff000")
}
