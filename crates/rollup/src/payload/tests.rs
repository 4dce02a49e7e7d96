//! What the payload promises: only its recipient reads it, and only unaltered.

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::keys::Secret;

fn limbs() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(|bytes| Digest::from_reduced_bytes(&bytes))
}

fn opening() -> impl Strategy<Value = Opening> {
    (0..1_u64 << AMOUNT_BITS, 0..1_u32 << ASSET_BITS, any::<bool>(), limbs())
        .prop_map(|(amount, asset, registered, blinding)| Opening { amount, asset, registered, blinding })
}

fn viewing(limb: u64) -> ViewingSecret {
    ViewingSecret::of(&Secret::new(Digest::from_limbs([limb, 0, 0, 0]).unwrap()))
}

fn sealed(notes: [&Opening; 2], seed: u64) -> Payload {
    let keys = [viewing(1).key(), viewing(2).key()];
    Payload::seal([(notes[0], &keys[0]), (notes[1], &keys[1])], &mut ChaCha20Rng::seed_from_u64(seed))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn each_recipient_opens_its_own_note_and_no_other(a in opening(), b in opening(), seed: u64) {
        let payload = sealed([&a, &b], seed);
        prop_assert_eq!(payload.open(0, &viewing(1)), Some(a));
        prop_assert_eq!(payload.open(1, &viewing(2)), Some(b));
        for (position, stranger) in [(0, 2), (1, 1), (0, 3), (1, 3), (2, 1)] {
            prop_assert_eq!(payload.open(position, &viewing(stranger)), None);
        }
        prop_assert_eq!(Payload::decode(&payload.encode()), Ok(payload));
    }

    #[test]
    fn one_flipped_bit_changes_the_digest_and_closes_that_note(a in opening(), b in opening(), bit in 0..8 * Payload::LEN) {
        let payload = sealed([&a, &b], 7);
        let mut bytes = payload.encode();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let altered = Payload::decode(&bytes).unwrap();
        prop_assert_ne!(altered.digest(), payload.digest());
        let hit = bit / 8 / CIPHERTEXT_BYTES;
        prop_assert_eq!(altered.open(hit, &viewing(1 + hit as u64)), None);
        prop_assert!(altered.open(1 - hit, &viewing(2 - hit as u64)).is_some());
    }

    #[test]
    fn any_bytes_decode_only_at_the_exact_length_and_never_open(bytes in proptest::collection::vec(any::<u8>(), 0..2 * Payload::LEN)) {
        match Payload::decode(&bytes) {
            Ok(payload) => {
                prop_assert_eq!(bytes.len(), Payload::LEN);
                prop_assert_eq!(payload.open(0, &viewing(1)), None);
            }
            Err(error) => {
                prop_assert_eq!(error, PayloadError::Length { expected: Payload::LEN, found: bytes.len() });
            }
        }
    }

    #[test]
    fn openings_out_of_range_are_refused(note in opening(), shift in AMOUNT_BITS..64) {
        let bytes = note.to_bytes();
        prop_assert_eq!(Opening::from_bytes(bytes.as_slice()), Some(note));
        let mut amount = *bytes;
        amount[..8].copy_from_slice(&(1_u64 << shift).to_be_bytes());
        let mut asset = *bytes;
        asset[8] |= 0x40;
        let mut flag = *bytes;
        flag[12] |= 2;
        let mut blinding = *bytes;
        blinding[13..21].fill(0xff);
        for wrong in [amount, asset, flag, blinding] {
            prop_assert_eq!(Opening::from_bytes(&wrong), None);
        }
        prop_assert_eq!(Opening::from_bytes(&bytes[1..]), None);
    }
}

#[test]
fn swapped_ciphertexts_open_for_nobody() {
    let note = Opening { amount: 5, asset: 0, registered: false, blinding: Digest::ZERO };
    let bytes = sealed([&note, &note], 1).encode();
    let (first, second) = bytes.split_at(CIPHERTEXT_BYTES);
    let swapped = Payload::decode(&[second, first].concat()).unwrap();
    for position in [0, 1] {
        for limb in [1, 2] {
            assert_eq!(swapped.open(position, &viewing(limb)), None);
        }
    }
}

#[test]
fn ephemeral_keys_of_small_order_are_ignored() {
    // The sender needs no secret to know the shared one: it is 0.
    let ephemeral = PublicKey::from([0; 32]);
    let shared = viewing(9).agree(&ephemeral);
    let note = Opening { amount: 5, asset: 0, registered: false, blinding: Digest::ZERO };
    let sealed = cipher(&shared, &ephemeral, &viewing(1).key(), 0)
        .encrypt(&Nonce::default(), Message { msg: note.to_bytes().as_slice(), aad: &associated(&ephemeral, 0) })
        .unwrap();
    let mut bytes = vec![0; Payload::LEN];
    bytes[EPHEMERAL_BYTES..CIPHERTEXT_BYTES].copy_from_slice(&sealed);
    assert_eq!(Payload::decode(&bytes).unwrap().open(0, &viewing(1)), None);
}

#[test]
fn the_check_takes_exactly_the_named_bytes() {
    let note = Opening { amount: 0, asset: 0, registered: false, blinding: Digest::ZERO };
    let payload = sealed([&note, &note], 1);
    let bytes = payload.encode();
    for tx_type in TxType::ALL {
        let joins = length(tx_type) != 0;
        let named = ClientPublic { tx_type, payload_digest: payload.digest(), ..ClientPublic::default() };
        let unnamed = ClientPublic { tx_type, ..ClientPublic::default() };
        assert_eq!(check(&named, &bytes).is_ok(), joins);
        assert_eq!(check(&unnamed, &[]).is_ok(), !joins);
        assert!(check(&named, &[]).is_err());
        assert!(check(&unnamed, &bytes).is_err());
        assert!(check(&named, &bytes[1..]).is_err());
        assert!(check(&named, &[&bytes[..], &[0]].concat()).is_err());
        let mut flipped = bytes.clone();
        flipped[0] ^= 1;
        assert!(check(&named, &flipped).is_err());
    }
}
