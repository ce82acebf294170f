//! The loops of the machine's own limits: operations by one thread, by two on one line, and copies.
//!
//! ```text
//!   alone      |-- warm --|----------- timed: so many operations -----------|        cost = time / operations
//!   contended  near: |--- so many operations ---|                                    cost = time / operations of near
//!              far:  |--- operations until near is done ---|
//!   passed     far:  |-- writes --|            |-- writes --|                        bandwidth = bytes / time of the copies
//!              near:              |-- copies --|            |-- copies --|
//! ```
//!
//! Operations follow one another as closely as the processor lets them: of one that need not wait for the last, such as a
//! load, several are on their way at once.

use std::hint::black_box;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::{Run, Work};
use crate::memory::shared::Line;
use crate::plan::case::{Case, Limit};
use crate::plan::metric::Metric;
use crate::stage::clock::Clock;
use crate::stage::measure::Stage;
use crate::stage::place;
use crate::stage::sample::Sample;
use crate::stage::wait::Halt;
use crate::systems::limits::operations::{Operation, Things};
use ringway_shm::primitive::{AtomicU64, Ordering};

/// Operations of a turn of the loop, so that the loop itself does not count.
const UNROLLED: u64 = 16;

/// Turns that take longer than any warm-up, whatever is done in them.
const COUNT_MAX: u64 = 1 << 32;

/// Takes a sample of an operation that one thread does.
///
/// # Errors
///
/// The kernel's refusal.
pub(crate) fn lead_alone<O: Operation>(stage: &Stage<'_>, _: &str, _: Case) -> Result<Sample, String> {
    // The compiler must not see that nobody else has them: it would leave out what nobody else can notice.
    let things = Things::new(stage.clock.has_counter());
    let things = black_box(&things);
    let turn_ns = time_each(stage, |turns| {
        for _ in 0..turns {
            for _ in 0..UNROLLED {
                O::once(things)?;
            }
        }
        Ok(())
    });
    let cost_ns = turn_ns? / UNROLLED as f64;
    Ok(Sample::of(vec![(Metric::Cost, cost_ns)]))
}

/// Takes a sample of copies by one thread, from and to the same places each time.
///
/// # Errors
///
/// When the case is no copy.
pub(crate) fn lead_copy(stage: &Stage<'_>, _: &str, case: Case) -> Result<Sample, String> {
    let length = copied_length(case)?;
    // Written to, since all pages that never were are one and the same.
    let (source, mut target) = (vec![1_u8; length], vec![2_u8; length]);
    let copy_ns = time_each(stage, |copies| {
        for _ in 0..copies {
            target.copy_from_slice(black_box(&source));
            black_box(&mut target);
        }
        Ok(())
    });
    Ok(Sample::of(vec![(Metric::Bandwidth, length as f64 * 1e9 / copy_ns?)]))
}

/// Takes a sample of copies of bytes that the other core has just written. Only the copies are timed, each by itself.
///
/// # Errors
///
/// When the case is no copy, or the other thread could not go to its core.
pub(crate) fn lead_passed(stage: &Stage<'_>, _: &str, case: Case) -> Result<Sample, String> {
    let length = copied_length(case)?;
    let (there, written) = mpsc::channel::<Vec<u8>>();
    let (passed, back) = mpsc::channel();
    thread::scope(|scope| {
        let writer = scope.spawn(move || {
            place::pin(stage.placement.consumer()).map_err(|error| error.to_string())?;
            for (mut bytes, turn) in written.into_iter().zip((0..u8::MAX).cycle()) {
                bytes.fill(turn);
                if passed.send(bytes).is_err() {
                    break;
                }
            }
            Ok(())
        });
        let copied = copy_passed(stage, vec![0; length], &there, &back);
        // The writer ends when nothing can come any more.
        drop(there);
        writer.join().unwrap_or_else(|_| Err("the other thread panicked".to_owned()))?;
        let copy_ns = copied.ok_or("the other thread went away")?;
        Ok(Sample::of(vec![(Metric::Bandwidth, length as f64 * 1e9 / copy_ns)]))
    })
}

