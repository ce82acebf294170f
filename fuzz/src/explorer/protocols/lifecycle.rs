//! The life of a region under a name: created, opened, left by its last party, unlinked, swept, and found again after deaths.
//!
//! ```text
//!   parties    open, create, open_or_create, leave, unlink, remove_leftovers, on one name, in any order, killed anywhere
//!   the last   comes when all others are gone or dead: it must get a whole region at once, and the name goes with it
//! ```
//!
//! The name is known to the virtual kernel alone. What must hold:
//!
//! * Who holds the region, holds what the name leads to, until it leaves: only [`unlink`] takes a name from a party.
//! * Who opens a region finds what its creator wrote before it had a name.
//! * Whatever was killed, and where, whoever comes next is served, and nothing is left when all have gone.
//! * Errors are those that the documentation allows: of a call that was made to fail, one that says so.

use super::Entry;
use crate::explorer::scenario::{End, Process, Scenario};
use crate::explorer::world::{Bounds, image};
use ringway_shm::{
    Access, Blueprint, CreateError, Lifetime, Name, OpenError, Permissions, Region, layout, remove_leftovers,
    unlink,
};
use std::time::Duration;

/// The section of the creator's stamp.
const STAMP: u32 = layout::FIRST_OWN;
/// How long a call may wait for somebody who takes the name away.
const PATIENCE: Duration = Duration::from_secs(2);

/// The one name.
#[must_use]
pub fn name() -> Name {
    Name::machine("explored").expect("a name")
}

fn blueprint() -> Blueprint {
    let blueprint = Blueprint::new(0x6c69_6665, 1).section(STAMP, layout::PAGE);
    blueprint.and_then(|blueprint| blueprint.rows(1)).expect("a small region")
}

/// Is the error one of a call that failed, or that was made to?
fn is_a_failed_call(error: &CreateError) -> bool {
    match error {
        CreateError::System(_) | CreateError::NoRoom { .. } | CreateError::Permissions { .. } => true,
        CreateError::Open(error) => matches!(**error, OpenError::PermissionDenied),
        _ => false,
    }
}

/// A call that was made to fail may say so. Nothing else may fail.
fn excused(me: &Process, error: &CreateError) {
    let is_undisturbed = me.at_this_moment(|now| now.is_undisturbed());
    assert!(is_a_failed_call(error) && !is_undisturbed, "{error}");
}

fn file_of(me: &Process, region: &Region) -> u64 {
    me.at_this_moment(|now| now.file(region)).expect("a file of this run")
}

/// The name leads to the region of a party.
fn keeps_its_name(me: &Process, region: &Region) {
    let named = me.at_this_moment(|now| now.named(&name()));
    assert_eq!(named, Some(file_of(me, region)), "a party lost its name");
}

/// Opens or creates the region, without a look at the name.
fn meet_somewhere(me: &Process) -> Option<Region> {
    let met = me.wait("open_or_create", PATIENCE, || {
        Region::open_or_create(name(), &blueprint(), Permissions::default())
    });
    met.inspect_err(|error| excused(me, error)).ok()
}

/// Opens or creates the region.
fn meet(me: &Process) -> Option<Region> {
    meet_somewhere(me).inspect(|region| keeps_its_name(me, region))
}

/// Opens the region, if there is one.
fn open(me: &Process) -> Option<Region> {
    let expected = blueprint().expected();
    match me.wait("open", PATIENCE, || Region::open(name(), &expected, Access::default())) {
        Ok(region) => Some(region),
        Err(OpenError::NotFound { .. }) => None,
        Err(error) => {
            excused(me, &error.into());
            None
        }
    }
}

/// Creates the region, with a stamp in it before it has its name.
fn create(me: &Process) -> Option<Region> {
    let created = me.attempt("create", || {
        let region = Region::nameless(&blueprint(), Permissions::default())?;
        image::put(&region, STAMP, 0, file_of(me, &region));
        region.publish(name()).map(|()| region)
    });
    match created {
        Ok(region) => Some(region),
        Err(CreateError::Exists { .. }) => None,
        Err(error) => {
            excused(me, &error);
            None
        }
    }
}

