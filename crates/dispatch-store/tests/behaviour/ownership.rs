//! How a store that outlives its process is owned by one dispatcher at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dispatch::store::{Store, StoreError};
use dispatch_store::{OpenOptions, SILENCE};

use crate::disks::Disk;

/// How often owners renew, as the engine does.
const RENEWAL: Duration = Duration::from_secs(1);

fn keep_alive(store: Arc<dyn Store>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        while store.renew().await.is_ok() {
            tokio::time::sleep(RENEWAL).await;
        }
    })
}

pub(crate) async fn a_living_owner_keeps_the_store(disk: &impl Disk) {
    let owner = disk.own().await;
    let alive = keep_alive(owner.clone());
    for _ in 0..2 {
        let error = disk.open(OpenOptions::default()).await.unwrap_err();
        assert!(matches!(error, StoreError::Held { epoch } if epoch == owner.epoch()), "{error:?}");
    }
    owner.append(1, b"still mine").await.unwrap();
    alive.abort();
}

pub(crate) async fn a_silent_owner_is_robbed_and_cannot_come_back(disk: &impl Disk) {
    let owner = disk.own().await;
    owner.append(1, b"a").await.unwrap();
    let start = Instant::now();
    let next = disk.own().await;
    assert!(start.elapsed() >= SILENCE);
    assert!(next.epoch() > owner.epoch());
    let error = owner.append(2, b"b").await.unwrap_err();
    assert!(matches!(error, StoreError::Fenced { .. }), "{error:?}");
    assert_eq!(next.load().await.unwrap().batches, [b"a"]);
}

pub(crate) async fn who_stands_by_waits_for_the_owner_to_give_up(disk: &impl Disk) {
    let owner = disk.own().await;
    let alive = keep_alive(owner.clone());
    let give_up = async {
        tokio::time::sleep(SILENCE + RENEWAL).await;
        alive.abort();
        owner.append(1, b"last words").await.unwrap();
        owner.release().await.unwrap();
        Instant::now()
    };
    let stand_by = async {
        let store = disk.open(OpenOptions::default().standby(true)).await.unwrap();
        (store, Instant::now())
    };
    let (given_up, (store, taken)) = tokio::join!(give_up, stand_by);
    assert!(taken >= given_up && taken - given_up < SILENCE);
    assert_eq!(store.load().await.unwrap().batches, [b"last words"]);
}

pub(crate) async fn who_stands_by_waits_for_a_living_owner_to_fall_silent(disk: &impl Disk) {
    let owner = disk.own().await;
    let alive = keep_alive(owner.clone());
    let fall_silent = async {
        tokio::time::sleep(SILENCE + RENEWAL).await;
        alive.abort();
        Instant::now()
    };
    let stand_by = async {
        let store = disk.open(OpenOptions::default().standby(true)).await.unwrap();
        (store, Instant::now())
    };
    let (silent, (store, taken)) = tokio::join!(fall_silent, stand_by);
    assert!(taken > silent && store.epoch() > owner.epoch());
}

pub(crate) async fn of_many_who_open_a_new_store_at_once_one_owns_it(disk: &impl Disk) {
    let open = || disk.open(OpenOptions::default());
    // The one that wins renews at once, so that the others see it alive.
    let open_and_renew = || async {
        let store = open().await?;
        drop(keep_alive(store.clone()));
        Ok::<_, StoreError>(store)
    };
    let results: [_; 4] = tokio::join!(open_and_renew(), open_and_renew(), open_and_renew(), open_and_renew()).into();
    let (owners, others): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(owners.len(), 1, "{others:?}");
    for other in others {
        assert!(matches!(other, Err(StoreError::Held { epoch: 1 })), "{other:?}");
    }
    owners[0].as_ref().unwrap().append(1, b"a").await.unwrap();
}

pub(crate) async fn of_two_who_watch_a_silent_owner_one_wins(disk: &impl Disk) {
    drop(disk.own().await);
    let (one, other) = tokio::join!(disk.open(OpenOptions::default()), disk.open(OpenOptions::default()));
    let (winner, loser) = if one.is_ok() { (one, other) } else { (other, one) };
    let winner = winner.unwrap();
    assert!(matches!(loser, Err(StoreError::Held { epoch }) if epoch == winner.epoch()), "{loser:?}");
    winner.append(1, b"a").await.unwrap();
}
