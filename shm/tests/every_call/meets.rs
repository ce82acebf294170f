//! Two parties at one name: each verb stopped before each of its calls while the other party makes any number of its
//! own.
//!
//! ```text
//!   one    ── k calls ──┃               ┃── to its end ──┃
//!   two                 ┃── j calls ──  ┃                ┃── to its end ──     for every k and j
//! ```
//!
//! That is every schedule of two actors with up to three changes of turn. Some pairs take one turn more, and some
//! triples a turn each.
//! What must hold in each of them:
//!
//! 1. Live holders of the name have one and the same region, unless the name was unlinked in between; and what one
//!    writes the other reads.
//! 2. The name leads to the region that is held. Only an unlinking parts a live holder from its name.
//! 3. While a third party holds the region all the time and nobody unlinks, nobody notices anybody else: whoever opens
//!    has it at once.
//! 4. Nobody fails. A wait that ends in vain ends only when the other is stopped while it takes the name away.
//! 5. When nobody holds the region any more the name is gone. A party that only reads cannot take it away: after such
//!    a one it is gone when the leftovers are removed.
//! 6. No descriptor stays.

use crate::party::Tidy;
use crate::party::bytes::{get, put};
use crate::turns::{ALL, Turns};
use crate::verb::{Outcome, SCENES, Scene, VERBS, Verb, leads_to, open_or_create};
use crate::{alone, descriptors};
use ringway_shm::{Region, layout, remove_leftovers};
use std::collections::HashSet;
use std::os::fd::AsFd;
use std::sync::Arc;

fn meet(first: Verb) {
    let _alone = alone();
    let mut schedules = 0;
    for second in VERBS {
        for scene in scenes(&[first, second]) {
            each_schedule(&[first, second], scene, &[0, 1], &mut schedules);
        }
    }
    println!("{first:?}: {schedules} schedules");
}

fn scenes(verbs: &[Verb]) -> impl Iterator<Item = Scene> {
    SCENES.into_iter().filter(move |scene| verbs.iter().all(|&verb| scene.suits(verb)))
}

/// Plays every schedule in which the actors take turns in the given order and then go to their ends.
fn each_schedule(verbs: &[Verb], scene: Scene, order: &[usize], schedules: &mut u32) {
    // Counts up like a number whose digits are the lengths of the turns: a digit that brings its actor to its end is
    // the last of its place.
    let mut calls = vec![0; order.len()];
    loop {
        let turns: Vec<(usize, u32)> = order.iter().copied().zip(calls.iter().copied()).collect();
        let ended = play(verbs, scene, &turns);
        *schedules += 1;
        // What comes behind the turn that ended the others' business makes no difference any more.
        let Some(place) = (0..order.len()).rev().find(|&place| !ended[place]) else { break };
        calls[place] += 1;
        calls[place + 1..].fill(0);
    }
}

macro_rules! meets {
    ($($fact:ident: $verb:ident;)*) => {
        $(#[test]
        fn $fact() {
            meet(Verb::$verb);
        })*
    };
}

meets! {
    a_creator_may_be_stopped_anywhere: Create;
    an_opener_may_be_stopped_anywhere: Open;
    a_reader_may_be_stopped_anywhere: OpenReading;
    an_opener_of_another_kind_may_be_stopped_anywhere: OpenOther;
    one_that_opens_or_creates_may_be_stopped_anywhere: OpenOrCreate;
    a_leaver_may_be_stopped_anywhere: Leave;
    an_unlinker_may_be_stopped_anywhere: Unlink;
    a_sweeper_may_be_stopped_anywhere: RemoveLeftovers;
}

/// Where more than two turns matter: one is taking a name away, or has just let go of it, while others come and go.
#[test]
fn those_that_leave_and_those_that_come_may_meet_in_any_order() {
    use Verb::{Create, Leave, Open, OpenOrCreate, Unlink};
    let _alone = alone();
    let mut schedules = 0;
    for pair in [[Leave, Leave], [Leave, Open], [Leave, Create], [Leave, OpenOrCreate], [Unlink, Leave]] {
        each_schedule(&pair, Scene::Bare, &[0, 1, 0], &mut schedules);
    }
    for three in [[Leave, Leave, OpenOrCreate], [Leave, OpenOrCreate, Leave], [Leave, Unlink, Create]] {
        each_schedule(&three, Scene::Bare, &[0, 1, 2], &mut schedules);
    }
    // An opener may look at one region and map the next.
    for three in [[Open, Unlink, OpenOrCreate], [OpenOrCreate, Unlink, Create]] {
        each_schedule(&three, Scene::Kept, &[0, 1, 2], &mut schedules);
    }
    println!("{schedules} schedules of three turns");
}

