//! The life of a name among real processes: made once, opened by many, taken away by the last, cleaned up after the
//! dead.

#![deny(unsafe_code)]

mod party;

use party::{Numbers, Party, Tidy, answer, identity, sweeping};
use ringway_shm::primitive::kernel;
use ringway_shm::{
    Access, Blueprint, CreateError, Lifetime, Name, OpenError, Permissions, Region, layout, list,
    remove_leftovers, unlink,
};
use std::io::BufRead;
use std::time::{Duration, Instant};

/// Longer than nothing, shorter than any patience: what "at once" means here on a machine with other work.
const AT_ONCE: Duration = Duration::from_millis(1500);

fn blueprint() -> Blueprint {
    Blueprint::new(0x6c69_6665, 1).section(layout::FIRST_OWN, layout::PAGE).unwrap()
}

fn permissions() -> Permissions {
    Permissions::default()
}

fn open_or_create(name: Name) -> Result<Region, CreateError> {
    Region::open_or_create(name, &blueprint(), permissions())
}

fn create(name: Name) -> Result<Region, CreateError> {
    Region::create(name, &blueprint(), permissions())
}

fn open(name: Name) -> Result<Region, OpenError> {
    Region::open(name, &blueprint().expected(), Access::default())
}

/// The entry of a name in the list.
fn entry(name: &Name) -> Option<ringway_shm::Entry> {
    list().unwrap().into_iter().find(|entry| entry.name == *name)
}

/// The other process. Each line of its input is a moment of the monotonic clock (or 0), a verb and a name; it does the
/// verb at that moment and answers.
#[test]
fn errand() {
    let Some(_) = party::errand() else { return };
    let mut held: Option<Region> = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let [moment, verb, name] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (moment, name) = (Duration::from_nanos(moment.parse().unwrap()), Name::new(name).unwrap());
        while kernel::now() < moment {
            ringway_shm::primitive::spin_hint();
        }
        let outcome = match verb {
            "open_or_create" => open_or_create(name).map_err(|error| error.to_string()),
            "create" => create(name).map_err(|error| error.to_string()),
            "open" => open(name).map_err(|error| error.to_string()),
            "leave" => {
                drop(held.take());
                answer("left");
                continue;
            }
            "churn" => churn(&name),
            "die" => party::die(),
            other => panic!("no verb {other}"),
        };
        match outcome {
            Ok(region) => {
                answer(&identity(&region));
                held = Some(region);
            }
            Err(error) => answer(&format!("refused: {error}")),
        }
    }
}

/// Creates and drops until it is killed.
fn churn(name: &Name) -> ! {
    let start = Instant::now();
    answer("churning");
    while start.elapsed() < party::DEADLINE {
        // Whether one creates or opens what a killed one left makes no difference to what may be left.
        drop(open_or_create(name.clone()));
        drop(create(name.clone()));
    }
    party::die()
}

fn worker() -> Party {
    Party::start(party::command("errand", "work"))
}

/// A line for several processes to act on at the same moment, or as near as the machine can.
fn soon(verb: &str, name: &Name) -> String {
    let moment = kernel::now() + Duration::from_micros(300);
    format!("{} {verb} {}", moment.as_nanos(), name.text())
}

fn now(verb: &str, name: &Name) -> String {
    format!("0 {verb} {}", name.text())
}

#[test]
fn all_that_open_or_create_at_once_get_one_region() {
    const PARTIES: usize = 8;
    const ROUNDS: usize = 60;
    let _sweeping = sweeping();
    let mut workers: Vec<Party> = (0..PARTIES).map(|_| worker()).collect();
    let tidy = Tidy::new("crowd");
    let mut seen = std::collections::HashSet::new();
    for round in 0..ROUNDS {
        let line = soon("open_or_create", &tidy.0);
        workers.iter_mut().for_each(|worker| worker.tell(&line));
        let answers: Vec<String> = workers.iter_mut().map(Party::hear).collect();
        assert!(!answers[0].starts_with("refused"), "round {round}: {answers:?}");
        assert!(answers.iter().all(|answer| *answer == answers[0]), "round {round}: {answers:?}");
        assert!(seen.insert(answers[0].clone()), "round {round}: an identity came back");

        let line = soon("leave", &tidy.0);
        workers.iter_mut().for_each(|worker| worker.tell(&line));
        workers.iter_mut().for_each(|worker| assert_eq!(worker.hear(), "left"));
        assert!(tidy.goes(), "round {round}: eight left and the name stayed");
    }
    assert!(workers.into_iter().all(Party::finish));
}

