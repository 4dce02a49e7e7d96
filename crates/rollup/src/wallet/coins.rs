//! Which notes to spend: at most two, of one kind, holding as little more than needed as possible.

use std::collections::BTreeMap;

use crate::field::Digest;
use crate::note::AMOUNT_BITS;
use crate::wallet::error::WalletError;

/// Notes of one kind can be spent together: one account secret and one flag serve both inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) account: u32,
    pub(super) registered: bool,
}

/// A note that can be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coin {
    pub(super) kind: Kind,
    pub(super) amount: u64,
    pub(super) leaf_index: u64,
    pub(super) commitment: Digest,
}

/// The one or two coins of one kind with the smallest sum that covers `needed`, so an exact match
/// where there is one; of equal sums the one with fewer coins, then that of the older account.
///
/// The smallest sum leaves change below `needed`, so change never outgrows an amount.
pub(super) fn select(coins: &[Coin], asset: u32, needed: u64) -> Result<Vec<Coin>, WalletError> {
    let kinds = by_kind(coins);
    let choice = kinds.values().flat_map(|group| [single(group, needed), pair(group, needed)]).flatten();
    let best = choice.min_by_key(|chosen| (sum(chosen), chosen.len(), chosen[0].kind));
    best.ok_or_else(|| {
        let available = sum(coins);
        if available < u128::from(needed) {
            return WalletError::Insufficient { asset, needed, available };
        }
        let together = kinds.values().map(|group| sum(&group[group.len().saturating_sub(2)..])).max().unwrap_or(0);
        WalletError::MergeFirst { asset, needed, available, together }
    })
}

/// The two coins to merge: the two largest of the kind that holds most. Merging from the top makes
/// a payment possible after the fewest merges.
pub(super) fn to_merge(coins: &[Coin], fee: u64) -> Option<[Coin; 2]> {
    let fits = |pair: &[Coin]| {
        let left = sum(pair).checked_sub(u128::from(fee));
        left.is_some_and(|left| left > 0 && left >> AMOUNT_BITS == 0)
    };
    let mut kinds: Vec<_> = by_kind(coins).into_values().collect();
    kinds.sort_by_key(|group| std::cmp::Reverse(sum(group)));
    kinds.iter().find_map(|group| group.windows(2).rev().find(|two| fits(two)).map(|two| [two[0], two[1]]))
}

/// Coins of one kind in twos, the largest with the smallest, so that dust travels for free; the
/// middle one of an odd number alone.
pub(super) fn in_pairs(coins: &[Coin]) -> Vec<Vec<Coin>> {
    let mut out = Vec::new();
    for group in by_kind(coins).values() {
        let (small, large) = group.split_at(group.len() / 2);
        let mut partners = small.iter();
        out.extend(large.iter().rev().map(|coin| std::iter::once(coin).chain(partners.next()).copied().collect()));
    }
    out
}

/// What coins hold.
pub(super) fn sum(coins: &[Coin]) -> u128 {
    coins.iter().map(|coin| u128::from(coin.amount)).sum()
}

/// Coins by kind, the smallest first.
fn by_kind(coins: &[Coin]) -> BTreeMap<Kind, Vec<Coin>> {
    let mut kinds = BTreeMap::<Kind, Vec<Coin>>::new();
    for coin in coins {
        kinds.entry(coin.kind).or_default().push(*coin);
    }
    kinds.values_mut().for_each(|group| group.sort_by_key(|coin| (coin.amount, coin.leaf_index)));
    kinds
}

fn single(group: &[Coin], needed: u64) -> Option<Vec<Coin>> {
    group.iter().find(|coin| coin.amount >= needed).map(|coin| vec![*coin])
}