/// What the creator wrote is there.
fn is_whole(me: &Process, region: &Region) {
    assert_eq!(image::get(region, STAMP, 0), file_of(me, region), "a half-made region");
}

fn leave(me: &Process, region: Region) {
    keeps_its_name(me, &region);
    me.attempt("leave", || drop(region));
}

fn take_away(me: &Process) {
    match me.wait("unlink", PATIENCE, || unlink(&name())) {
        Ok(()) | Err(OpenError::NotFound { .. }) => {}
        Err(error) => excused(me, &error.into()),
    }
}

fn sweep(me: &Process) {
    if let Err(error) = me.attempt("remove_leftovers", remove_leftovers) {
        excused(me, &error.into());
    }
}

fn keep(me: &Process, region: Region) {
    me.note("keeps", file_of(me, &region));
    me.keep(region);
}

/// Comes, holds the region, and goes.
fn visit(me: &Process) {
    if let Some(region) = meet(me) {
        leave(me, region);
    }
}

/// Comes when all others are gone, whatever became of them. Two calls of its own may be made to fail.
fn come_last(me: &Process) {
    me.outlive_the_others();
    let served = (0..3).any(|_| {
        let Some(region) = meet(me) else { return false };
        leave(me, region);
        me.at_this_moment(|now| now.named(&name())).is_none()
    });
    assert!(served, "nobody is left, and the name is not free");
}

/// Those who live with the region have one and the same, and the name leads to it.
fn one_region(end: &End<'_>) -> Result<(), String> {
    let (kept, named) = (end.values("keeps"), end.named(&name()));
    let first = match kept.first() {
        Some(&first) => first,
        None => return Ok(()),
    };
    if kept.iter().any(|&other| other != first) {
        return Err(format!("parties of one name have the regions {kept:x?}"));
    }
    if named != Some(first) {
        return Err(format!("parties have region {first:x}, and the name leads to {named:x?}"));
    }
    Ok(())
}

/// Nobody is there any more, and so is the name. What a dead party left may still be there.
fn nothing_stays(end: &End<'_>) -> Result<(), String> {
    match end.named(&name()) {
        Some(file) if end.is_undisturbed() => Err(format!("all have left, and the name leads to {file:x}")),
        _ => Ok(()),
    }
}

/// Several open or create the region at once, and stay.
fn meeting(title: &str, parties: usize) -> Scenario {
    let mut scenario = Scenario::new(title).end(one_region);
    for number in 0..parties {
        scenario = scenario.process(format!("party{number}"), meet_and_stay);
    }
    scenario
}

/// Several come and go.
fn visiting(title: &str, parties: usize) -> Scenario {
    let mut scenario = Scenario::new(title).end(nothing_stays);
    for number in 0..parties {
        scenario = scenario.process(format!("party{number}"), visit);
    }
    scenario
}

/// One that is killed, and started again, only was there once.
fn once(me: &Process, body: impl FnOnce(&Process)) {
    if me.incarnation() == 0 {
        body(me);
    }
}

/// Several come and go, or die; and then one more comes.
fn outlived(title: &str, parties: usize) -> Scenario {
    let mut scenario = Scenario::new(title).process("last", come_last);
    for number in 0..parties {
        scenario = scenario.process(format!("party{number}"), |me| once(me, visit));
    }
    scenario
}

/// All parties leave a region at once.
fn leaving(title: &str, parties: usize) -> Scenario {
    let mut scenario = Scenario::new(title).end(nothing_stays);
    for number in 0..parties {
        let come = |me: &Process| if me.incarnation() == 0 { meet(me) } else { None };
        let go = |me: &Process, region| {
            if let Some(region) = region {
                leave(me, region);
            }
        };
        scenario = scenario.process_with(format!("party{number}"), come, go);
    }
    scenario
}

