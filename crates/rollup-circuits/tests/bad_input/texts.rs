//! Blocks limb by limb, seed phrases and payment addresses.

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rollup::block::{Block, MAX_BYTES};
use rollup::field::{LIMB_BYTES, ORDER};
use rollup::wallet::{PaymentAddress, SeedPhrase, Wallet};
use rollup_circuits::id::CircuitId;

use crate::faults::{NASTY, clear};
use crate::samples::drafted;

/// Bytes of a block before its first slot: its slots have 28 limbs, a length and a payload each.
fn header_bytes(block: &Block) -> usize {
    let slots: usize = block.transactions().map(|(_, slot)| 28 * LIMB_BYTES + 2 + slot.payload.len()).sum();
    block.encode().len() - slots
}

fn phrase() -> SeedPhrase {
    SeedPhrase::generate(&mut ChaCha20Rng::seed_from_u64(7))
}

#[test]
fn a_published_limb_that_is_not_canonical_is_refused() {
    let block = drafted().plan.block;
    let good = block.encode();
    for number in 0..28 {
        let at = header_bytes(&block) + LIMB_BYTES * number;
        let limb = u64::from_be_bytes(good[at..at + 8].try_into().unwrap());
        for other in [limb.checked_add(ORDER), Some(ORDER), Some(u64::MAX)].into_iter().flatten() {
            let mut bytes = good.clone();
            bytes[at..at + 8].copy_from_slice(&other.to_be_bytes());
            clear(&Block::decode(&bytes).unwrap_err().to_string());
        }
    }
}

#[test]
fn a_nasty_number_anywhere_in_a_blocks_header_is_refused_or_another_block() {
    let block = drafted().plan.block;
    let good = block.encode();
    assert!(good.len() < MAX_BYTES);
    for at in 0..header_bytes(&block) {
        for nasty in NASTY {
            let mut bytes = good.clone();
            bytes[at..at + 8].copy_from_slice(&nasty.to_be_bytes());
            match Block::decode(&bytes) {
                Ok(other) => assert_eq!(other.encode(), bytes),
                Err(error) => clear(&error.to_string()),
            }
        }
    }
}

#[test]
fn a_long_text_is_refused_and_is_not_echoed() {
    let words = phrase().reveal().to_string();
    let long = vec![words.as_str(); 40_000].join(" ");
    let address = Wallet::from_phrase(&phrase(), "").address(true).to_string();
    for error in [
        SeedPhrase::parse(&long).unwrap_err().to_string(),
        address.repeat(40_000).parse::<PaymentAddress>().unwrap_err().to_string(),
        format!("meze1{}", "0".repeat(8 << 20)).parse::<PaymentAddress>().unwrap_err().to_string(),
    ] {
        clear(&error);
        assert!(words.split(' ').all(|word| word.len() < 5 || !error.contains(word)), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_phrase_with_a_byte_changed_is_refused_or_has_another_checksum(at in any::<prop::sample::Index>(), byte: u8) {
        let words = phrase().reveal().to_string();
        let mut bytes = words.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        match SeedPhrase::parse(&String::from_utf8_lossy(&bytes)) {
            Ok(read) => prop_assert!(read == phrase() || *read.reveal() != words),
            Err(error) => clear(&error.to_string()),
        }
    }

    #[test]
    fn words_of_the_list_in_any_order_are_a_phrase_only_with_their_checksum(order in Just((0..24).collect::<Vec<usize>>()).prop_shuffle(), count in 0..30_usize) {
        let words = phrase().reveal().to_string();
        let words: Vec<&str> = words.split(' ').collect();
        let mixed: Vec<&str> = order.iter().cycle().take(count).map(|at| words[*at]).collect();
        if let Err(error) = SeedPhrase::parse(&mixed.join(" ")) {
            clear(&error.to_string());
        } else {
            prop_assert!([12, 15, 18, 21, 24].contains(&count));
        }
    }

    #[test]
    fn an_address_with_a_character_changed_is_refused(at in 0..143_usize, other in any::<char>()) {
        let good = Wallet::from_phrase(&phrase(), "").address(false).to_string();
        let changed: String = good.chars().enumerate().map(|(place, old)| if place == at { other } else { old }).collect();
        if changed != good {
            clear(&changed.parse::<PaymentAddress>().unwrap_err().to_string());
        }
    }

    #[test]
    fn any_text_is_no_phrase_no_address_and_no_circuit(text in "\\PC{0,200}") {
        prop_assert!(SeedPhrase::parse(&text).is_err());
        prop_assert!(text.parse::<PaymentAddress>().is_err());
        prop_assert!(text.parse::<CircuitId>().is_err());
    }
}
