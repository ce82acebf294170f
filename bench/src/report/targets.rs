//! What Ringway is meant to reach: figures with bounds, alone or as ratios within one run.
//!
//! A target whose systems are not built is left out; one whose rows are missing, or failed, is not measured.

use crate::plan::case::{Case, Primitive};
use crate::plan::metric::Metric;
use crate::report::record::{Role, Row, Target};
use crate::report::summary;

/// Who has a figure.
#[derive(Clone, Copy, Debug)]
enum Who {
    System(&'static str),
    /// The best of these that were measured.
    AnyOf(&'static [&'static str]),
    /// The best of Ringway's systems.
    Ringway,
    /// The best system that is neither Ringway's nor a limit of the machine.
    BestRival,
}

/// A figure of a row.
type Place = (Case, Who, Metric);

/// What is bounded: one figure, or one divided by another.
struct Aim {
    name: String,
    is_ceiling: bool,
    bound: f64,
    figure: Place,
    reference: Option<Place>,
}

impl Aim {
    fn new(name: impl Into<String>, figure: Place) -> Self {
        Self { name: name.into(), is_ceiling: false, bound: 0.0, figure, reference: None }
    }

    /// Divided by the same figure of another.
    fn by(self, who: Who) -> Self {
        let (case, _, metric) = self.figure;
        self.by_figure((case, who, metric))
    }

    /// Divided by another figure.
    fn by_figure(self, reference: Place) -> Self {
        Self { reference: Some(reference), ..self }
    }

    fn at_most(self, bound: f64) -> Self {
        Self { is_ceiling: true, bound, ..self }
    }

    fn at_least(self, bound: f64) -> Self {
        Self { is_ceiling: false, bound, ..self }
    }
}

/// All that is aimed at, whether there are systems for it or not.
fn aims() -> Vec<Aim> {
    let mut aims = trips();
    aims.extend(slots());
    aims.extend(records());
    aims.extend(sleepers());
    aims.extend(locks());
    aims
}

/// Round trips that poll.
fn trips() -> Vec<Aim> {
    let p50 = |system| (Case::RoundTrip, Who::System(system), Metric::P50);
    let (slots, mailbox) = (p50("ringway slots"), Who::System("mailbox"));
    let p99 = (Case::RoundTrip, Who::System("ringway slots"), Metric::P99);
    vec![
        Aim::new("64 B round trip, p50: ringway slots / mailbox", slots).by(mailbox).at_most(1.2),
        Aim::new(
            "56 B round trip, p50: ringway latency layout / mailbox",
            p50("ringway latency layout, 56 B"),
        )
        .by(Who::System("mailbox, 56 B"))
        .at_most(1.1),
        Aim::new("64 B round trip, p50: ringway bytes / mailbox", p50("ringway bytes"))
            .by(mailbox)
            .at_most(1.2),
        Aim::new("64 B round trip, p50: ringway slots / Aeron", slots).by(Who::System("Aeron")).at_most(1.0),
        Aim::new("64 B round trip: ringway slots, p99 / p50", p99).by_figure(slots).at_most(2.0),
    ]
}

/// Flows of slots.
fn slots() -> Vec<Aim> {
    let rate =
        |length, batched| (Case::Slots { length, batched }, Who::System("ringway slots"), Metric::Rate);
    let one_rtrb = (Case::Slots { length: 8, batched: false }, Who::System("rtrb"), Metric::Rate);
    let mut aims = vec![
        Aim::new("8 B slot: ringway / rtrb", rate(8, false)).by_figure(one_rtrb).at_least(1.0),
        Aim::new("8 B slot: ringway batched / rtrb one at a time", rate(8, true))
            .by_figure(one_rtrb)
            .at_least(2.0),
    ];
    for length in [8, 64, 1024] {
        for (batched, bound) in [(false, 1.2), (true, 1.0)] {
            let figure = rate(length, batched);
            let name = format!("{}: ringway / best rival", figure.0.title());
            aims.push(Aim::new(name, figure).by(Who::BestRival).at_least(bound));
        }
    }
    aims
}