/// One schedule: each turn is an actor and a number of its calls; then each goes to its end. The answer is whose actor
/// had ended after which turn.
fn play(verbs: &[Verb], scene: Scene, order: &[(usize, u32)]) -> Vec<bool> {
    let before = descriptors();
    let tidy = Tidy::new("meets");
    let third = scene.set(&tidy.0);
    let handle = |&verb: &Verb| (verb == Verb::Leave).then(|| open_or_create(tidy.name()).unwrap());
    let handles: Vec<Option<Region>> = verbs.iter().map(handle).collect();
    let turns = Arc::new(Turns::of(verbs.len()));
    let (ended, outcomes) = std::thread::scope(|threads| {
        let parts = verbs.iter().zip(handles).enumerate();
        let actors: Vec<_> = parts
            .map(|(who, (&verb, handle))| {
                let (turns, name) = (Arc::clone(&turns), &tidy.0);
                threads.spawn(move || turns.act(who, || verb.act(name, handle)))
            })
            .collect();
        let ended = order.iter().map(|&(who, calls)| turns.run(who, calls)).collect();
        // The one that moved last stops there while the others go on.
        let last = order.last().map(|&(who, _)| who);
        let others = order.iter().map(|&(who, _)| who).filter(|&who| Some(who) != last);
        others.chain(last).for_each(|who| assert!(turns.run(who, ALL)));
        let outcomes: Vec<Outcome> =
            actors.into_iter().map(|actor| actor.join().expect("an actor panicked")).collect();
        (ended, outcomes)
    });
    let case = Case { verbs, scene, order, turns };
    case.check(&tidy, third, outcomes);
    assert!(descriptors() <= before, "{case}: a descriptor leaked");
    ended
}

/// What is to be said about a schedule that broke a rule.
struct Case<'a> {
    verbs: &'a [Verb],
    scene: Scene,
    order: &'a [(usize, u32)],
    turns: Arc<Turns>,
}

impl std::fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} in {:?}, turns {:?}", self.verbs, self.scene, self.order)?;
        for (who, verb) in self.verbs.iter().enumerate() {
            write!(f, "\n  {verb:?}: {:?}", self.turns.calls(who))?;
        }
        Ok(())
    }
}

impl Case<'_> {
    fn has(&self, verb: Verb) -> bool {
        self.verbs.contains(&verb)
    }

    fn check(&self, tidy: &Tidy, third: Option<Region>, outcomes: Vec<Outcome>) {
        for (verb, outcome) in self.verbs.iter().zip(&outcomes) {
            assert!(self.fits(*verb, outcome), "{self}: {verb:?} ended in {outcome:?}");
        }
        let held = outcomes.into_iter().filter_map(|outcome| match outcome {
            Outcome::Held(region) => Some(*region),
            _ => None,
        });
        let live: Vec<Region> = third.into_iter().chain(held).collect();
        self.check_live(tidy, &live);
        // Either may be the last to go.
        let (mut live, reverse) = (live, self.order.iter().map(|turn| turn.1).sum::<u32>() % 2 == 1);
        if reverse {
            live.reverse();
        }
        drop(live);
        if self.has(Verb::OpenReading) {
            remove_leftovers().unwrap();
        }
        assert!(tidy.goes(), "{self}: nobody is there and the name stayed");
    }

    /// Rules 3 and 4.
    fn fits(&self, verb: Verb, outcome: &Outcome) -> bool {
        use Outcome::{Done, Exists, Held, NotFound, OtherKind, TimedOut};
        let kept = self.scene == Scene::Kept && !self.has(Verb::Unlink);
        match verb {
            Verb::Create if kept => matches!(outcome, Exists),
            Verb::Open | Verb::OpenReading | Verb::OpenOrCreate if kept => matches!(outcome, Held(_)),
            Verb::OpenOther if kept => matches!(outcome, OtherKind),
            Verb::Create => matches!(outcome, Held(_) | Exists),
            Verb::Open | Verb::OpenReading => matches!(outcome, Held(_) | NotFound | TimedOut),
            Verb::OpenOther => matches!(outcome, OtherKind | NotFound | TimedOut),
            Verb::OpenOrCreate => matches!(outcome, Held(_) | TimedOut),
            Verb::Unlink => matches!(outcome, Done | NotFound | TimedOut),
            Verb::Leave | Verb::List | Verb::RemoveLeftovers => matches!(outcome, Done),
        }
    }

    /// Rules 1 and 2.
    fn check_live(&self, tidy: &Tidy, live: &[Region]) {
        let identities: HashSet<[u8; 16]> = live.iter().map(|region| region.geometry().identity).collect();
        let unlinked = self.has(Verb::Unlink);
        assert!(unlinked || identities.len() <= 1, "{self}: two regions at a time under one name");
        for region in live {
            let named = rustix::fs::fstat(region.as_fd()).unwrap().st_nlink > 0;
            assert!(named || unlinked, "{self}: a live region lost its name");
            assert_eq!(leads_to(&tidy.0, region), named, "{self}: the name leads elsewhere");
        }
        for writer in live.iter().filter(|region| !region.is_read_only()) {
            let word = crate::party::unique().to_le_bytes();
            put(writer, layout::FIRST_OWN, 8, &word);
            for reader in live {
                let same = reader.geometry().identity == writer.geometry().identity;
                assert_eq!(get(reader, layout::FIRST_OWN, 8, 8) == word, same, "{self}: not the same bytes");
            }
        }
    }
}
