//! A ring has one producer and one consumer, whatever process they are in, and the dead have no side.

use crate::fixture::child::{Started, link, task};
use crate::fixture::{Named, config};
use ringway::bytes::{self, Consumer, Producer};
use ringway::{Access, AttachError, CreateError, Name, OpenError, Region, slots};
use std::io::Write;
use std::sync::Arc;

const PRODUCER_TAKEN: OpenError = OpenError::Attach(AttachError::ProducerTaken);
const CONSUMER_TAKEN: OpenError = OpenError::Attach(AttachError::ConsumerTaken);

#[test]
fn a_second_handle_of_the_same_region_is_refused() {
    let region = Arc::new(bytes::anonymous(&config(4096)).unwrap());
    let tx = Producer::attach(&region).unwrap();
    assert_eq!(Producer::attach(&region).unwrap_err(), PRODUCER_TAKEN);
    let rx = Consumer::attach(&region).unwrap();
    assert_eq!(Consumer::attach(&region).unwrap_err(), CONSUMER_TAKEN);
    drop(tx);
    assert_eq!(Consumer::attach(&region).unwrap_err(), CONSUMER_TAKEN);
    Producer::attach(&region).unwrap();
    drop(rx);
    Consumer::attach(&region).unwrap();
}

#[test]
fn a_second_handle_of_the_same_region_of_slots_is_refused() {
    let region = Arc::new(slots::anonymous::<u64>(&config(8)).unwrap());
    let tx = slots::Producer::<u64>::attach(&region).unwrap();
    assert_eq!(slots::Producer::<u64>::attach(&region).unwrap_err(), PRODUCER_TAKEN);
    let rx = slots::Consumer::<u64>::attach(&region).unwrap();
    assert_eq!(slots::Consumer::<u64>::attach(&region).unwrap_err(), CONSUMER_TAKEN);
    drop((tx, rx));
    slots::Producer::<u64>::attach(&region).unwrap();
    slots::Consumer::<u64>::attach(&region).unwrap();
}

#[test]
fn a_second_handle_of_the_same_name_is_refused() {
    let named = Named::new("sides");
    let tx = Producer::create(named.text(), &config(4096)).unwrap();
    assert_eq!(Producer::open(named.text()).unwrap_err(), PRODUCER_TAKEN);
    let again = Producer::open_or_create(named.text(), &config(4096)).unwrap_err();
    assert_eq!(again, CreateError::Attach(AttachError::ProducerTaken));
    let rx = Consumer::open(named.text()).unwrap();
    assert_eq!(Consumer::open(named.text()).unwrap_err(), CONSUMER_TAKEN);
    let again = Consumer::open_or_create(named.text(), &config(4096)).unwrap_err();
    assert_eq!(again, CreateError::Attach(AttachError::ConsumerTaken));
    // A view of its own on the same region is no way round it.
    let region = Arc::new(Region::open(named.0.clone(), &bytes::expected(), Access::default()).unwrap());
    assert_eq!(Producer::attach(&region).unwrap_err(), PRODUCER_TAKEN);
    assert_eq!(Consumer::attach(&region).unwrap_err(), CONSUMER_TAKEN);
    drop((tx, rx));
    Producer::attach(&region).unwrap();
    Consumer::attach(&region).unwrap();
}

#[test]
fn a_view_for_reading_only_has_no_sides() {
    let named = Named::new("read-only");
    let _tx = Producer::create(named.text(), &config(4096)).unwrap();
    let access = Access { read_only: true, ..Access::default() };
    assert_eq!(
        Consumer::open_with(named.text(), access).unwrap_err(),
        OpenError::Attach(AttachError::ReadOnly)
    );
    assert_eq!(
        Producer::open_with(named.text(), access).unwrap_err(),
        OpenError::Attach(AttachError::ReadOnly)
    );
}

/// The child's part: takes the sides that the first word names, says so, and keeps them until it is told to end.
fn keep_sides(task: &str) {
    let (sides, name) = task.split_once(' ').unwrap();
    let name = Name::new(name).unwrap();
    let tx = sides.contains('p').then(|| Producer::open(&name).unwrap());
    let rx = sides.contains('c').then(|| Consumer::open(&name).unwrap());
    let mut link = link();
    link.write_all(b"!").unwrap();
    // Ends with the test, or when nobody asks for it any more.
    let _ = std::io::Read::read(&mut link, &mut [0]);
    drop((tx, rx));
}

#[test]
fn a_side_that_another_process_has_is_taken_until_it_ends() {
    if let Some(task) = task() {
        return keep_sides(&task);
    }
    let test = "sides::a_side_that_another_process_has_is_taken_until_it_ends";
    let named = Named::new("processes");
    let config = config(4096).lifetime(ringway::Lifetime::UntilUnlinked);
    drop(Producer::create(named.text(), &config).unwrap());
    let mut child = Started::new(test, &format!("p {}", named.text()));
    child.wait_ready();
    assert_eq!(Producer::open(named.text()).unwrap_err(), PRODUCER_TAKEN);
    drop(Consumer::open(named.text()).unwrap());
    child.link.write_all(b"!").unwrap();
    child.succeed();
    drop(Producer::open(named.text()).unwrap());
}

#[test]
fn a_side_of_a_killed_process_is_free_at_once() {
    if let Some(task) = task() {
        return keep_sides(&task);
    }
    let test = "sides::a_side_of_a_killed_process_is_free_at_once";
    let named = Named::new("killed");
    let region = {
        let tx = Producer::create(named.text(), &config(4096)).unwrap();
        Arc::clone(tx.region())
    };
    for sides in ["p", "c", "pc"] {
        let mut child = Started::new(test, &format!("{sides} {}", named.text()));
        child.wait_ready();
        let (p, c) = (sides.contains('p'), sides.contains('c'));
        assert_eq!(Producer::attach(&region).map(drop), if p { Err(PRODUCER_TAKEN) } else { Ok(()) });
        assert_eq!(Consumer::attach(&region).map(drop), if c { Err(CONSUMER_TAKEN) } else { Ok(()) });
        child.kill();
        Producer::attach(&region).unwrap();
        Consumer::attach(&region).unwrap();
    }
}

#[test]
fn a_process_for_which_there_is_no_row_is_refused() {
    if let Some(name) = task() {
        let full = OpenError::Attach(AttachError::TableFull { rows: 1 });
        assert_eq!(Consumer::open(&name[..]).unwrap_err(), full);
        assert_eq!(Producer::open(&name[..]).unwrap_err(), full);
        return;
    }
    let test = "sides::a_process_for_which_there_is_no_row_is_refused";
    let named = Named::new("row");
    let config = config(4096).participants(1);
    let tx = Producer::create(named.text(), &config).unwrap();
    let rx = Consumer::attach(tx.region()).expect("both sides are one participant's");
    Started::new(test, named.text()).succeed();
    drop(rx);
    Consumer::attach(tx.region()).unwrap();
}
