//! Which pending transactions the next rollup can take, decided before anything is built.

use std::collections::HashSet;

use super::{BuildError, Pending};
use crate::field::Digest;
use crate::note::{AMOUNT_BITS, ASSET_BITS, FEE_BITS, NO_ASSET};
use crate::payload::{self, PayloadError};
use crate::transaction::{Address, ClientPublic, TxType};
use crate::witness::FEE_ASSETS;
use crate::world::{World, WorldError};

/// Why a transaction cannot be part of the next rollup.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It is an empty slot.
    #[error("padding is not a transaction")]
    Padding,
    /// Its inputs were opened under a root that no rollup left.
    #[error("its data root {0} is not of this rollup; synchronise and make it again")]
    UnknownDataRoot(Digest),
    /// An input was spent, or an alias or key was claimed, in an earlier rollup.
    #[error("its nullifier {0} was used before")]
    NullifierSpent(Digest),
    /// The same, by itself or by an earlier transaction of the list.
    #[error("its nullifier {0} is used twice in this rollup")]
    NullifierRepeated(Digest),
    /// The provider does not take this asset.
    #[error("fees in asset {0} are not taken; pay in one that is")]
    FeeAsset(u32),
    /// A number is wider than the protocol allows.
    #[error("its {0} is too large")]
    TooLarge(&'static str),
    /// A field is set that this type of transaction leaves empty.
    #[error("a {} leaves its {} empty", .0.name(), .1)]
    NotEmpty(TxType, &'static str),
    /// A field is empty that this type of transaction needs.
    #[error("a {} needs its {}", .0.name(), .1)]
    Missing(TxType, &'static str),
    /// The note ciphertexts are not those that it was proved with.
    #[error("its payload does not fit")]
    Payload(#[source] PayloadError),
}

/// Checks that real fee assets are distinct ids below 2^30 and that [`NO_ASSET`] fills the rest.
pub fn check_fee_assets(fee_assets: &[u32; FEE_ASSETS]) -> Result<(), BuildError> {
    if are_fee_assets(fee_assets) { Ok(()) } else { Err(BuildError::FeeAssets(*fee_assets)) }
}

pub(crate) fn are_fee_assets(fee_assets: &[u32; FEE_ASSETS]) -> bool {
    let real: Vec<u32> = fee_assets.iter().copied().take_while(|asset| *asset != NO_ASSET).collect();
    let in_range = real.iter().all(|asset| *asset < NO_ASSET);
    let distinct = real.iter().collect::<HashSet<_>>().len() == real.len();
    in_range && distinct && fee_assets[real.len()..].iter().all(|asset| *asset == NO_ASSET)
}

/// Looks at each transaction in order; what a refused one would use up stays free for the others.
pub fn screen(
    world: &World,
    fee_assets: &[u32; FEE_ASSETS],
    pending: &[Pending],
) -> Result<Vec<Result<(), Rejection>>, WorldError> {
    let mut used = HashSet::new();
    pending.iter().map(|pending| check(world, fee_assets, &mut used, pending)).collect()
}

fn check(
    world: &World,
    fee_assets: &[u32; FEE_ASSETS],
    used: &mut HashSet<Digest>,
    pending: &Pending,
) -> Result<Result<(), Rejection>, WorldError> {
    let public = &pending.public;
    if let Err(rejection) = check_fields(public, fee_assets) {
        return Ok(Err(rejection));
    }
    if let Err(error) = payload::check(public, &pending.payload) {
        return Ok(Err(Rejection::Payload(error)));
    }
    if world.data_root_index(&public.data_root)?.is_none() {
        return Ok(Err(Rejection::UnknownDataRoot(public.data_root)));
    }
    for nullifier in public.nullifiers {
        if world.is_nullified(&nullifier)? {
            return Ok(Err(Rejection::NullifierSpent(nullifier)));
        }
        if used.contains(&nullifier) || public.nullifiers[0] == public.nullifiers[1] {
            return Ok(Err(Rejection::NullifierRepeated(nullifier)));
        }
    }
    used.extend(public.nullifiers);
    Ok(Ok(()))
}

/// What the client circuit guarantees and a mistaken caller could miss, and the provider's assets.
fn check_fields(public: &ClientPublic, fee_assets: &[u32; FEE_ASSETS]) -> Result<(), Rejection> {
    let tx_type = public.tx_type;
    let moves_value = matches!(tx_type, TxType::Deposit | TxType::Withdraw);
    let public_fields =
        [("public amount", public.public_amount != 0), ("public owner", public.public_owner != Address::default())];
    let too_large = [
        ("public amount", public.public_amount >> AMOUNT_BITS != 0),
        ("public asset", public.public_asset >> ASSET_BITS != 0),
        ("fee", public.fee >> FEE_BITS != 0),
        ("fee asset", public.fee_asset >> ASSET_BITS != 0),
    ];
    if tx_type == TxType::Padding {
        return Err(Rejection::Padding);
    }
    if let Some((field, _)) = too_large.iter().find(|(_, large)| *large) {
        return Err(Rejection::TooLarge(field));
    }
    if let Some((field, set)) = public_fields.iter().find(|(_, set)| *set != moves_value) {
        let rejection = if *set { Rejection::NotEmpty } else { Rejection::Missing };
        return Err(rejection(tx_type, field));
    }
    if !moves_value && public.public_asset != 0 {
        return Err(Rejection::NotEmpty(tx_type, "public asset"));
    }
    if tx_type == TxType::Account && (public.fee, public.fee_asset) != (0, 0) {
        return Err(Rejection::NotEmpty(tx_type, "fee"));
    }
    // A fee of 0 is in no asset, so that account transactions pass whatever the list is.
    if public.fee != 0 && !fee_assets.contains(&public.fee_asset) {
        return Err(Rejection::FeeAsset(public.fee_asset));
    }
    Ok(())
}
