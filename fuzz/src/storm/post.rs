//! What an actor writes on the board while it works, so that it can be read after it was killed.
//!
//! ```text
//!   word
//!   STATE      incarnation << 8 | phase            starting, holding what it came for, leaving, out
//!   ACCOUNT    done << 16 | under way << 8 | verb  messages that it has sent or received for certain, and what one call more
//!                                                  may have
//!   CALLS      number of calls                     the heartbeat
//!   KILLS      by the director, before a kill      how many incarnations were killed, and which
//!   ...        told, region, owner, text of what is wrong
//!   SPANS      what a consumer received: (producer's incarnation, first number, end), as a list
//! ```
//!
//! A word is written in one store, so a kill leaves what was before or what comes after. Stores are Release: what is noted
//! before a call is there before its effects, and what is noted after it is behind them. (A killed process's stores are a
//! prefix of its program's.) Whoever reads of a dead one has its end from the kernel; the loads are Acquire all the same.

use crate::actor::Board;
use ringway_shm::primitive::Ordering;

/// Words of an actor.
pub(super) const WORDS: usize = 1024;

const STATE: usize = 0;
const ACCOUNT: usize = 1;
const CALLS: usize = 2;
const KILLS: usize = 3;
const DOOMED: usize = 4;
const REAPED: usize = 5;
const TOLD: usize = 7;
const ORDER: usize = 8;
const REGION: usize = 9;
const OWNER: usize = 10;
const MESSAGES: usize = 11;
const SPAN_COUNT: usize = 12;
const TEXT_LEN: usize = 31;
const TEXT: usize = 32;
const SPANS: usize = 64;

/// Where an actor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It is about to take its place.
    Starting,
    /// It has it, until it says otherwise.
    Holding,
    /// It is about to give it back.
    Leaving,
    /// It has given it back.
    Out,
}

impl Phase {
    fn of(state: u64) -> Self {
        match state & 0xff {
            1 => Self::Holding,
            2 => Self::Leaving,
            3 => Self::Out,
            _ => Self::Starting,
        }
    }
}

/// Messages of one producer that were received one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) incarnation: u64,
    pub(super) first: u64,
    pub(super) end: u64,
}

/// What an actor has done for certain, and may have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) done: u64,
    /// Messages that the call under way deals with at most.
    pub(super) under_way: u64,
    /// The verb under way or last, by its place in the list.
    pub(super) verb: usize,
}

/// An actor's words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Post<'a> {
    board: &'a Board,
    at: usize,
}

impl<'a> Post<'a> {
    pub(super) fn new(board: &'a Board, number: usize) -> Self {
        Self { board, at: number * WORDS }
    }

    fn get(self, word: usize) -> u64 {
        self.board[self.at + word].load(Ordering::Acquire)
    }

    fn set(self, word: usize, value: u64) {
        self.board[self.at + word].store(value, Ordering::Release);
    }

    // By the director.

    /// Gives the words to the next incarnation.
    pub(super) fn begin(self, incarnation: u64) {
        for word in [ACCOUNT, TOLD, ORDER, REGION, OWNER, SPAN_COUNT, TEXT_LEN] {
            self.set(word, 0);
        }
        self.set(STATE, incarnation << 8);
    }

    /// Says that this incarnation is about to be killed.
    pub(super) fn doom(self) {
        self.set(KILLS, self.get(KILLS) + 1);
        self.set(DOOMED, self.incarnation());
    }

    /// Says that this incarnation is gone.
    pub(super) fn reaped(self) {
        self.set(REAPED, self.incarnation());
    }

    /// Asks it to leave by itself.
    pub(super) fn ask_to_leave(self) {
        self.set(ORDER, 1);
    }

    // By anybody.

    pub(super) fn incarnation(self) -> u64 {
        self.get(STATE) >> 8
    }

    pub(super) fn phase(self) -> Phase {
        Phase::of(self.get(STATE))
    }

    /// The incarnation, if it holds what it came for and nobody is about to kill it.
    pub(super) fn holder(self) -> Option<u64> {
        let state = self.get(STATE);
        let is_holding = Phase::of(state) == Phase::Holding && self.get(DOOMED) < state >> 8;
        is_holding.then_some(state >> 8)
    }

