//! Processes that have the same number in different PID namespaces: nobody is taken for another.

use crate::kinds::{Kind, Said, for_each_kind};
use crate::party::{self, Party, answer};
use crate::scene::{Scene, heard, listen};
use crate::system::{self, Orphan};
use ringway_shm::Kind as RowKind;

/// Does something as the first process of a namespace of its own; answers with its number in this one.
pub(crate) fn within(deed: impl FnOnce()) {
    if !system::unshare_process_numbers() {
        return answer("refused");
    }
    let child = system::fork(|| {
        // The parent says first under which number it knows this process.
        listen();
        assert_eq!(std::process::id(), 1);
        deed();
    });
    answer(&child.as_raw_nonzero().to_string());
    system::reap(child);
}

/// A process that is number one of its namespace; `None` where there are no namespaces to be had.
fn first_of_its_kind<K: Kind>(scene: &Scene<K>) -> Option<(Party, Orphan)> {
    let mut party = scene.send_prepared("namespace");
    let number = party.hear();
    if number == "refused" {
        return None;
    }
    let process = Orphan::new(&number);
    party.tell("begin");
    Some((party, process))
}

for_each_kind! {
    of_two_with_one_number_neither_is_taken_for_the_other
}

fn of_two_with_one_number_neither_is_taken_for_the_other<K: Kind>(test: &str) {
    let scene = Scene::<K>::new();
    let (Some((mut holder, process)), Some((mut waiter, _other))) =
        (first_of_its_kind(&scene), first_of_its_kind(&scene))
    else {
        return party::skipped(test, "no PID namespace of our own");
    };
    assert_eq!(holder.ask("hold"), "held");
    // Not its own, though the numbers are.
    assert_eq!(waiter.ask("try"), "Nothing");
    let rows = K::region(&scene.handle).participants().unwrap();
    let numbers: Vec<_> =
        rows.iter().filter(|row| row.process == 1).map(|row| (row.process, row.thread)).collect();
    assert_eq!(numbers, [(1, 1), (1, 1)]);
    assert!(
        rows.iter()
            .filter(|row| row.process == 1)
            .all(|row| (row.kind == RowKind::Thread) == K::IS_OF_THREAD)
    );
    assert_eq!(waiter.ask("take"), "takes");
    std::thread::sleep(crate::scene::SHORT);
    assert_eq!(waiter.heard(), None);
    process.kill();
    assert_eq!(heard(&mut waiter), K::TOLD);
    // And the other way round.
    if K::CAN_RECOVER {
        let (mut next, next_process) = first_of_its_kind(&scene).expect("there are namespaces");
        let told = waiter.ask("recover");
        assert_eq!(told, format!("{:?}", K::TOLD));
        assert_eq!(next.ask("try"), format!("{:?}", Said::Nothing));
        next_process.kill();
        assert_eq!(waiter.ask("give"), "given");
    }
}
