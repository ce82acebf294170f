//! The director: starts everybody, kills, stops and lets go on by the plan, reaps, keeps watch, and has everybody end.
//!
//! ```text
//!   start ──▶ alive ──kill──▶ reaped: the group's account ──away──▶ start
//!              │  ▲
//!              └stop, go on
//!   at the end: all go on, the dead are started again, the parties are asked to leave one after the other, and one more
//!   process of each group looks after it
//! ```
//!
//! One thread, no place in any region.

use super::plan::{Act, Event, Plan};
use super::post::{Phase, Post};
use super::scenario::{End, Group, Sum};
use super::watch::{self, Beat};
use crate::actor::{Actor, Ending};
use crate::command::progress;
use crate::lot::Lot;
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// Exit status of an actor that has written on its post what is wrong.
const WRONG: i32 = 3;

/// A group, what it is called, and the posts of its parties.
pub(super) struct Crew<'a> {
    pub(super) name: String,
    pub(super) about: &'static str,
    pub(super) group: Box<dyn Group>,
    pub(super) posts: Vec<Post<'a>>,
}

/// A process, and those that were it before.
pub(super) struct Member {
    pub(super) crew: usize,
    pub(super) party: usize,
    pub(super) actor: Option<Actor>,
    pub(super) incarnation: u64,
    /// When it is started again, if it is not there.
    starts_at: Instant,
    /// If it is stopped: since when, and until when.
    pub(super) stopped: Option<(Instant, Instant)>,
    /// How long it stays away the next time.
    away: Duration,
    beat: Beat,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) kills: u64,
    pub(super) stops: u64,
    pub(super) leaves: u64,
    pub(super) starts: u64,
}

/// When a storm is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) time: Duration,
    pub(super) kills: u64,
}

/// So often it is looked whether all go on when they are let go on, and these calls of each show it.
const LULL_EVERY: Duration = Duration::from_secs(1);
const LULL_CALLS: u64 = 3;

pub(super) struct Director<'a> {
    pub(super) crews: Vec<Crew<'a>>,
    pub(super) members: Vec<Member>,
    lot: Lot,
    seed: u64,
    began: Instant,
    shown_at: Duration,
    pub(super) counts: Counts,
}

impl<'a> Director<'a> {
    pub(super) fn new(crews: Vec<Crew<'a>>, seed: u64) -> Self {
        let mut members = Vec::new();
        for (crew, Crew { group, .. }) in crews.iter().enumerate() {
            for party in 0..group.parties().len() {
                let now = Instant::now();
                let (starts_at, beat, away) = (now, Beat::new(), Duration::ZERO);
                let (actor, stopped, incarnation) = (None, None, 0);
                members.push(Member { crew, party, actor, incarnation, starts_at, stopped, away, beat });
            }
        }
        let (began, shown_at, counts) = (Instant::now(), Duration::ZERO, Counts::default());
        Self { crews, members, lot: Lot::new(!seed), seed, began, shown_at, counts }
    }

    /// The storm. An error says what is wrong.
    pub(super) fn blow(&mut self, limits: Limits) -> Result<(), String> {
        let (mut plan, mut lull_at) = (Plan::new(self.seed, self.members.len()).peekable(), LULL_EVERY);
        while self.began.elapsed() < limits.time && self.counts.kills < limits.kills {
            let now = self.began.elapsed();
            while let Some(event) = plan.next_if(|event| event.at <= now) {
                self.follow(event)?;
            }
            self.tend(0)?;
            if self.began.elapsed() > lull_at {
                self.lull()?;
                lull_at = self.began.elapsed() + LULL_EVERY;
            }
            let next =
                plan.peek().map_or(Duration::ZERO, |event| event.at.saturating_sub(self.began.elapsed()));
            std::thread::sleep(next.clamp(Duration::from_micros(200), Duration::from_millis(2)));
        }
        Ok(())
    }

