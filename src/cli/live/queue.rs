//! The way to a thread that writes, which the capture never waits for: a queue with a limit that
//! knows how much room it has, and whether anything moves in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// A queue in which nothing moved for so long is blocked: nobody waits for it any more.
const BLOCKED: Duration = Duration::from_secs(1);
/// Room for what is put in although there is none left for sessions.
const SPARE: usize = 1024;
/// Between two looks at whether something moved.
const NAP: Duration = Duration::from_millis(1);

/// The side that puts in.
pub(super) struct Sending<T> {
    orders: SyncSender<T>,
    size: u64,
    put: u64,
    done: Arc<AtomicU64>,
    /// How many were done when that was last seen to change, and when.
    moved: (u64, Instant),
    /// Up to when to wait for room.
    until: Option<Instant>,
}

/// The side that takes out.
pub(super) struct Receiving<T> {
    orders: Receiver<T>,
    done: Arc<AtomicU64>,
}

/// Both sides of one in which `size` orders may wait.
pub(super) fn queue<T>(size: usize) -> (Sending<T>, Receiving<T>) {
    let (sender, orders) = sync_channel(size + SPARE);
    let done = Arc::<AtomicU64>::default();
    let sending = Sending {
        orders: sender,
        size: size as u64,
        put: 0,
        done: Arc::clone(&done),
        moved: (0, Instant::now()),
        until: None,
    };
    (sending, Receiving { orders, done })
}

impl<T> Sending<T> {
    /// Orders that are not done.
    pub(super) fn waiting(&self) -> u64 {
        self.put.saturating_sub(self.done.load(Ordering::Relaxed))
    }

    /// Some wait, and have done so for long without one being done.
    pub(super) fn is_blocked(&mut self) -> bool {
        let done = self.done.load(Ordering::Relaxed);
        if self.moved.0 != done || done == self.put {
            self.moved = (done, Instant::now());
        }
        self.moved.1.elapsed() >= BLOCKED
    }

    /// How many more it takes; where it is blocked any number, since to wait would not help.
    pub(super) fn room(&mut self) -> usize {
        if self.is_blocked() {
            return usize::MAX;
        }
        usize::try_from(self.size.saturating_sub(self.waiting())).unwrap_or(usize::MAX)
    }

    /// From here on it is waited for room, but not for longer.
    pub(super) const fn wait_until(&mut self, deadline: Instant) {
        self.until = Some(deadline);
    }

    /// Whether there was room.
    pub(super) fn put(&mut self, order: T) -> bool {
        let mut order = order;
        loop {
            match self.orders.try_send(order) {
                Ok(()) => {
                    self.put += 1;
                    return true;
                }
                Err(TrySendError::Disconnected(_)) => return false,
                Err(TrySendError::Full(back)) => order = back,
            }
            let is_late = self.until.is_none_or(|until| Instant::now() >= until);
            if is_late || self.is_blocked() {
                return false;
            }
            thread::sleep(NAP);
        }
    }

    /// Waits until all is done; how many are not when the time is up, or nothing moves.
    pub(super) fn finish(mut self) -> u64 {
        let until = self.until;
        while self.waiting() > 0
            && until.is_some_and(|until| Instant::now() < until)
            && !self.is_blocked()
        {
            thread::sleep(NAP);
        }
        self.waiting()
    }
}

impl<T> Receiving<T> {
    /// Waits for the next order, and takes those behind it, too, as far as they fit; `false` when
    /// there will be none.
    pub(super) fn take(&self, batch: &mut Vec<T>, most: usize) -> bool {
        let Ok(first) = self.orders.recv() else {
            return false;
        };
        batch.push(first);
        batch.extend(self.orders.try_iter().take(most.saturating_sub(1)));
        true
    }

    /// So many of them are done.
    pub(super) fn done(&self, orders: usize) {
        self.done.fetch_add(orders as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_takes_room_until_it_is_done() {
        let (mut sending, receiving) = queue(3);
        assert!(sending.put('a') && sending.put('b'));
        assert_eq!(sending.room(), 1);
        let mut batch = Vec::new();
        assert!(receiving.take(&mut batch, 10));
        assert_eq!((batch.len(), sending.room()), (2, 1));
        receiving.done(2);
        assert_eq!((sending.room(), sending.waiting()), (3, 0));
        assert_eq!(sending.finish(), 0);
        assert!(!receiving.take(&mut batch, 10));
    }

    #[test]
    fn nobody_waits_for_what_does_not_move() {
        let (mut sending, receiving) = queue(0);
        while sending.put(()) {}
        let put = sending.waiting();
        assert_eq!(put, SPARE as u64);
        sending.wait_until(Instant::now() + Duration::from_secs(600));
        assert!(
            !sending.put(()),
            "it waits no longer than for what is blocked"
        );
        assert_eq!(sending.room(), usize::MAX);
        assert_eq!(sending.finish(), put);
        drop(receiving);
    }
}