/// A party that leaves a stamped region, with whatever others do to it meanwhile.
fn left(title: &str) -> Scenario {
    let come = |me: &Process| if me.incarnation() == 0 { create(me) } else { None };
    Scenario::new(title).process_with("leaver", come, |me, region| {
        if let Some(region) = region {
            leave(me, region);
        }
    })
}

/// Opens the region while others come and go, and leaves it.
fn look_in(me: &Process) {
    if let Some(region) = open(me) {
        is_whole(me, &region);
        leave(me, region);
    }
}

fn create_and_leave(me: &Process) {
    if let Some(region) = create(me) {
        leave(me, region);
    }
}

fn create_and_stay(me: &Process) {
    if let Some(region) = create(me) {
        keep(me, region);
    }
}

fn meet_and_stay(me: &Process) {
    if let Some(region) = meet(me) {
        keep(me, region);
    }
}

/// One is a party all the while, and nobody notices anybody else.
fn settled(title: &str) -> Scenario {
    Scenario::new(title).end(one_region).process_with(
        "settler",
        |me| if me.incarnation() == 0 { create(me) } else { None },
        |me, region| {
            if let Some(region) = region {
                keep(me, region);
            }
        },
    )
}

/// A name that a dead party left, of which nobody knows yet.
fn forsaken(title: &str) -> Scenario {
    // Gives its lock back and takes nothing away, as one does who is killed.
    let forsake = |me: &Process| {
        if me.incarnation() == 0 {
            let region = create(me).expect("nobody else is there");
            let stat = rustix::fs::fstat(&region).expect("an open file");
            let file = ringway_shm::primitive::model::FileId { device: stat.st_dev, number: stat.st_ino };
            me.kernel().unlock(file, layout::ATTACHED, false);
            me.keep(region);
        }
    };
    Scenario::new(title).process_with("dead", forsake, |_, ()| {})
}

fn unlinking(title: &str) -> Scenario {
    Scenario::new(title)
        .process_with(
            "holder",
            |me| create(me).expect("nobody else is there"),
            |me, region| {
                is_whole(me, &region);
                me.attempt("leave", || drop(region));
            },
        )
        .process("unlinker", take_away)
        .process("newcomer", |me| {
            if let Some(region) = meet_somewhere(me) {
                me.attempt("leave", || drop(region));
            }
        })
        .end(nothing_stays)
}

/// A region that is to live until it is unlinked.
fn lasting(title: &str) -> Scenario {
    let come = |me: &Process| {
        let lasting = blueprint().lifetime(Lifetime::UntilUnlinked);
        let met = me.wait("open_or_create", PATIENCE, || {
            Region::open_or_create(name(), &lasting, Permissions::default())
        });
        let region = met.expect("the region");
        me.note("keeps", file_of(me, &region));
        leave(me, region);
    };
    Scenario::new(title)
        .process("party0", come)
        .process("party1", come)
        .process("sweeper", sweep)
        .end(one_region)
}

