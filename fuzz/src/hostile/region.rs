//! Whatever stands where a region is expected: opened in each way that there is, and used as far as it can be.
//!
//! | way | what holds the bytes |
//! |---|---|
//! | descriptor | a memory file, sealed or not; something else |
//! | path, name | a file in memory that somebody else has written |
//! | segment | one that the application has, adopted by its owner or by somebody else |

use super::Watch;
use super::guard::{PAGE, arena, until_guarded};
use super::image::{Image, image};
use super::input::Input;
use super::stage::{Odd, Wide};
use super::tamper::owner;
use super::victim::{Call, MESSAGE, Victim};
use ringway::slots::{self, Latency};
use ringway::{OpenError, bytes};
use ringway_shm::layout::ROWS;
use ringway_shm::primitive::{AtomicU64, Ordering};
use ringway_shm::shared_memory::ShmemConf;
use ringway_shm::{Access, Blueprint, CreateError, Name, Owner, ROLES_MAX, Region};
use rustix::fs::{MemfdFlags, SealFlags};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Acts with one region, at most.
const ACTS_MAX: usize = 24;

/// Opens what an input says, and uses it.
pub(crate) fn play(input: &[u8], watch: &mut dyn Watch) {
    arena();
    let mut input = Input::new(input);
    let way = input.below(16);
    let image = image(&mut input);
    let (opened, mut input) = until_guarded(|| {
        let mut input = input.clone();
        watch.begins();
        let opened = match way {
            0..=10 => by_descriptor(&image, &mut input),
            11 | 12 => by_path(&image, &mut input),
            13 => by_name(&image, &mut input),
            _ => by_segment(&image, &mut input),
        };
        watch.ended("open", image.bytes.len() as u64);
        opened.as_ref().is_none_or(is_guarded).then_some((opened, input))
    });
    if let Some(region) = opened {
        use_it(&Arc::new(region), &mut input, watch);
    }
    forget();
}

/// Is it mapped in a hole of exactly its length, whose neighbours are reserved for good?
fn is_guarded(region: &Region) -> bool {
    let len = (region.geometry().region_len as usize).next_multiple_of(PAGE);
    // The table of rows begins at the second page of every region.
    let start = rows(region) as usize - PAGE;
    // A segment may be longer than the region in it.
    let mut holes = (len..=8 * PAGE).step_by(PAGE).flat_map(|len| arena().holes(len));
    holes.any(|hole| hole.start == start)
}

fn rows(region: &Region) -> *mut u8 {
    region.section(ROWS).expect("checked: every region has rows").0.as_ptr()
}

/// A region, or a reason that there may be.
fn judged(opened: Result<Region, ringway_shm::OpenError>) -> Option<Region> {
    match opened {
        Ok(region) => Some(region),
        Err(ringway_shm::OpenError::System(error)) => panic!("the system: {error}"),
        Err(_) => None,
    }
}

fn by_descriptor(image: &Image, input: &mut Input<'_>) -> Option<Region> {
    thread_local! {
        /// By length, and whether it is sealed.
        static FILES: RefCell<HashMap<(usize, bool), OwnedFd>> = RefCell::new(HashMap::new());
    }
    let is_sealed = !input.one_in(16);
    FILES.with_borrow_mut(|files| {
        let len = image.bytes.len();
        let file = files.entry((len, is_sealed)).or_insert_with(|| memory_file(len, is_sealed));
        let file: &OwnedFd = file;
        // A seal against a change of its length is none against writing.
        let written = rustix::io::pwrite(file, &image.bytes, 0).expect("a memory file takes bytes");
        assert_eq!(written, len);
        judged(Region::attach(file.as_fd(), &image.expected))
    })
}

fn memory_file(len: usize, is_sealed: bool) -> OwnedFd {
    let file = rustix::fs::memfd_create(c"hostile", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING);
    let file = file.expect("a memory file");
    rustix::fs::ftruncate(&file, len as u64).expect("a length for it");
    if is_sealed {
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&file, seals).expect("seals for it");
    }
    file
}

