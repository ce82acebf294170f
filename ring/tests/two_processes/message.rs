//! Messages that follow from their number: whoever has one can tell whether it is whole and the right one.
//!
//! ```text
//!   0          4          8          16
//!   sender     (zero)     number     checksum     noise that depends on all of it
//! ```

use crate::fixture::random::Random;
use ringway::bytes::{Batch, Consumer, Messages, Producer};
use ringway::{Fingerprint, SendError};
use std::sync::OnceLock;
use std::time::Duration;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Longest message, and the longest record of a ring of 4096 bytes.
const LEN_MAX: usize = 2040;

/// Writes the message of a number into `message`.
pub(crate) fn write(sender: u32, number: u64, message: &mut Vec<u8>) {
    static NOISE: OnceLock<Vec<u8>> = OnceLock::new();
    let noise = NOISE.get_or_init(|| Random::new(9).bytes(2 * LEN_MAX));
    let mut random = Random::new(number ^ u64::from(sender) << 40);
    // A reservation may be up to 7 bytes longer than its message.
    let rest = if random.one_in(16) { random.below(LEN_MAX as u64 - 30) } else { random.below(120) } as usize;
    let at = random.below(LEN_MAX as u64) as usize;
    message.clear();
    message.extend_from_slice(&u64::from(sender).to_le_bytes());
    message.extend_from_slice(&number.to_le_bytes());
    message.extend_from_slice(&random.next().to_le_bytes());
    message.extend_from_slice(&noise[at..at + rest]);
}

/// The sender and the number of a message, if it is whole.
pub(crate) fn read(message: &[u8]) -> (u32, u64) {
    let word = |at: usize| u64::from_le_bytes(message[at..at + 8].try_into().unwrap());
    let (sender, number) = (word(0) as u32, word(8));
    let mut expected = Vec::new();
    write(sender, number, &mut expected);
    assert!(message == expected, "message {number} of sender {sender} is torn: {message:02x?}");
    (sender, number)
}

/// A slot that follows from its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, Fingerprint)]
#[repr(C)]
pub(crate) struct Numbered {
    pub(crate) sender: u64,
    pub(crate) number: u64,
    noise: [u64; 3],
}

impl Numbered {
    pub(crate) fn new(sender: u64, number: u64) -> Self {
        let mut random = Random::new(number ^ sender << 40);
        Self { sender, number, noise: [random.next(), random.next(), random.next()] }
    }

    pub(crate) fn check(&self) {
        assert_eq!(*self, Self::new(self.sender, self.number), "torn");
    }
}

/// One record at a time, or many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Single,
    Many,
}

/// Sends the messages of these numbers, each by one verb or another.
pub(crate) fn send(
    tx: &mut Producer,
    sender: u32,
    numbers: impl Iterator<Item = u64>,
    way: Way,
    limit: Duration,
) -> Result<(), SendError> {
    let mut numbers = numbers.peekable();
    let mut message = Vec::new();
    while let Some(number) = numbers.next() {
        write(sender, number, &mut message);
        if way == Way::Many {
            let mut batch: Batch<'_> = tx.batch();
            batch.send_until(&message, limit)?;
            for number in numbers.by_ref().take(64 + number as usize % 64) {
                write(sender, number, &mut message);
                batch.send_until(&message, limit)?;
            }
        } else if number % 3 == 0 {
            let middle = message.len() / 2;
            let mut reservation = tx.reserve_until(message.len() + number as usize % 8, limit)?;
            reservation.write_at(middle, &message[middle..]);
            reservation.write_at(0, &message[..middle]);
            reservation.commit_prefix(message.len());
        } else {
            tx.send_until(&message, limit)?;
        }
    }
    Ok(())
}

/// Receives `count` messages and shows each.
pub(crate) fn receive(rx: &mut Consumer, count: u64, way: Way, limit: Duration, mut show: impl FnMut(&[u8])) {
    let mut message = Vec::new();
    let mut messages = Messages::with_room(3000);
    let mut received = 0;
    while received < count {
        if way == Way::Many {
            rx.recv_many_until(&mut messages, limit).unwrap();
            messages.iter().for_each(&mut show);
            received += messages.iter().count() as u64;
        } else if received % 3 == 0 {
            let peek = rx.peek_until(limit).unwrap();
            message.resize(peek.len(), 0);
            peek.read_at(0, &mut message);
            peek.release();
            show(&message);
            received += 1;
        } else {
            rx.recv_until(&mut message, limit).unwrap();
            show(&message);
            received += 1;
        }
    }
    assert_eq!(received, count, "more than were sent");
}
