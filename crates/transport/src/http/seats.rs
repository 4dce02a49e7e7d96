//! The open sessions of the server: by which name the wire knows them, and which offer each was given last.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use proving::lease::Token;
use tokio::sync::watch;

use super::problem::Problem;
use super::wire::Key;
use crate::message::Offer;
use crate::plane::{PlaneError, SessionId, WorkPlane};

/// The turn of a seat whose session has ended.
const ENDED: u64 = u64::MAX;

/// All open sessions.
#[derive(Debug, Default)]
pub(super) struct Seats(Mutex<HashMap<Key, Arc<Seat>>>);

/// One open session.
pub(super) struct Seat {
    pub(super) session: SessionId,
    /// Counts the calls of `next`: whoever sees another number than his own was overtaken.
    turn: watch::Sender<u64>,
    /// The offer that was given last and that the worker has not said it saw. Only one `next` at a time is past here.
    unseen: tokio::sync::Mutex<Option<Offer>>,
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Seat").field(&self.session).finish()
    }
}

impl Seats {
    /// The session that the wire names so.
    pub(super) fn find(&self, key: Key) -> Result<Arc<Seat>, PlaneError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned().ok_or(PlaneError::NoSession)
    }

    /// Gives the session a name. It ends when what is returned is dropped.
    pub(super) fn take<P: WorkPlane>(self: &Arc<Self>, plane: P, session: SessionId) -> Taken<P> {
        let key = Key::random();
        let seat = Arc::new(Seat { session, turn: watch::Sender::new(0), unseen: tokio::sync::Mutex::default() });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&seat));
        Taken { plane, seats: Arc::clone(self), key, seat }
    }
}

/// A seat that is left when this is dropped.
#[derive(Debug)]
pub(super) struct Taken<P: WorkPlane> {
    plane: P,
    seats: Arc<Seats>,
    pub(super) key: Key,
    seat: Arc<Seat>,
}

impl<P: WorkPlane> Drop for Taken<P> {
    fn drop(&mut self) {
        self.seats.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        self.seat.turn.send_replace(ENDED);
        self.plane.close(self.seat.session);
    }
}

impl Seat {
    /// The next offer, or again the last one if the worker has not seen it; `None` where there was none `within`.
    pub(super) async fn next<P: WorkPlane>(
        &self,
        plane: &P,
        seen: Option<Token>,
        within: Duration,
    ) -> Result<Option<Offer>, Problem> {
        let mut turns = self.turn.subscribe();
        let mut mine = ENDED;
        self.turn.send_if_modified(|turn| {
            mine = if *turn == ENDED { ENDED } else { *turn + 1 };
            *turn = mine;
            mine != ENDED
        });
        if mine == ENDED {
            return Err(PlaneError::NoSession.into());
        }
        let overtaken = async { turns.wait_for(|turn| *turn != mine).await.map_or(ENDED, |turn| *turn) };
        tokio::select! {
            biased;
            turn = overtaken => match turn {
                ENDED => Err(PlaneError::NoSession.into()),
                _ => Err(Problem::new(StatusCode::CONFLICT, "a later request for a task overtook this one")),
            },
            offer = self.offer(plane, seen, within) => offer,
        }
    }

    /// Safe to drop at its await points: the offer that `plane.next` gives is kept before anything else is awaited.
    async fn offer<P: WorkPlane>(
        &self,
        plane: &P,
        seen: Option<Token>,
        within: Duration,
    ) -> Result<Option<Offer>, Problem> {
        let mut unseen = self.unseen.lock().await;
        if unseen.as_ref().is_some_and(|offer| Some(offer.token) == seen) {
            *unseen = None;
        }
        if unseen.is_none() {
            *unseen = plane.next(self.session, within).await?;
        }
        Ok(unseen.clone())
    }
}
