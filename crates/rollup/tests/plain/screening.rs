//! Which transactions are dropped, each for its own reason.

use crate::fixtures::{BENEFICIARY, FEE_ASSETS, rng, shape, transaction, world};
use rand_chacha::ChaCha20Rng;
use rollup::builder::{BuildError, Pending, Rejection, build, screen};
use rollup::field::Digest;
use rollup::note::NO_ASSET;
use rollup::transaction::{Address, ClientPublic, TxType};
use rollup::world::World;

fn of_type(rng: &mut ChaCha20Rng, world: &World, tx_type: TxType) -> Pending {
    std::iter::repeat_with(|| transaction(rng, world.state().data_root))
        .find(|pending| pending.public.tx_type == tx_type)
        .unwrap()
}

#[test]
fn each_fault_has_its_own_rejection() {
    let world = world();
    let mut rng = rng(1);
    let deposit = of_type(&mut rng, &world, TxType::Deposit);
    let send = of_type(&mut rng, &world, TxType::Send);
    let account = of_type(&mut rng, &world, TxType::Account);
    let with = |pending: &Pending, change: &dyn Fn(&mut ClientPublic)| {
        let mut changed = pending.clone();
        change(&mut changed.public);
        changed
    };
    let root = Digest::random(&mut rng);
    let twice = Digest::random(&mut rng);
    let faults = [
        (with(&send, &|public| *public = ClientPublic::default()), Rejection::Padding),
        (with(&send, &|public| public.data_root = root), Rejection::UnknownDataRoot(root)),
        (with(&send, &|public| public.data_root = Digest::ZERO), Rejection::UnknownDataRoot(Digest::ZERO)),
        (with(&send, &|public| public.nullifiers[1] = Digest::ZERO), Rejection::NullifierSpent(Digest::ZERO)),
        (with(&send, &|public| public.nullifiers = [twice; 2]), Rejection::NullifierRepeated(twice)),
        (with(&send, &|public| (public.fee, public.fee_asset) = (1, 3)), Rejection::FeeAsset(3)),
        (with(&send, &|public| public.fee = 1 << 48), Rejection::TooLarge("fee")),
        (with(&send, &|public| public.public_amount = 1), Rejection::NotEmpty(TxType::Send, "public amount")),
        (with(&send, &|public| public.public_asset = 1), Rejection::NotEmpty(TxType::Send, "public asset")),
        (with(&account, &|public| public.fee = 1), Rejection::NotEmpty(TxType::Account, "fee")),
        (with(&deposit, &|public| public.public_amount = 0), Rejection::Missing(TxType::Deposit, "public amount")),
        (
            with(&deposit, &|public| public.public_owner = Address::default()),
            Rejection::Missing(TxType::Deposit, "public owner"),
        ),
    ];
    for (pending, expected) in faults {
        assert_eq!(screen(&world, &FEE_ASSETS, std::slice::from_ref(&pending)).unwrap(), [Err(expected.clone())]);
        let refused = build(&world, shape(2, 1), &[account.clone(), pending], FEE_ASSETS, BENEFICIARY);
        let Err(BuildError::Rejected { position: 1, rejection }) = refused else { panic!("{expected}") };
        assert_eq!(rejection, expected);
    }
    let swapped = Pending { payload: vec![0; send.payload.len()], ..send.clone() };
    assert!(matches!(screen(&world, &FEE_ASSETS, &[swapped]).unwrap()[..], [Err(Rejection::Payload(_))]));
    assert_eq!(screen(&world, &FEE_ASSETS, &[deposit, send, account]).unwrap(), [Ok(()), Ok(()), Ok(())]);
}

#[test]
fn a_refused_transaction_does_not_use_up_its_nullifiers() {
    let world = world();
    let mut rng = rng(2);
    let first = of_type(&mut rng, &world, TxType::Send);
    let again =
        Pending { public: ClientPublic { nullifiers: first.public.nullifiers, ..first.public }, ..first.clone() };
    let mut refused = first.clone();
    (refused.public.fee, refused.public.fee_asset) = (1, 3);
    let verdicts = screen(&world, &FEE_ASSETS, &[refused, first.clone(), again]).unwrap();
    let repeated = Rejection::NullifierRepeated(first.public.nullifiers[0]);
    assert_eq!(verdicts, [Err(Rejection::FeeAsset(3)), Ok(()), Err(repeated)]);
}

#[test]
fn what_a_rollup_spent_the_next_one_refuses() {
    let world = world();
    let pending = [of_type(&mut rng(3), &world, TxType::Send)];
    let plan = build(&world, shape(1, 1), &pending, FEE_ASSETS, BENEFICIARY).unwrap();
    let spent = Rejection::NullifierSpent(pending[0].public.nullifiers[0]);
    assert_eq!(screen(&plan.world, &FEE_ASSETS, &pending).unwrap(), [Err(spent)]);
}

#[test]
fn a_free_transaction_passes_whatever_assets_are_taken() {
    let world = world();
    let account = of_type(&mut rng(4), &world, TxType::Account);
    let only = [7, NO_ASSET, NO_ASSET, NO_ASSET];
    assert!(build(&world, shape(1, 1), &[account], only, BENEFICIARY).is_ok());
}
