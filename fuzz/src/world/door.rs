//! What comes through the door of `shm`, turned into steps of the run.
//!
//! A step that others can see is a choice: whoever is next may be somebody else. A step that nobody else can see (a fence of
//! release or acquire, a copy of payload, whose races are found by their clocks and not by their order) is taken at once.
//! That is the partial-order reduction. Where kills are possible, a copy is a choice between going on and dying only.

use super::World;
use super::failure::Failure;
use super::image::write_word;
use super::kernel::file_id;
use super::moves::Move;
use super::places::Spot;
use super::state::{PAYLOAD_FROM, Pending, STALE, Site, State, Use, Weakening};
use crate::memory::{GRANULE, Race, Read, mix, part};
use ringway_shm::primitive::Ordering;
use ringway_shm::primitive::kernel::{Call, Wake, Watched};
use ringway_shm::primitive::model::{Action, Copy, FileId, Hooks, Kernel, Open, Outcome, Step, Verdict};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::Location;
use std::path::Path;
use std::time::Duration;

const NO_ROOM: &[i32] = &[libc::ENOSPC, libc::EPERM];
const REFUSED: &[i32] = &[libc::EPERM];
const INTERRUPTED: &[i32] = &[libc::EINTR];
const NO_LOCKS: &[i32] = &[libc::ENOLCK];

type At = &'static Location<'static>;

impl Hooks for World {
    fn atomic(&self, step: &Step) -> Outcome {
        if self.is_aside() {
            return self.perform_aside(step);
        }
        let (address, width) = (step.address(), step.width());
        let Some((word, spot)) = self.word_at(address, width) else { return step.perform() };
        if self.is_before() {
            let outcome = step.perform();
            if outcome.stored {
                let mut state = self.state.borrow_mut();
                let value = super::image::read_word(address, width);
                state.memory.overwrite(word, value);
            }
            return outcome;
        }
        let action = step.action();
        let pending = match action {
            Action::Load => Pending::Load { word },
            Action::CompareExchange { current, weak, .. } => Pending::CompareExchange { word, current, weak },
            _ => Pending::Store { word },
        };
        let (order, failure) = self.state.borrow_mut().orders(step);
        if order == Ordering::SeqCst {
            self.point(Pending::Step);
            let mut state = self.state.borrow_mut();
            let process = state.current;
            state.memory.fence(process, Ordering::SeqCst);
        }
        let granted = self.point_unless_own(pending);
        let mut state = self.state.borrow_mut();
        let process = state.current;
        state.accessed(word, process, action_reads(action), action != Action::Load);
        let newest = state.memory.newest(word);
        let outcome = state.atomic(process, word, step, (order, failure), granted);
        if !outcome.stored {
            let stale = if let Move::Step { stale, .. } = granted { u32::from(stale) } else { 0 };
            state.looked(process, word, newest - stale);
        }
        let writes = outcome.stored;
        if let Err(race) = state.memory.touch_word(process, word, spot, writes) {
            state.race(process, spot, race);
        }
        state.hears(process, outcome.value << 1 | u64::from(outcome.stored));
        outcome
    }

    fn fence(&self, order: Ordering, site: At) {
        if self.is_aside() || self.is_before() {
            return;
        }
        if order == Ordering::SeqCst {
            self.point(Pending::Step);
        }
        let mut state = self.state.borrow_mut();
        let process = state.current;
        if let Some(Use::Fence(order)) = state.weakened(site, Use::Fence(order.into())) {
            state.memory.fence(process, order.into());
        }
        state.tell(Some(process), None, Some(site), |_| format!("fence {order:?}"));
    }

    fn light_fence(&self, site: At) {
        if self.is_aside() || self.is_before() {
            return;
        }
        let mut state = self.state.borrow_mut();
        let process = state.current;
        if state.weakened(site, Use::LightFence).is_some() {
            let has_joined = state.kernel.has_joined(process);
            state.memory.light_fence(process, has_joined);
        }
        state.tell(Some(process), None, Some(site), |_| "light fence".to_owned());
    }

