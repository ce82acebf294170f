//! Processes move money between accounts that each has a lock, and are killed in the middle of it: no money is ever lost.
//!
//! ```text
//!   cargo run -p ringway-examples --bin bank [SECONDS]
//!
//!   clerk    lock both accounts, the lower number first
//!            write down what both will have ─▶ `due` ─▶ both balances ─▶ not `due` ─▶ unlock
//!            killed before `due`: nothing has happened; behind it: whoever is told finishes it
//!   told     `OwnerDied`, with the lock: the account gets what was written down for it, once
//!   parent   kills a clerk every few milliseconds, and counts all the money again and again
//! ```
//!
//! A balance is one word, so it is never half of two. What is more than one word lies in a record beside it, which counts only
//! from the moment when `due` says so.

#![forbid(unsafe_code)]

use ringway_shm::Fingerprint;
use ringway_shm::zerocopy::{FromBytes, Immutable, IntoBytes};
use ringway_sync::{Data, LockError, Mutex, MutexGuard, Setup, Shared};
use std::error::Error;
use std::io::Write;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

type Outcome = Result<(), Box<dyn Error>>;

const ACCOUNTS: usize = 16;
const CLERKS: usize = 4;
/// What each account begins with.
const EACH: i64 = 1000;
/// Between two kills.
const KILLS: Duration = Duration::from_millis(10);
/// How long anybody waits for a lock before something is wrong.
const LONG: Duration = Duration::from_secs(20);

/// All that lies in shared memory.
#[derive(Shared)]
struct Bank {
    accounts: [Mutex<i64>; ACCOUNTS],
    clerks: [Clerk; CLERKS],
    /// 1 once the clerks are to go home.
    closes: Data<u64>,
}

/// What a clerk writes down. Written by the clerk that is at work; by others only what says so.
#[derive(Shared)]
struct Clerk {
    transfer: Data<Transfer>,
    /// The number of the transfer that is to be made in any case, 0 if there is none.
    due: Data<u64>,
    /// Has the account of that side got what the transfer says? By whoever holds the account of the dead.
    settled: [Data<u64>; 2],
    /// How many transfers were made.
    made: Data<u64>,
    /// How many accounts of the dead this clerk has put in order.
    repaired: Data<u64>,
}