    /// Lets everybody go on, until all are there, nobody has killed them, and each has made calls since: who hangs would
    /// otherwise be killed before it is noticed.
    fn lull(&mut self) -> Result<(), String> {
        let mut since: Vec<Option<u64>> = vec![None; self.members.len()];
        loop {
            for member in &mut self.members {
                member.stopped = member.stopped.map(|(since, _)| (since, since));
                member.starts_at = Instant::now();
            }
            self.tend(0)?;
            let mut is_over = true;
            for (at, since) in since.iter_mut().enumerate() {
                let is_well = self.is_well(at);
                let calls = is_well.then(|| self.post(at).calls());
                let first = if is_well { *since.get_or_insert(calls.unwrap_or(0)) } else { u64::MAX };
                is_over &= calls.is_some_and(|calls| calls > first.saturating_add(LULL_CALLS));
            }
            // One that hangs by its plan does nothing more.
            if is_over || self.crews.iter().all(|crew| crew.group.is_left_alone()) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    /// Everybody ends in order, and the accounts are closed.
    pub(super) fn calm(&mut self) -> Result<Vec<Sum>, String> {
        // Who died last leaves nobody behind who waits for it: everybody is there before the first one leaves.
        self.lull()?;
        let parties = self.crews.iter().map(|crew| crew.group.parties().len()).max().unwrap_or(0);
        for party in 0..parties {
            for at in 0..self.members.len() {
                if self.members[at].party == party {
                    self.settle(at)?;
                }
            }
        }
        let mut sums = Vec::new();
        for crew in 0..self.crews.len() {
            sums.push(self.close(crew).map_err(|wrong| format!("{}: {wrong}", self.crews[crew].name))?);
        }
        Ok(sums)
    }

    /// Is it there, or about to be, and nobody has killed it?
    fn is_well(&self, at: usize) -> bool {
        self.members[at].actor.is_some() && !self.post(at).is_doomed(self.members[at].incarnation)
    }

    /// Has a process leave, and waits for that. Those that leave later are there until then.
    fn settle(&mut self, at: usize) -> Result<(), String> {
        while self.members[at].actor.is_some() {
            self.post(at).ask_to_leave();
            self.tend(self.members[at].party + 1)?;
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// Has one more process look after a group, and closes the account.
    fn close(&mut self, crew: usize) -> Result<Sum, String> {
        let Crew { group, posts, .. } = &mut self.crews[crew];
        let post = *posts.last().expect("there is one post more than parties");
        post.begin(1);
        let mut last = start(|| group.last(posts), post)?;
        match last.wait(group.patience() * 6) {
            Some(Ending::Exited(0)) => group.close(posts),
            Some(Ending::Exited(WRONG)) => Err(post.text()),
            Some(ended) => Err(format!("the one that looks after all have gone {ended}")),
            None => {
                eprint!("{}", watch::told_by_the_kernel(&last));
                watch::stacks_by_debugger(&last);
                watch::stack(&last);
                Err("the one that looks after all have gone hangs".to_owned())
            }
        }
    }

    fn post(&self, at: usize) -> Post<'a> {
        let Member { crew, party, .. } = self.members[at];
        self.crews[crew].posts[party]
    }

    /// Adds whose fault it is.
    fn of(&self, at: usize, wrong: &str) -> String {
        let Member { crew, party, incarnation, .. } = self.members[at];
        let Crew { name, group, .. } = &self.crews[crew];
        format!("{name} {} {incarnation}: {wrong}", group.parties()[party])
    }

    fn follow(&mut self, event: Event) -> Result<(), String> {
        let post = self.post(event.member);
        let member = &mut self.members[event.member];
        let Crew { group, posts, .. } = &mut self.crews[member.crew];
        let Some(actor) = &mut member.actor else { return Ok(()) };
        if group.is_left_alone() {
            return Ok(());
        }
        member.away = event.away;
        match event.act {
            // Who was killed already and is not gone yet is not killed twice.
            Act::Kill if post.is_doomed(member.incarnation) => {}
            Act::Kill => {
                post.doom();
                actor.signal(Signal::KILL);
                self.counts.kills += 1;
            }
            Act::Stop(pause) if member.stopped.is_none() => {
                if actor.stop() {
                    self.counts.stops += 1;
                    let now = Instant::now();
                    member.stopped = Some((now, now + pause));
                    let looked = group.stands_still(member.party, posts, &mut self.lot);
                    return looked.map_err(|wrong| self.of(event.member, &wrong));
                }
            }
            Act::Stop(_) => {}
            Act::Leave => post.ask_to_leave(),
        }
        Ok(())
    }

    /// Reaps who is gone, starts who is due (of these parties and those behind), lets go on who is due, and keeps watch.
    fn tend(&mut self, parties_from: usize) -> Result<(), String> {
        for at in 0..self.members.len() {
            self.reap(at).map_err(|wrong| self.of(at, &wrong))?;
            let now = Instant::now();
            let member = &mut self.members[at];
            if let Some((since, _)) = member.stopped.take_if(|(_, due)| *due <= now) {
                member.beat.stood_still(now - since);
                member.actor.iter().for_each(|actor| actor.signal(Signal::CONT));
            }
            if member.party >= parties_from && member.actor.is_none() && member.starts_at <= now {
                self.start(at).map_err(|wrong| self.of(at, &wrong))?;
            }
            self.look(at)?;
        }
        let elapsed = self.began.elapsed();
        if elapsed - self.shown_at > Duration::from_millis(250) {
            self.shown_at = elapsed;
            self.show();
        }
        Ok(())
    }

    fn start(&mut self, at: usize) -> Result<(), String> {
        let member = &mut self.members[at];
        let Crew { group, posts, .. } = &mut self.crews[member.crew];
        member.incarnation += 1;
        let (party, post) = (member.party, posts[member.party]);
        post.begin(member.incarnation);
        group.begins(party, posts)?;
        let lot = Lot::new(self.seed ^ (at as u64) << 32 ^ member.incarnation << 40);
        member.actor = Some(start(|| group.act(party, posts, lot), post)?);
        member.beat = Beat::new();
        self.counts.starts += 1;
        Ok(())
    }

    /// Sees whether a process is gone, and how.
    fn reap(&mut self, at: usize) -> Result<(), String> {
        let post = self.post(at);
        let member = &mut self.members[at];
        let Some(ending) = member.actor.as_mut().and_then(Actor::ended) else { return Ok(()) };
        let (is_doomed, phase) = (post.is_doomed(member.incarnation), post.phase());
        let end = match ending {
            Ending::Killed(signal) if is_doomed && signal == libc::SIGKILL => End::Killed,
            Ending::Exited(0) if phase == Phase::Out => End::Left,
            Ending::Exited(WRONG) => return Err(post.text()),
            ending => return Err(format!("it {ending}, being {phase:?}")),
        };
        (member.actor, member.stopped) = (None, None);
        member.starts_at = Instant::now() + member.away;
        self.counts.leaves += u64::from(end == End::Left);
        post.reaped();
        let Crew { group, posts, .. } = &mut self.crews[member.crew];
        group.ended(member.party, posts, end)
    }

    /// Looks whether its calls end.
    fn look(&mut self, at: usize) -> Result<(), String> {
        let calls = self.post(at).calls();
        let member = &mut self.members[at];
        let patience = self.crews[member.crew].group.patience();
        let is_waited_for = member.actor.is_some() && member.stopped.is_none();
        if is_waited_for && member.beat.is_hanging(calls, patience) {
            progress::clear();
            let wrong = self.of(at, &format!("a call has not ended in {patience:?}: it hangs"));
            eprintln!("{wrong}");
            self.dump(self.members[at].crew);
            return Err(wrong);
        }
        Ok(())
    }

    fn show(&self) {
        let Counts { kills, stops, starts, .. } = self.counts;
        let posts = self.crews.iter().flat_map(|crew| &crew.posts);
        let messages: u64 = posts.map(|post| post.messages()).sum();
        let seconds = self.began.elapsed().as_secs();
        let processes = self.members.len();
        progress::rewrite(&format!(
            "storm {seconds} s: {processes} processes, {kills} kills, {stops} stops, {starts} starts, {messages} messages"
        ));
    }
}

/// Starts a process that does this, and writes on its post what is wrong.
fn start(act: impl FnOnce() -> Result<(), String>, post: Post<'_>) -> Result<Actor, String> {
    let run = || {
        watch::listen();
        match act() {
            Ok(()) => 0,
            Err(wrong) => {
                post.write(&wrong);
                WRONG
            }
        }
    };
    Actor::start(run).map_err(|error| format!("a process does not start: {error}"))
}