/// Flows of records, one at a time.
fn records() -> Vec<Aim> {
    let rate =
        |length| (Case::Records { length, batched: false }, Who::System("ringway bytes"), Metric::Rate);
    let near = Who::AnyOf(&["Aeron", "pipe, buffered"]);
    let mut aims = vec![
        Aim::new("64 B record: ringway", rate(64)).at_least(80e6),
        Aim::new("64 B record: ringway / better of Aeron and buffered pipe", rate(64)).by(near).at_least(1.5),
        Aim::new("1 KiB record: ringway / Aeron", rate(1024)).by(Who::System("Aeron")).at_least(3.0),
    ];
    for length in [65536, 1 << 20] {
        let figure = rate(length);
        let title = figure.0.title();
        aims.push(
            Aim::new(format!("{title}: ringway / copy"), figure).by(Who::System("copy")).at_least(0.95),
        );
        aims.push(
            Aim::new(format!("{title}: ringway / best rival"), figure).by(Who::BestRival).at_least(1.0),
        );
    }
    aims
}

/// Everything in which somebody sleeps.
fn sleepers() -> Vec<Aim> {
    let wakeup = |together| (Case::Wakeup { together }, Who::System("ringway slots, sleeping"), Metric::P50);
    let busy = |metric| (Case::Death { busy: true }, Who::System("ringway"), metric);
    let crowd = |trips, metric| (Case::Crowd { trips }, Who::Ringway, metric);
    let futex = Who::System("futex");
    vec![
        Aim::new("wakeup, apart, p50: ringway slots, sleeping / futex", wakeup(false))
            .by(futex)
            .at_most(1.15),
        Aim::new("wakeup, together, p50: ringway slots, sleeping / futex", wakeup(true))
            .by(futex)
            .at_most(1.15),
        Aim::new("4 pairs on two cores, rate: ringway / best rival", crowd(false, Metric::Rate))
            .by(Who::BestRival)
            .at_least(1.0),
        Aim::new("4 pairs on two cores, p99: ringway / best rival", crowd(true, Metric::P99))
            .by(Who::BestRival)
            .at_most(1.0),
        Aim::new("killed peer, busy, p50: ringway", busy(Metric::P50)).at_most(5e6),
        Aim::new("killed peer, busy, p99: ringway", busy(Metric::P99)).at_most(20e6),
        Aim::new("nothing comes, cpu: ringway", (Case::Blocked, Who::System("ringway"), Metric::Cpu))
            .at_most(1e6),
    ]
}

/// Locks, semaphores, barriers, and the death of whoever holds a lock.
fn locks() -> Vec<Aim> {
    let place = |primitive, system, metric| (Case::Sync(primitive), Who::System(system), metric);
    let rate = |primitive, system| place(primitive, system, Metric::Rate);
    let mutex = |parties, metric| place(Primitive::Mutex { parties }, "ringway mutex", metric);
    let pthread = Who::System("pthread mutex");
    let mut aims = vec![
        Aim::new("mutex, uncontended: ringway / std", mutex(1, Metric::Rate))
            .by(Who::System("std"))
            .at_least(1.0),
        Aim::new("mutex, uncontended: ringway / pthread", mutex(1, Metric::Rate)).by(pthread).at_least(1.0),
    ];
    for parties in [2, 4] {
        let title = format!("mutex, {parties} parties");
        let rate = Aim::new(format!("{title}: ringway / pthread"), mutex(parties, Metric::Rate));
        let share = Aim::new(format!("{title}, least share: ringway"), mutex(parties, Metric::Share));
        aims.extend([rate.by(pthread).at_least(1.0), share.at_least(0.5)]);
    }
    let death = place(Primitive::OwnerDeath, "ringway mutex", Metric::P50);
    aims.extend([
        Aim::new("spinlock, uncontended: ringway / pthread", rate(Primitive::Spin, "ringway spinlock"))
            .by(Who::System("pthread spinlock"))
            .at_least(1.0),
        Aim::new("semaphore, uncontended: ringway / sem_t", rate(Primitive::Semaphore, "ringway semaphore"))
            .by(Who::System("sem_t"))
            .at_least(1.0),
        Aim::new("barrier of two: ringway / pthread", rate(Primitive::Barrier, "ringway barrier"))
            .by(Who::System("pthread barrier"))
            .at_least(10.0),
        Aim::new("mutex, owner killed, p50: ringway / life word", death)
            .by(Who::System("life word"))
            .at_most(2.0),
        // Nobody may take over what a process held before this: whatever is above is the lock's own.
        Aim::new("mutex, owner killed, p50: ringway / life word, gone", death)
            .by(Who::System("life word, gone"))
            .at_most(1.25),
    ]);
    aims
}

