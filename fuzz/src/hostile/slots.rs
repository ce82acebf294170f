//! Both sides of a ring of slots as victims, in either layout.

use super::victim::{Call, Outcome, Side, Victim, WHEN_FULL, outcome, victim};
use ringway::slots::{Consumer, Layout, Producer};
use ringway::{RecvError, SendError, Slot, WhenFull};

/// Slots that one call is given at most: more than any ring here has.
const MANY: usize = 66;

impl<T: Slot, L: Layout> Victim for Producer<T, L> {
    const SIDE: Side = Side::Producer;

    victim! { SendError, has_consumer, await_consumer_until }

    fn call(&mut self, call: &mut Call<'_, '_>) -> Outcome {
        let when_full = call.input.choose(&WHEN_FULL);
        self.set_when_full(when_full);
        let is_dropping = when_full == WhenFull::DropNewest;
        let value = T::new_zeroed();
        match call.input.below(12) {
            0..=2 => {
                call.is("try_send", 1);
                outcome(self.try_send(&value))
            }
            3 if call.is_poisoned || is_dropping => {
                call.is("send", 1);
                outcome(self.send(&value))
            }
            3 | 4 => {
                call.is("send_until", 1);
                let deadline = call.deadline();
                outcome(self.send_until(&value, deadline))
            }
            5 => {
                call.is("send_timeout", 1);
                let timeout = call.timeout();
                outcome(self.send_timeout(&value, timeout))
            }
            6..=8 => send_many(self, call, is_dropping),
            _ => reserve(self, call),
        }
    }
}

fn send_many<T: Slot, L: Layout>(
    tx: &mut Producer<T, L>,
    call: &mut Call<'_, '_>,
    is_dropping: bool,
) -> Outcome {
    let values = [T::new_zeroed(); MANY];
    let values = &values[..call.input.below(tx.capacity() + 3).min(MANY as u64) as usize];
    let count = values.len();
    let sent = match call.input.below(4) {
        0 => {
            call.is("send_many_until", count);
            let deadline = call.deadline();
            tx.send_many_until(values, deadline).map_err(Outcome::from)
        }
        1 => {
            call.is("send_many_timeout", count);
            let timeout = call.timeout();
            tx.send_many_timeout(values, timeout).map_err(Outcome::from)
        }
        2 if call.is_poisoned || is_dropping => {
            call.is("send_many", count);
            tx.send_many(values).map(|()| count).map_err(Outcome::from)
        }
        _ => {
            call.is("try_send_many", count);
            let sent = tx.try_send_many(values);
            let fits = |sent: usize| is_dropping || sent as u64 <= tx.capacity();
            assert!(sent.as_ref().is_ok_and(|&sent| fits(sent)) || sent.is_err(), "{sent:?} in one part");
            sent.map_err(Outcome::from)
        }
    };
    match sent {
        Ok(sent) => assert!(sent <= count, "{sent} of {count}"),
        Err(outcome) => return outcome,
    }
    Outcome::Done
}

fn reserve<T: Slot, L: Layout>(tx: &mut Producer<T, L>, call: &mut Call<'_, '_>) -> Outcome {
    let mut count = 1;
    let reserved = match call.input.below(5) {
        0 => {
            call.is("reserve_until", 1);
            let deadline = call.deadline();
            tx.reserve_until(deadline).map_err(Outcome::from)
        }
        1 => {
            call.is("reserve_timeout", 1);
            let timeout = call.timeout();
            tx.reserve_timeout(timeout).map_err(Outcome::from)
        }
        2 => {
            call.is("try_reserve", 1);
            tx.try_reserve().map_err(Outcome::from)
        }
        3 if call.is_poisoned => {
            call.is("reserve", 1);
            tx.reserve().map_err(Outcome::from)
        }
        _ => {
            count = call.input.below(tx.capacity() + 3) as usize;
            call.is("try_reserve_many", count);
            tx.try_reserve_many(count).map_err(Outcome::from)
        }
    };
    let mut reservation = match reserved {
        Ok(reservation) => reservation,
        Err(outcome) => return outcome,
    };
    let len = reservation.len();
    assert!(len <= count, "{len} slots reserved of {count}");
    (0..len).for_each(|at| reservation.write(at, &T::new_zeroed()));
    match call.input.below(4) {
        0 => reservation.abort(),
        1 => reservation.commit_prefix(len / 2),
        2 => drop(reservation),
        _ => reservation.commit(),
    }
    Outcome::Done
}

