//! What an access does to the run: the memory of the model, the real bytes behind it, and the races that it finds.

use super::failure::Failure;
use super::image::write_word;
use super::moves::Move;
use super::places::Spot;
use super::site::{Site, Use, Weakening};
use super::state::{PAYLOAD_FROM, STALE, State};
use crate::explorer::memory::{GRANULE, Race, Read};
use ringway_shm::primitive::Ordering;
use ringway_shm::primitive::model::{Action, Outcome, Step};
use std::fmt::Write as _;
use std::panic::Location;

type At = &'static Location<'static>;

impl State {
    /// The orderings of an atomic step, as they are asked for or weakened: on success, and on failure.
    pub(crate) fn orders(&mut self, step: &Step) -> (Ordering, Ordering) {
        let (site, order) = (step.site(), step.order().into());
        let relaxed = (Ordering::Relaxed, Ordering::Relaxed);
        let used = match step.action() {
            Action::Load => Use::Load(order),
            Action::Store(_) => Use::Store(order),
            Action::CompareExchange { failure, .. } => {
                Use::CompareExchange { success: order, failure: failure.into() }
            }
            _ => Use::Change(order),
        };
        match self.weakened(site, used) {
            Some(Use::Load(order) | Use::Store(order) | Use::Change(order)) => (order.into(), order.into()),
            Some(Use::CompareExchange { success, failure }) => (success.into(), failure.into()),
            _ => relaxed,
        }
    }

    /// Takes an atomic step as it was granted.
    pub(crate) fn atomic(
        &mut self,
        process: usize,
        word: usize,
        step: &Step,
        (order, failure): (Ordering, Ordering),
        granted: Move,
    ) -> Outcome {
        let stale = match granted {
            Move::Step { stale, .. } => u32::from(stale),
            _ => 0,
        };
        let (site, by) = (Some(step.site()), Some(granted));
        let mask = if step.width() == 4 { u64::from(u32::MAX) } else { u64::MAX };
        let found = self.memory.peek(word, stale);
        let new = match step.action() {
            Action::Load => {
                let read = self.memory.load(process, word, stale, order);
                self.tell(Some(process), by, site, |state| state.told_of_read("load", word, order, &read));
                return Outcome { value: read.value, stored: false };
            }
            Action::Store(value) => {
                self.write_at(process, word, value & mask, order, step.address());
                self.tell(Some(process), by, site, |state| {
                    format!("store {order:?} {value:#x} to {}", state.told_of_word(word))
                });
                return Outcome { value, stored: true };
            }
            Action::CompareExchange { current, .. }
                if found != current || stale > 0 || matches!(granted, Move::Fail { .. }) =>
            {
                let read = self.memory.load(process, word, stale, failure);
                self.tell(Some(process), by, site, |state| {
                    state.told_of_read("compare-exchange in vain", word, failure, &read)
                });
                return Outcome { value: read.value, stored: false };
            }
            Action::CompareExchange { new, .. } | Action::Swap(new) => new,
            Action::Add(more) => found.wrapping_add(more),
            Action::Or(bits) => found | bits,
            Action::And(bits) => found & bits,
            _ => found,
        };
        let at = self.steps;
        self.memory.change(process, word, new & mask, order, at);
        write_word(step.address(), step.width(), new & mask);
        self.stored();
        self.tell(Some(process), by, site, |state| {
            format!("change {order:?} {found:#x} to {:#x} at {}", new & mask, state.told_of_word(word))
        });
        Outcome { value: found, stored: true }
    }

    /// Stores to a word through the address at which it was last seen.
    pub(crate) fn write(&mut self, process: usize, word: usize, value: u64, order: Ordering) {
        let address = self.places.known(word).address;
        self.write_at(process, word, value, order, address);
    }

