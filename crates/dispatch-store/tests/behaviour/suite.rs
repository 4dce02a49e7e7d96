//! How every store keeps what it is given.

use std::future::poll_fn;
use std::task::Poll;

use dispatch::store::{Kept, Store, StoreError};

use crate::disks::Disk;

fn kept(covered: u64, snapshot: Option<&[u8]>, batches: &[&[u8]]) -> Kept {
    let batches = batches.iter().map(|batch| batch.to_vec()).collect();
    Kept { covered, snapshot: snapshot.map(<[u8]>::to_vec), batches }
}

/// A store with the batches `a`, `b` and `c`.
async fn with_three(disk: &impl Disk) -> std::sync::Arc<dyn Store> {
    let store = disk.own().await;
    for (number, batch) in [(1, b"a"), (2, b"b"), (3, b"c")] {
        store.append(number, batch).await.unwrap();
    }
    store
}

pub(crate) async fn everything_comes_back_in_order_after_the_store_is_opened_again(disk: &impl Disk) {
    let store = disk.own().await;
    assert_eq!(store.load().await.unwrap(), Kept::default());
    store.release().await.unwrap();
    let first = store.epoch();

    let store = with_three(disk).await;
    assert!(store.epoch() > first);
    assert_eq!(store.load().await.unwrap(), kept(0, None, &[b"a", b"b", b"c"]));
    store.release().await.unwrap();
    drop(store);

    let store = disk.own().await;
    assert_eq!(store.load().await.unwrap(), kept(0, None, &[b"a", b"b", b"c"]));
    store.append(4, b"d").await.unwrap();
    assert_eq!(store.load().await.unwrap().last(), 4);
}

pub(crate) async fn an_empty_batch_and_one_of_a_megabyte_come_back(disk: &impl Disk) {
    let store = disk.own().await;
    let large: Vec<u8> = (0..1 << 20).map(|byte| (byte % 251) as u8).collect();
    store.append(1, &[]).await.unwrap();
    store.append(2, &large).await.unwrap();
    assert_eq!(store.load().await.unwrap(), kept(0, None, &[b"", &large]));
    store.snapshot(2, &large).await.unwrap();
    store.append(3, &[]).await.unwrap();
    assert_eq!(store.load().await.unwrap(), kept(2, Some(&large), &[b""]));
}

pub(crate) async fn a_batch_out_of_order_is_refused_and_changes_nothing(disk: &impl Disk) {
    let store = with_three(disk).await;
    for found in [0, 1, 3, 5, u64::MAX] {
        let error = store.append(found, b"x").await.unwrap_err();
        assert!(matches!(error, StoreError::OutOfOrder { last: 3, found: f } if f == found), "{error:?}");
    }
    assert_eq!(store.load().await.unwrap(), kept(0, None, &[b"a", b"b", b"c"]));
    store.append(4, b"d").await.unwrap();
}

pub(crate) async fn a_snapshot_replaces_what_it_covers(disk: &impl Disk) {
    let store = with_three(disk).await;
    store.snapshot(2, b"a, b").await.unwrap();
    assert_eq!(store.load().await.unwrap(), kept(2, Some(b"a, b"), &[b"c"]));
    store.snapshot(3, b"a, b, c").await.unwrap();
    assert_eq!(store.load().await.unwrap(), kept(3, Some(b"a, b, c"), &[]));
    store.snapshot(3, b"abc").await.unwrap();
    store.append(4, b"d").await.unwrap();
    store.release().await.unwrap();
    assert_eq!(disk.own().await.load().await.unwrap(), kept(3, Some(b"abc"), &[b"d"]));
}

pub(crate) async fn a_snapshot_of_what_is_not_there_is_refused(disk: &impl Disk) {
    let store = with_three(disk).await;
    store.snapshot(2, b"a, b").await.unwrap();
    for found in [0, 1, 4, u64::MAX] {
        let error = store.snapshot(found, b"x").await.unwrap_err();
        assert!(matches!(error, StoreError::OutOfOrder { last: 3, found: f } if f == found), "{error:?}");
    }
    assert_eq!(store.load().await.unwrap(), kept(2, Some(b"a, b"), &[b"c"]));
}

pub(crate) async fn every_call_of_an_old_owner_is_fenced_and_changes_nothing(disk: &impl Disk) {
    let old = with_three(disk).await;
    old.release().await.unwrap();
    let new = disk.own().await;
    let (ours, theirs) = (old.epoch(), new.epoch());
    let results = [
        old.load().await.map(drop),
        old.append(4, b"x").await,
        old.append(9, b"x").await,
        old.snapshot(3, b"x").await,
        old.renew().await,
        old.release().await,
    ];
    for (call, result) in results.into_iter().enumerate() {
        let error = result.unwrap_err();
        let is_fenced = matches!(error, StoreError::Fenced { ours: o, theirs: t } if (o, t) == (ours, theirs));
        assert!(is_fenced, "call {call}: {error:?}");
    }
    assert_eq!(new.load().await.unwrap(), kept(0, None, &[b"a", b"b", b"c"]));
    new.append(4, b"d").await.unwrap();
    new.renew().await.unwrap();
}

pub(crate) async fn an_append_that_is_given_up_half_way_leaves_a_usable_store(disk: &impl Disk) {
    let store = with_three(disk).await;
    for polls in 1..20 {
        let last = store.load().await.unwrap().last();
        let batch = vec![7; 100_000];
        let mut append = store.append(last + 1, &batch);
        for _ in 0..polls {
            // Whether or not it is done by now, it is dropped after so many steps.
            if poll_fn(|context| Poll::Ready(append.as_mut().poll(context))).await.is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(append);
        let last = store.load().await.unwrap().last();
        store.append(last + 1, b"next").await.unwrap();
        assert_eq!(store.load().await.unwrap().last(), last + 1);
    }
}
