//! Processes whose system calls are filtered: what is held is got, and deaths are told, on either side of the filter.

#![allow(unsafe_code)] // because a filter of system calls is set by `libc` calls.

use crate::kinds::{Kind, OfMutex, ROUNDS, Said, for_each_kind};
use crate::party::{self, Party};
use crate::scene::{SHORT, Scene, heard};
use crate::system;

/// The calls that a sandbox refuses; of a futex, only to change a word and wake.
const SANDBOXES: [(&str, &[libc::c_long]); 5] = [
    ("waitv", &[libc::SYS_futex_waitv]),
    ("membarrier", &[libc::SYS_membarrier]),
    ("threads", &[libc::SYS_clone, libc::SYS_clone3]),
    ("robust", &[libc::SYS_set_robust_list]),
    ("wake-op", &[]),
];

/// How they are refused.
const ERRNOS: [i32; 2] = [libc::EPERM, libc::ENOSYS];

/// Every sandbox, as [`enter`] is told of it.
pub(crate) fn all() -> impl Iterator<Item = String> {
    SANDBOXES.iter().flat_map(|(name, _)| ERRNOS.map(|errno| format!("{name}:{errno}")))
}

/// Refuses this thread, and those that it starts, some calls; false where there are no filters.
pub(crate) fn enter(sandbox: &str, errno: i32) -> bool {
    let (_, calls) = SANDBOXES.into_iter().find(|(name, _)| *name == sandbox).expect("one of these");
    if !calls.is_empty() {
        return system::refuse(calls, errno);
    }
    refuse_wake_op(errno) && {
        // It is what is refused, and nothing else.
        let word = 0u32;
        // SAFETY: a word that lives through the call, to which nothing is added.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_futex,
                &raw const word,
                libc::FUTEX_WAKE_OP,
                1,
                0usize,
                &raw const word,
                0,
            )
        };
        let refused = std::io::Error::last_os_error().raw_os_error();
        assert_eq!((answer, refused), (-1, Some(errno)));
        true
    }
}

/// From now on `FUTEX_WAKE_OP` fails, private or not; false where filters are refused.
fn refuse_wake_op(errno: i32) -> bool {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let jump = |k: u32, jt: u8, jf: u8| {
        let code = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
        libc::sock_filter { code, jt, jf, k }
    };
    let number = core::mem::offset_of!(libc::seccomp_data, nr) as u32;
    // The lower half of the second argument.
    let operation = core::mem::offset_of!(libc::seccomp_data, args) as u32
        + 8
        + if cfg!(target_endian = "big") { 4 } else { 0 };
    let (load, result) = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, libc::BPF_RET | libc::BPF_K);
    let mut program = [
        statement(load, number),
        jump(libc::SYS_futex as u32, 0, 4),
        statement(load, operation),
        statement(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, !(libc::FUTEX_PRIVATE_FLAG as u32)),
        jump(libc::FUTEX_WAKE_OP as u32, 0, 1),
        statement(result, libc::SECCOMP_RET_ERRNO | errno as u32),
        statement(result, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: takes numbers; the process gains no privileges from programs that it executes.
    let bounded = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // SAFETY: a program that lives through the call, which copies it.
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    bounded == 0 && set == 0
}

/// A process in a sandbox; `None`, loudly, where there are no filters.
fn boxed<K: Kind>(scene: &Scene<K>, sandbox: &str, test: &str) -> Option<Party> {
    let mut party = scene.send_prepared(sandbox);
    if party.hear() == "no filter" {
        party::skipped(test, "no filters of system calls");
        return None;
    }
    Some(party)
}

for_each_kind! {
    a_holder_in_a_sandbox_is_waited_for_and_told_of
    a_waiter_in_a_sandbox_gets_it_and_is_told_of_a_death
    one_in_a_sandbox_is_told_of_another
}

fn a_holder_in_a_sandbox_is_waited_for_and_told_of<K: Kind>(test: &str) {
    for sandbox in all() {
        let scene = Scene::<K>::new();
        let Some(mut holder) = boxed(&scene, &sandbox, test) else { return };
        assert_eq!(holder.ask("hold"), "held");
        let sleeper = scene.sleeper();
        std::thread::sleep(SHORT / 2);
        assert!(sleeper.is_waiting(), "{sandbox}");
        if K::CAN_RECOVER {
            assert_eq!(holder.ask("give"), "given");
            assert_eq!(sleeper.told(), Said::Got, "{sandbox}");
            assert_eq!(holder.ask("hold"), "held");
            let sleeper = scene.sleeper();
            holder.kill();
            assert_eq!(sleeper.told(), K::TOLD, "{sandbox}");
        } else {
            holder.kill();
            assert_eq!(sleeper.told(), K::TOLD, "{sandbox}");
        }
    }
}

fn a_waiter_in_a_sandbox_gets_it_and_is_told_of_a_death<K: Kind>(test: &str) {
    for sandbox in all() {
        let scene = Scene::<K>::new();
        let Some(mut waiter) = boxed(&scene, &sandbox, test) else { return };
        let mut holder = scene.send_holder();
        assert_eq!(waiter.ask("try"), "Nothing");
        assert_eq!(waiter.ask("take"), "takes");
        std::thread::sleep(SHORT / 2);
        assert_eq!(waiter.heard(), None, "{sandbox}");
        if K::CAN_RECOVER {
            assert_eq!(holder.ask("give"), "given");
            assert_eq!(heard(&mut waiter), Said::Got, "{sandbox}");
            assert_eq!(holder.ask("hold"), "held");
            assert_eq!(waiter.ask("take"), "takes");
        }
        holder.kill();
        assert_eq!(heard(&mut waiter), K::TOLD, "{sandbox}");
    }
}

fn one_in_a_sandbox_is_told_of_another<K: Kind>(test: &str) {
    for sandbox in all() {
        let scene = Scene::<K>::new();
        let Some(mut holder) = boxed(&scene, &sandbox, test) else { return };
        let mut waiter = boxed(&scene, &sandbox, test).expect("there are filters");
        assert_eq!(holder.ask("hold"), "held");
        assert_eq!(waiter.ask("take"), "takes");
        std::thread::sleep(SHORT / 4);
        holder.kill();
        assert_eq!(heard(&mut waiter), K::TOLD, "{sandbox}");
    }
}

#[test]
fn a_lock_is_held_by_one_at_a_time_where_a_change_and_a_wake_are_two_calls() {
    let test = "a_lock_is_held_by_one_at_a_time_where_a_change_and_a_wake_are_two_calls";
    for errno in ERRNOS {
        let scene = Scene::<OfMutex>::new();
        let mut parties = Vec::new();
        for _ in 0..2 {
            let Some(party) = boxed(&scene, &format!("wake-op:{errno}"), test) else { return };
            parties.push(party);
        }
        parties.iter_mut().for_each(|party| party.tell("count"));
        OfMutex::count(&scene.handle);
        parties.iter_mut().for_each(|party| assert_eq!(party.hear(), "counted"));
        assert_eq!(scene.handle.lock().unwrap().get(), 3 * ROUNDS);
    }
}
