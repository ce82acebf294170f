//! The least that carries a 64-byte message there and back: for each way one box, a stamp with the bytes behind it.
//!
//! The floor of the latency of every channel. A box is written again only after the answer to it came, so that nothing
//! but the stamp has to be waited for. `mailbox, no hint` polls without the processor's spin hint. `mailbox, 56 B` carries a
//! message without its last word, which its receiver makes from the others: all that fits into one line with its stamp.

use std::io;
use std::os::fd::OwnedFd;

use crate::endpoint::{Caller, Channel, Shape};
use crate::memory::shared::{View, Words};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{System, sole};
use ringway_shm::primitive::{AtomicU64, Ordering};

/// The systems.
pub(crate) fn systems() -> Vec<System> {
    let mailbox = System::new("mailbox").round_trips::<Mailbox<true, 8>>();
    let line = System::new("mailbox, 56 B").round_trips::<Mailbox<true, 7>>();
    let unhinted = System::new("mailbox, no hint").round_trips::<Mailbox<false, 8>>();
    vec![mailbox.clone(), mailbox.again(), line, unhinted]
}

/// A stamp and a message.
#[repr(C, align(128))]
#[derive(Debug)]
struct MessageBox {
    /// How many messages were put in. Written by the sender only, after the message.
    stamp: AtomicU64,
    /// The message. Written by the sender only, while the receiver knows that it has read the one before.
    words: [AtomicU64; 8],
}

/// Both boxes.
#[repr(C)]
#[derive(Debug)]
struct Layout {
    /// Written by near only.
    there: MessageBox,
    /// Written by far only.
    back: MessageBox,
}

#[allow(unsafe_code)] // because the contract of `Words` is a promise that the compiler cannot check.
// SAFETY: all fields are atomic words, or arrays and structures of such.
unsafe impl Words for Layout {}

/// Both boxes as a channel.
struct Mailbox<const HINTED: bool, const WORDS: usize>;

/// One end of it.
struct End<const HINTED: bool, const WORDS: usize> {
    boxes: View<Layout>,
    is_near: bool,
    sent: u64,
    received: u64,
}

impl<const HINTED: bool, const WORDS: usize> End<HINTED, WORDS> {
    fn new(boxes: View<Layout>, is_near: bool) -> Self {
        Self { boxes, is_near, sent: 0, received: 0 }
    }
}

impl<const HINTED: bool, const WORDS: usize> Channel for Mailbox<HINTED, WORDS> {
    type Near = End<HINTED, WORDS>;
    type Far = End<HINTED, WORDS>;

    fn create(_: Shape) -> io::Result<(Self::Near, Vec<OwnedFd>)> {
        let boxes = View::<Layout>::create()?;
        let descriptor = boxes.descriptor()?;
        Ok((End::new(boxes, true), vec![descriptor]))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Self::Far> {
        Ok(End::new(View::attach(sole(descriptors)?)?, false))
    }
}

impl<const HINTED: bool, const WORDS: usize> Caller for End<HINTED, WORDS> {
    #[inline]
    fn send(&mut self, message: &[u8; 64], _: &Deadline<'_>) -> Result<(), Halt> {
        let target = if self.is_near { &self.boxes.there } else { &self.boxes.back };
        let (words, _) = message.as_chunks();
        for (word, bytes) in target.words[..WORDS].iter().zip(words) {
            // Relaxed: published by the stamp.
            word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
        }
        self.sent += 1;
        // Release: publishes the message. Pairs with the Acquire in `receive`.
        target.stamp.store(self.sent, Ordering::Release);
        Ok(())
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let source = if self.is_near { &self.boxes.back } else { &self.boxes.there };
        self.received += 1;
        let mut wait = deadline.wait();
        // Acquire: the message is there. Pairs with the Release in `send`.
        while source.stamp.load(Ordering::Acquire) != self.received {
            if HINTED { wait.poll()? } else { wait.poll_unhinted()? }
        }
        let (words, _) = message.as_chunks_mut();
        let mut sum = 0u64;
        for (bytes, word) in words.iter_mut().zip(&source.words[..WORDS]) {
            // Relaxed: ordered by the Acquire of the stamp; the sender writes again only after the answer.
            let word = word.load(Ordering::Relaxed);
            sum = sum.wrapping_add(word);
            *bytes = word.to_le_bytes();
        }
        if WORDS < words.len() {
            words[WORDS] = sum.to_le_bytes();
        }
        Ok(())
    }
}