/// What it takes to copy the bytes that come `back`, in nanoseconds; they are sent `there` to be written again.
fn copy_passed(
    stage: &Stage<'_>,
    bytes: Vec<u8>,
    there: &mpsc::Sender<Vec<u8>>,
    back: &mpsc::Receiver<Vec<u8>>,
) -> Option<f64> {
    let mut target = vec![1; bytes.len()];
    there.send(bytes).ok()?;
    let (start, mut copies, mut ticks) = (Instant::now(), 0_u32, 0);
    while copies == 0 || start.elapsed() < stage.lengths.warm + stage.lengths.timed {
        let bytes = back.recv().ok()?;
        let first = stage.clock.ticks();
        target.copy_from_slice(&bytes);
        black_box(&mut target);
        let elapsed = stage.clock.ticks().wrapping_sub(first);
        if start.elapsed() >= stage.lengths.warm {
            copies += 1;
            ticks += elapsed;
        }
        there.send(bytes).ok()?;
    }
    Some(stage.clock.nanoseconds(ticks as f64) / f64::from(copies))
}

/// Bytes that a case copies at a time.
fn copied_length(case: Case) -> Result<usize, String> {
    match case {
        Case::Limit(Limit::Copy { length }) => Ok(length),
        _ => Err(format!("{} is no copy", case.title())),
    }
}

/// What one of the things takes that `work` does so many times, in nanoseconds.
///
/// # Errors
///
/// The kernel's refusal, or that the compiler has left out what was to be timed: then no number of them takes any time.
fn time_each(stage: &Stage<'_>, mut work: impl FnMut(u64) -> Result<(), Halt>) -> Result<f64, String> {
    let mut time = |count| -> Result<Duration, String> {
        let start = Instant::now();
        work(count).map_err(|halt| halt.to_string())?;
        Ok(start.elapsed())
    };
    let mut count = 1;
    let warm = loop {
        let elapsed = time(count)?;
        if elapsed >= stage.lengths.warm {
            break elapsed;
        }
        if count >= COUNT_MAX {
            return Err(format!("{count} of them took {elapsed:?}: they were not done"));
        }
        count *= 2;
    };
    let share = stage.lengths.timed.as_secs_f64() / warm.as_secs_f64();
    let count = ((count as f64 * share) as u64).max(1);
    Ok(time(count)?.as_nanos() as f64 / count as f64)
}

/// Where two threads operate on one line.
#[derive(Debug)]
pub(crate) struct Arena {
    things: Things,
    /// The number of near's first operation that is not done yet, once a run is over. Written by near only.
    done: Line,
}

impl Arena {
    /// Around these things.
    pub(crate) fn new(things: Things) -> Self {
        Self { things, done: Line { word: AtomicU64::new(0) } }
    }
}

/// Does `N` while the other thread does `F`.
pub(crate) struct Contend<N, F>(PhantomData<(N, F)>);

impl<N: Operation, F: Operation> Work<Arc<Arena>, Arc<Arena>> for Contend<N, F> {
    fn near(near: &mut Arc<Arena>, run: Run<'_>, _: &Clock, _: &mut [u32]) -> Result<(), Halt> {
        for _ in 0..run.count {
            N::once(&near.things)?;
        }
        // Relaxed: it tells when to end, and nothing is read on the strength of it.
        near.done.word.store(run.first + run.count, Ordering::Relaxed);
        Ok(())
    }

    fn far(far: &mut Arc<Arena>, run: Run<'_>) -> Result<(), Halt> {
        let mut wait = run.deadline.wait();
        // Relaxed: as in `near`.
        while far.done.word.load(Ordering::Relaxed) < run.first + run.count {
            F::once(&far.things)?;
            wait.poll_unhinted()?;
        }
        Ok(())
    }
}