    /// How many incarnations were killed.
    pub(super) fn kills(self) -> u64 {
        self.get(KILLS)
    }

    pub(super) fn is_doomed(self, incarnation: u64) -> bool {
        self.get(DOOMED) >= incarnation
    }

    pub(super) fn is_reaped(self, incarnation: u64) -> bool {
        self.get(REAPED) >= incarnation
    }

    pub(super) fn account(self) -> Account {
        let word = self.get(ACCOUNT);
        Account { done: word >> 16, under_way: (word >> 8) & 0xff, verb: (word & 0xff) as usize }
    }

    pub(super) fn calls(self) -> u64 {
        self.get(CALLS)
    }

    pub(super) fn told(self) -> u64 {
        self.get(TOLD)
    }

    /// Which region it has, and which owner it is there.
    pub(super) fn region(self) -> u64 {
        self.get(REGION)
    }

    pub(super) fn owner(self) -> u64 {
        self.get(OWNER)
    }

    /// Messages that all incarnations received.
    pub(super) fn messages(self) -> u64 {
        self.get(MESSAGES)
    }

    pub(super) fn spans(self) -> Vec<Span> {
        let word = |span: u64, part: usize| self.get(SPANS + span as usize * 3 + part);
        let span = |span| Span { incarnation: word(span, 0), first: word(span, 1), end: word(span, 2) };
        (0..self.get(SPAN_COUNT)).map(span).collect()
    }

    /// What the actor found to be wrong.
    pub(super) fn text(self) -> String {
        let words = (0..(SPANS - TEXT)).flat_map(|word| self.get(TEXT + word).to_le_bytes());
        let bytes: Vec<u8> = words.take(self.get(TEXT_LEN) as usize).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    // By the actor.

    pub(super) fn enter(self, phase: Phase) {
        self.set(STATE, self.incarnation() << 8 | phase as u64);
        self.beat();
    }

    pub(super) fn is_to_leave(self) -> bool {
        self.get(ORDER) == 1
    }

    pub(super) fn beat(self) {
        self.set(CALLS, self.calls() + 1);
    }

    /// A call begins that deals with so many messages at most.
    pub(super) fn begins(self, verb: usize, under_way: u64) {
        let done = self.account().done;
        self.set(ACCOUNT, done << 16 | under_way << 8 | verb as u64);
        self.beat();
    }

    /// The call has ended, and dealt with so many.
    pub(super) fn ends(self, count: u64) {
        let Account { done, verb, .. } = self.account();
        self.set(ACCOUNT, (done + count) << 16 | verb as u64);
    }

    pub(super) fn is_told(self) -> u64 {
        self.set(TOLD, self.told() + 1);
        self.told()
    }

    pub(super) fn set_region(self, region: u64) {
        self.set(REGION, region);
    }

    pub(super) fn set_owner(self, owner: u64) {
        self.set(OWNER, owner);
    }

    /// Notes a message that came. False: it stands in the list, and there is hardly room for more.
    pub(super) fn received(self, incarnation: u64, number: u64) -> bool {
        self.set(MESSAGES, self.messages() + 1);
        let count = self.get(SPAN_COUNT);
        let last = (SPANS + 3 * count as usize).wrapping_sub(3);
        if count > 0 && self.get(last) == incarnation && self.get(last + 2) == number {
            self.set(last + 2, number + 1);
        } else {
            // The count comes last: before, there is no such span.
            self.set(last + 3, incarnation);
            self.set(last + 4, number);
            self.set(last + 5, number + 1);
            self.set(SPAN_COUNT, count + 1);
        }
        // A call brings no more spans than messages.
        SPANS + 3 * (count as usize + 2 + super::side::MOST) < WORDS
    }

    /// Says what is wrong.
    pub(super) fn write(self, text: &str) {
        let text = &text.as_bytes()[..text.len().min((SPANS - TEXT) * 8)];
        for (word, bytes) in text.chunks(8).enumerate() {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            self.set(TEXT + word, u64::from_le_bytes(whole));
        }
        self.set(TEXT_LEN, text.len() as u64);
    }
}
