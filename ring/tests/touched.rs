//! Slices of the ring are shown to the hooks when they are handed out.

#![cfg(feature = "model")]
#![allow(unsafe_code)] // because views of a ring are handed out on a promise.

use ringway::shm::primitive::model::{self, Hooks, locate};
use ringway::{Config, bytes, slots};
use std::cell::RefCell;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

/// Bytes and direction of every slice that was handed out.
#[derive(Default)]
struct Touched(RefCell<Vec<(usize, bool)>>);

impl Hooks for Touched {
    fn touch(&self, address: usize, len: usize, writes: bool, _site: &'static Location<'static>) {
        assert!(locate(address).is_some(), "a slice of the ring lies in its region");
        self.0.borrow_mut().push((len, writes));
    }
}

#[test]
fn every_slice_is_shown_with_its_direction() {
    let slots = Arc::new(slots::anonymous::<u64>(&Config::spsc().capacity(8)).unwrap());
    let bytes = Arc::new(bytes::anonymous(&Config::spsc().capacity(1 << 12)).unwrap());
    // SAFETY: the region never leaves this process, which follows the protocol.
    let mut slot_tx = unsafe { slots::Producer::<u64>::attach(&slots).unwrap().in_place() };
    // SAFETY: as above.
    let mut slot_rx = unsafe { slots::Consumer::<u64>::attach(&slots).unwrap().in_place() };
    // SAFETY: as above.
    let mut byte_tx = unsafe { bytes::Producer::attach(&bytes).unwrap().in_place() };
    // SAFETY: as above.
    let mut byte_rx = unsafe { bytes::Consumer::attach(&bytes).unwrap().in_place() };
    let touched = Rc::new(Touched::default());
    let installed = model::install(touched.clone());
    let mut window = slot_tx.try_window(2).unwrap();
    window.copy_from_slice(&[3, 4]);
    window.commit();
    let view = slot_rx.try_view(2).unwrap();
    assert_eq!(*view, [3, 4]);
    view.release();
    let mut window = byte_tx.try_window(5).unwrap();
    window.copy_from_slice(b"hello");
    window.commit();
    let view = byte_rx.try_view().unwrap();
    assert_eq!(*view, *b"hello");
    view.release();
    drop(installed);
    assert_eq!(touched.0.take(), [(16, true), (16, false), (5, true), (5, false)]);
}
