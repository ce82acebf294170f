//! Nothing that a ring does to shared memory goes past the door, and the door says where it is.

use ringway::layout::{CONTROL, DATA};
use ringway::{Config, Region, TryRecvError, Wrap, bytes, slots};
use ringway_fuzz::{Event, What, trace};
use ringway_shm::primitive::Ordering;
use ringway_shm::primitive::model::Action;
use std::sync::Arc;

/// Offsets of the two positions and of the data in the region.
fn places(region: &Region) -> (u64, u64, u64) {
    let control = region.geometry().section(CONTROL).unwrap().offset;
    let data = region.geometry().section(DATA).unwrap().offset;
    (control, control + 0x80, data)
}

/// Where the consumer sleeps, and the producer, in the control section.
const ARRIVED: u64 = 0x100;
const FREED: u64 = 0x180;
/// Who the producer is.
const SEAT: u64 = 0x200;

/// One line for each event: what, offset, ordering.
fn shape(what: &What) -> (&'static str, u64, Option<Ordering>) {
    match *what {
        What::LightFence => ("fence", 0, None),
        // Private: which process this is.
        What::Atomic { place: None, action: Action::Load, .. } => ("load", 0, None),
        What::Atomic { place, action: Action::Load, order, .. } => {
            ("load", place.unwrap().offset, Some(order))
        }
        What::Atomic { place, action: Action::Store(_), order, .. } => {
            ("store", place.unwrap().offset, Some(order))
        }
        What::Copy { place, into_region: true, .. } => ("in", place.unwrap().offset, None),
        What::Copy { place, .. } => ("out", place.unwrap().offset, None),
        ref other => panic!("unexpected {other:?}"),
    }
}

#[test]
fn a_record_is_published_after_its_bytes_and_released_after_they_were_read() {
    for wrap in [Wrap::Padding, Wrap::Mirrored] {
        let region = Arc::new(bytes::anonymous(&Config::spsc().capacity(4096).wrap(wrap)).unwrap());
        let (tail, head, data) = places(&region);
        let mut tx = bytes::Producer::attach(&region).unwrap();
        let mut rx = bytes::Consumer::attach(&region).unwrap();

        let (sent, events) = trace(|| tx.try_send(b"0123456789"));
        sent.unwrap();
        let steps: Vec<_> = events.iter().map(|event| shape(&event.what)).collect();
        let relaxed = Some(Ordering::Relaxed);
        assert_eq!(
            steps,
            [
                ("in", data + 8, None),
                ("store", data, relaxed),
                ("store", tail, Some(Ordering::Release)),
                ("fence", 0, None),
                ("load", tail + ARRIVED, relaxed)
            ]
        );

        let mut message = Vec::new();
        let (received, events) = trace(|| rx.try_recv(&mut message));
        received.unwrap();
        let steps: Vec<_> = events.iter().map(|event| shape(&event.what)).collect();
        assert_eq!(
            steps,
            [
                ("load", tail, Some(Ordering::Acquire)),
                ("load", data, relaxed),
                ("out", data + 8, None),
                ("store", head, Some(Ordering::Release)),
                ("fence", 0, None),
                ("load", tail + FREED, relaxed)
            ]
        );
    }
}

#[test]
fn both_views_of_a_mirrored_byte_have_one_place() {
    let config = Config::spsc().capacity(4096).wrap(Wrap::Mirrored);
    let region = Arc::new(bytes::anonymous(&config).unwrap());
    let (_, _, data) = places(&region);
    let mut tx = bytes::Producer::attach(&region).unwrap();
    let mut rx = bytes::Consumer::attach(&region).unwrap();
    // 2 * 2,008 bytes of records: the third begins 80 bytes before the end and runs over it.
    for _ in 0..2 {
        tx.try_send(&[1; 2000]).unwrap();
        assert_eq!(rx.recv_vec().unwrap(), [1; 2000]);
    }
    let (sent, events) = trace(|| tx.try_send(&[2; 200]));
    sent.unwrap();
    let copies = |events: &[Event]| {
        let shapes = events.iter().map(|event| shape(&event.what));
        shapes.filter(|shape| shape.0 == "in").map(|shape| shape.1).collect::<Vec<_>>()
    };
    assert_eq!(copies(&events), [data + 4016 + 8]);
    // The next begins where that one ended, in the first view again.
    let (sent, events) = trace(|| tx.try_send(&[3; 8]));
    sent.unwrap();
    assert_eq!(copies(&events), [data + (4016 + 208 - 4096) + 8]);
    assert_eq!(rx.recv_vec().unwrap(), [2; 200]);
}

#[test]
fn every_step_names_the_line_that_asked_for_it() {
    let region = Arc::new(slots::anonymous::<u64>(&Config::spsc().capacity(2)).unwrap());
    let mut tx = slots::Producer::<u64>::attach(&region).unwrap();
    let mut rx = slots::Consumer::<u64>::attach(&region).unwrap();
    let (_, sent) = trace(|| tx.try_send(&5));
    let (_, received) = trace(|| rx.try_recv());
    assert_eq!((sent.len(), received.len()), (4, 5));
    for event in sent.iter().chain(&received) {
        let site = event.site.expect("a shared access has a site");
        // The protocol's own line, not its caller's: that is where an ordering can be weakened.
        let file = site.file();
        assert!(site.line() > 0 && (file.contains("ring/src/") || file.contains("sync/src/")), "{event}");
    }
}

#[test]
fn a_try_on_an_empty_ring_only_looks_and_asks_nothing_of_the_kernel() {
    let region = Arc::new(slots::anonymous::<u64>(&Config::spsc().capacity(2)).unwrap());
    let (tail, ..) = places(&region);
    let mut rx = slots::Consumer::<u64>::attach(&region).unwrap();
    let (answer, events) = trace(|| rx.try_recv());
    assert_eq!(answer, Err(TryRecvError::Empty));
    let steps: Vec<_> = events.iter().map(|event| shape(&event.what)).collect();
    // Nobody sits on the other side, so it asks why: is it a forked child? Nobody ever sat there.
    let acquire = Some(Ordering::Acquire);
    let seat = ("load", tail + SEAT, acquire);
    assert_eq!(steps, [("load", tail, acquire), seat, ("load", 0, None)]);
    let _tx = slots::Producer::<u64>::attach(&region).unwrap();
    // The first time it learns who it is; from then on it looks whether that one is still well.
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    let (answer, events) = trace(|| rx.try_recv());
    assert_eq!(answer, Err(TryRecvError::Empty));
    let steps: Vec<_> = events.iter().map(|event| shape(&event.what)).collect();
    assert_eq!(steps[..2], [("load", tail, acquire), seat]);
    assert!(steps.len() <= 6 && steps.iter().all(|step| step.0 == "load"), "{steps:?}");
}

#[test]
fn no_system_call_is_made_to_send_or_receive() {
    let region = Arc::new(bytes::anonymous(&Config::spsc().capacity(4096)).unwrap());
    let mut tx = bytes::Producer::attach(&region).unwrap();
    let mut rx = bytes::Consumer::attach(&region).unwrap();
    let (_, events) = trace(|| {
        let mut message = Vec::new();
        for length in 0..2000 {
            tx.try_send(&vec![7; length]).unwrap();
            rx.try_recv(&mut message).unwrap();
        }
    });
    assert!(events.len() > 10_000);
    assert!(!events.iter().any(|event| matches!(event.what, What::Kernel(_))));
}
