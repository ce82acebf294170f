//! A process that takes one instruction at a time (`ptrace(2)`).
//!
//! ```text
//!   forked, traced ── runs ──▶ mark ──▶ operation, instruction by instruction ──▶ mark ── runs ──▶ end
//!                               │                     │
//!                               │ stopped             ├─ asleep in the kernel: whoever watches lets something happen
//!                               │                     └─ stopped at an instruction: killed there, or stopped for others
//! ```
//!
//! A mark is a breakpoint instruction in the program itself. Other threads of the process (Ringway's sentinel) are not
//! traced, and run as they like. A kill at a stop comes before the next instruction, and takes back nothing that was done.

#![allow(unsafe_code)] // because a mark is an instruction.

use crate::actor::{Actor, Ending, ending};
use nix::libc;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use rustix::process::{WaitOptions, WaitStatus};
use std::fs;
use std::io;
use std::time::{Duration, Instant};

/// How long a process may take for what no others have a hand in.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// What came of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is done, and the next one is about to begin.
    Done,
    /// It was a mark.
    Marked,
    /// It is a call to the kernel, in which the process sleeps.
    Asleep,
    /// The process ended in it.
    Ended(Ending),
}

/// A traced process. It is stopped while nothing is asked of it, unless it sleeps or has been let go.
#[derive(Debug)]
pub(crate) struct Tracee {
    pub(crate) actor: Actor,
    process: Pid,
}

/// A mark, for whoever traces this process; the end of one that nobody traces.
#[inline(always)]
pub(crate) fn mark() {
    // SAFETY: a breakpoint: its signal is the tracer's, and nothing else happens.
    unsafe { core::arch::asm!("int3") };
}

impl Tracee {
    /// Starts a process that is traced from its beginning, and runs until its first [`mark`].
    pub(crate) fn start(run: impl FnOnce() -> i32) -> io::Result<Self> {
        let actor = Actor::start(|| {
            ptrace::traceme().expect("a child may be traced by its parent");
            run()
        })?;
        let process = Pid::from_raw(actor.id().as_raw_nonzero().get());
        Ok(Self { actor, process })
    }

    /// Takes charge of a process that is traced already and stopped.
    pub(crate) fn of(actor: Actor) -> Self {
        let process = Pid::from_raw(actor.id().as_raw_nonzero().get());
        Self { actor, process }
    }

    pub(crate) fn process(&self) -> Pid {
        self.process
    }

    /// Waits until it is stopped, by a mark or by anything else.
    pub(crate) fn run_to_mark(&mut self) -> io::Result<Step> {
        let began = Instant::now();
        loop {
            match self.wait(true)? {
                Step::Done if self.is_at_trap() => return Ok(Step::Marked),
                Step::Done => ptrace::cont(self.process, self.signal())?,
                Step::Asleep if began.elapsed() < LIMIT => std::thread::sleep(Duration::from_micros(50)),
                Step::Asleep => return Err(io::Error::other("it comes to no mark")),
                other => return Ok(other),
            }
        }
    }

    /// Goes on at full speed until it is about to take the instruction at an address. What stands there is put back.
    pub(crate) fn run_to(&mut self, address: u64) -> io::Result<Step> {
        const BREAK: libc::c_long = 0xcc;
        let place = address as ptrace::AddressType;
        if self.at()? == address {
            // It is there already, from the last time: one step further first.
            if let step @ Step::Ended(_) = self.step()? {
                return Ok(step);
            }
        }
        let word = ptrace::read(self.process, place)?;
        ptrace::write(self.process, place, word & !0xff | BREAK)?;
        ptrace::cont(self.process, None)?;
        let step = self.run_to_mark()?;
        if step == Step::Marked {
            ptrace::write(self.process, place, word)?;
            let mut registers = ptrace::getregs(self.process)?;
            registers.rip = address;
            ptrace::setregs(self.process, registers)?;
        }
        Ok(step)
    }

    /// At a function's first instruction: where its return address stands, and what it is.
    pub(crate) fn frame(&self) -> io::Result<(u64, u64)> {
        let stack = ptrace::getregs(self.process)?.rsp;
        let behind = ptrace::read(self.process, stack as ptrace::AddressType)?;
        Ok((stack, behind as u64))
    }

    /// Has the function of that frame returned?
    pub(crate) fn has_returned(&self, (stack, behind): (u64, u64)) -> io::Result<bool> {
        let registers = ptrace::getregs(self.process)?;
        Ok(registers.rip == behind && registers.rsp > stack)
    }