/// A name in `/dev/shm` that is this process's own.
fn own_name() -> String {
    format!("hostile-{}", std::process::id())
}

fn own_path() -> PathBuf {
    PathBuf::from(format!("/dev/shm/ringway-{}-{}", rustix::process::geteuid().as_raw(), own_name()))
}

/// Puts the image at the path of our own name.
fn put(image: &Image) {
    let file = File::create(own_path()).expect("a file in memory");
    file.write_all_at(&image.bytes, 0).expect("room for it");
}

/// Takes it away again, if it is still there.
fn forget() {
    _ = std::fs::remove_file(own_path());
}

fn access(input: &mut Input<'_>) -> Access {
    let flags = input.below(8);
    Access { read_only: flags & 1 != 0, after_reboot: flags & 2 != 0, ..Access::default() }
}

fn by_path(image: &Image, input: &mut Input<'_>) -> Option<Region> {
    put(image);
    judged(Region::open_file(own_path(), &image.expected, access(input)))
}

fn by_name(image: &Image, input: &mut Input<'_>) -> Option<Region> {
    put(image);
    let name = Name::new(&own_name()).expect("letters, digits and a dash");
    judged(Region::open(name, &image.expected, access(input)))
}

fn by_segment(image: &Image, input: &mut Input<'_>) -> Option<Region> {
    let path = own_path();
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name of letters");
    let is_owner = input.one_in(4);
    let expected = image.expected;
    let blueprint = Blueprint::new(expected.kind, expected.kind_version).fingerprint(expected.fingerprint);
    let segment = if is_owner {
        // Of no length there is none.
        let len = image.bytes.len().max(1);
        let segment = ShmemConf::new().os_id(name).size(len).create().expect("a segment");
        File::options().write(true).open(&path).unwrap().write_all_at(&image.bytes, 0).unwrap();
        segment
    } else {
        put(image);
        // An empty one cannot be mapped.
        ShmemConf::new().os_id(name).open().ok()?
    };
    match Region::adopt(segment, &blueprint, Duration::ZERO) {
        Ok(region) => Some(region),
        Err(CreateError::System(error)) => panic!("the system: {error}"),
        Err(CreateError::Open(error)) => judged(Err(*error)),
        Err(_) => None,
    }
}

/// Everything that can be done with a region that was opened.
fn use_it(region: &Arc<Region>, input: &mut Input<'_>, watch: &mut dyn Watch) {
    let rows = rows(region);
    let mut participant = None;
    for _ in 0..ACTS_MAX {
        if input.is_over() {
            break;
        }
        let ours =
            participant.as_ref().map_or(1, |own: &Arc<ringway_shm::Participant>| own.owner().to_bits());
        let act = input.below(12);
        if act == 0 && !region.is_read_only() {
            tamper(region, rows, input);
            continue;
        }
        watch.begins();
        let name = match act {
            0 | 1 => {
                let entries = region.participants().expect("the system answers");
                assert!(entries.len() <= region.geometry().rows as usize);
                "participants"
            }
            2 | 3 => {
                ask(region, owner(input, ours));
                "standing"
            }
            4 => {
                participant = region.participant().ok();
                "participant"
            }
            5 => {
                _ = region.thread_participant().map(|own| own.runs_on(input.byte().into()));
                "thread_participant"
            }
            6 => {
                drop(region.claim(input.below(u64::from(ROLES_MAX)) as u32).ok());
                "claim"
            }
            7 => {
                _ = region.is_claimed(u32::from(input.byte())).expect("the system answers");
                "is_claimed"
            }
            8 => {
                _ = region.mirror(input.choose(&[0, 1, 16, 17, 18, u32::MAX]));
                "mirror"
            }
            _ => {
                rings(region, input);
                "rings"
            }
        };
        watch.ended(name, u64::from(region.geometry().rows));
    }
}

