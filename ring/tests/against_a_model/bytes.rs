//! Byte rings against the model.

use crate::byte_model::{CAPACITY, LENGTH_MAX, Model, footprint};
use crate::fixture::random::Random;
use crate::fixture::raw::Raw;
use crate::fixture::{WRAPS, config};
use arbtest::arbitrary::{Result as Drawn, Unstructured};
use arbtest::arbtest;
use ringway::bytes::{self, Consumer, Messages, Producer};
use ringway::{InPlace, RecvError, Region, SendError, TryRecvError, TrySendError, Wrap};
use std::sync::Arc;
use std::time::Duration;

/// A ring, both its handles, and the model beside it.
struct Stage {
    region: Arc<Region>,
    raw: Raw,
    tx: Option<Producer>,
    rx: Option<Consumer>,
    model: Model,
    serial: u64,
}

impl Stage {
    fn new(wrap: Wrap, start: u64) -> Self {
        let region = Arc::new(bytes::anonymous(&config(CAPACITY).wrap(wrap)).unwrap());
        let raw = Raw::new(&region);
        raw.set_positions(start);
        let tx = Some(Producer::attach(&region).unwrap());
        let rx = Some(Consumer::attach(&region).unwrap());
        let mirrored = wrap == Wrap::Mirrored;
        let model = Model::new(mirrored, start);
        Self { region, raw, tx, rx, model, serial: 0 }
    }

    fn message(&mut self, len: usize) -> Vec<u8> {
        self.serial += 1;
        Random::new(self.serial).bytes(len)
    }

    /// A length: often one at which something changes.
    fn len(&self, u: &mut Unstructured<'_>) -> Drawn<usize> {
        let near = u.int_in_range(-9..=9)?;
        let (to_end, free) = (self.model.to_end() as i64, self.model.free() as i64);
        let len = match u.int_in_range(0..=7)? {
            0 => *u.choose(&[0, 1, 7, 8, 9, 15, 16, 17, 24, 127, 128, 129, 136])?,
            1 => u.int_in_range(0..=LENGTH_MAX as i64)?,
            2 => to_end - 8 + near,
            3 => free - 8 + near,
            4 => free - to_end - 8 + near,
            5 => LENGTH_MAX as i64 + near / 3,
            _ => u.int_in_range(0..=64)?,
        };
        Ok(len.max(0) as usize)
    }

    fn step(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        match u.int_in_range(0..=17)? {
            0..=2 => self.try_send(u)?,
            3 => self.send(u)?,
            4 | 5 => self.reserve(u)?,
            6 | 7 => self.batch(u)?,
            8 => self.window(u)?,
            9 => {
                self.tx = None;
                self.model.forget_unpublished();
                self.tx = Some(Producer::attach(&self.region).unwrap());
            }
            10 => self.try_recv(),
            11 => self.recv(u)?,
            12 => self.recv_into(u)?,
            13 | 14 => self.recv_many(u)?,
            15 => self.peek(u)?,
            16 => self.view(u)?,
            _ => {
                self.rx = None;
                self.rx = Some(Consumer::attach(&self.region).unwrap());
            }
        }
        assert_eq!(self.raw.tail(), self.model.published, "tail");
        assert_eq!(self.raw.head(), self.model.head, "head");
        Ok(())
    }

    fn try_send(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let len = self.len(u)?;
        let message = self.message(len);
        let room = self.model.room(len);
        assert_eq!(self.tx.as_mut().unwrap().try_send(&message), room.map(|_| ()));
        if let Ok(padding) = room {
            self.model.add(padding, &message);
            self.model.publish();
        }
        Ok(())
    }

    fn send(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let len = self.len(u)?;
        let message = self.message(len);
        let tx = self.tx.as_mut().unwrap();
        match self.model.room(len) {
            Ok(padding) => {
                assert_eq!(tx.send(&message), Ok(()));
                self.model.add(padding, &message);
                self.model.publish();
            }
            Err(TrySendError::TooLong { len, max }) => {
                assert_eq!(tx.send(&message), Err(SendError::TooLong { len, max }));
            }
            Err(_) => assert_eq!(tx.send_until(&message, Duration::ZERO), Err(SendError::TimedOut)),
        }
        Ok(())
    }

