//! `history`: what the calls of real runs answered, and when; and is there an order that explains it?
//!
//! ```text
//!   producer ─┐ each call: before, behind       clock.rs, log.rs
//!   consumer ─┘ by a clock that both cores have
//!        │
//!        ├── long, by patterns                  long.rs    linear/fifo.rs    millions of operations
//!        └── short, by the search for an order  short.rs   linear/search.rs  thousands of histories, some with a kill
//! ```
//!
//! What a call has stored is seen by all when a full fence behind it has ended, and the end is noted then (clock.rs). On
//! processors that keep stores in order, as x86-64, Empty and Full are strict under that. Where memory is weaker Ringway
//! promises less: a look in vain may be one at what was a moment ago.

mod clock;
mod log;
mod long;
mod short;

use crate::command::{Arguments, Fault, Outcome, Verb, apart, progress, seed_of_the_clock};
use crate::subject::{Kind, Lines, Mirrored, Padded, Slots};
use clock::Clock;
use long::Run;
use std::io::{self, Write};
use std::time::Instant;

/// The verb.
pub(crate) fn verb<C>() -> Verb<C> {
    Verb {
        name: "history",
        about: "records what real runs answered and when, and looks for an order that explains it",
        usage: "history [NAME...] [--operations N] [--seed S] [--processes | --threads]",
        more: "  NAME         these kinds of rings, of bytes, mirrored, slots, lines; otherwise all
  --operations so many in all, at least: 5000000 if nothing is said
  --seed       the same verbs again; otherwise one is drawn, and printed. What the kernel schedules is not repeated
  --processes  long histories of two processes only; otherwise of two threads of one process, too
  --threads    of two threads only

Long histories are judged by the patterns that no queue shows, short ones by the search for an order, those in which a
process was killed among them. Runs the program as users build it, which is built first if need be.",
        example: "history slots --operations 1000000",
        run: |_, given| history(given),
    }
}

/// A kind of ring, as this verb has it.
#[derive(Clone, Copy)]
struct Ring {
    name: &'static str,
    long: fn(Run, usize) -> Result<u64, String>,
    short: fn(usize, u64, Clock) -> Result<short::Sum, String>,
}

const fn ring<K: Kind>() -> Ring {
    Ring { name: K::NAME, long: long::history::<K>, short: short::run::<K> }
}

const RINGS: [Ring; 4] = [ring::<Padded>(), ring::<Mirrored>(), ring::<Slots>(), ring::<Lines>()];

/// Calls of one side in a long history.
const CALLS: usize = 50_000;

/// Runs of short histories beside each long one.
const SHORT: usize = 4;

/// What is to be done.
struct Plan {
    rings: Vec<Ring>,
    operations: u64,
    seed: u64,
    /// Two processes, two threads?
    ways: &'static [bool],
}

fn history(given: &[String]) -> Outcome {
    let arguments = Arguments::read(given, &["--operations", "--seed"], &["--processes", "--threads"])?;
    let named = |name: &String| {
        let ring = RINGS.iter().find(|ring| ring.name == name).copied();
        ring.ok_or_else(|| {
            Fault::usage(format!("there is no kind of ring {name:?}; history --help names them"))
        })
    };
    let named: Vec<Ring> = arguments.words.iter().map(named).collect::<Result<_, _>>()?;
    let ways: &[bool] = match (arguments.has("--processes"), arguments.has("--threads")) {
        (true, false) => &[true],
        (false, true) => &[false],
        (false, false) => &[true, false],
        (true, true) => return Err(Fault::usage("--processes or --threads: without either it is both")),
    };
    let rings = if named.is_empty() { RINGS.to_vec() } else { named };
    let operations = arguments.value("--operations")?.unwrap_or(5_000_000);
    let seed: Option<u64> = arguments.value("--seed")?;
    if !apart::is_this() {
        return apart::go_on();
    }
    run(&Plan { rings, operations, seed: seed.unwrap_or_else(seed_of_the_clock), ways })
}

fn run(plan: &Plan) -> Outcome {
    let (clock, began) = (Clock::best(), Instant::now());
    let mut output = io::stdout().lock();
    writeln!(output, "history --seed {} ({})", plan.seed, clock.name())?;
    output.flush()?;
    let (mut total, mut short, mut wrong) = (0, short::Sum::default(), None);
    for ring in &plan.rings {
        let came = of_ring(plan, ring, clock);
        progress::clear();
        match came {
            Ok((operations, sum)) => {
                total += operations + sum.operations;
                short.histories += sum.histories;
                short.kills += sum.kills;
                short.kills_in_calls += sum.kills_in_calls;
                let short::Sum { histories, kills, kills_in_calls, .. } = sum;
                writeln!(
                    output,
                    "{:10} {operations} operations by patterns; {histories} histories by search, {kills} with a kill, {kills_in_calls} \
                     of them in a call",
                    ring.name
                )?;
            }
            Err(what) => {
                writeln!(output, "{:10} wrong: {what}", ring.name)?;
                wrong = Some(what);
            }
        }
        output.flush()?;
    }
    let (seconds, wrongs) = (began.elapsed().as_secs_f64(), u64::from(wrong.is_some()));
    let (histories, kills, seed) = (short.histories, short.kills, plan.seed);
    writeln!(
        output,
        "{total} operations, {histories} short histories, {kills} kills, {seconds:.1} s, seed {seed}: {wrongs} wrong"
    )?;
    Ok(wrong.is_none())
}

/// One kind of ring: long histories until there are enough operations, and a short run beside each.
fn of_ring(plan: &Plan, ring: &Ring, clock: Clock) -> Result<(u64, short::Sum), String> {
    let share = plan.operations.div_ceil(plan.rings.len() as u64);
    let (mut operations, mut sum) = (0, short::Sum::default());
    for number in 0.. {
        let seed = plan.seed + ((number as u64) << 32);
        // By turns in a way that does not go with the turns of anything else.
        let processes = plan.ways[number / 2 % plan.ways.len()];
        let calls = CALLS.min(share as usize);
        operations += (ring.long)(Run { number, seed, clock, processes }, calls)?;
        for turn in SHORT * number..SHORT * (number + 1) {
            let short::Sum { histories, operations, kills, kills_in_calls } =
                (ring.short)(turn, seed + turn as u64, clock)?;
            sum.histories += histories;
            sum.operations += operations;
            sum.kills += kills;
            sum.kills_in_calls += kills_in_calls;
        }
        let (histories, name) = (sum.histories, ring.name);
        progress::rewrite(&format!("history {name}: {operations} operations, {histories} short histories"));
        if operations + sum.operations >= share {
            break;
        }
    }
    Ok((operations, sum))
}