#[test]
fn of_several_creators_one_creates() {
    const ROUNDS: usize = 30;
    let _sweeping = sweeping();
    let mut workers: Vec<Party> = (0..4).map(|_| worker()).collect();
    let tidy = Tidy::new("creators");
    for round in 0..ROUNDS {
        let line = soon("create", &tidy.0);
        workers.iter_mut().for_each(|worker| worker.tell(&line));
        let answers: Vec<String> = workers.iter_mut().map(Party::hear).collect();
        let created = answers.iter().filter(|answer| !answer.starts_with("refused")).count();
        assert_eq!(created, 1, "round {round}: {answers:?}");
        workers.iter_mut().for_each(|worker| drop(worker.ask(&now("leave", &tidy.0))));
        assert!(tidy.goes());
    }
}

#[test]
fn creating_under_a_name_in_use_is_refused() {
    let tidy = Tidy::new("taken");
    let region = create(tidy.name()).unwrap();
    assert_eq!(create(tidy.name()).unwrap_err(), CreateError::Exists { location: tidy.name().into() });
    let same = open_or_create(tidy.name()).unwrap();
    assert_eq!(identity(&same), identity(&region));
    assert_eq!(same.name(), Some(&tidy.0));
}

#[test]
fn a_region_cannot_be_opened_before_it_is_published() {
    let tidy = Tidy::new("nameless");
    let region = Region::nameless(&blueprint(), permissions()).unwrap();
    assert_eq!(region.name(), None);
    assert_eq!(open(tidy.name()).unwrap_err(), OpenError::NotFound { location: tidy.name().into() });
    region.publish(tidy.name()).unwrap();
    assert_eq!(region.name(), Some(&tidy.0));
    assert_eq!(identity(&open(tidy.name()).unwrap()), identity(&region));
    drop(region);
    assert!(tidy.goes());
}

#[test]
fn a_region_that_is_refused_its_name_may_try_another() {
    let (taken, free) = (Tidy::new("taken"), Tidy::new("free"));
    let holder = create(taken.name()).unwrap();
    let region = Region::nameless(&blueprint(), permissions()).unwrap();
    assert_eq!(
        region.publish(taken.name()).unwrap_err(),
        CreateError::Exists { location: taken.name().into() }
    );
    region.publish(free.name()).unwrap();
    drop(region);
    assert!(free.goes());
    assert_eq!(identity(&open(taken.name()).unwrap()), identity(&holder));
}

#[test]
fn a_creator_killed_at_any_moment_leaves_nothing_that_trips() {
    const KILLS: usize = 200;
    let _sweeping = sweeping();
    let mut numbers = Numbers::seeded("a_creator_killed_at_any_moment_leaves_nothing_that_trips");
    let mut leftovers = 0;
    for round in 0..KILLS {
        let tidy = Tidy::new("killed");
        let mut worker = worker();
        assert_eq!(worker.ask(&now("churn", &tidy.0)), "churning");
        let delay = Duration::from_micros(numbers.below(2_000));
        let start = Instant::now();
        while start.elapsed() < delay {
            ringway_shm::primitive::spin_hint();
        }
        worker.kill();

        if let Some(entry) = entry(&tidy.0) {
            leftovers += 1;
            assert!(!entry.in_use, "round {round}: {entry:?}");
            let geometry = entry.geometry.unwrap_or_else(|error| panic!("round {round}: half-made: {error}"));
            assert_eq!(geometry.region_len, blueprint().region_len());
        }
        if round % 2 == 0 {
            remove_leftovers().unwrap();
            assert!(!tidy.is_there(), "round {round}: a leftover stayed");
        }
        let start = Instant::now();
        let region = if round % 4 < 2 {
            open_or_create(tidy.name()).unwrap_or_else(|error| panic!("round {round}: {error}"))
        } else {
            create(tidy.name()).unwrap_or_else(|error| panic!("round {round}: {error}"))
        };
        assert!(start.elapsed() < AT_ONCE, "round {round}: {:?}", start.elapsed());
        drop(region);
        assert!(tidy.goes(), "round {round}: the last party left the name");
    }
    println!("{KILLS} kills, {leftovers} leftovers");
}