    fn reserve(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let len = self.len(u)?;
        let message = self.message(len);
        let room = self.model.room(len);
        let tx = self.tx.as_mut().unwrap();
        let far = *u.choose(&[LENGTH_MAX as usize + 1, 1 << 32, usize::MAX - 15, usize::MAX])?;
        let too_long = TrySendError::TooLong { len: far as u64, max: LENGTH_MAX };
        assert_eq!(tx.try_reserve(far).map(|r| r.len()), Err(too_long));
        let reserved =
            if room.is_ok() && u.ratio(1, 4)? { Ok(tx.reserve(len).unwrap()) } else { tx.try_reserve(len) };
        let (mut reservation, padding) = match (reserved, room) {
            (Ok(reservation), Ok(padding)) => (reservation, padding),
            (reserved, room) => {
                assert_eq!(reserved.map(|r| r.len() as u64), room);
                return Ok(());
            }
        };
        assert_eq!(reservation.len(), len);
        if u.ratio(1, 3)? {
            reservation.copy_from(&message);
        } else {
            // In two parts that may overlap, the later one first.
            let middle = u.int_in_range(0..=len)?;
            let back = u.int_in_range(0..=middle)?;
            reservation.write_at(back, &message[back..]);
            reservation.write_at(0, &message[..middle]);
            reservation.write_at(len, &[]);
        }
        match u.int_in_range(0..=6)? {
            0 => reservation.abort(),
            1 => drop(reservation),
            2 => std::mem::forget(reservation),
            3 | 4 => {
                let prefix = u.int_in_range(0..=len)?;
                reservation.commit_prefix(prefix);
                self.model.add(padding, &message[..prefix]);
                self.model.publish();
            }
            _ => {
                reservation.commit();
                self.model.add(padding, &message);
                self.model.publish();
            }
        }
        Ok(())
    }

    fn batch(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let mut tx = self.tx.take().unwrap();
        let mut batch = tx.batch();
        // What a forgotten batch gathered counts as well.
        let mut mark = self.model.published;
        for _ in 0..u.int_in_range(0..=12)? {
            let len = self.len(u)?;
            let message = self.message(len);
            let room = self.model.room(len);
            if room.is_ok() && u.ratio(1, 4)? {
                assert_eq!(batch.send(&message), Ok(()));
            } else {
                assert_eq!(batch.try_send(&message), room.map(|_| ()));
            }
            if let Ok(padding) = room {
                self.model.add(padding, &message);
            }
            let gathered = self.model.tail.wrapping_sub(mark);
            if room.is_err() || gathered >= CAPACITY / 8 || u.ratio(1, 8)? {
                batch.flush();
                self.model.publish();
                mark = self.model.tail;
            }
            assert_eq!(batch.unpublished(), self.model.tail.wrapping_sub(mark));
            assert_eq!(self.raw.tail(), self.model.published, "tail within a batch");
        }
        if u.ratio(1, 6)? {
            // What has gathered stays where it is, and is published with whatever is next.
            std::mem::forget(batch);
        } else {
            drop(batch);
            self.model.publish();
        }
        self.tx = Some(tx);
        Ok(())
    }

    fn window(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let len = self.len(u)?;
        let message = self.message(len);
        let mut tx = in_place(self.tx.take().unwrap());
        match (tx.try_window(len), self.model.room(len)) {
            (Ok(mut window), Ok(padding)) => {
                assert_eq!(window.len(), len);
                window.copy_from_slice(&message);
                assert_eq!(*window, *message);
                if u.ratio(1, 4)? {
                    window.abort();
                } else {
                    let prefix = u.int_in_range(0..=len)?;
                    window.commit_prefix(prefix);
                    self.model.add(padding, &message[..prefix]);
                    self.model.publish();
                }
            }
            (window, room) => assert_eq!(window.map(|w| w.len() as u64), room),
        }
        self.tx = Some(tx.into_inner());
        Ok(())
    }

    fn try_recv(&mut self) {
        let mut message = vec![0xee; 5];
        let answer = self.rx.as_mut().unwrap().try_recv(&mut message);
        assert_eq!(answer.map(|()| &*message), self.model.next());
        if answer.is_ok() {
            self.model.take();
        }
    }

    fn recv(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let rx = self.rx.as_mut().unwrap();
        if self.model.next().is_ok() {
            let message = if u.arbitrary()? {
                rx.recv_vec().unwrap()
            } else {
                let mut message = Vec::new();
                rx.recv_until(&mut message, Duration::ZERO).unwrap();
                message
            };
            assert_eq!(message, self.model.take());
        } else {
            assert_eq!(rx.recv_until(&mut Vec::new(), Duration::ZERO), Err(RecvError::TimedOut));
        }
        Ok(())
    }

    fn recv_into(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let mut target = [0xee; LENGTH_MAX as usize + 8];
        let len = self.model.next().map_or(0, <[u8]>::len);
        let room = match u.int_in_range(0..=3)? {
            0 => u.int_in_range(0..=LENGTH_MAX as usize)?,
            1 => len.saturating_sub(1),
            2 => len,
            _ => LENGTH_MAX as usize + 8,
        };
        let answer = self.rx.as_mut().unwrap().try_recv_into(&mut target[..room]);
        match self.model.next() {
            Ok(message) if message.len() <= room => {
                assert_eq!(answer, Ok(message.len()));
                assert_eq!(&target[..message.len()], message);
                assert!(target[message.len()..].iter().all(|&byte| byte == 0xee));
                self.model.take();
            }
            Ok(message) => {
                assert_eq!(answer, Err(TryRecvError::TooSmall { needed: message.len() }));
                assert!(target.iter().all(|&byte| byte == 0xee));
            }
            Err(error) => assert_eq!(answer, Err(error)),
        }
        Ok(())
    }