/// A hostile write anywhere behind the superblock.
#[allow(unsafe_code)] // because a stranger follows no protocol.
fn tamper(region: &Region, rows: *mut u8, input: &mut Input<'_>) {
    let words = (region.geometry().region_len as usize - PAGE) / 8;
    let at = match input.below(3) {
        0 => input.below(words as u64) as usize,
        // The words of the first rows, and of the control page.
        1 => input.choose(&[0, 1, 16, 17, 32, 33]),
        _ => PAGE / 8 + input.choose(&[0, 8, 16, 32, 48, 64, 80]),
    };
    let ours = 1 << 32 | 1;
    let word = match input.below(4) {
        0 => owner(input, ours),
        1 => u64::from(input.byte()) << 32 | input.below(4),
        2 => u64::from(input.byte()) * 8,
        _ => input.word(),
    };
    let target = rows.cast::<AtomicU64>().wrapping_add(at % words);
    // SAFETY: an aligned word between the rows' beginning and the region's end, mapped for writing while the region lives; an
    // atomic one, which others may write meanwhile.
    let target = unsafe { &*target };
    target.store(word, Ordering::Relaxed);
}

/// How it stands with whoever a word names.
fn ask(region: &Region, bits: u64) {
    let Some(owner) = Owner::from_bits(bits) else { return };
    _ = region.standing(owner).expect("the system answers");
    _ = region.is_gone(owner).expect("the system answers");
    _ = region.last_core(owner);
    _ = region.life(owner).map(|life| life.word.load(Ordering::Relaxed));
    region.look_closely(owner).expect("the system answers");
}

/// Both sides of a ring of each kind, of which the region is at most one.
fn rings(region: &Arc<Region>, input: &mut Input<'_>) {
    match input.below(7) {
        0 => ring::<bytes::Producer, bytes::Consumer>(region, input),
        1 => ring::<slots::Producer<u64>, slots::Consumer<u64>>(region, input),
        2 => ring::<slots::Producer<Odd>, slots::Consumer<Odd>>(region, input),
        3 => ring::<slots::Producer<Wide>, slots::Consumer<Wide>>(region, input),
        4 => ring::<slots::Producer<u64, Latency>, slots::Consumer<u64, Latency>>(region, input),
        5 => ring::<slots::Producer<Odd, Latency>, slots::Consumer<Odd, Latency>>(region, input),
        _ => ring::<slots::Producer<Wide, Latency>, slots::Consumer<Wide, Latency>>(region, input),
    }
}

fn ring<P: Victim, C: Victim>(region: &Arc<Region>, input: &mut Input<'_>) {
    let (mut tx, mut rx) = (side::<P>(region), side::<C>(region));
    if tx.is_none() && rx.is_none() {
        return;
    }
    let mut room = vec![0; MESSAGE.len()];
    for _ in 0..input.below(6) {
        // Whether it is poisoned nobody keeps in mind here: no verb waits for ever.
        let mut call =
            Call { input, room: &mut room, is_poisoned: false, may_wait: false, name: "", handed: 0 };
        _ = tx.as_mut().map(|tx| tx.call(&mut call));
        _ = rx.as_mut().map(|rx| rx.call(&mut call));
    }
}

fn side<V: Victim>(region: &Arc<Region>) -> Option<V> {
    match V::attach(region) {
        Ok(victim) => Some(victim),
        Err(OpenError::Region(ringway_shm::OpenError::System(error))) => panic!("the system: {error}"),
        Err(_) => None,
    }
}

/// Takes what another process left behind that ended in the middle of an input.
pub(crate) fn forget_of(process: i32) {
    let user = rustix::process::geteuid().as_raw();
    _ = std::fs::remove_file(format!("/dev/shm/ringway-{user}-hostile-{process}"));
}