    pub(crate) fn write_at(
        &mut self,
        process: usize,
        word: usize,
        value: u64,
        order: Ordering,
        address: usize,
    ) {
        self.accessed(word, process, false, true);
        let step = self.steps;
        self.memory.store(process, word, value, order, step);
        write_word(address, self.places.known(word).width, value);
        self.stored();
    }

    /// Payload was copied over a word.
    pub(crate) fn rewritten(&mut self, process: usize, word: usize) {
        self.accessed(word, process, false, true);
        if self.memory.is_used(word) {
            let known = self.places.known(word);
            let value = super::image::read_word(known.address, known.width);
            let step = self.steps;
            self.memory.store(process, word, value, Ordering::Relaxed, step);
            self.stored();
        }
    }

    /// The hostile party writes: nobody learns anything by it.
    pub(crate) fn scribble(&mut self, word: usize, value: u64) {
        let name = self.hostile.as_ref().map_or_else(String::new, |hostile| hostile.name.clone());
        if let Some(piece) = word.checked_sub(usize::from(PAYLOAD_FROM)) {
            let (offset, len) = self.payload[piece];
            self.is_strange = true;
            if let Some(address) = self.places.address(offset as Spot) {
                let len = len.min(8);
                super::image::write_bytes(address, &value.to_ne_bytes()[..len]);
                let first = address - address % GRANULE as usize;
                for granule in (0..address + len - first).step_by(GRANULE as usize) {
                    let content = super::image::read_word(first + granule, 4);
                    let spot = offset as Spot - offset as Spot % GRANULE + granule as Spot;
                    self.memory.scribble_payload(spot, content);
                }
            }
            return self.tell(None, None, None, |state| {
                format!("{name} writes {value:#x} over payload at {}", state.places.text(offset as Spot))
            });
        }
        let known = self.places.known(word);
        let mask = if known.width == 4 { u64::from(u32::MAX) } else { u64::MAX };
        self.memory.scribble(word, value & mask, self.steps);
        write_word(known.address, known.width, value & mask);
        self.stored();
        self.tell(None, None, None, |state| {
            format!("{name} writes {value:#x} to {}", state.told_of_word(word))
        });
    }

    /// The ordering that is used at a site, if it is the one that is weakened; `None` if it is left out.
    pub(crate) fn weakened(&mut self, site: At, used: Use) -> Option<Use> {
        if let Some(sites) = &mut self.sites {
            sites.insert(Site::of(site), used);
        }
        match self.weakening {
            Some(Weakening { site: weak, was, instead })
                if weak.line == site.line() && weak.column == site.column() && weak.file == site.file() =>
            {
                if was == used {
                    instead
                } else {
                    Some(used)
                }
            }
            _ => Some(used),
        }
    }

    /// A call to the kernel whose effect a mutant may leave out.
    pub(crate) fn race(&mut self, process: usize, spot: Spot, race: Race) {
        if self.left.scribbles < self.bounds.scribbles {
            // Whose words a stranger wrote is promised no integrity, and bytes that race are only wrong bytes.
            return;
        }
        let failure = Failure::Race {
            process: self.name(process).to_owned(),
            writes: race.writes,
            other: self.name(race.other).to_owned(),
            other_writes: race.other_writes,
            place: self.places.text(spot),
        };
        self.fail(failure);
    }

    pub(crate) fn told_of_word(&self, word: usize) -> String {
        self.places.text(self.places.known(word).spot)
    }

    fn told_of_read(&self, deed: &str, word: usize, order: Ordering, read: &Read) -> String {
        let from = match read.by {
            Some((_, step)) => format!("of step {step}"),
            None => "of the start".to_owned(),
        };
        let place = self.told_of_word(word);
        let mut text = format!("{deed} {order:?} at {place}: {:#x} {from}", read.value);
        if read.by != read.newest.1 {
            let (value, by) = read.newest;
            let _ = write!(text, "{STALE}the newest is {value:#x}");
            if let Some((process, step)) = by {
                let _ = write!(text, ", by {} at step {step}", self.name(usize::from(process)));
            }
        }
        text
    }
}
