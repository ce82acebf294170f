//! Both sides of a byte ring as victims.

use super::victim::{Call, MESSAGE, Outcome, Side, Victim, WHEN_FULL, outcome, victim};
use ringway::bytes::{Consumer, Messages, Producer};
use ringway::{RecvError, SendError, TryRecvError, WhenFull};

/// A length, often one at which something changes.
fn len(call: &mut Call<'_, '_>, max: usize) -> usize {
    match call.input.below(8) {
        0 => 0,
        1 => 8,
        2 => max - 1,
        3 => max,
        4 => max + 1,
        5 => 40,
        _ => call.input.below(max as u64 + 1) as usize,
    }
}

impl Victim for Producer {
    const SIDE: Side = Side::Producer;

    victim! { SendError, has_consumer, await_consumer_until }

    fn call(&mut self, call: &mut Call<'_, '_>) -> Outcome {
        let len = len(call, self.length_max());
        let message = &MESSAGE[..len];
        let when_full = call.input.choose(&WHEN_FULL);
        self.set_when_full(when_full);
        let cannot_wait = call.is_poisoned || when_full == WhenFull::DropNewest;
        match call.input.below(12) {
            0..=2 => {
                call.is("try_send", len);
                outcome(self.try_send(message))
            }
            3 if cannot_wait => {
                call.is("send", len);
                outcome(self.send(message))
            }
            3 | 4 => {
                call.is("send_until", len);
                let deadline = call.deadline();
                outcome(self.send_until(message, deadline))
            }
            5 => {
                call.is("send_timeout", len);
                let timeout = call.timeout();
                outcome(self.send_timeout(message, timeout))
            }
            6..=8 => reserve(self, call, len),
            _ => batch(self, call, len),
        }
    }
}

fn reserve(tx: &mut Producer, call: &mut Call<'_, '_>, len: usize) -> Outcome {
    let how = call.input.below(4);
    let reserved = match how {
        0 => {
            call.is("reserve_until", len);
            let deadline = call.deadline();
            tx.reserve_until(len, deadline).map_err(Outcome::from)
        }
        1 => {
            call.is("reserve_timeout", len);
            let timeout = call.timeout();
            tx.reserve_timeout(len, timeout).map_err(Outcome::from)
        }
        2 if call.is_poisoned => {
            call.is("reserve", len);
            tx.reserve(len).map_err(Outcome::from)
        }
        _ => {
            call.is("try_reserve", len);
            tx.try_reserve(len).map_err(Outcome::from)
        }
    };
    let mut reservation = match reserved {
        Ok(reservation) => reservation,
        Err(outcome) => return outcome,
    };
    assert_eq!(reservation.len(), len);
    match call.input.below(4) {
        0 => reservation.abort(),
        1 => {
            reservation.write_at(len / 2, &MESSAGE[..len - len / 2]);
            reservation.commit_prefix(len / 2);
        }
        2 => drop(reservation),
        _ => {
            reservation.copy_from(&MESSAGE[..len]);
            reservation.commit();
        }
    }
    Outcome::Done
}

fn batch(tx: &mut Producer, call: &mut Call<'_, '_>, len: usize) -> Outcome {
    let count = call.input.below(6) as usize + 1;
    call.is("batch", count * (len + 8));
    let mut batch = tx.batch();
    for _ in 0..count {
        let sent = match call.input.below(6) {
            0 => {
                let deadline = call.deadline();
                outcome(batch.send_until(&MESSAGE[..len], deadline))
            }
            1 => {
                let timeout = call.timeout();
                outcome(batch.send_timeout(&MESSAGE[..len], timeout))
            }
            2 if call.is_poisoned => outcome(batch.send(&MESSAGE[..len])),
            _ => outcome(batch.try_send(&MESSAGE[..len])),
        };
        if sent != Outcome::Done {
            return sent;
        }
        if call.input.one_in(4) {
            batch.flush();
            assert_eq!(batch.unpublished(), 0);
        }
    }
    // So that a handle that has met corruption says so, whatever was asked of it.
    outcome(batch.try_send(&[]))
}

impl Victim for Consumer {
    const SIDE: Side = Side::Consumer;

    victim! { RecvError, has_producer, await_producer_until }

    fn call(&mut self, call: &mut Call<'_, '_>) -> Outcome {
        let max = self.length_max();
        match call.input.below(10) {
            0..=2 => recv(self, call, max),
            3..=5 => recv_into(self, call, max),
            6 | 7 => recv_many(self, call, max),
            _ => peek(self, call, max),
        }
    }
}

