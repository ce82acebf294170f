//! Processes whose system calls are filtered.

use crate::party::{self, Party, answer, until};
use crate::scene::{DIED, Scene, hear_owner, listen, sent, take_role};
use crate::system;
use ringway_shm::primitive::{AtomicU32, Ordering, kernel};
use ringway_shm::{Owner, Standing};
use rustix::io::Errno;

/// The calls that a sandbox refuses.
const SANDBOXES: [(&str, &[libc::c_long]); 4] = [
    ("membarrier", &[libc::SYS_membarrier]),
    ("waitv", &[libc::SYS_futex_waitv]),
    ("clone", &[libc::SYS_clone, libc::SYS_clone3]),
    ("robust", &[libc::SYS_set_robust_list]),
];

/// How they are refused.
const ERRNOS: [Errno; 2] = [Errno::PERM, Errno::NOSYS];

/// Refuses itself some calls, takes the role, and watches whom it is told to.
#[test]
fn errand() {
    let Some((how, region)) = sent() else { return };
    let (sandbox, errno) = how.split_once(':').unwrap();
    let (_, calls) = SANDBOXES.into_iter().find(|(name, _)| *name == sandbox).unwrap();
    if !system::refuse(calls, errno.parse().unwrap()) {
        return answer("no filter");
    }
    answer("filtered");
    match sandbox {
        "membarrier" => assert!(!kernel::join_heavy_fences() && !kernel::heavy_fence()),
        "waitv" => {
            let (one, two) = (AtomicU32::new(1), AtomicU32::new(2));
            // Whether it would have to sleep or not.
            for value in [1, 7, 1] {
                assert_eq!(kernel::sleep_at_either((&one, value), (&two, 2), None), None);
            }
        }
        "clone" => assert!(std::thread::Builder::new().spawn(|| ()).is_err()),
        _ => {}
    }
    let claim = take_role(&region);
    assert!(system::blocks_no_signal());
    while let Some(line) = listen() {
        let other = Owner::from_bits(line.parse().unwrap()).unwrap();
        let life = region.life(other).unwrap();
        answer("watching");
        let until = kernel::now() + party::DEADLINE;
        let mut wake = kernel::Wake::Woken;
        while wake == kernel::Wake::Woken && life.word.load(Ordering::Acquire) == life.alive {
            wake = kernel::sleep_at_either((&AtomicU32::new(0), 0), (life.word, life.alive), Some(until))
                .unwrap_or_else(|| kernel::sleep(life.word, life.alive, Some(until)));
        }
        answer(&format!("{wake:?}, told: {}", life.word.load(Ordering::Acquire) & DIED != 0));
    }
    drop(claim);
}

/// A process in a sandbox; `None`, loudly, where there are no filters.
fn boxed(scene: &Scene, sandbox: &str, errno: Errno, test: &str) -> Option<(Party, Owner)> {
    let mut party = scene.send("sandboxes::errand", &format!("{sandbox}:{}", errno.raw_os_error()));
    if party.hear() == "no filter" {
        party::skipped(test, "no filters of system calls");
        return None;
    }
    let owner = hear_owner(&mut party);
    Some((party, owner))
}

#[test]
fn a_process_without_membarrier_or_waitv_is_told_and_proven_gone() {
    for sandbox in ["membarrier", "waitv"] {
        for errno in ERRNOS {
            let scene = Scene::new("boxed");
            let test = "a_process_without_membarrier_or_waitv_is_told_and_proven_gone";
            let Some((mut party, owner)) = boxed(&scene, sandbox, errno, test) else { return };
            let watch = scene.watch(owner);
            scene.lives(owner);
            party.kill();
            scene.is_bereft(owner, watch);
        }
    }
}

#[test]
fn a_process_without_waitv_is_told_of_a_death_at_the_word_alone() {
    for errno in ERRNOS {
        let scene = Scene::new("alone");
        let test = "a_process_without_waitv_is_told_of_a_death_at_the_word_alone";
        let Some((mut party, owner)) = boxed(&scene, "waitv", errno, test) else { return };
        let (mut dying, dying_owner) = scene.send_attendant();
        assert_eq!(party.ask(&dying_owner.to_bits().to_string()), "watching");
        dying.kill();
        assert_eq!(party.hear(), "Woken, told: true");
        scene.is_left_by(dying_owner);
        scene.lives(owner);
    }
}

#[test]
fn a_process_without_a_sentinel_lives_and_its_death_is_proven_by_the_lock() {
    for sandbox in ["clone", "robust"] {
        for errno in ERRNOS {
            let scene = Scene::new("silent");
            let test = "a_process_without_a_sentinel_lives_and_its_death_is_proven_by_the_lock";
            let Some((mut party, owner)) = boxed(&scene, sandbox, errno, test) else { return };
            scene.is_there(owner);
            let life = scene.region.life(owner).unwrap();
            assert_eq!((life.alive, life.word.load(Ordering::Acquire)), (0, 0));
            party.kill();
            scene.is_left_by(owner);
            scene.role_is_free(owner);

            // And one that leaves.
            let (party, owner) = boxed(&scene, sandbox, errno, test).unwrap();
            scene.is_there(owner);
            assert!(party.finish());
            assert_eq!(scene.region.standing(owner), Ok(Standing::Gone));
            until("the role", || scene.region.is_claimed(crate::scene::ROLE) == Ok(false));
        }
    }
}