    fn copy(&self, copy: &Copy) {
        if self.is_aside() {
            if !self.is_gone() {
                self.state.borrow_mut().is_strange = true;
                copy.perform();
            }
            return;
        }
        if self.is_before() {
            copy.perform();
            return self.overwrite_words(copy.address(), copy.len());
        }
        self.point_alone();
        self.touched(copy.address(), copy.len(), copy.is_into_region(), Some(copy), copy.site());
    }

    fn touch(&self, address: usize, len: usize, writes: bool, site: At) {
        if !self.is_aside() && !self.is_before() {
            self.point_alone();
            self.touched(address, len, writes, None, site);
        }
    }

    fn spin(&self, site: At) {
        if self.is_aside() || self.is_before() {
            return;
        }
        let spin = {
            let mut state = self.state.borrow_mut();
            let process = state.current;
            state.spins(process)
        };
        self.point(spin);
        let mut state = self.state.borrow_mut();
        let process = state.current;
        state.tell(Some(process), None, Some(site), |_| "looks again".to_owned());
    }

    fn now(&self) -> Option<Duration> {
        let mut state = self.state.borrow_mut();
        let (clock, process) = (state.kernel.clock, state.current);
        if !self.is_aside() && !self.is_before() {
            state.hears(process, clock.as_nanos() as u64);
        }
        Some(clock)
    }

    /// Each process has a core to itself.
    fn core(&self) -> Option<u32> {
        Some(self.state.borrow().current as u32)
    }

    /// Calls about what a file contains: nobody else sees it before the file has a name.
    fn kernel(&self, call: &Call<'_>) -> Verdict {
        if self.is_aside() || self.is_before() {
            return Verdict::Real;
        }
        let errors = match call {
            Call::Reserve(_) | Call::Truncate(_) => NO_ROOM,
            Call::Mode(_) | Call::Group(_) | Call::Seal | Call::Map(_) => REFUSED,
            _ => &[],
        };
        let granted = if errors.is_empty() || self.state.borrow().left.faults == 0 {
            self.point_alone();
            Move::Step { process: 0, stale: 0 }
        } else {
            self.point(Pending::Call(errors))
        };
        let mut state = self.state.borrow_mut();
        let process = state.current;
        state.tell(Some(process), Some(granted), None, |_| format!("{call:?}"));
        match granted {
            Move::Fail { errno, .. } => {
                state.hears(process, errno as u64);
                Verdict::Fail(errno)
            }
            _ => Verdict::Real,
        }
    }

    fn instead(&self) -> Option<&dyn Kernel> {
        Some(self)
    }
}

impl World {
    /// An atomic operation past the run.
    fn perform_aside(&self, step: &Step) -> Outcome {
        if self.is_gone() && step.action() != Action::Load && self.is_shared(step.address()) {
            return Outcome { value: 0, stored: true };
        }
        if step.action() != Action::Load {
            // A panic may be under way in the middle of anything.
            if let Ok(mut state) = self.state.try_borrow_mut() {
                state.is_strange = true;
            }
        }
        step.perform()
    }

    fn is_shared(&self, address: usize) -> bool {
        self.state.try_borrow_mut().is_ok_and(|mut state| state.places.spot(address).is_some())
    }

