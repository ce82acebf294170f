//! Every error says what happened, in one phrase.

use crate::fixture::Named;
use ringway::{
    AttachError, CapacityError, Corruption, CreateError, Fault, OpenError, RecvError, SendError,
    TryRecvError, TrySendError, shm,
};
use std::error::Error;

/// One line that begins in lower case and ends without a full stop, and says the numbers.
fn check(error: &dyn Error, numbers: &[&str]) {
    let phrase = error.to_string();
    let first = phrase.chars().next().expect("not empty");
    assert!(first.is_lowercase() || first.is_ascii_digit(), "{phrase}");
    assert!(!phrase.contains('\n') && !phrase.ends_with('.') && phrase.trim() == phrase, "{phrase}");
    assert!(numbers.iter().all(|number| phrase.contains(number)), "{phrase}: {numbers:?}");
}

#[test]
fn every_error_is_one_phrase() {
    let named = Named::new("phrases");
    let fault = Fault::Header { word: 0xbad };
    let corruption = Corruption { position: 40, fault };
    check(&CapacityError::Zero, &[]);
    check(&CapacityError::NotPowerOfTwo { capacity: 5000 }, &["5000", "8192"]);
    check(&CapacityError::TooSmall { capacity: 8, min: 4096 }, &["8", "4096"]);
    check(&CapacityError::TooLarge { capacity: 99, max: 64 }, &["99", "64"]);
    check(&corruption, &["40", "0xbad"]);
    check(&Corruption { position: 3, fault: Fault::Tail { tail: 77 } }, &["3", "77"]);
    check(&Corruption { position: 3, fault: Fault::Head { head: 78 } }, &["3", "78"]);
    check(&Corruption { position: 3, fault: Fault::Sequence { sequence: 79 } }, &["3", "79"]);
    check(&AttachError::ProducerTaken, &[]);
    check(&AttachError::ConsumerTaken, &[]);
    check(&AttachError::TableFull { rows: 15 }, &["15"]);
    check(&AttachError::ReadOnly, &[]);
    check(&AttachError::Forked, &[]);
    check(&AttachError::Corrupt(corruption), &["40"]);
    check(&CreateError::Capacity(CapacityError::Zero), &[]);
    check(&CreateError::Region(shm::CreateError::NoRoom { needed: 123 }), &["123"]);
    let exists = shm::CreateError::Exists { location: named.0.clone().into() };
    check(&CreateError::Region(exists), &[named.text()]);
    check(&CreateError::Attach(AttachError::ConsumerTaken), &[]);
    let not_found = shm::OpenError::NotFound { location: named.0.clone().into() };
    check(&OpenError::Region(not_found), &[named.text()]);
    let kind = shm::Rejected::Kind { found: 1, expected: 2 };
    check(&OpenError::Region(shm::OpenError::Rejected(kind)), &["0x1", "0x2"]);
    check(&OpenError::Attach(AttachError::ProducerTaken), &[]);
    check(&TrySendError::Full { needed: 16, free: 8 }, &["16", "8"]);
    check(&TrySendError::TooLong { len: 10, max: 9 }, &["10", "9"]);
    check(&TrySendError::PeerDead, &["consumer"]);
    check(&TrySendError::Closed, &["consumer"]);
    check(&TrySendError::Forked, &[]);
    check(&TrySendError::Corrupt(corruption), &["40"]);
    check(&SendError::TimedOut, &[]);
    check(&SendError::TooLong { len: 10, max: 9 }, &["10", "9"]);
    check(&SendError::PeerDead, &["consumer"]);
    check(&SendError::Closed, &["consumer"]);
    check(&SendError::Forked, &[]);
    check(&SendError::Corrupt(corruption), &["40"]);
    check(&TryRecvError::Empty, &[]);
    check(&TryRecvError::TooSmall { needed: 12 }, &["12"]);
    check(&TryRecvError::PeerDead, &["producer"]);
    check(&TryRecvError::Closed, &["producer"]);
    check(&TryRecvError::Forked, &[]);
    check(&TryRecvError::Corrupt(corruption), &["40"]);
    check(&RecvError::TimedOut, &[]);
    check(&RecvError::TooSmall { needed: 12 }, &["12"]);
    check(&RecvError::PeerDead, &["producer"]);
    check(&RecvError::Closed, &["producer"]);
    check(&RecvError::Forked, &[]);
    check(&RecvError::Corrupt(corruption), &["40"]);
}