#[test]
fn the_last_of_two_that_leave_at_once_takes_the_name_away() {
    const ROUNDS: usize = 400;
    let _sweeping = sweeping();
    let (mut one, mut two) = (worker(), worker());
    let tidy = Tidy::new("leavers");
    for round in 0..ROUNDS {
        let first = one.ask(&now("open_or_create", &tidy.0));
        assert_eq!(two.ask(&now("open", &tidy.0)), first, "round {round}");
        let line = soon("leave", &tidy.0);
        one.tell(&line);
        two.tell(&line);
        assert_eq!((one.hear(), two.hear()), ("left".to_owned(), "left".to_owned()));
        assert!(tidy.goes(), "round {round}: both left and the name stayed");
    }
}

#[test]
fn one_that_comes_while_the_last_leaves_gets_a_region_that_has_the_name() {
    const ROUNDS: usize = 400;
    let _sweeping = sweeping();
    let (mut one, mut two) = (worker(), worker());
    let tidy = Tidy::new("passing");
    for round in 0..ROUNDS {
        let old = one.ask(&now("open_or_create", &tidy.0));
        assert!(!old.starts_with("refused"), "round {round}: {old}");
        one.tell(&soon("leave", &tidy.0));
        two.tell(&soon("open_or_create", &tidy.0));
        assert_eq!(one.hear(), "left");
        let new = two.hear();
        assert!(!new.starts_with("refused"), "round {round}: {new}");
        // Whichever it got, it is the region that everybody else gets from now on.
        assert_eq!(identity(&open(tidy.name()).unwrap()), new, "round {round}");
        assert_eq!(two.ask(&now("leave", &tidy.0)), "left");
        assert!(tidy.goes(), "round {round}");
    }
}

#[test]
fn the_name_stays_while_any_party_lives() {
    let tidy = Tidy::new("parties");
    let first = create(tidy.name()).unwrap();
    let second = open(tidy.name()).unwrap();
    let mut third = worker();
    assert_eq!(third.ask(&now("open", &tidy.0)), identity(&first));
    drop(first);
    assert!(tidy.is_there());
    drop(second);
    assert!(tidy.is_there());
    assert_eq!(third.ask(&now("leave", &tidy.0)), "left");
    assert!(tidy.goes());
}

#[test]
fn a_region_that_is_to_stay_stays_until_unlinked() {
    let tidy = Tidy::new("stays");
    let lasting = blueprint().lifetime(Lifetime::UntilUnlinked);
    let region = Region::create(tidy.name(), &lasting, permissions()).unwrap();
    let born = identity(&region);
    party::bytes::put(&region, layout::FIRST_OWN, 0, b"kept");
    drop(region);

    let idle = entry(&tidy.0).unwrap();
    assert!(!idle.in_use);
    assert_eq!(idle.geometry.unwrap().lifetime, Lifetime::UntilUnlinked);
    assert!(!remove_leftovers().unwrap().contains(&tidy.0));
    assert_eq!(create(tidy.name()).unwrap_err(), CreateError::Exists { location: tidy.name().into() });

    // The region keeps its own lifetime, whatever the next party would have made.
    let again = open_or_create(tidy.name()).unwrap();
    assert_eq!(identity(&again), born);
    assert_eq!(party::bytes::get(&again, layout::FIRST_OWN, 0, 4), b"kept");
    drop(again);
    assert!(tidy.is_there());
    unlink(&tidy.0).unwrap();
    assert!(!tidy.is_there());
    assert_eq!(unlink(&tidy.0).unwrap_err(), OpenError::NotFound { location: tidy.name().into() });
}