    fn recv_many(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let first = self.model.next().map_or(0, <[u8]>::len);
        let room = match u.int_in_range(0..=3)? {
            0 => u.int_in_range(0..=CAPACITY as usize + 8)?,
            1 => footprint(first as u64) as usize,
            2 => footprint(first as u64) as usize - 1,
            _ => CAPACITY as usize,
        };
        let mut messages = Messages::with_room(room);
        let answer = self.rx.as_mut().unwrap().try_recv_many(&mut messages);
        let many = self.model.many(room);
        assert_eq!(answer, many.map(|_| ()));
        assert_eq!(messages.iter().count(), many.unwrap_or(0), "of {} there", self.model.visible().count());
        for message in messages.iter() {
            assert_eq!(message, self.model.take());
        }
        Ok(())
    }

    fn peek(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let rx = self.rx.as_mut().unwrap();
        let peeked =
            if self.model.next().is_ok() && u.ratio(1, 4)? { Ok(rx.peek().unwrap()) } else { rx.try_peek() };
        let message = self.model.next();
        let (peek, message) = match (peeked, message) {
            (Ok(peek), Ok(message)) => (peek, message),
            (peeked, message) => {
                assert_eq!(peeked.map(|peek| peek.to_vec()), message.map(<[u8]>::to_vec));
                return Ok(());
            }
        };
        assert_eq!(peek.len(), message.len());
        assert_eq!(peek.to_vec(), message);
        let at = u.int_in_range(0..=message.len())?;
        let end = u.int_in_range(at..=message.len())?;
        let mut part = vec![0; end - at];
        peek.read_at(at, &mut part);
        assert_eq!(part, message[at..end]);
        match u.int_in_range(0..=4)? {
            0 => drop(peek),
            1 => std::mem::forget(peek),
            _ => {
                peek.release();
                self.model.take();
            }
        }
        Ok(())
    }

    fn view(&mut self, u: &mut Unstructured<'_>) -> Drawn<()> {
        let mut rx = in_place(self.rx.take().unwrap());
        match (rx.try_view(), self.model.next()) {
            (Ok(view), Ok(message)) => {
                assert_eq!(&*view, message);
                if u.arbitrary()? {
                    view.release();
                    self.model.take();
                }
            }
            (view, message) => assert_eq!(view.map(|view| view.to_vec()), message.map(<[u8]>::to_vec)),
        }
        self.rx = Some(rx.into_inner());
        Ok(())
    }

    /// Takes what is left, and finds exactly that.
    fn drain(&mut self) {
        while self.model.next().is_ok() {
            self.try_recv();
        }
        self.try_recv();
    }
}

/// A handle that may hand out slices.
trait Promised: Sized {
    fn promised(self) -> InPlace<Self>;
}

#[allow(unsafe_code)] // because in-place access is by promise, and the promise is kept here.
impl Promised for Producer {
    fn promised(self) -> InPlace<Self> {
        // SAFETY: the region is anonymous and never leaves this process, in which only the two handles write it.
        unsafe { self.in_place() }
    }
}

#[allow(unsafe_code)] // because in-place access is by promise, and the promise is kept here.
impl Promised for Consumer {
    fn promised(self) -> InPlace<Self> {
        // SAFETY: the region is anonymous and never leaves this process, in which only the two handles write it.
        unsafe { self.in_place() }
    }
}

fn in_place<H: Promised>(handle: H) -> InPlace<H> {
    handle.promised()
}

fn run(stage: &mut Stage, u: &mut Unstructured<'_>) -> Drawn<()> {
    while !u.is_empty() {
        stage.step(u)?;
    }
    stage.drain();
    Ok(())
}

#[test]
fn a_ring_that_pads_does_what_the_model_does() {
    arbtest(|u| {
        let start = u.int_in_range(0..=2 * CAPACITY / 8)? * 8;
        run(&mut Stage::new(Wrap::Padding, start), u)
    })
    .size_max(20_000)
    .budget_ms(1_200);
}

#[test]
fn a_mirrored_ring_does_what_the_model_does() {
    arbtest(|u| {
        let start = u.int_in_range(0..=2 * CAPACITY / 8)? * 8;
        run(&mut Stage::new(Wrap::Mirrored, start), u)
    })
    .size_max(20_000)
    .budget_ms(1_200);
}

#[test]
fn positions_may_run_over_the_end_of_64_bits() {
    arbtest(|u| {
        let before_end = u.int_in_range(0..=2 * CAPACITY / 8)? * 8;
        let wrap = *u.choose(&WRAPS)?;
        run(&mut Stage::new(wrap, 0u64.wrapping_sub(before_end)), u)
    })
    .size_max(20_000)
    .budget_ms(800);
}
