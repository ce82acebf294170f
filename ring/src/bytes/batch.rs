//! A batch: records that the consumer sees together.
//!
//! ```text
//!   send ─▶ in the ring, behind tail     flush, drop, a full ring, or an eighth of it ─▶ tail (Release), once for all
//! ```
//!
//! A batch that is forgotten instead of dropped keeps its records to itself until the producer next commits, or finds the
//! ring full.

use super::Producer;
use crate::error::{SendError, TrySendError};
use ringway_sync::Deadline;
use std::time::Duration;

/// How much of the ring a batch may keep to itself before it publishes: this many parts to a ring.
const BATCH_PARTS: u64 = 8;

/// Records that are published together.
#[derive(Debug)]
pub struct Batch<'a> {
    producer: &'a mut Producer,
}

impl<'a> Batch<'a> {
    pub(super) fn new(producer: &'a mut Producer) -> Self {
        Self { producer }
    }

    /// Adds a copy of `message` if there is room now. Never waits; publishes what has gathered if there is none.
    ///
    /// # Errors
    ///
    /// [`TrySendError`]; this message was not added, the ones before it were.
    #[inline]
    pub fn try_send(&mut self, message: &[u8]) -> Result<(), TrySendError> {
        if !self.producer.is_here() {
            return Err(TrySendError::Forked);
        }
        match self.producer.append(message) {
            Ok(()) => {
                if self.unpublished() >= self.producer.capacity() / BATCH_PARTS {
                    self.flush();
                }
                Ok(())
            }
            Err(error) => {
                // The consumer may have to see what has gathered before it can make room.
                self.flush();
                Err(error)
            }
        }
    }

    /// Adds a copy of `message`, waiting while the ring is full; what has gathered is published before the wait.
    ///
    /// # Errors
    ///
    /// [`SendError`], but not `TimedOut`; this message was not added, the ones before it were.
    #[inline]
    pub fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.send_until(message, Deadline::NEVER)
    }

    /// Adds a copy of `message`, waiting until a deadline.
    ///
    /// # Errors
    ///
    /// [`SendError`]; this message was not added, the ones before it were.
    #[inline]
    pub fn send_until(&mut self, message: &[u8], deadline: impl Into<Deadline>) -> Result<(), SendError> {
        if let Err(error) = self.try_send(message) {
            // What has gathered was published by the try; this message joins the next.
            self.producer.append_after(error, message, deadline.into())?;
        }
        Ok(())
    }

    /// Adds a copy of `message`, waiting this long at most.
    ///
    /// # Errors
    ///
    /// As [`send_until`](Self::send_until).
    #[inline]
    pub fn send_timeout(&mut self, message: &[u8], timeout: Duration) -> Result<(), SendError> {
        self.send_until(message, timeout)
    }

    /// Bytes of the ring that have gathered and that the consumer cannot see yet.
    #[must_use]
    pub fn unpublished(&self) -> u64 {
        self.producer.unpublished()
    }

    /// Publishes what has gathered.
    #[inline]
    pub fn flush(&mut self) {
        if self.unpublished() > 0 && !self.producer.is_poisoned() {
            // In a forked child nothing was added.
            let _ = self.producer.publish();
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}
