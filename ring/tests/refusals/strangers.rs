//! Regions that are no ring, not this ring, or say of themselves what cannot be.

use crate::fixture::{Named, config};
use ringway::bytes::{self, Consumer, Producer};
use ringway::layout::{CONTROL, DATA, KIND_BYTES, KIND_SLOTS, KIND_SLOTS_LATENCY, KIND_VERSION};
use ringway::shm::layout::{FIRST_OWN, PAGE, PARAMETERS};
use ringway::shm::{self, Blueprint, Rejected};
use ringway::{CreateError, Fingerprint, Name, OpenError, Permissions, Region, Slot, slots};
use std::sync::Arc;
use zerocopy::{FromBytes, Immutable, IntoBytes};

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, Fingerprint)]
#[repr(C)]
struct Order {
    id: u64,
    price: f64,
}

/// As long as an order, and something else.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, Fingerprint)]
#[repr(C)]
struct Fill {
    order: u64,
    price: f64,
}

fn why(error: OpenError) -> Rejected {
    match error {
        OpenError::Region(shm::OpenError::Rejected(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn why_not_create(error: CreateError) -> Rejected {
    match error {
        CreateError::Region(shm::CreateError::Open(error)) => why(OpenError::Region(*error)),
        other => panic!("{other:?}"),
    }
}

/// What every way to open the name as a byte ring says.
fn refused_as_bytes(name: &Name) -> Rejected {
    let first = why(Producer::open(name).unwrap_err());
    assert_eq!(why(Consumer::open(name).unwrap_err()), first);
    assert_eq!(why_not_create(Producer::open_or_create(name, &config(4096)).unwrap_err()), first);
    assert_eq!(why_not_create(Consumer::open_or_create(name, &config(4096)).unwrap_err()), first);
    first
}

/// What every way to open the name as slots of `T` says.
fn refused_as_slots<T: Slot>(name: &Name) -> Rejected {
    refused_as_slots_in::<T, slots::Throughput>(name)
}

/// The same in any layout.
fn refused_as_slots_in<T: Slot, L: slots::Layout>(name: &Name) -> Rejected {
    let first = why(slots::Producer::<T, L>::open(name).unwrap_err());
    assert_eq!(why(slots::Consumer::<T, L>::open(name).unwrap_err()), first);
    assert_eq!(why_not_create(slots::Producer::<T, L>::open_or_create(name, &config(8)).unwrap_err()), first);
    assert_eq!(why_not_create(slots::Consumer::<T, L>::open_or_create(name, &config(8)).unwrap_err()), first);
    first
}

#[test]
fn a_region_of_another_kind_is_no_ring() {
    let named = Named::new("kind");
    let blueprint = Blueprint::new(77, 1).section(FIRST_OWN, PAGE).unwrap();
    let _region = Region::create(named.0.clone(), &blueprint, Permissions::default()).unwrap();
    assert_eq!(refused_as_bytes(&named.0), Rejected::Kind { found: 77, expected: KIND_BYTES });
    assert_eq!(refused_as_slots::<u64>(&named.0), Rejected::Kind { found: 77, expected: KIND_SLOTS });
}

#[test]
fn bytes_are_no_slots_and_slots_no_bytes() {
    let (of_bytes, of_slots) = (Named::new("bytes"), Named::new("slots"));
    let _bytes = Producer::create(of_bytes.text(), &config(4096)).unwrap();
    let _slots = slots::Producer::<u64>::create(of_slots.text(), &config(512)).unwrap();
    let kind = |found, expected| Rejected::Kind { found, expected };
    assert_eq!(refused_as_slots::<u64>(&of_bytes.0), kind(KIND_BYTES, KIND_SLOTS));
    assert_eq!(refused_as_bytes(&of_slots.0), kind(KIND_SLOTS, KIND_BYTES));
}

#[test]
fn slots_in_one_layout_are_not_opened_in_the_other() {
    let (close, apart) = (Named::new("throughput"), Named::new("latency"));
    let _close = slots::Producer::<u64>::create(close.text(), &config(512)).unwrap();
    let _apart = slots::Producer::<u64, slots::Latency>::create(apart.text(), &config(64)).unwrap();
    let kind = |found, expected| Rejected::Kind { found, expected };
    assert_eq!(refused_as_slots_in::<u64, slots::Latency>(&close.0), kind(KIND_SLOTS, KIND_SLOTS_LATENCY));
    assert_eq!(refused_as_slots::<u64>(&apart.0), kind(KIND_SLOTS_LATENCY, KIND_SLOTS));
    assert_eq!(refused_as_bytes(&apart.0), kind(KIND_SLOTS_LATENCY, KIND_BYTES));
    let other = Rejected::Fingerprint { found: u64::FINGERPRINT, expected: i64::FINGERPRINT };
    assert_eq!(refused_as_slots_in::<i64, slots::Latency>(&apart.0), other);
    slots::Consumer::<u64, slots::Latency>::open(apart.text()).unwrap();
}

#[test]
fn line_parameters_that_do_not_fit_the_type_are_refused() {
    let cases: &[(&[u64], [u64; 2])] = &[
        (&[512, 0, 8, 8], [PAGE, 4096]),
        (&[0, 0, 8, 8], [PAGE, 4096]),
        (&[3, 0, 8, 8], [PAGE, 4096]),
        (&[64, 1, 8, 8], [PAGE, 4096]),
        (&[64, 0, 64, 8], [PAGE, 4096]),
        (&[64, 0, 8, 64], [PAGE, 4096]),
        (&[1 << 58, 0, 8, 8], [PAGE, 4096]),
        (&[64, 0, 8, 8, 1], [PAGE, 4096]),
        (&[64, 0, 8, 8], [PAGE, 0]),
    ];
    for (parameters, lens) in cases {
        let region = stranger(KIND_SLOTS_LATENCY, u64::FINGERPRINT, parameters, *lens);
        let producer = slots::Producer::<u64, slots::Latency>::attach(&region).unwrap_err();
        assert_eq!(why(producer), Rejected::Geometry, "{parameters:?} {lens:?}");
        let consumer = slots::Consumer::<u64, slots::Latency>::attach(&region).unwrap_err();
        assert_eq!(why(consumer), Rejected::Geometry, "{parameters:?} {lens:?}");
    }
    let region = stranger(KIND_SLOTS_LATENCY, u64::FINGERPRINT, &[64, 0, 8, 8], [PAGE, 4096]);
    slots::Producer::<u64, slots::Latency>::attach(&region).unwrap();
}

#[test]
fn slots_of_one_type_are_not_opened_as_another() {
    let named = Named::new("type");
    let _tx = slots::Producer::<Order>::create(named.text(), &config(8)).unwrap();
    let other = |expected| Rejected::Fingerprint { found: Order::FINGERPRINT, expected };
    assert_eq!(size_of::<Order>(), size_of::<Fill>());
    assert_eq!(refused_as_slots::<Fill>(&named.0), other(Fill::FINGERPRINT));
    assert_eq!(refused_as_slots::<[u64; 2]>(&named.0), other(<[u64; 2]>::FINGERPRINT));
    assert_eq!(refused_as_slots::<u64>(&named.0), other(u64::FINGERPRINT));
    slots::Consumer::<Order>::open(named.text()).unwrap();
}

#[test]
fn another_version_of_the_kind_is_refused() {
    let named = Named::new("version");
    for kind in [KIND_BYTES, KIND_SLOTS] {
        let blueprint = Blueprint::new(kind, KIND_VERSION + 1).section(CONTROL, PAGE).unwrap();
        let _region = Region::create(named.0.clone(), &blueprint, Permissions::default()).unwrap();
        let expected = Rejected::KindVersion { found: KIND_VERSION + 1, expected: KIND_VERSION };
        if kind == KIND_BYTES {
            assert_eq!(refused_as_bytes(&named.0), expected);
        } else {
            assert_eq!(refused_as_slots::<u64>(&named.0), expected);
        }
    }
}

/// A region that says to be a ring: parameters, and the lengths of its control and data sections.
fn stranger(kind: u32, fingerprint: u128, parameters: &[u64], lens: [u64; 2]) -> Arc<Region> {
    let mut all = [0; PARAMETERS];
    all[..parameters.len()].copy_from_slice(parameters);
    let mut blueprint = Blueprint::new(kind, KIND_VERSION).fingerprint(fingerprint).parameters(all);
    for (content, len) in [CONTROL, DATA].into_iter().zip(lens) {
        if len > 0 {
            blueprint = blueprint.section(content, len).unwrap();
        }
    }
    Arc::new(Region::anonymous(&blueprint).unwrap())
}

#[test]
fn parameters_that_do_not_fit_the_sections_are_refused() {
    let cases: &[(&[u64], [u64; 2])] = &[
        (&[0, 0], [PAGE, 4096]),
        (&[8, 0], [PAGE, 4096]),
        (&[4095, 0], [PAGE, 4096]),
        (&[6144, 0], [PAGE, 8192]),
        (&[8192, 0], [PAGE, 4096]),
        (&[4096, 0], [PAGE, 8192]),
        (&[1 << 40, 0], [PAGE, 4096]),
        (&[1 << 41, 0], [PAGE, 4096]),
        (&[1 << 63, 0], [PAGE, 4096]),
        (&[u64::MAX, 0], [PAGE, 4096]),
        (&[4096, 2], [PAGE, 4096]),
        (&[4096, u64::MAX], [PAGE, 4096]),
        (&[4096, 0, 1], [PAGE, 4096]),
        (&[4096, 0, 0, 1], [PAGE, 4096]),
        (&[4096, 0, 0, 0, 1], [PAGE, 4096]),
        (&[4096, 0, 0, 0, 0, 0, 0, 1], [PAGE, 4096]),
        (&[4096, 0], [2 * PAGE, 4096]),
        (&[4096, 0], [0, 4096]),
        (&[4096, 0], [PAGE, 0]),
    ];
    for (parameters, lens) in cases {
        let region = stranger(KIND_BYTES, 0, parameters, *lens);
        assert_eq!(
            why(Producer::attach(&region).unwrap_err()),
            Rejected::Geometry,
            "{parameters:?} {lens:?}"
        );
        assert_eq!(
            why(Consumer::attach(&region).unwrap_err()),
            Rejected::Geometry,
            "{parameters:?} {lens:?}"
        );
        assert!(!region.is_claimed(0).unwrap() && !region.is_claimed(1).unwrap());
    }
    for wrap in [0, 1] {
        Producer::attach(&stranger(KIND_BYTES, 0, &[4096, wrap], [PAGE, 4096])).unwrap();
    }
}

#[test]
fn slot_parameters_that_do_not_fit_the_type_are_refused() {
    let cases: &[(&[u64], [u64; 2])] = &[
        (&[0, 0, 8, 8], [PAGE, 4096]),
        (&[3, 0, 8, 8], [PAGE, 4096]),
        (&[512, 2, 8, 8], [PAGE, 4096]),
        (&[512, 0, 16, 8], [PAGE, 8192]),
        (&[512, 0, 4, 8], [PAGE, 4096]),
        (&[512, 0, 8, 4], [PAGE, 4096]),
        (&[512, 0, 8, 16], [PAGE, 4096]),
        (&[512, 0, 0, 0], [PAGE, 4096]),
        (&[1024, 0, 8, 8], [PAGE, 4096]),
        (&[256, 0, 8, 8], [PAGE, 8192]),
        (&[1 << 61, 0, 8, 8], [PAGE, 4096]),
        (&[1 << 62, 0, 8, 8], [PAGE, 4096]),
        (&[u64::MAX, 0, 8, 8], [PAGE, 4096]),
        (&[512, 0, 8, 8, 1], [PAGE, 4096]),
        (&[512, 0, 8, 8], [PAGE, 0]),
        (&[512, 0, 8, 8], [0, 4096]),
    ];
    for (parameters, lens) in cases {
        let region = stranger(KIND_SLOTS, u64::FINGERPRINT, parameters, *lens);
        let producer = slots::Producer::<u64>::attach(&region).unwrap_err();
        assert_eq!(why(producer), Rejected::Geometry, "{parameters:?} {lens:?}");
        let consumer = slots::Consumer::<u64>::attach(&region).unwrap_err();
        assert_eq!(why(consumer), Rejected::Geometry, "{parameters:?} {lens:?}");
    }
    slots::Producer::<u64>::attach(&stranger(KIND_SLOTS, u64::FINGERPRINT, &[1, 0, 8, 8], [PAGE, 8]))
        .unwrap();
}

#[test]
fn a_name_that_exists_is_not_created_again() {
    let named = Named::new("exists");
    let exists = CreateError::Region(shm::CreateError::Exists { location: named.0.clone().into() });
    let mut tx = Producer::create(named.text(), &config(4096)).unwrap();
    tx.send(b"unharmed").unwrap();
    assert_eq!(Producer::create(named.text(), &config(4096)).unwrap_err(), exists);
    assert_eq!(Consumer::create(named.text(), &config(8192)).unwrap_err(), exists);
    assert_eq!(slots::Producer::<u64>::create(named.text(), &config(8)).unwrap_err(), exists);
    assert_eq!(slots::Consumer::<u64>::create(named.text(), &config(8)).unwrap_err(), exists);
    let mut rx = Consumer::open_or_create(named.text(), &config(8192)).unwrap();
    assert_eq!(rx.capacity(), 4096, "a ring that exists keeps its own capacity");
    assert_eq!(rx.recv_vec().unwrap(), b"unharmed");
}

#[test]
fn a_name_that_does_not_exist_is_not_opened() {
    let named = Named::new("not-found");
    let not_found = OpenError::Region(shm::OpenError::NotFound { location: named.0.clone().into() });
    assert_eq!(Producer::open(named.text()).unwrap_err(), not_found);
    assert_eq!(Consumer::open(named.text()).unwrap_err(), not_found);
    assert_eq!(slots::Producer::<u64>::open(named.text()).unwrap_err(), not_found);
    assert_eq!(slots::Consumer::<u64>::open(named.text()).unwrap_err(), not_found);
    drop(Producer::create(named.text(), &config(4096)).unwrap());
    assert_eq!(Producer::open(named.text()).unwrap_err(), not_found, "it went with its last party");
}

#[test]
fn what_is_no_name_is_refused() {
    let no_name = shm::NameError::Character { at: 0, found: '/' };
    let config = config(4096);
    let created = CreateError::Region(shm::CreateError::Name(no_name));
    assert_eq!(Producer::create("/etc", &config).unwrap_err(), created);
    assert_eq!(Consumer::open_or_create("/etc", &config).unwrap_err(), created);
    let opened = OpenError::Region(shm::OpenError::Name(no_name));
    assert_eq!(Producer::open("/etc").unwrap_err(), opened);
    assert_eq!(slots::Consumer::<u64>::open("/etc").unwrap_err(), opened);
    assert_eq!(bytes::expected().kind, KIND_BYTES);
}