#[test]
fn parties_keep_a_region_whose_name_is_taken_away_and_leave_the_next_one_alone() {
    let tidy = Tidy::new("renewed");
    let mut dying = worker();
    let old = create(tidy.name()).unwrap();
    let old_too = open(tidy.name()).unwrap();
    assert_eq!(dying.ask(&now("open", &tidy.0)), identity(&old));
    unlink(&tidy.0).unwrap();
    assert!(!tidy.is_there());
    party::bytes::put(&old, layout::FIRST_OWN, 7, b"kept");
    assert_eq!(party::bytes::get(&old_too, layout::FIRST_OWN, 7, 4), b"kept");
    assert_eq!(open(tidy.name()).unwrap_err(), OpenError::NotFound { location: tidy.name().into() });

    let new = create(tidy.name()).unwrap();
    assert_ne!(identity(&new), identity(&old));
    assert_eq!(party::bytes::get(&new, layout::FIRST_OWN, 7, 4), [0; 4]);
    let new_too = open_or_create(tidy.name()).unwrap();
    assert_eq!(identity(&new_too), identity(&new));

    drop(old);
    dying.kill();
    drop(old_too);
    assert!(tidy.is_there(), "a party of the old region took the new one's name away");
    assert_eq!(identity(&open(tidy.name()).unwrap()), identity(&new));
    drop(new);
    assert!(tidy.is_there());
    drop(new_too);
    assert!(tidy.goes());
}

#[test]
fn one_that_waits_gets_a_region_that_is_created_later() {
    let tidy = Tidy::new("awaited");
    let name = tidy.name();
    let waiter = std::thread::spawn(move || {
        let access = Access { wait: party::DEADLINE, ..Access::default() };
        let region = Region::open(name, &blueprint().expected(), access);
        region.map(|region| (identity(&region), region))
    });
    // Whether the waiter began before or after this, it gets the region.
    let mut creator = worker();
    let created = creator.ask(&now("create", &tidy.0));
    let (found, region) = waiter.join().unwrap().unwrap();
    assert_eq!(found, created);
    assert_eq!(creator.ask(&now("leave", &tidy.0)), "left");
    drop(region);
    assert!(tidy.goes());
}

#[test]
fn one_that_waits_in_vain_is_told_so_in_time() {
    let tidy = Tidy::new("vain");
    let wait = Duration::from_millis(30);
    let start = Instant::now();
    let access = Access { wait, ..Access::default() };
    let refused = Region::open(tidy.name(), &blueprint().expected(), access).unwrap_err();
    assert_eq!(refused, OpenError::TimedOut);
    assert!(start.elapsed() >= wait && start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    assert_eq!(open(tidy.name()).unwrap_err(), OpenError::NotFound { location: tidy.name().into() });
}

#[test]
fn what_the_dead_left_is_listed_and_removed_and_what_the_living_hold_is_not() {
    let _sweeping = sweeping();
    let (dead, held, lasting) = (Tidy::new("dead"), Tidy::new("held"), Tidy::new("lasting"));
    let region = create(held.name()).unwrap();
    let staying = blueprint().lifetime(Lifetime::UntilUnlinked);
    drop(Region::create(lasting.name(), &staying, permissions()).unwrap());
    let mut dying = worker();
    let died = dying.ask(&now("create", &dead.0));
    assert!(entry(&dead.0).unwrap().in_use);
    dying.tell(&now("die", &dead.0));
    dying.ended();

    let left = entry(&dead.0).unwrap();
    assert!(!left.in_use);
    assert_eq!(left.len, blueprint().region_len());
    assert_eq!(left.owner, rustix::process::geteuid().as_raw());
    let geometry = left.geometry.unwrap();
    assert_eq!(geometry.identity.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), died);
    assert_eq!(geometry.section(layout::FIRST_OWN).unwrap().len, layout::PAGE);
    let live = entry(&held.0).unwrap();
    assert!(live.in_use);
    assert_eq!(live.geometry.as_ref(), Ok(region.geometry()));

    let removed = remove_leftovers().unwrap();
    assert!(removed.contains(&dead.0) && !dead.is_there());
    assert!(!removed.contains(&held.0) && held.is_there());
    assert!(!removed.contains(&lasting.0) && lasting.is_there());
    assert_eq!(identity(&open(held.name()).unwrap()), identity(&region));
    assert!(!remove_leftovers().unwrap().contains(&dead.0));
}

