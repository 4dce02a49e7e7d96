//! Witnesses: every digest canonical, every list as long as its bytes.

use rollup::field::ORDER;
use rollup_circuits::witness_file::Witness;

use crate::faults::{body, clear, with_body};
use crate::samples::drafted;

#[test]
fn a_limb_at_or_above_the_fields_order_is_refused_wherever_it_stands() {
    for witness in drafted().witnesses {
        let good = witness.to_bytes();
        let content = body(&good);
        let mut refused = 0;
        for at in 0..content.len() - 8 {
            for limb in [ORDER, ORDER + 1, u64::MAX] {
                let mut changed = content.to_vec();
                changed[at..at + 8].copy_from_slice(&limb.to_be_bytes());
                match Witness::from_bytes(&with_body(&good, &changed)) {
                    Ok(read) => assert!(Witness::from_bytes(&read.to_bytes()).unwrap() == read),
                    Err(error) => {
                        clear(&error.to_string());
                        refused += 1;
                    }
                }
            }
        }
        // Most of a witness is digests, and of the bytes before each limb's some show it too.
        assert!(refused > content.len() / 4, "{}: {refused} of {}", witness.circuit(), 3 * content.len());
    }
}

#[test]
fn a_challenge_that_is_not_canonical_is_refused() {
    for mut witness in drafted().witnesses {
        for word in 0..2 {
            for limb in [ORDER, u64::MAX] {
                match &mut witness {
                    Witness::Inner(inner) => inner.challenge = [0, 0],
                    Witness::Outer(outer) => outer.challenge = [0, 0],
                    Witness::JoinSplit(_) | Witness::Account(_) => continue,
                }
                assert!(Witness::from_bytes(&witness.to_bytes()).is_ok());
                match &mut witness {
                    Witness::Inner(inner) => inner.challenge[word] = limb,
                    Witness::Outer(outer) => outer.challenge[word] = limb,
                    Witness::JoinSplit(_) | Witness::Account(_) => continue,
                }
                let error = Witness::from_bytes(&witness.to_bytes()).unwrap_err().to_string();
                assert!(error.contains("challenge"), "{error}");
            }
        }
    }
}

#[test]
fn a_refusal_shows_nothing_of_the_witness() {
    for witness in drafted().witnesses.iter().filter(|witness| witness.is_secret()) {
        let secret = match witness {
            Witness::JoinSplit(witness) => *witness.account_secret.reveal(),
            Witness::Account(witness) => match &witness.mode {
                rollup::witness::AccountMode::Add { authority, .. } => *authority.spending_secret.reveal(),
                _ => continue,
            },
            Witness::Inner(_) | Witness::Outer(_) => continue,
        };
        let digits = &secret.to_string()[2..18];
        let good = witness.to_bytes();
        let content = body(&good);
        for length in 0..content.len() {
            let error = Witness::from_bytes(&with_body(&good, &content[..length])).unwrap_err();
            assert!(!format!("{error} {error:?}").contains(digits));
        }
        assert!(!format!("{witness:?}").contains(digits));
    }
}