/// Two ends that move towards each other pass the pair with the smallest sufficient sum.
fn pair(group: &[Coin], needed: u64) -> Option<Vec<Coin>> {
    let (mut low, mut high) = (0, group.len().checked_sub(1)?);
    let mut best: Option<Vec<Coin>> = None;
    while low < high {
        let two = vec![group[low], group[high]];
        if sum(&two) < u128::from(needed) {
            low += 1;
        } else {
            high -= 1;
            if best.as_ref().is_none_or(|known| sum(&two) < sum(known)) {
                best = Some(two);
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn coins() -> impl Strategy<Value = Vec<Coin>> {
        let amount = prop_oneof![1..20_u64, (1_u64 << 61)..(1 << 62)];
        proptest::collection::vec((0..2_u32, any::<bool>(), amount), 0..12).prop_map(|coins| {
            let coin = |(leaf_index, (account, registered, amount))| Coin {
                kind: Kind { account, registered },
                amount,
                leaf_index,
                commitment: Digest::from_limbs([leaf_index, 0, 0, 0]).unwrap(),
            };
            (0..).zip(coins).map(coin).collect()
        })
    }

    /// Every single coin and every two coins of one kind.
    fn choices(coins: &[Coin]) -> Vec<Vec<Coin>> {
        let mut all: Vec<Vec<Coin>> = coins.iter().map(|coin| vec![*coin]).collect();
        for (at, first) in coins.iter().enumerate() {
            let partners = coins[at + 1..].iter().filter(|second| second.kind == first.kind);
            all.extend(partners.map(|second| vec![*first, *second]));
        }
        all
    }

    proptest! {
        #[test]
        fn the_choice_is_the_smallest_adequate_one(coins in coins(), needed in prop_oneof![1..60_u64, 1..1_u64 << 62]) {
            let adequate = choices(&coins).into_iter().filter(|choice| sum(choice) >= u128::from(needed));
            let best = adequate.map(|choice| (sum(&choice), choice.len())).min();
            match (select(&coins, 0, needed), best) {
                (Ok(chosen), Some(best)) => {
                    prop_assert_eq!((sum(&chosen), chosen.len()), best);
                    let offered = |choice: &Vec<Coin>| choice.iter().all(|coin| chosen.contains(coin));
                    prop_assert!(choices(&coins).iter().any(|choice| choice.len() == chosen.len() && offered(choice)));
                    prop_assert!((sum(&chosen) - u128::from(needed)) >> AMOUNT_BITS == 0);
                }
                (Err(WalletError::Insufficient { available, .. }), None) => {
                    prop_assert_eq!(available, sum(&coins));
                    prop_assert!(available < u128::from(needed));
                }
                (Err(WalletError::MergeFirst { available, together, .. }), None) => {
                    prop_assert_eq!(available, sum(&coins));
                    prop_assert_eq!(together, choices(&coins).iter().map(|choice| sum(choice)).max().unwrap());
                    prop_assert!(together < u128::from(needed) && available >= u128::from(needed));
                }
                (other, best) => prop_assert!(false, "{:?} where {:?}", other, best),
            }
        }

        #[test]
        fn what_is_merged_is_two_of_a_kind_that_fit_one_note(coins in coins(), fee in 0..30_u64) {
            if let Some([first, second]) = to_merge(&coins, fee) {
                prop_assert!(first != second && first.kind == second.kind);
                let left = sum(&[first, second]) - u128::from(fee);
                prop_assert!(left > 0 && left >> AMOUNT_BITS == 0);
            }
        }

        #[test]
        fn pairs_hold_every_coin_once_and_one_kind_each(coins in coins()) {
            let pairs = in_pairs(&coins);
            prop_assert!(pairs.iter().all(|pair| matches!(pair.len(), 1 | 2) && pair[0].kind == pair[pair.len() - 1].kind));
            let mut leaves: Vec<_> = pairs.iter().flatten().map(|coin| coin.leaf_index).collect();
            leaves.sort_unstable();
            prop_assert_eq!(leaves, (0..coins.len() as u64).collect::<Vec<_>>());
        }
    }
}
