//! One sample of setting up: a channel is made, opened, used and dropped, several times over.
//!
//! ```text
//!   near (measures)                          far (a new peer each time)
//!   reads its resident memory
//!   create: made         ◀── timed
//!   starts the peer                   ──▶    attach: opened         ◀── timed, noted in a page that both map
//!   65,536 messages                   ──▶    verified
//!   reads its resident memory again
//! ```
//!
//! Each system's channel is the one that its flow has, with the capacity that it has there. What opens it does so for the
//! first time in its process, as most do, so that the time contains what is loaded then; what makes it does not, since the
//! first of the channels is not counted. The figures are the medians of the others.
//!
//! Resident is what the memory of the making process has grown by from before the channel is made until it has been used:
//! pages of the channel, and whatever else the library keeps in this process (`Rss` in `/proc/self/smaps_rollup`, which
//! is exact). Pages of a ring that were not touched are not there; more messages are sent than most rings hold. What
//! the kernel keeps for itself, as the bytes in a pipe, no process has: it is not counted.

use std::fs;
use std::io;
use std::mem::offset_of;
use std::os::fd::OwnedFd;
use std::time::Instant;

use crate::args::PeerArguments;
use crate::endpoint::{Channel, Shape, Waits};
use crate::memory::shared::{View, Words};
use crate::plan::case::Case;
use crate::plan::metric::Metric;
use crate::stage::control::{Control, Order};
use crate::stage::measure::{Seat, Stage, join};
use crate::stage::peer::Peer;
use crate::stage::place::{self, fact};
use crate::stage::sample::{self, Leader, Sample};
use crate::stage::wait::Halt;
use crate::work::{Run, Work};
use ringway_shm::primitive::{AtomicU64, Ordering};

/// How many channels are made one after another, besides the first.
const CHANNELS: usize = 5;

/// How many messages each carries.
const MESSAGES: u64 = 1 << 16;

/// What a channel is made for: its parties poll, as in a flow.
const SHAPE: Shape = Shape { length: 64, batched: false, waits: Waits::Poll };

/// What both parties map.
#[repr(C)]
#[derive(Debug)]
struct Page {
    /// How long the peer took to open the channel. Written by far, before it takes its first order.
    open_ns: AtomicU64,
}

const _: () = assert!(offset_of!(Page, open_ns) == 0);

#[allow(unsafe_code)] // because the contract of `Words` is a promise that the compiler cannot check.
// SAFETY: the one field is an atomic word.
unsafe impl Words for Page {}

/// What one channel took.
#[derive(Clone, Copy, Debug)]
struct Taken {
    create_ns: f64,
    open_ns: f64,
    resident: f64,
}

/// Takes one sample: the measuring party's part.
///
/// # Errors
///
/// Whatever kept a channel from being made, opened or used.
pub(crate) fn lead<C, W>(stage: &Stage<'_>, system: &str, case: Case) -> Result<Sample, String>
where
    C: Channel,
    W: Work<C::Near, C::Far>,
{
    let set_up = |_| set_up_once::<C, W>(stage, system, case);
    let taken: Vec<Taken> = (0..=CHANNELS).map(set_up).collect::<Result<_, _>>()?;
    let counted = &taken[1..];
    Ok(Sample::of(vec![
        (Metric::Create, median(counted.iter().map(|taken| taken.create_ns))),
        (Metric::Open, median(counted.iter().map(|taken| taken.open_ns))),
        (Metric::Resident, median(counted.iter().map(|taken| taken.resident))),
    ]))
}

/// Makes one channel, has it opened, uses it and drops it.
fn set_up_once<C, W>(stage: &Stage<'_>, system: &str, case: Case) -> Result<Taken, String>
where
    C: Channel,
    W: Work<C::Near, C::Far>,
{
    let no_page = |error| format!("no control page: {error}");
    let control = Control::create().map_err(no_page)?;
    let page = View::<Page>::create().map_err(no_page)?;
    let mut passed = vec![control.descriptor().map_err(no_page)?, page.descriptor().map_err(no_page)?];
    let resident = resident().map_err(|error| format!("resident memory is unknown: {error}"))?;
    let start = Instant::now();
    let (mut near, descriptors) = C::create(SHAPE).map_err(|error| format!("not created: {error}"))?;
    let create_ns = start.elapsed().as_nanos() as f64;
    passed.extend(descriptors);
    let command_line = PeerArguments::command_line(system, case, Seat::of(stage));
    let peer =
        Peer::start(stage.executable, &command_line, &passed).map_err(|error| format!("no peer: {error}"))?;
    drop(passed);
    let used = use_once::<C, W>(&mut near, &control, stage);
    let grown = self::resident().map(|now| now.saturating_sub(resident));
    if used.is_err() {
        control.stop();
    }
    drop(near);
    join(used, peer.finish())?;
    // Relaxed: the peer has carried out orders since it stored this.
    let open_ns = page.open_ns.load(Ordering::Relaxed) as f64;
    let resident = grown.map_err(|error| format!("resident memory is unknown: {error}"))? as f64;
    Ok(Taken { create_ns, open_ns, resident })
}

/// Sends all messages.
fn use_once<C, W>(near: &mut C::Near, control: &Control, stage: &Stage<'_>) -> Result<(), Halt>
where
    C: Channel,
    W: Work<C::Near, C::Far>,
{
    let deadline = Seat::of(stage).deadline(control);
    let mut leader = Leader::new(control, &deadline);
    let run = Run { first: 0, count: MESSAGES, deadline: &deadline };
    let order = Order::Work { first: run.first, count: run.count };
    leader.together(order, || W::near(near, run, stage.clock, &mut []))?;
    leader.together(Order::End, || Ok(()))?;
    Ok(())
}

/// Takes part in one sample: the peer's part.
///
/// # Errors
///
/// Whatever kept the channel from being opened, or a message from being received.
pub(crate) fn follow<C, W>(seat: &Seat, _: Case, descriptors: Vec<OwnedFd>) -> io::Result<()>
where
    C: Channel,
    W: Work<C::Near, C::Far>,
{
    let mut descriptors = descriptors.into_iter();
    let mut next = || descriptors.next().ok_or(io::ErrorKind::InvalidInput);
    let control = Control::attach(next()?)?;
    let page = View::<Page>::attach(next()?)?;
    let followed = place::pin(seat.core).and_then(|()| {
        let start = Instant::now();
        let mut far = C::attach(SHAPE, descriptors.collect())?;
        // Relaxed: read after orders were carried out.
        page.open_ns.store(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        Ok(sample::follow(&control, &seat.deadline(&control), &mut |run| W::far(&mut far, run))?)
    });
    if followed.is_err() {
        control.stop();
    }
    followed
}

/// Bytes of this process's memory that are there.
fn resident() -> io::Result<u64> {
    resident_in(&fs::read_to_string("/proc/self/smaps_rollup")?).ok_or(io::ErrorKind::InvalidData.into())
}

/// The line `Rss: 123 kB` of the kernel's account, in bytes.
fn resident_in(account: &str) -> Option<u64> {
    let kibibytes: u64 = fact(account, "Rss")?.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// The middle of an odd number of figures.
fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_found_in_the_kernels_account() {
        let account = "55d0-7fff ---p 00000000 00:00 0    [rollup]\nRss:                1044 kB\nPss: 3 kB\n";
        assert_eq!(resident_in(account), Some(1044 << 10));
        assert_eq!(resident_in("Pss: 3 kB\n"), None);
        assert!(resident().unwrap() > 0);
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median([5.0, 1.0, 2.0].into_iter()), 2.0);
    }
}