impl<T: Slot, L: Layout> Victim for Consumer<T, L> {
    const SIDE: Side = Side::Consumer;

    victim! { RecvError, has_producer, await_producer_until }

    fn call(&mut self, call: &mut Call<'_, '_>) -> Outcome {
        let mut value = T::new_zeroed();
        match call.input.below(16) {
            0 | 1 => {
                call.is("try_recv", 1);
                outcome(self.try_recv())
            }
            2 if call.is_poisoned => {
                call.is("recv", 1);
                outcome(self.recv())
            }
            2 | 3 => {
                call.is("recv_until", 1);
                let deadline = call.deadline();
                outcome(self.recv_until(deadline))
            }
            4 => {
                call.is("recv_timeout", 1);
                let timeout = call.timeout();
                outcome(self.recv_timeout(timeout))
            }
            5 | 6 => {
                call.is("try_recv_into", 1);
                outcome(self.try_recv_into(&mut value))
            }
            7 if call.is_poisoned => {
                call.is("recv_into", 1);
                outcome(self.recv_into(&mut value))
            }
            7 => {
                call.is("recv_into_until", 1);
                let deadline = call.deadline();
                outcome(self.recv_into_until(&mut value, deadline))
            }
            8 => {
                call.is("recv_into_timeout", 1);
                let timeout = call.timeout();
                outcome(self.recv_into_timeout(&mut value, timeout))
            }
            9..=12 => recv_many(self, call),
            _ => peek(self, call),
        }
    }
}

fn recv_many<T: Slot, L: Layout>(rx: &mut Consumer<T, L>, call: &mut Call<'_, '_>) -> Outcome {
    let mut values = [T::new_zeroed(); MANY];
    let values = &mut values[..call.input.below(rx.capacity() + 3).min(MANY as u64) as usize];
    let count = values.len();
    let received = match call.input.below(4) {
        0 => {
            call.is("recv_many_until", count);
            let deadline = call.deadline();
            rx.recv_many_until(values, deadline).map_err(Outcome::from)
        }
        1 => {
            call.is("recv_many_timeout", count);
            let timeout = call.timeout();
            rx.recv_many_timeout(values, timeout).map_err(Outcome::from)
        }
        2 if call.is_poisoned => {
            call.is("recv_many", count);
            rx.recv_many(values).map_err(Outcome::from)
        }
        _ => {
            call.is("try_recv_many", count);
            rx.try_recv_many(values).map_err(Outcome::from)
        }
    };
    match received {
        Ok(received) => {
            assert!(received <= count && received as u64 <= rx.capacity(), "{received} of {count}");
        }
        Err(outcome) => return outcome,
    }
    Outcome::Done
}

fn peek<T: Slot, L: Layout>(rx: &mut Consumer<T, L>, call: &mut Call<'_, '_>) -> Outcome {
    let mut count = 1;
    let peeked = match call.input.below(5) {
        0 => {
            call.is("peek_until", 1);
            let deadline = call.deadline();
            rx.peek_until(deadline).map_err(Outcome::from)
        }
        1 => {
            call.is("peek_timeout", 1);
            let timeout = call.timeout();
            rx.peek_timeout(timeout).map_err(Outcome::from)
        }
        2 => {
            call.is("try_peek", 1);
            rx.try_peek().map_err(Outcome::from)
        }
        3 if call.is_poisoned => {
            call.is("peek", 1);
            rx.peek().map_err(Outcome::from)
        }
        _ => {
            count = call.input.below(rx.capacity() + 3) as usize;
            call.is("try_peek_many", count);
            rx.try_peek_many(count).map_err(Outcome::from)
        }
    };
    let peek = match peeked {
        Ok(peek) => peek,
        Err(outcome) => return outcome,
    };
    let len = peek.len();
    assert!(len <= count, "{len} slots peeked of {count}");
    (0..len).for_each(|at| _ = peek.read(at));
    match call.input.below(4) {
        0 => drop(peek),
        1 => peek.release_prefix(len / 2),
        _ => peek.release(),
    }
    Outcome::Done
}