#[test]
fn looking_and_sweeping_never_disturb_the_living() {
    const ROUNDS: usize = 100;
    let _sweeping = sweeping();
    let tidy = Tidy::new("watched");
    let (mut one, mut two) = (worker(), worker());
    for round in 0..ROUNDS {
        let born = one.ask(&now("open_or_create", &tidy.0));
        // A party comes and goes while leftovers are swept.
        two.tell(&soon("open", &tidy.0));
        let removed = remove_leftovers().unwrap();
        assert!(!removed.contains(&tidy.0), "round {round}");
        assert_eq!(two.hear(), born, "round {round}");
        two.tell(&now("leave", &tidy.0));
        one.tell(&soon("leave", &tidy.0));
        remove_leftovers().unwrap();
        assert_eq!((one.hear(), two.hear()), ("left".to_owned(), "left".to_owned()));
        assert!(tidy.goes(), "round {round}");
    }
}

#[test]
fn the_dead_do_not_keep_a_name_from_its_next_owner() {
    let _sweeping = sweeping();
    for verb in ["open_or_create", "create"] {
        let tidy = Tidy::new("heir");
        let mut dying = [worker(), worker()];
        let born = dying[0].ask(&now("create", &tidy.0));
        assert_eq!(dying[1].ask(&now("open", &tidy.0)), born);
        // The death of one party is no matter while another lives.
        dying[0].kill();
        let survivor = open(tidy.name()).unwrap();
        assert_eq!(identity(&survivor), born);
        drop(survivor);
        dying[1].kill();
        assert!(tidy.is_there());
        let mut heir = worker();
        let inherited = heir.ask(&now(verb, &tidy.0));
        assert!(!inherited.starts_with("refused"), "{verb}: {inherited}");
        assert_ne!(inherited, born, "{verb}: a region of the dead was taken for a live one");
    }
    // And a plain opener finds nothing, for nobody is there.
    let tidy = Tidy::new("nobody");
    let mut dying = worker();
    dying.ask(&now("create", &tidy.0));
    dying.kill();
    assert_eq!(open(tidy.name()).unwrap_err(), OpenError::NotFound { location: tidy.name().into() });
    assert!(tidy.goes());
}

#[test]
fn a_name_is_seen_by_every_process_and_a_list_is_in_order() {
    let tidies = [Tidy::new("list"), Tidy::new("list"), Tidy::new("list")];
    let regions: Vec<Region> = tidies.iter().map(|tidy| create(tidy.name()).unwrap()).collect();
    let listed = list().unwrap();
    assert!(listed.is_sorted_by_key(|entry| entry.name.posix()));
    for (tidy, region) in tidies.iter().zip(&regions) {
        let entry = listed.iter().find(|entry| entry.name == tidy.0).unwrap();
        assert_eq!(entry.geometry.as_ref(), Ok(region.geometry()));
    }
    drop(regions);
    assert!(tidies.iter().all(|tidy| entry(&tidy.0).is_none()));
}