fn recv(rx: &mut Consumer, call: &mut Call<'_, '_>, max: usize) -> Outcome {
    let mut message = Vec::new();
    let outcome = match call.input.below(5) {
        0 => {
            call.is("recv_until", max);
            let deadline = call.deadline();
            outcome(rx.recv_until(&mut message, deadline))
        }
        1 => {
            call.is("recv_timeout", max);
            let timeout = call.timeout();
            outcome(rx.recv_timeout(&mut message, timeout))
        }
        2 if call.is_poisoned => {
            call.is("recv", max);
            outcome(rx.recv(&mut message))
        }
        3 if call.is_poisoned => {
            call.is("recv_vec", max);
            outcome(rx.recv_vec())
        }
        _ => {
            call.is("try_recv", max);
            outcome(rx.try_recv(&mut message))
        }
    };
    assert!(message.len() <= max, "a message of {} bytes", message.len());
    outcome
}

fn recv_into(rx: &mut Consumer, call: &mut Call<'_, '_>, max: usize) -> Outcome {
    let len = call.input.below(max as u64 + 1) as usize;
    let received = match call.input.below(4) {
        0 => {
            call.is("recv_into_until", len);
            let deadline = call.deadline();
            rx.recv_into_until(&mut call.room[..len], deadline)
        }
        1 => {
            call.is("recv_into_timeout", len);
            let timeout = call.timeout();
            rx.recv_into_timeout(&mut call.room[..len], timeout)
        }
        2 if call.is_poisoned => {
            call.is("recv_into", len);
            rx.recv_into(&mut call.room[..len])
        }
        _ => {
            call.is("try_recv_into", len);
            match rx.try_recv_into(&mut call.room[..len]) {
                Ok(received) => Ok(received),
                Err(TryRecvError::TooSmall { needed }) => Err(RecvError::TooSmall { needed }),
                Err(error) => return error.into(),
            }
        }
    };
    match received {
        Ok(received) => assert!(received <= len, "{received} bytes in {len}"),
        Err(RecvError::TooSmall { needed }) => {
            assert!(len < needed && needed <= max, "{needed} bytes needed")
        }
        Err(error) => return error.into(),
    }
    Outcome::Done
}

fn recv_many(rx: &mut Consumer, call: &mut Call<'_, '_>, max: usize) -> Outcome {
    let room = call.input.below(rx.capacity() + 16) as usize;
    let mut messages = Messages::with_room(room);
    let outcome = match call.input.below(4) {
        0 => {
            call.is("recv_many_until", room);
            let deadline = call.deadline();
            outcome(rx.recv_many_until(&mut messages, deadline))
        }
        1 => {
            call.is("recv_many_timeout", room);
            let timeout = call.timeout();
            outcome(rx.recv_many_timeout(&mut messages, timeout))
        }
        2 if call.is_poisoned => {
            call.is("recv_many", room);
            outcome(rx.recv_many(&mut messages))
        }
        _ => {
            call.is("try_recv_many", room);
            outcome(rx.try_recv_many(&mut messages))
        }
    };
    let taken: usize = messages.iter().map(|message| 8 + message.len()).sum();
    assert!(taken <= room && messages.iter().all(|message| message.len() <= max), "{taken} bytes in {room}");
    assert!(outcome == Outcome::Done || taken == 0, "{outcome:?} and {taken} bytes");
    outcome
}

fn peek(rx: &mut Consumer, call: &mut Call<'_, '_>, max: usize) -> Outcome {
    let peeked = match call.input.below(4) {
        0 => {
            call.is("peek_until", max);
            let deadline = call.deadline();
            rx.peek_until(deadline).map_err(Outcome::from)
        }
        1 => {
            call.is("peek_timeout", max);
            let timeout = call.timeout();
            rx.peek_timeout(timeout).map_err(Outcome::from)
        }
        2 if call.is_poisoned => {
            call.is("peek", max);
            rx.peek().map_err(Outcome::from)
        }
        _ => {
            call.is("try_peek", max);
            rx.try_peek().map_err(Outcome::from)
        }
    };
    let peek = match peeked {
        Ok(peek) => peek,
        Err(outcome) => return outcome,
    };
    let len = peek.len();
    assert!(len <= max, "a peek of {len} bytes");
    match call.input.below(4) {
        0 => assert_eq!(peek.to_vec().len(), len),
        1 => peek.read_at(len / 2, &mut call.room[..len - len / 2]),
        2 => {
            peek.read_at(0, &mut call.room[..len]);
            peek.release();
        }
        _ => peek.release(),
    }
    Outcome::Done
}
