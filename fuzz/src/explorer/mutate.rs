//! Orderings, weakened one at a time, to see whether anybody notices.
//!
//! ```text
//!   collect   what stands at each line that a scenario comes by
//!   weaken    one step at one line: Acquire to Relaxed, AcqRel to Acquire and to Release, a fence to a weaker one or to none
//!   explore   until a scenario that comes by that line fails: the mutant is killed
//!   survives  nobody failed: the ordering is not needed, or the scenarios do not show why it is
//! ```

use crate::explorer::explore::{Explorer, Limits, Report};
use crate::explorer::protocols::Entry;
use crate::explorer::world::{Failure, Order, Site, Use, Weakening};
use core::fmt;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One ordering, weakened at one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mutant(Weakening);

impl Mutant {
    /// The source file, as the compiler names it.
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.0.site.file
    }

    /// The line, from 1 on.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.0.site.line
    }

    /// What is put there instead.
    #[must_use]
    pub fn change(&self) -> String {
        match self.0.instead {
            Some(instead) => format!("{} instead of {}", told(instead), told(self.0.was)),
            None => format!("no {}", told(self.0.was)),
        }
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {}", self.file(), self.line(), self.change())
    }
}

fn told(used: Use) -> String {
    match used {
        Use::Load(order) => format!("load {order:?}"),
        Use::Store(order) => format!("store {order:?}"),
        Use::Change(order) => format!("change {order:?}"),
        Use::CompareExchange { success, failure } => format!("compare-exchange {success:?}/{failure:?}"),
        Use::Fence(order) => format!("fence {order:?}"),
        Use::LightFence => "light fence".to_owned(),
        Use::HeavyFence => "heavy fence".to_owned(),
    }
}

/// Orderings one step weaker, of what reads, writes, or both.
fn weaker(order: Order, reads: bool, writes: bool) -> Vec<Order> {
    match order {
        Order::Relaxed => vec![],
        Order::Acquire | Order::Release => vec![Order::Relaxed],
        Order::AcqRel => vec![Order::Acquire, Order::Release],
        Order::SeqCst => match (reads, writes) {
            (true, true) => vec![Order::AcqRel],
            (true, false) => vec![Order::Acquire],
            _ => vec![Order::Release],
        },
    }
}

/// The mutants of one site.
fn mutants_of(site: Site, was: Use) -> Vec<Mutant> {
    let instead: Vec<Option<Use>> = match was {
        Use::Load(order) => {
            weaker(order, true, false).into_iter().map(|order| Some(Use::Load(order))).collect()
        }
        Use::Store(order) => {
            weaker(order, false, true).into_iter().map(|order| Some(Use::Store(order))).collect()
        }
        Use::Change(order) => {
            weaker(order, true, true).into_iter().map(|order| Some(Use::Change(order))).collect()
        }
        Use::CompareExchange { success, failure } => {
            let on_success = weaker(success, true, true).into_iter();
            let on_success = on_success.map(|success| Use::CompareExchange { success, failure });
            let on_failure = weaker(failure, true, false).into_iter();
            let on_failure = on_failure.map(|failure| Use::CompareExchange { success, failure });
            on_success.chain(on_failure).map(Some).collect()
        }
        Use::Fence(Order::SeqCst) => vec![Some(Use::Fence(Order::AcqRel)), None],
        Use::Fence(Order::AcqRel) => vec![Some(Use::Fence(Order::Acquire)), Some(Use::Fence(Order::Release))],
        Use::Fence(_) | Use::LightFence | Use::HeavyFence => vec![None],
    };
    instead.into_iter().map(|instead| Mutant(Weakening { site, was, instead })).collect()
}

/// What became of a mutant.
#[derive(Clone, Debug)]
pub struct Fate {
    /// Which.
    pub mutant: Mutant,
    /// The scenario that failed, and how; none if it survived.
    pub killed_by: Option<(String, Failure)>,
    /// The scenarios that come by its line.
    pub tried: Vec<String>,
    /// Was each of them explored to its end? One that survives might otherwise still have been killed.
    pub is_complete: bool,
}

/// Weakens every ordering that the scenarios come by and that is `wanted`, one at a time; `tell` hears of each as it is
/// known, with how many were done and how many there are.
///
/// Each scenario is explored for `time` at most, once to learn its lines and once for each mutant on one of them.
///
/// # Errors
///
/// The report of a scenario that fails as it is: it would seem to kill every mutant.
pub fn mutate(
    entries: &[Entry],
    time: Duration,
    wanted: impl Fn(&Mutant) -> bool,
    mut tell: impl FnMut(&Fate, usize, usize),
) -> Result<Vec<Fate>, Box<Report>> {
    let limits = Limits { time, ..Limits::default() };
    let mut mutants: BTreeSet<Mutant> = BTreeSet::new();
    let mut visits: BTreeMap<Site, Vec<(Duration, usize)>> = BTreeMap::new();
    for (number, entry) in entries.iter().enumerate() {
        let report = Explorer::new(entry.bounds).limits(limits).collecting().exhaustive(&entry.scenario);
        if report.found.is_some() {
            return Err(Box::new(report));
        }
        for (&site, &was) in &report.sites {
            mutants.extend(mutants_of(site, was).into_iter().filter(&wanted));
            visits.entry(site).or_default().push((report.elapsed, number));
        }
    }
    // The quick ones first: most mutants are killed by any scenario that comes by.
    visits.values_mut().for_each(|visits| visits.sort());
    let count = mutants.len();
    let mut fates = Vec::new();
    for (done, mutant) in mutants.into_iter().enumerate() {
        let mut fate = Fate { mutant, killed_by: None, tried: Vec::new(), is_complete: true };
        for &(_, number) in &visits[&mutant.0.site] {
            let entry = &entries[number];
            fate.tried.push(entry.scenario.name().to_owned());
            let explorer = Explorer::new(entry.bounds).limits(limits).weakened(mutant.0);
            let report = explorer.exhaustive(&entry.scenario);
            fate.is_complete &= report.is_complete;
            if let Some(found) = report.found {
                fate.killed_by = Some((entry.scenario.name().to_owned(), found.failure));
                break;
            }
        }
        tell(&fate, done + 1, count);
        fates.push(fate);
    }
    Ok(fates)
}