    /// Takes one instruction.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        ptrace::step(self.process, None)?;
        self.settle()
    }

    /// Waits until the instruction that was begun is done, or sleeps in the kernel. A signal that comes instead is handed on.
    pub(crate) fn settle(&mut self) -> io::Result<Step> {
        loop {
            match self.wait(false)? {
                Step::Done if self.is_at_breakpoint() => return Ok(Step::Marked),
                Step::Done if !self.is_at_trap() => ptrace::step(self.process, self.signal())?,
                step => return Ok(step),
            }
        }
    }

    /// Waits for a stop. One that sleeps at a futex is said to; one that is busy, or sleeps at something that ends by itself,
    /// is waited for.
    fn wait(&mut self, at_once: bool) -> io::Result<Step> {
        let (began, mut looks) = (Instant::now(), 0u32);
        loop {
            match rustix::process::waitpid(Some(self.actor.id()), WaitOptions::NOHANG | WaitOptions::UNTRACED)
            {
                Ok(Some((_, status))) => return Ok(self.stopped(status)),
                Ok(None) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            looks += 1;
            // An instruction takes a few microseconds; what takes longer is asked after.
            if looks > 200 && looks % 50 == 0 && (at_once || self.sleeps_at_a_futex()) {
                return Ok(Step::Asleep);
            }
            if looks > 200 {
                std::thread::sleep(Duration::from_micros(20));
            }
            if began.elapsed() > LIMIT {
                return Err(io::Error::other("an instruction does not end"));
            }
        }
    }

    fn stopped(&mut self, status: WaitStatus) -> Step {
        match ending(status) {
            Some(ended) => {
                self.actor.has_ended(ended);
                Step::Ended(ended)
            }
            None => Step::Done,
        }
    }

    /// Does it sleep where only another process, or its own time, wakes it?
    pub(crate) fn sleeps_at_a_futex(&self) -> bool {
        is_at_futex(self.process)
    }

    /// The signal that it is stopped by, to be handed on.
    fn signal(&self) -> Option<Signal> {
        let signal = ptrace::getsiginfo(self.process).ok()?.si_signo;
        Signal::try_from(signal).ok().filter(|signal| !matches!(signal, Signal::SIGTRAP | Signal::SIGSTOP))
    }

    fn is_at_trap(&self) -> bool {
        ptrace::getsiginfo(self.process).is_ok_and(|info| info.si_signo == libc::SIGTRAP)
    }

    /// Is it stopped by a breakpoint, and not by a step or a call?
    fn is_at_breakpoint(&self) -> bool {
        /// `SI_KERNEL`: what the kernel says of a breakpoint instruction on x86.
        const KERNEL: i32 = 0x80;
        let info = ptrace::getsiginfo(self.process);
        info.is_ok_and(|info| info.si_signo == libc::SIGTRAP && info.si_code == KERNEL)
    }

    /// Goes on at full speed until so many calls to the kernel were made. False: it came to its next mark before.
    pub(crate) fn skip_calls(&mut self, calls: u32) -> io::Result<bool> {
        // A stop at each call's beginning, and one at its end.
        for _ in 0..2 * calls {
            ptrace::syscall(self.process, None)?;
            let mut step = Step::Asleep;
            while step == Step::Asleep {
                step = self.wait(false)?;
            }
            if matches!(step, Step::Ended(_)) {
                return Err(io::Error::other("it ended"));
            }
            if self.is_at_breakpoint() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Address of the instruction that it would take next.
    pub(crate) fn at(&self) -> io::Result<u64> {
        Ok(ptrace::getregs(self.process)?.rip)
    }

    /// Is the instruction that it would take next a call to the kernel?
    pub(crate) fn is_at_call(&self) -> io::Result<bool> {
        const SYSCALL: u16 = 0x050f;
        let word = ptrace::read(self.process, self.at()? as ptrace::AddressType)?;
        Ok(word as u16 == SYSCALL)
    }

    /// Lets it go, stopped as `kill -STOP` stops. The mark in front of this address is taken away, since nobody would stop there
    /// for it any more.
    pub(crate) fn leave_stopped(&mut self, behind_mark: u64) -> io::Result<()> {
        const NOTHING: libc::c_long = 0x90; // `nop`, in the place of `int3`
        let address = (behind_mark - 1) as ptrace::AddressType;
        let word = ptrace::read(self.process, address)?;
        ptrace::write(self.process, address, word & !0xff | NOTHING)?;
        ptrace::detach(self.process, Signal::SIGSTOP)?;
        let began = Instant::now();
        while began.elapsed() < LIMIT {
            match rustix::process::waitpid(Some(self.actor.id()), WaitOptions::UNTRACED | WaitOptions::NOHANG)
            {
                Ok(Some((_, status))) if status.stopped() => return Ok(()),
                Ok(Some((_, status))) => {
                    if let Some(ended) = ending(status) {
                        self.actor.has_ended(ended);
                        return Err(io::Error::other(format!("it {ended} as it was stopped")));
                    }
                }
                Ok(None) | Err(rustix::io::Errno::INTR) => std::thread::sleep(Duration::from_micros(20)),
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::other("it does not stop"))
    }
}

/// Is a process asleep at a futex, or at several?
pub(crate) fn is_at_futex(process: Pid) -> bool {
    // "running", or the number of the call, in decimal, and its arguments.
    let text = fs::read_to_string(format!("/proc/{process}/syscall")).unwrap_or_default();
    let number: Option<i64> = text.split(' ').next().and_then(|word| word.parse().ok());
    number.is_some_and(|number| matches!(number, libc::SYS_futex | libc::SYS_futex_waitv))
}