/// The targets of which `has_row` has all systems, with what came out.
pub(crate) fn of(rows: &[Row], has_row: impl Fn(Case, &str) -> bool) -> Vec<Target> {
    let is_built = |(case, who, _): &Place| match who {
        Who::System(system) => has_row(*case, system),
        Who::AnyOf(systems) => systems.iter().any(|system| has_row(*case, system)),
        Who::Ringway => rows.iter().any(|row| row.role == Role::Ringway && row.case == case.title()),
        Who::BestRival => true,
    };
    let is_built = |aim: &Aim| is_built(&aim.figure) && aim.reference.as_ref().is_none_or(is_built);
    aims().into_iter().filter(is_built).map(|aim| target(rows, aim)).collect()
}

fn target(rows: &[Row], aim: Aim) -> Target {
    let value = match aim.reference {
        Some(reference) => {
            median(rows, aim.figure).zip(median(rows, reference)).and_then(|(a, b)| summary::ratio(a, b))
        }
        None => median(rows, aim.figure),
    };
    let Aim { name, is_ceiling, bound, .. } = aim;
    let metric = aim.reference.is_none().then(|| aim.figure.2.name().to_owned());
    let is_met = value.map(|value| if is_ceiling { value <= bound } else { value >= bound });
    Target { name, value, bound, is_ceiling, metric, is_met }
}

/// The median of a figure, of the best row where several may have it.
fn median(rows: &[Row], (case, who, metric): Place) -> Option<f64> {
    let rows = summary::of_case(rows, case.group(), &case.title());
    let best = match who {
        Who::System(system) => summary::best(rows.iter().filter(|row| row.system == system), metric),
        Who::AnyOf(systems) => {
            summary::best(rows.iter().filter(|row| systems.contains(&&*row.system)), metric)
        }
        Who::Ringway => summary::best_own(rows, metric),
        Who::BestRival => summary::best_rival(rows, metric),
    };
    best.map(|(_, median)| median)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::row;

    /// The target of that name, whatever systems there are.
    fn found(rows: &[Row], name: &str) -> Target {
        of(rows, |_, _| true).into_iter().find(|target| target.name == name).unwrap()
    }

    fn slot(system: &str, rate: f64) -> Row {
        row("spsc", "8 B slot", system, Metric::Rate, &[rate])
    }

    fn trip(system: &str, ns: f64) -> Row {
        row("latency", "64 B round trip", system, Metric::P50, &[ns])
    }

    #[test]
    fn a_target_without_its_rows_is_not_measured() {
        let mut rows = vec![slot("ringway slots", 3.0)];
        assert!(of(&rows, |_, _| true).iter().all(|target| target.is_met.is_none()));
        rows.push(slot("rtrb", 2.0));
        let found = found(&rows, "8 B slot: ringway / rtrb");
        assert_eq!((found.value, found.is_met), (Some(1.5), Some(true)));
    }

    #[test]
    fn a_target_of_a_system_that_does_not_exist_is_left_out() {
        let names = |has_row: fn(Case, &str) -> bool| -> Vec<String> {
            of(&[], has_row).into_iter().map(|target| target.name).collect()
        };
        assert!(names(|_, _| false).is_empty());
        assert_eq!(
            names(|case, system| system == "ringway" && case == Case::Death { busy: true }),
            ["killed peer, busy, p50: ringway", "killed peer, busy, p99: ringway"]
        );
        assert!(!names(|_, system| system != "Aeron").contains(&"1 KiB record: ringway / Aeron".to_owned()));
    }

    #[test]
    fn the_best_rival_is_the_fastest_of_those_measured() {
        let rows = [slot("ringway slots", 3.0), slot("pipe", 1.0), slot("rtrb", 2.0)];
        assert_eq!(found(&rows, "8 B slot: ringway / best rival").value, Some(1.5));
    }

    #[test]
    fn a_ceiling_is_met_from_below() {
        let rows = [trip("ringway slots", 130.0), trip("mailbox", 100.0)];
        assert_eq!(found(&rows, "64 B round trip, p50: ringway slots / mailbox").is_met, Some(false));
    }

    #[test]
    fn a_figure_alone_is_compared_in_its_unit() {
        let rows = [row("blocked", "nothing comes", "ringway", Metric::Cpu, &[9e5])];
        let found = found(&rows, "nothing comes, cpu: ringway");
        assert_eq!((found.is_met, found.metric.as_deref()), (Some(true), Some("cpu")));
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        let rows = [slot("ringway slots", 3.0), slot("rtrb", 0.0)];
        assert_eq!(found(&rows, "8 B slot: ringway / rtrb").is_met, None);
    }
}
