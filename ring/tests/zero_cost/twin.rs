//! A push and a pop through the door, and their twins written by hand against the bare machine.
//!
//! Built apart, optimised and with the feature `model` off, for `tests/zero_cost.rs`, which compares the instructions.
//! The twins do what the ring does, on the same words: private positions, one look at the other side's word when the
//! private copy does not suffice, one Release store, and one look at the door where the other side would sleep.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // because the twin must not go through the door.
#![allow(missing_docs, unsafe_code)]

use ringway::slots::{Consumer, Producer};
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, compiler_fence};

#[repr(C, align(128))]
pub struct Line(AtomicU64);

#[repr(C, align(128))]
pub struct Door(AtomicU32);

#[repr(C)]
pub struct Control {
    tail: Line,
    head: Line,
    arrived: Door,
    freed: Door,
}

pub struct Side {
    own: u64,
    limit: u64,
    capacity: u64,
    control: *const Control,
    slots: *mut u64,
    mask: u64,
    broken: bool,
    fences: bool,
}

#[unsafe(no_mangle)]
#[inline(never)]
pub fn push_through_the_door(producer: &mut Producer<u64>, value: u64) -> bool {
    producer.try_send(&value).is_ok()
}

#[unsafe(no_mangle)]
#[inline(never)]
pub fn pop_through_the_door(consumer: &mut Consumer<u64>) -> Option<u64> {
    consumer.try_recv().ok()
}

#[unsafe(no_mangle)]
#[inline(never)]
pub fn push_by_hand(side: &mut Side, value: u64) -> bool {
    if side.limit == side.own && !look_for_room(side) {
        return false;
    }
    // SAFETY: masked into the slots that `main` allocated.
    let slot = unsafe { side.slots.add((side.own & side.mask) as usize) };
    // SAFETY: as above; only one side writes here at a time.
    unsafe { slot.write_volatile(value) };
    side.own = side.own.wrapping_add(1);
    // SAFETY: `main` keeps the control block alive.
    let control = unsafe { &*side.control };
    control.tail.0.store(side.own, Ordering::Release);
    compiler_fence(Ordering::SeqCst);
    if control.arrived.0.load(Ordering::Relaxed) & 1 == 0 || side.fences {
        return wake(&control.arrived);
    }
    true
}

#[cold]
#[inline(never)]
fn wake(door: &Door) -> bool {
    let state = door.0.load(Ordering::Relaxed);
    if state & 1 == 0 {
        let _ = door.0.compare_exchange(state, state + 1, Ordering::Relaxed, Ordering::Relaxed);
        black_box(&door.0);
    }
    true
}

#[cold]
#[inline(never)]
fn look_for_room(side: &mut Side) -> bool {
    // SAFETY: `main` keeps the control block alive.
    let control = unsafe { &*side.control };
    let limit = control.head.0.load(Ordering::Acquire).wrapping_add(side.capacity);
    let free = limit.wrapping_sub(side.own);
    if side.broken || free > side.capacity || free < side.limit.wrapping_sub(side.own) {
        side.broken = true;
        return false;
    }
    side.limit = limit;
    free > 0
}

#[unsafe(no_mangle)]
#[inline(never)]
pub fn pop_by_hand(side: &mut Side) -> Option<u64> {
    if side.limit == side.own && !look_for_more(side) {
        return None;
    }
    // SAFETY: masked into the slots that `main` allocated.
    let slot = unsafe { side.slots.add((side.own & side.mask) as usize) };
    // SAFETY: as above; published before tail was.
    let value = unsafe { slot.read_volatile() };
    side.own = side.own.wrapping_add(1);
    // SAFETY: `main` keeps the control block alive.
    let control = unsafe { &*side.control };
    control.head.0.store(side.own, Ordering::Release);
    compiler_fence(Ordering::SeqCst);
    if control.freed.0.load(Ordering::Relaxed) & 1 == 0 || side.fences {
        wake(&control.freed);
    }
    Some(value)
}

#[cold]
#[inline(never)]
fn look_for_more(side: &mut Side) -> bool {
    // SAFETY: `main` keeps the control block alive.
    let control = unsafe { &*side.control };
    let tail = control.tail.0.load(Ordering::Acquire);
    let backlog = tail.wrapping_sub(side.own);
    if side.broken || backlog > side.capacity {
        side.broken = true;
        side.limit = side.own;
        return false;
    }
    side.limit = tail;
    backlog > 0
}

/// Runs all four once, so that they do what they say and nothing is left out as unused.
fn main() {
    let region =
        std::sync::Arc::new(ringway::slots::anonymous::<u64>(&ringway::Config::spsc().capacity(8)).unwrap());
    let (mut tx, mut rx) = (Producer::attach(&region).unwrap(), Consumer::attach(&region).unwrap());
    let control = Control {
        tail: Line(AtomicU64::new(0)),
        head: Line(AtomicU64::new(0)),
        arrived: Door(AtomicU32::new(0)),
        freed: Door(AtomicU32::new(0)),
    };
    let mut slots = [0u64; 8];
    let slots = slots.as_mut_ptr();
    let side = |limit| Side {
        own: 0,
        limit,
        capacity: 8,
        control: &raw const control,
        slots,
        mask: 7,
        broken: false,
        fences: false,
    };
    let (mut left, mut right) = (side(8), side(0));
    for value in 0..20 {
        assert!(push_through_the_door(black_box(&mut tx), value));
        assert_eq!(pop_through_the_door(black_box(&mut rx)), Some(value));
        assert!(push_by_hand(black_box(&mut left), value));
        assert_eq!(pop_by_hand(black_box(&mut right)), Some(value));
    }
    assert_eq!(pop_through_the_door(black_box(&mut rx)), None);
    assert_eq!(pop_by_hand(black_box(&mut right)), None);
}