/// What two accounts have when the transfer is made.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Fingerprint)]
#[zerocopy(crate = "ringway_shm::zerocopy")]
#[repr(C)]
struct Transfer {
    number: u64,
    accounts: [u64; 2],
    balances: [i64; 2],
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        [] => open_for(Duration::from_secs(3)),
        ["clerk", name, number, parent] => work(name, number, parent),
        [seconds] => match seconds.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        {
            Some(length) => open_for(length),
            None => Err(format!("{seconds} is no number of seconds").into()),
        },
        _ => Err("a number of seconds is all that can be said".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bank: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a line; an end of the terminal or the pipe that reads it is an error and no panic.
fn say(line: &str) -> Outcome {
    writeln!(std::io::stdout(), "{line}").map_err(|error| format!("standard output: {error}").into())
}

impl Bank {
    /// An account with its lock, in order; and whether it was left by somebody dead.
    fn account(&self, number: usize) -> Result<(MutexGuard<'_, i64>, bool), LockError<Mutex<i64>>> {
        let died = match self.accounts[number].lock_timeout(LONG) {
            Err(LockError::OwnerDied(died)) => died,
            answer => return answer.map(|guard| (guard, false)),
        };
        let mut guard = died.into_guard();
        for clerk in &self.clerks {
            let (due, transfer) = (clerk.due.get(), clerk.transfer.get());
            // Of a clerk at work none is for this account, which is ours.
            if due == 0 || transfer.number != due {
                continue;
            }
            for side in 0..2 {
                if transfer.accounts[side] == number as u64 && clerk.settled[side].get() == 0 {
                    guard.set(transfer.balances[side]);
                    // Killed before this, the next one does the same again.
                    clerk.settled[side].set(&1);
                }
            }
        }
        guard.mark_consistent();
        Ok((guard, true))
    }

    /// All the money there is at one moment, and how many accounts had to be put in order for that.
    fn sum(&self) -> Result<(i64, u64), Box<dyn Error>> {
        let mut held = Vec::new();
        for number in 0..ACCOUNTS {
            held.push(self.account(number)?);
        }
        let repaired = held.iter().filter(|(_, was_left)| *was_left).count() as u64;
        Ok((held.iter().map(|(guard, _)| guard.get()).sum(), repaired))
    }
}

/// A clerk: moves money at random until the bank closes, or its parent is gone.
fn work(name: &str, number: &str, parent: &str) -> Outcome {
    let bank = Bank::open(name)?;
    let (me, parent): (usize, u32) = (number.parse()?, parent.parse()?);
    let clerk = bank.clerks.get(me).ok_or("there is no such clerk")?;
    let account = |number| -> Result<MutexGuard<'_, i64>, Box<dyn Error>> {
        let (guard, was_left) = bank.account(number)?;
        if was_left {
            clerk.repaired.set(&(clerk.repaired.get() + 1));
        }
        Ok(guard)
    };
    // Once each account was ours, nothing is open of what the clerk before wrote down.
    for number in 0..ACCOUNTS {
        drop(account(number)?);
    }
    if clerk.due.get() != 0 {
        clerk.made.set(&clerk.due.get());
        clerk.due.set(&0);
    }
    let mut random = Random(u64::from(std::process::id()));
    while bank.closes.get() == 0 && std::os::unix::process::parent_id() == parent {
        let first = random.below(ACCOUNTS as u64 - 1) as usize;
        let second = first + 1 + random.below((ACCOUNTS - 1 - first) as u64) as usize;
        let (mut one, mut two) = (account(first)?, account(second)?);
        let (has, wished) = ([one.get(), two.get()], random.below(201) as i64 - 100);
        // Nobody gives more than he has.
        let moved = wished.clamp(-has[1], has[0]);
        let number = clerk.made.get() + 1;
        let balances = [has[0] - moved, has[1] + moved];
        clerk.transfer.set(&Transfer { number, accounts: [first as u64, second as u64], balances });
        clerk.settled.iter().for_each(|settled| settled.set(&0));
        clerk.due.set(&number);
        one.set(balances[0]);
        two.set(balances[1]);
        clerk.made.set(&number);
        clerk.due.set(&0);
    }
    Ok(())
}

/// The bank is open, and clerks are killed.
fn open_for(length: Duration) -> Outcome {
    let name = format!("bank-{}", std::process::id());
    let bank = Setup::new().create_with(name.as_str(), |bank: &Bank| {
        for account in &bank.accounts {
            account.lock()?.set(EACH);
        }
        Ok::<_, Box<dyn Error>>(())
    })?;
    let all = ACCOUNTS as i64 * EACH;
    say(&format!(
        "bank: {ACCOUNTS} accounts of {EACH} each, {CLERKS} processes that move money between them"
    ))?;
    let mut clerks = (0..CLERKS).map(|me| Started::new(&name, me)).collect::<Result<Vec<_>, _>>()?;
    let mut random = Random(u64::from(std::process::id()));
    let (began, mut line_due) = (Instant::now(), Duration::from_secs(1));
    let (mut kills, mut repaired, mut counts) = (0, 0, 0);
    let transfers = || bank.clerks.iter().map(|clerk| clerk.made.get()).sum::<u64>();
    while began.elapsed() < length {
        std::thread::sleep(KILLS);
        let me = random.below(CLERKS as u64) as usize;
        clerks[me].kill()?;
        kills += 1;
        // By its end, and so by somebody who counts or the next clerk, what it had begun is finished or was never begun.
        let (sum, left) = bank.sum()?;
        (counts, repaired) = (counts + 1, repaired + left);
        if sum != all {
            return Err(format!("there is {sum}, and there should be {all}").into());
        }
        clerks[me] = Started::new(&name, me)?;
        if began.elapsed() >= line_due {
            line_due += Duration::from_secs(1);
            say(&format!("bank: {} transfers, {kills} processes killed, the sum is {sum}", transfers()))?;
        }
    }
    bank.closes.set(&1);
    clerks.into_iter().try_for_each(Started::succeed)?;
    let (sum, left) = bank.sum()?;
    repaired += left + bank.clerks.iter().map(|clerk| clerk.repaired.get()).sum::<u64>();
    say(&format!("bank: {} transfers; {kills} processes were killed at it", transfers()))?;
    say(&format!(
        "bank: {repaired} accounts were held by one that was killed, and put in order by the next"
    ))?;
    say(&format!("bank: the money was counted {} times, and was {sum} each time", counts + 1))?;
    if sum == all && transfers() > 0 { Ok(()) } else { Err("that is wrong".into()) }
}

/// A process of ours, which does not outlive us.
struct Started(Child);

impl Started {
    fn new(name: &str, me: usize) -> Result<Self, Box<dyn Error>> {
        let (program, parent) = (std::env::current_exe()?, std::process::id().to_string());
        Ok(Self(Command::new(program).args(["clerk", name, &me.to_string(), &parent]).spawn()?))
    }

    fn kill(&mut self) -> Outcome {
        if let Some(ended) = self.0.try_wait()? {
            return Err(format!("a clerk ended with {ended}").into());
        }
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }

    fn succeed(mut self) -> Outcome {
        let ended = self.0.wait()?;
        if ended.success() { Ok(()) } else { Err(format!("a clerk ended with {ended}").into()) }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Numbers at random.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