    /// A call to the kernel that others can see: who it is that makes it, and the error if it is to fail.
    fn call(&self, errors: &'static [i32]) -> Result<std::cell::RefMut<'_, State>, i32> {
        let granted = if self.is_before() { Move::End } else { self.point(Pending::Call(errors)) };
        let mut state = self.state.borrow_mut();
        match granted {
            Move::Fail { errno, .. } => {
                let process = state.current;
                state.hears(process, errno as u64 | 1 << 40);
                let error = Errno::from_raw_os_error(errno);
                state.tell(Some(process), Some(granted), None, |_| format!("a call fails with {error:?}"));
                Err(errno)
            }
            _ => Ok(state),
        }
    }

    /// Payload is read or written, by a copy or in place.
    fn touched(&self, address: usize, len: usize, writes: bool, copy: Option<&Copy>, site: At) {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let process = state.current;
        let Some(spot) = state.places.span(address, len) else {
            let (name, there) =
                (state.name(process).to_owned(), state.places.spot(address).map_or(0, |at| at.1));
            return state.fail(Failure::Outside { process: name, bytes: (len, there) });
        };
        if let Some(copy) = copy {
            copy.perform();
        }
        if writes {
            state.payload.extend(spot.parts(len));
        }
        if len == 0 {
            return;
        }
        let first = address - address % GRANULE as usize;
        for (number, granule) in spot.granules(len).enumerate() {
            if let Some(word) = state.places.word_over(granule) {
                state.memory.set_mixed(word);
                if writes {
                    state.rewritten(process, word);
                }
            }
            // What is written in place is not shown; it depends on what its writer was told.
            let content = || match copy {
                Some(_) => super::image::read_word(first + number * GRANULE as usize, 4),
                None => state.processes[process].heard as u64,
            };
            if let Err(race) = state.memory.touch(process, granule, writes.then(content)) {
                state.race(process, granule, race);
            }
        }
        let deed = mix(
            part(spot.first, len as u64),
            u64::from(state.memory.stretch(process)) << 1 | u64::from(writes),
        );
        let mut touched = mix(state.processes[process].touched, deed as u64);
        if let Some(copy) = copy.filter(|_| writes) {
            super::image::read_payload(copy.address(), len, |word| touched = mix(touched, word));
        }
        state.processes[process].touched = touched;
        // What was read decides what comes next.
        if let Some(copy) = copy.filter(|_| !writes) {
            super::image::read_payload(copy.address(), len, |word| state.hears(process, word));
        }
        state.tell(Some(process), None, Some(site), |state| {
            let deed = if writes { "writes" } else { "reads" };
            format!("{deed} {len} bytes of payload at {}", state.places.text(spot.first))
        });
    }

    /// Words that were copied over before the run begins.
    fn overwrite_words(&self, address: usize, len: usize) {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let Some(spot) = state.places.span(address, len) else { return };
        state.payload.extend(spot.parts(len));
        for granule in spot.granules(len) {
            if let Some(word) = state.places.word_over(granule).filter(|&word| state.memory.is_used(word)) {
                let known = state.places.known(word);
                state.memory.overwrite(word, super::image::read_word(known.address, known.width));
            }
        }
    }

    /// The word at an address; `None` for private memory.
    fn word_at(&self, address: usize, width: u8) -> Option<(usize, Spot)> {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let (spot, _) = state.places.spot(address)?;
        match state.places.word(spot, width, address, &mut state.memory) {
            Some(word) => Some((word, spot)),
            None => {
                state.fail(Failure::TooManyWords);
                None
            }
        }
    }

    fn watched(&self, watched: &[Watched]) -> Vec<(usize, u64)> {
        let word = |watched: &Watched| Some((self.word_at(watched.address, 4)?.0, u64::from(watched.value)));
        watched.iter().filter_map(word).collect()
    }

    /// Sleeps until woken; true when its moment came.
    fn asleep(&self) -> bool {
        self.point_again();
        let mut state = self.state.borrow_mut();
        let process = state.current;
        let timed_out = state.processes[process].timed_out;
        state.hears(process, u64::from(timed_out) | 1 << 41);
        timed_out
    }
}

impl State {
    /// The orderings of an atomic step, as they are asked for or weakened: on success, and on failure.
    fn orders(&mut self, step: &Step) -> (Ordering, Ordering) {
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
    fn atomic(
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

    fn write_at(&mut self, process: usize, word: usize, value: u64, order: Ordering, address: usize) {
        self.accessed(word, process, false, true);
        let step = self.steps;
        self.memory.store(process, word, value, order, step);
        write_word(address, self.places.known(word).width, value);
        self.stored();
    }

    /// Payload was copied over a word.
    fn rewritten(&mut self, process: usize, word: usize) {
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
                super::image::write_bytes(address, &value.to_ne_bytes()[..len.min(8)]);
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
    fn weakened(&mut self, site: At, used: Use) -> Option<Use> {
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
    fn race(&mut self, process: usize, spot: Spot, race: Race) {
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

    fn told_of_word(&self, word: usize) -> String {
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

impl Kernel for World {
    fn random(&self) -> [u8; 16] {
        if self.is_aside() {
            return [0; 16];
        }
        let mut state = self.state.borrow_mut();
        let process = state.current;
        state.kernel.random(process)
    }

    fn pause(&self, length: Duration) {
        if self.is_aside() || self.is_before() {
            return;
        }
        self.point(Pending::Step);
        {
            let mut state = self.state.borrow_mut();
            let (process, until) = (state.current, state.kernel.clock + length);
            state.processes[process].pending = Pending::Asleep { until: Some(until) };
            state.tell(Some(process), None, None, |_| format!("pauses for {length:?}"));
        }
        self.asleep();
    }

    fn sleep(&self, watched: &[Watched], until: Option<Duration>) -> Result<Wake, i32> {
        if self.is_aside() {
            return Err(libc::ETIMEDOUT);
        }
        if self.is_before() {
            return Err(libc::EAGAIN);
        }
        let words = self.watched(watched);
        {
            let mut state = self.call(INTERRUPTED)?;
            let process = state.current;
            for &(word, _) in &words {
                state.accessed(word, process, true, false);
            }
            let sleeps = state.fall_asleep(process, &words, until);
            state.hears(process, u64::from(sleeps) | 1 << 42);
            state.tell(Some(process), None, None, |state| {
                let deed = if sleeps { "falls asleep" } else { "does not fall asleep" };
                let places: Vec<_> = words.iter().map(|&(word, _)| state.told_of_word(word)).collect();
                format!("{deed} at {}", places.join(" and "))
            });
            if !sleeps {
                return Err(libc::EAGAIN);
            }
        }
        if self.asleep() { Ok(Wake::TimedOut) } else { Ok(Wake::Woken) }
    }

    fn wake(&self, address: usize) -> usize {
        if self.is_aside() || self.is_before() {
            return 0;
        }
        let Some((word, _)) = self.word_at(address, 4) else { return 0 };
        let Ok(mut state) = self.call(&[]) else { return 0 };
        let process = state.current;
        // The kernel makes a full barrier here and in a sleep. Nobody is promised it, so nobody learns by it.
        let woken = state.wake_sleepers(word, usize::MAX);
        state.hears(process, woken as u64);
        state.tell(Some(process), None, None, |state| {
            format!("wakes {woken} at {}", state.told_of_word(word))
        });
        woken
    }

    fn store_and_wake(&self, address: usize, value: u32) -> usize {
        let word = if self.is_aside() { None } else { self.word_at(address, 4) };
        let Some((word, _)) = word else {
            write_word(address, 4, u64::from(value));
            return 0;
        };
        if self.is_before() {
            write_word(address, 4, u64::from(value));
            self.state.borrow_mut().memory.overwrite(word, u64::from(value));
            return 0;
        }
        let Ok(mut state) = self.call(&[]) else { return 0 };
        let process = state.current;
        state.write_at(process, word, u64::from(value), Ordering::SeqCst, address);
        state.memory.fence(process, Ordering::SeqCst);
        let woken = state.wake_sleepers(word, usize::MAX);
        state.hears(process, woken as u64);
        state.tell(Some(process), None, None, |state| {
            format!("stores {value:#x} and wakes {woken} at {}", state.told_of_word(word))
        });
        woken
    }

    fn join_heavy_fences(&self) -> bool {
        if self.is_aside() {
            return true;
        }
        let Ok(mut state) = self.call(REFUSED) else { return false };
        let process = state.current;
        if state.refuses_heavy_fences(process) {
            return false;
        }
        state.kernel.join_heavy_fences(process);
        state.tell(Some(process), None, None, |_| "joins the heavy fences of others".to_owned());
        true
    }

    fn heavy_fence(&self) -> bool {
        if self.is_aside() {
            return true;
        }
        if self.is_before() {
            let state = self.state.borrow();
            return !state.refuses_heavy_fences(state.current);
        }
        let Ok(mut state) = self.call(REFUSED) else { return false };
        let state = &mut *state;
        let process = state.current;
        if state.refuses_heavy_fences(process) {
            state.tell(Some(process), None, None, |_| "heavy fence: refused".to_owned());
            return false;
        }
        if state.weakened(HEAVY, Use::HeavyFence).is_some() {
            state.memory.heavy_fence(process, state.kernel.joined());
        }
        state.tell(Some(process), None, None, |_| "heavy fence".to_owned());
        true
    }

    fn enlist(&self, life: usize) -> Option<u32> {
        if self.is_aside() {
            return None;
        }
        let (word, _) = self.word_at(life, 4)?;
        let mut state = self.state.borrow_mut();
        let process = state.current;
        Some(state.kernel.enlist(process, word))
    }

    fn delist(&self, life: usize) {
        if self.is_aside() {
            return;
        }
        if let Some((word, _)) = self.word_at(life, 4) {
            let mut state = self.state.borrow_mut();
            let process = state.current;
            state.kernel.delist(process, word);
        }
    }

    fn lock(&self, file: FileId, byte: u64, exclusive: bool) -> Result<bool, i32> {
        if self.is_aside() {
            return Ok(true);
        }
        let mut state = self.call(NO_LOCKS)?;
        let state = &mut *state;
        let process = state.current;
        let taken = state.kernel.lock(process, file, byte, exclusive, &mut state.memory);
        state.hears(process, u64::from(taken) | 1 << 43);
        state.tell(Some(process), None, None, |_| {
            let kind = if exclusive { "exclusive" } else { "shared" };
            format!("takes the {kind} lock of byte {byte:#x}: {taken}")
        });
        Ok(taken)
    }

    fn unlock(&self, file: FileId, byte: u64, exclusive: bool) {
        if self.is_aside() {
            return;
        }
        let Ok(mut state) = self.call(&[]) else { return };
        let state = &mut *state;
        let process = state.current;
        state.kernel.unlock(process, file, byte, exclusive, &mut state.memory);
        state.stored();
        state.tell(Some(process), None, None, |_| format!("gives back the lock of byte {byte:#x}"));
    }

    fn is_locked(&self, file: FileId, byte: u64) -> Result<bool, i32> {
        if self.is_aside() {
            return Ok(false);
        }
        let mut state = self.call(NO_LOCKS)?;
        let state = &mut *state;
        let process = state.current;
        let locked = state.kernel.is_locked(process, file, byte, &mut state.memory);
        state.hears(process, u64::from(locked) | 1 << 44);
        state.tell(Some(process), None, None, |_| format!("asks for the lock of byte {byte:#x}: {locked}"));
        Ok(locked)
    }

    fn open(&self, how: Open<'_>) -> Result<OwnedFd, i32> {
        if self.is_aside() {
            return Err(libc::EIO);
        }
        let (errors, path) = match how {
            Open::Memory | Open::Nameless(_) => (NO_ROOM, None),
            Open::New(path) => (NO_ROOM, Some(path)),
            Open::Existing { path, .. } => (REFUSED, Some(path)),
        };
        let mut state = self.call(errors)?;
        let state = &mut *state;
        let process = state.current;
        let opened = match how {
            Open::Existing { path, .. } => state.find(process, path),
            Open::New(path) if state.kernel.named(process, path, &mut state.memory).is_some() => {
                Err(libc::EEXIST)
            }
            Open::Memory | Open::Nameless(_) | Open::New(_) => state.make(process),
        };
        if let (Ok(file), Open::New(path)) = (&opened, how) {
            let file = file.try_clone().map_err(|_| libc::EMFILE)?;
            state.kernel.link(process, path.to_owned(), file, &mut state.memory);
        }
        state.hears(process, opened.as_ref().map_or_else(|&errno| errno as u64, |_| 0));
        state.tell(Some(process), None, None, |_| {
            let what = path.map_or_else(|| "a new file".to_owned(), |path| path.display().to_string());
            format!("opens {what}: {}", told_of_result(&opened))
        });
        opened
    }

    fn link(&self, file: BorrowedFd<'_>, path: &Path) -> Result<(), i32> {
        if self.is_aside() {
            return Err(libc::EIO);
        }
        let file = file.try_clone_to_owned().map_err(|_| libc::EMFILE)?;
        let mut state = self.call(NO_ROOM)?;
        let state = &mut *state;
        let process = state.current;
        let linked = state.kernel.link(process, path.to_owned(), file, &mut state.memory);
        state.hears(process, u64::from(linked) | 1 << 45);
        state.stored();
        state.tell(Some(process), None, None, |_| {
            format!("gives a file the name {}: {linked}", path.display())
        });
        if linked { Ok(()) } else { Err(libc::EEXIST) }
    }

    fn unlink(&self, path: &Path) -> Result<(), i32> {
        if self.is_aside() {
            return Err(libc::EIO);
        }
        let mut state = self.call(REFUSED)?;
        let state = &mut *state;
        let process = state.current;
        let unlinked = state.kernel.unlink(process, path, &mut state.memory);
        state.hears(process, u64::from(unlinked) | 1 << 46);
        state.stored();
        state.tell(Some(process), None, None, |_| {
            format!("takes the name {} away: {unlinked}", path.display())
        });
        if unlinked { Ok(()) } else { Err(libc::ENOENT) }
    }

    fn look(&self, path: &Path) -> Result<OwnedFd, i32> {
        if self.is_aside() {
            return Err(libc::ENOENT);
        }
        let mut state = self.call(&[])?;
        let process = state.current;
        let found = state.find(process, path);
        state.tell(Some(process), None, None, |_| {
            format!("looks at {}: {}", path.display(), told_of_result(&found))
        });
        found
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>, i32> {
        if self.is_aside() {
            return Ok(Vec::new());
        }
        let mut state = self.call(&[])?;
        let process = state.current;
        let inside = |path: &&std::path::PathBuf| path.parent() == Some(directory);
        let names = state.kernel.names().filter(inside).filter_map(|path| path.file_name());
        let names: Vec<OsString> = names.map(OsString::from).collect();
        state.hears(process, names.len() as u64);
        state.tell(Some(process), None, None, |_| format!("lists {}: {names:?}", directory.display()));
        Ok(names)
    }
}

impl State {
    /// The file of a name, and which of the run's files it is.
    fn find(&mut self, process: usize, path: &Path) -> Result<OwnedFd, i32> {
        let found = self.kernel.named(process, path, &mut self.memory).ok_or(libc::ENOENT);
        let file =
            found.and_then(|(file, number)| Ok((file.try_clone().map_err(|_| libc::EMFILE)?, *number)));
        self.hears(process, file.as_ref().map_or_else(|&errno| errno as u64 | 1 << 47, |file| file.1));
        file.map(|(file, _)| file)
    }

    fn make(&mut self, process: usize) -> Result<OwnedFd, i32> {
        let flags = rustix::fs::MemfdFlags::CLOEXEC | rustix::fs::MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create(c"explored", flags).map_err(|errno| errno.raw_os_error())?;
        if let Some(id) = file_id(file.as_fd()) {
            let number = self.kernel.made(process, id);
            self.places.made(id, number);
        }
        Ok(file)
    }
}

fn told_of_result(result: &Result<OwnedFd, i32>) -> String {
    match result {
        Ok(_) => "there it is".to_owned(),
        Err(errno) => format!("{:?}", Errno::from_raw_os_error(*errno)),
    }
}

/// Does an atomic operation read?
fn action_reads(action: Action) -> bool {
    !matches!(action, Action::Store(_))
}

/// Where heavy fences are made: the door itself, since a call to the kernel has no line of its own.
const HEAVY: At = Location::caller();