/// The scenarios of this file.
#[must_use]
pub fn all() -> Vec<Entry> {
    let (plain, killed) = (Bounds::WEAK, Bounds::WEAK.kills(1));
    vec![
        Entry::new(meeting("name-meet2", 2), plain, "two open or create one name at once: one region"),
        Entry::new(meeting("name-meet3", 3), plain, "three do"),
        Entry::new(
            meeting("name-meet2-kill", 2),
            killed.restarts(1),
            "two do, of which one is killed and started again",
        ),
        Entry::new(visiting("name-visit2", 2), plain, "two open or create one name, and leave"),
        Entry::new(leaving("name-leave2", 2), plain, "two leave one region at once"),
        Entry::new(leaving("name-leave3", 3), plain, "three do"),
        Entry::new(
            outlived("name-last1-kill2", 1),
            Bounds::WEAK.kills(2).restarts(2),
            "one comes and goes, then another; two kills, each started again: the last is served",
        ),
        Entry::new(
            outlived("name-last2-kill", 2),
            killed,
            "two come and go, one is killed anywhere: the next is served, and the name goes",
        ),
        Entry::new(
            leaving("name-leave2-kill2", 2).process("last", come_last),
            Bounds::WEAK.kills(2).restarts(1),
            "two leave at once; two kills, also of the next one, who is started again and served",
        ),
        Entry::new(outlived("name-last1-fault", 1), plain.faults(1), "any call fails: the next is served"),
        Entry::new(outlived("name-last2-fault", 2), plain.faults(1), "the same, where two meet"),
        Entry::new(
            left("name-leave-open").process("opener", look_in).end(nothing_stays),
            plain,
            "one leaves, another opens: a whole region, or none",
        ),
        Entry::new(
            left("name-leave-open-sweep")
                .process("opener", look_in)
                .process("sweeper", sweep)
                .end(nothing_stays),
            plain,
            "the same, while a third removes leftovers",
        ),
        Entry::new(
            left("name-leave-open-sweep-kill")
                .process("opener", |me| once(me, look_in))
                .process("sweeper", |me| once(me, sweep))
                .process("last", come_last),
            killed,
            "the same, one killed anywhere, and another comes (ten seconds)",
        ),
        Entry::new(
            left("name-leave-open-kill").process("opener", |me| once(me, look_in)).process("last", come_last),
            Bounds::WEAK.kills(2),
            "one leaves, another opens, both may be killed: who comes next is served",
        ),
        Entry::new(
            left("name-leave-sweep-kill").process("sweeper", |me| once(me, sweep)).process("last", come_last),
            Bounds::WEAK.kills(2),
            "the same with one who removes leftovers",
        ),
        Entry::new(
            Scenario::new("name-create-open")
                .process("creator", create_and_leave)
                .process("opener", look_in)
                .end(nothing_stays),
            plain,
            "one creates and leaves, one opens: a whole region, or none",
        ),
        Entry::new(
            Scenario::new("name-create2")
                .process("creator", create_and_stay)
                .process("rival", create_and_stay)
                .process("opener", look_in)
                .end(one_region),
            plain,
            "two create and stay, one opens: one region",
        ),
        Entry::new(
            Scenario::new("name-create-kill")
                .process("creator", |me| once(me, create_and_leave))
                .process("rival", |me| once(me, create_and_leave))
                .process("last", come_last),
            killed,
            "two create, one is killed anywhere, and another comes",
        ),
        Entry::new(
            settled("name-settled").process("visitor", visit).process("sweeper", sweep),
            killed.restarts(1),
            "one stays; a visitor, a sweeper and their deaths never take its name",
        ),
        Entry::new(
            forsaken("name-leftover2")
                .process("party0", meet_and_stay)
                .process("party1", meet_and_stay)
                .end(one_region),
            plain,
            "two find what a dead party left",
        ),
        Entry::new(
            forsaken("name-leftover-kill2")
                .process("sweeper", |me| once(me, sweep))
                .process("last", come_last),
            Bounds::WEAK.kills(2).restarts(1),
            "who removes what a dead party left is killed, and the next one, too",
        ),
        Entry::new(
            forsaken("name-leftover-open-kill")
                .process("opener", |me| once(me, look_in))
                .process("sweeper", |me| once(me, sweep))
                .process("last", come_last),
            killed,
            "the same, where two remove it, and one is killed",
        ),
        Entry::new(unlinking("name-unlink"), plain, "a name is unlinked under a holder, while another comes"),
        Entry::new(
            unlinking("name-unlink-fault"),
            plain.faults(1),
            "the same, where any call fails: whoever is hit says so",
        ),
        Entry::new(
            forsaken("name-leftover-fault")
                .process("sweeper", sweep)
                .process("opener", look_in)
                .process("last", come_last),
            plain.faults(1),
            "a call fails of those who remove what a dead party left: the next is served",
        ),
        Entry::new(lasting("name-lasting"), plain, "a region that lives until it is unlinked is never swept"),
    ]
}
