//! A reader that believes a length which it reads from a region: there to be found, as a proof that such a thing is.

use super::Watch;
use super::input::Input;
use super::stage::{SHAPES, Stage};
use ringway::layout::HEADER_LEN;
use ringway_shm::primitive::copy_out;
use std::cell::RefCell;

/// Puts a few records into a byte ring, and reads the first as somebody might who never heard of hostile peers.
pub(crate) fn play(bytes: &[u8], watch: &mut dyn Watch) {
    thread_local! {
        static STAGE: RefCell<Stage> = RefCell::new(Stage::new(SHAPES[0]));
    }
    let mut input = Input::new(bytes);
    STAGE.with_borrow_mut(|stage| {
        stage.renew();
        for _ in 0..8 {
            let at = stage.data + input.below(64) as usize * 8;
            let word = if input.one_in(2) { input.below(1 << 16) } else { input.below(64) };
            stage.put(at, word);
        }
        watch.begins();
        believe(stage);
        watch.ended("believe", HEADER_LEN);
    });
}

#[allow(unsafe_code)] // because it is wrong on purpose.
fn believe(stage: &Stage) {
    let len = stage.get(stage.data) as u32 as usize;
    if len > 1 << 16 {
        return;
    }
    let mut message = vec![0; len];
    let source = (stage.range().start + stage.data + HEADER_LEN as usize) as *const u8;
    // SAFETY: none: a length that stands in shared memory was not checked. Behind the region lies a page without access.
    unsafe { copy_out(source, message.as_mut_ptr(), len) };
}
