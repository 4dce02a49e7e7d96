//! One behaviour for every store: the same tests run against memory, SQLite and a real PostgreSQL server.

#![allow(clippy::unwrap_used, reason = "what a test calls may panic, as a test may")]

mod disks;
mod ownership;
mod suite;

/// Makes a test of each behaviour for each kind of disk.
macro_rules! behaviours {
    ($module:ident: $($behaviour:ident),+ $(,)? => $($name:ident on $disk:ty),+) => {
        behaviours!(@disks [$module $($behaviour)+] $($name $disk)+);
    };
    (@disks $rest:tt $($name:ident $disk:ty)+) => {
        $(mod $name { behaviours!(@tests $rest $disk); })+
    };
    (@tests [$module:ident $($behaviour:ident)+] $disk:ty) => {
        $(#[tokio::test]
        async fn $behaviour() {
            super::super::$module::$behaviour(&<$disk as crate::disks::Disk>::fresh()).await;
        })+
    };
}

mod kept {
    behaviours! {
        suite:
            everything_comes_back_in_order_after_the_store_is_opened_again,
            an_empty_batch_and_one_of_a_megabyte_come_back,
            a_batch_out_of_order_is_refused_and_changes_nothing,
            a_snapshot_replaces_what_it_covers,
            a_snapshot_of_what_is_not_there_is_refused,
            every_call_of_an_old_owner_is_fenced_and_changes_nothing,
            an_append_that_is_given_up_half_way_leaves_a_usable_store
        => memory on crate::disks::Memory, sqlite on crate::disks::Sqlite, postgres on crate::disks::Postgres
    }
}

mod owned {
    behaviours! {
        ownership:
            a_living_owner_keeps_the_store,
            a_silent_owner_is_robbed_and_cannot_come_back,
            who_stands_by_waits_for_the_owner_to_give_up,
            who_stands_by_waits_for_a_living_owner_to_fall_silent,
            of_many_who_open_a_new_store_at_once_one_owns_it,
            of_two_who_watch_a_silent_owner_one_wins
        => sqlite on crate::disks::Sqlite, postgres on crate::disks::Postgres
    }
}
