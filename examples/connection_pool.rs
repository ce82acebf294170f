//! Eight processes use three connections, and some are killed while they do: a connection comes back by itself.
//!
//! ```text
//!   cargo run -p ringway-examples --bin connection_pool
//!
//!   worker   permit ─▶ its number is the number of a connection ─▶ a query ─▶ the permit is given back
//!            killed in the query: who waits next for a permit gets this one
//!   parent   kills a worker that has a connection, again and again, and starts another one
//! ```
//!
//! Whoever uses a connection writes on it who he is, and looks at the end whether that still stands there.

#![forbid(unsafe_code)]

use ringway_sync::{Data, Permits, Setup, Shared};
use std::error::Error;
use std::io::Write;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

type Outcome = Result<(), Box<dyn Error>>;

const CONNECTIONS: usize = 3;
const WORKERS: usize = 8;
/// How many are killed with a connection.
const KILLED: u32 = 30;
/// What a query takes.
const QUERY: Duration = Duration::from_millis(2);
/// How long anybody waits for a connection before something is wrong.
const LONG: Duration = Duration::from_secs(20);

/// All that lies in shared memory.
#[derive(Shared)]
struct Pool {
    permits: Permits<CONNECTIONS>,
    connections: [Connection; CONNECTIONS],
    /// 1 once the workers are to go home.
    closes: Data<u32>,
}

/// A connection, of which only one at a time may make use.
#[derive(Shared)]
struct Connection {
    /// The process that uses it, or did.
    user: Data<u32>,
    queries: Data<u64>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        [] => open(),
        ["worker", name, parent] => work(name, parent),
        _ => Err("there is nothing to be said".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("connection_pool: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a line; an end of the terminal or the pipe that reads it is an error and no panic.
fn say(line: &str) -> Outcome {
    writeln!(std::io::stdout(), "{line}").map_err(|error| format!("standard output: {error}").into())
}

/// A worker: one query after the other, each with whatever connection is free, as long as its parent lives.
fn work(name: &str, parent: &str) -> Outcome {
    let pool = Pool::open(name)?;
    let (me, parent) = (std::process::id(), parent.parse()?);
    while pool.closes.get() == 0 && std::os::unix::process::parent_id() == parent {
        let permit = pool.permits.try_acquire_for(LONG)?;
        let connection = &pool.connections[permit.number()];
        connection.user.set(&me);
        std::thread::sleep(QUERY);
        connection.queries.set(&(connection.queries.get() + 1));
        let user = connection.user.get();
        if user != me {
            return Err(format!("{user} uses connection {} of {me}", permit.number()).into());
        }
    }
    Ok(())
}

fn open() -> Outcome {
    let name = format!("connection-pool-{}", std::process::id());
    let pool: Pool = Setup::new().create(name.as_str())?;
    say(&format!("connection_pool: {WORKERS} processes use {CONNECTIONS} connections"))?;
    let mut workers = (0..WORKERS).map(|_| Started::new(&name)).collect::<Result<Vec<_>, _>>()?;
    let (began, mut kills, mut number) = (Instant::now(), 0, 0);
    // One that is killed between two queries had no connection, and does not count.
    while pool.permits.reclaimed() < KILLED {
        if began.elapsed() > LONG {
            return Err(format!("{} connections came back in {LONG:?}", pool.permits.reclaimed()).into());
        }
        std::thread::sleep(3 * QUERY);
        number = (number + 1) % CONNECTIONS;
        let user = pool.connections[number].user.get();
        // Another one may have died with it, and nobody has used it since.
        if let Some(at) = workers.iter().position(|worker| worker.0.id() == user) {
            workers[at].kill()?;
            kills += 1;
            if kills == 1 {
                say(&format!("connection_pool: one is killed while it uses connection {number}, and so on"))?;
            }
            workers[at] = Started::new(&name)?;
        }
    }
    say(&format!(
        "connection_pool: {kills} processes were killed, {} of them with a connection, which the next one got",
        pool.permits.reclaimed()
    ))?;
    pool.closes.set(&1);
    workers.into_iter().try_for_each(Started::succeed)?;
    let queries: u64 = pool.connections.iter().map(|connection| connection.queries.get()).sum();
    say(&format!("connection_pool: {queries} queries, and never two at once at one connection"))?;
    let permits = (0..CONNECTIONS).map(|_| pool.permits.try_acquire()).collect::<Result<Vec<_>, _>>()?;
    let mut numbers: Vec<usize> = permits.iter().map(ringway_sync::Permit::number).collect();
    numbers.sort_unstable();
    if queries == 0 || numbers != [0, 1, 2] {
        return Err(format!("{queries} queries, and then the connections {numbers:?} are free").into());
    }
    say(&format!("connection_pool: all {CONNECTIONS} connections are free again"))
}

/// A process of ours, which does not outlive us.
struct Started(Child);

impl Started {
    fn new(name: &str) -> Result<Self, Box<dyn Error>> {
        let me = std::process::id().to_string();
        Ok(Self(Command::new(std::env::current_exe()?).args(["worker", name, &me]).spawn()?))
    }

    fn kill(&mut self) -> Outcome {
        if let Some(ended) = self.0.try_wait()? {
            return Err(format!("a worker ended with {ended}").into());
        }
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }

    fn succeed(mut self) -> Outcome {
        let ended = self.0.wait()?;
        if ended.success() { Ok(()) } else { Err(format!("a worker ended with {ended}").into()) }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
