//! Aeron's C client and media driver: <https://docs.rs/rusteron-media-driver>, <https://aeron.io>.
//!
//! ```text
//!   near: exclusive publication ──▶ log buffers in shared memory ──▶ subscription: far
//!                  ▲                                                    │
//!                  └── limit ── media driver (a thread of near's) ◀── position
//! ```
//!
//! Channel `aeron:ipc`, a stream a direction. A message is one `offer`, tried again while it is refused; the other side
//! polls its subscription, for one fragment or, where messages are received many at a time, for as many as there is room
//! for. Sending has no call for several. A message that is longer than the longest fragment (65,472 bytes) comes as
//! several, which are put together where the message is to go; the library's own assembler would copy twice.
//!
//! The media driver is in the measuring process and has one thread (mode `SHARED`, strategy `backoff`), on that process's
//! core: it makes the buffers, and from time to time tells the publication how far the subscription is. It needs little
//! time, since the buffers are as long as they are by default, three of 64 MiB: with shorter ones a publication waits for
//! the driver. All of them are touched beforehand, save where setting up is measured. Each client has its conductor's
//! thread, as usual. The files are in a folder of their own in shared memory.
//!
//! It takes no part where there are more parties than cores: each pair would have a media driver of its own here, which
//! wants a core as well, and usually all programs of a machine share one.
//!
//! The C code is built for this very processor, unless `RUSTERON_C_MARCH` says otherwise.

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusteron_media_driver::bindings::aeron_threading_mode_enum::AERON_THREADING_MODE_SHARED;
use rusteron_media_driver::{
    AERON_IPC_STREAM, Aeron, AeronCError, AeronContext, AeronDriver, AeronDriverContext, AeronExclusivePublication,
    AeronIdleStrategyKind, AeronOfferError, AeronSubscription, Handlers,
};

use super::folder::Folder;
use crate::endpoint::{Caller, Channel, RecordConsumer, RecordProducer, Shape};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{System, note};
use crate::work::flows::Records;
use ringway_shm::primitive::{AtomicU64, Ordering};

/// Bytes of the longest fragment with its header: the most there may be.
const FRAGMENT: usize = 65_504;

/// The folder of shared memory.
const MEMORY: &str = "/dev/shm";

/// How long the driver may take for something.
const PATIENCE: Duration = Duration::from_secs(10);

/// The streams' numbers: from near to far, and back.
const THERE: i32 = 1;
const BACK: i32 = 2;

/// The system.
pub(crate) fn systems() -> Vec<System> {
    let aeron = System::new("Aeron")
        .round_trips::<Trip>()
        .all_records::<Flow<true>>()
        .open::<Flow<true>>()
        .setup::<Flow<false>, Records<64>>();
    vec![aeron]
}

/// An error of the library as one of this program.
fn failed(error: AeronCError) -> io::Error {
    io::Error::other(error.to_string())
}

/// A media driver, which ends with the value.
struct Driver {
    stop: Arc<AtomicU64>,
    thread: Option<JoinHandle<Result<(), AeronCError>>>,
}

impl Driver {
    /// Starts one whose files are in `folder`, and waits until clients may come.
    fn start(folder: &Folder) -> io::Result<Self> {
        let place = path(folder)?;
        let stop = Arc::new(AtomicU64::new(0));
        let (started, starts) = mpsc::channel();
        let stop_word = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let driver = launch(&place)?;
            // Who waits for it is there, or else needs no driver.
            _ = started.send(());
            // Relaxed: nothing is read on the strength of the word.
            while stop_word.load(Ordering::Relaxed) == 0 {
                driver.main_idle_strategy(driver.main_do_work()?);
            }
            Ok(())
        });
        let mut driver = Self { stop, thread: Some(thread) };
        if starts.recv().is_ok() { Ok(driver) } else { Err(driver.end()) }
    }

    /// Ends the driver, and says why it did not run, if it did not.
    fn end(&mut self) -> io::Error {
        // Relaxed: nothing is read on the strength of the word.
        self.stop.store(1, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => failed(error),
            _ => io::Error::other("the media driver's thread panicked"),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // That it ran is known by now.
        _ = self.end();
    }
}

/// A driver whose work is done by the calling thread.
fn launch(place: &CString) -> Result<AeronDriver, AeronCError> {
    let context = AeronDriverContext::new()?;
    context.set_dir(place)?;
    context.set_dir_delete_on_start(true)?;
    context.set_dir_delete_on_shutdown(true)?;
    context.set_threading_mode(AERON_THREADING_MODE_SHARED)?;
    context.set_shared_idle_strategy_kind(AeronIdleStrategyKind::Backoff)?;
    context.set_ipc_mtu_length(FRAGMENT)?;
    let driver = AeronDriver::new(&context)?;
    driver.start(true)?;
    Ok(driver)
}

/// A folder's path as the library takes it.
fn path(folder: &Folder) -> io::Result<CString> {
    Ok(CString::new(folder.path().as_os_str().as_bytes())?)
}

/// A client of the driver whose files are in `folder`. It touches all buffers at once if they are to be `touched`.
fn client(folder: &Folder, touched: bool) -> io::Result<Aeron> {
    let context = AeronContext::new().map_err(failed)?;
    context.set_dir(&path(folder)?).map_err(failed)?;
    context.set_pre_touch_mapped_memory(touched).map_err(failed)?;
    let client = Aeron::new(&context).map_err(failed)?;
    client.start().map_err(failed)?;
    Ok(client)
}

/// What `look` finds once the driver has made it.
fn made<T>(mut look: impl FnMut() -> Result<Option<T>, AeronCError>) -> io::Result<T> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(found) = look().map_err(failed)? {
            return Ok(found);
        }
        // The driver may need this core.
        thread::yield_now();
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// What sends.
struct Sender(AeronExclusivePublication);

/// What receives.
struct Receiver(AeronSubscription);

impl Sender {
    fn new(client: &Aeron, stream: i32) -> io::Result<Self> {
        let request = client.async_add_exclusive_publication(AERON_IPC_STREAM, stream).map_err(failed)?;
        Ok(Self(made(|| request.poll())?))
    }

    /// Sends once there is room, and somebody who receives.
    #[inline]
    fn send(&self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut wait = deadline.wait();
        while let Err(error) = self.0.offer(message) {
            if !AeronOfferError::is_retryable(&error) {
                return Err(Halt::Closed);
            }
            wait.poll()?;
        }
        Ok(())
    }
}

impl Receiver {
    fn new(client: &Aeron, stream: i32) -> io::Result<Self> {
        let request = client
            .async_add_subscription(AERON_IPC_STREAM, stream, Handlers::NONE, Handlers::NONE)
            .map_err(failed)?;
        Ok(Self(made(|| request.poll())?))
    }

    /// Receives fragments, at most `limit` at a time, until they are whole messages of `length` bytes, and says how many
    /// bytes these are.
    #[inline]
    fn receive(
        &self,
        messages: &mut [u8],
        length: usize,
        limit: usize,
        deadline: &Deadline<'_>,
    ) -> Result<usize, Halt> {
        let mut filled = 0;
        let mut fits = true;
        let mut wait = deadline.wait();
        loop {
            let polled = self.0.poll_fn(
                |fragment, _| match messages[filled..].get_mut(..fragment.len()) {
                    Some(room) => {
                        room.copy_from_slice(fragment);
                        filled += fragment.len();
                    }
                    None => fits = false,
                },
                limit,
            );
            match polled {
                Ok(0) => wait.poll()?,
                Ok(_) if !fits => return Err(Halt::Closed),
                Ok(_) if filled % length == 0 => return Ok(filled),
                Ok(_) => {}
                Err(_) => return Err(Halt::Closed),
            }
        }
    }
}

/// A stream. Its buffers are touched before they are used if they are to be `TOUCHED`.
struct Flow<const TOUCHED: bool>;

/// Its publication. What is first is dropped first.
struct Near {
    sender: Sender,
    _client: Aeron,
    _driver: Driver,
    _folder: Folder,
}

/// Its subscription.
struct Far {
    receiver: Receiver,
    _client: Aeron,
    _folder: Folder,
}

impl<const TOUCHED: bool> Channel for Flow<TOUCHED> {
    type Near = Near;
    type Far = Far;

    fn create(_: Shape) -> io::Result<(Near, Vec<OwnedFd>)> {
        let name = note::unique();
        let folder = Folder::of(MEMORY, &name);
        let driver = Driver::start(&folder)?;
        let client = client(&folder, TOUCHED)?;
        let sender = Sender::new(&client, THERE)?;
        Ok((Near { sender, _client: client, _driver: driver, _folder: folder }, note::write(&name)?))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Far> {
        let folder = Folder::of(MEMORY, &note::read(descriptors)?);
        let client = client(&folder, TOUCHED)?;
        Ok(Far { receiver: Receiver::new(&client, THERE)?, _client: client, _folder: folder })
    }
}

impl RecordProducer for Near {
    #[inline]
    fn send(&mut self, message: &[u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.sender.send(message, deadline)
    }
}

impl RecordConsumer for Far {
    #[inline]
    fn receive(&mut self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.receiver.receive(message, message.len(), 1, deadline)?;
        Ok(())
    }

    #[inline]
    fn receive_batch(
        &mut self,
        messages: &mut [u8],
        length: usize,
        deadline: &Deadline<'_>,
    ) -> Result<usize, Halt> {
        // A message that takes several fragments is received by itself, so that the fragments end where it does.
        let is_whole = length < FRAGMENT;
        let (room, limit) = if is_whole { (messages.len(), messages.len() / length) } else { (length, 1) };
        Ok(self.receiver.receive(&mut messages[..room], length, limit, deadline)? / length)
    }
}

/// A stream each way.
struct Trip;

/// One end of both. What is first is dropped first.
struct End {
    sender: Sender,
    receiver: Receiver,
    _client: Aeron,
    _driver: Option<Driver>,
    _folder: Folder,
}

impl Channel for Trip {
    type Near = End;
    type Far = End;

    fn create(_: Shape) -> io::Result<(End, Vec<OwnedFd>)> {
        let name = note::unique();
        let folder = Folder::of(MEMORY, &name);
        let driver = Driver::start(&folder)?;
        Ok((End::new(folder, Some(driver), [THERE, BACK])?, note::write(&name)?))
    }

    fn attach(_: Shape, descriptors: Vec<OwnedFd>) -> io::Result<End> {
        End::new(Folder::of(MEMORY, &note::read(descriptors)?), None, [BACK, THERE])
    }
}

impl End {
    fn new(folder: Folder, driver: Option<Driver>, [out, into]: [i32; 2]) -> io::Result<Self> {
        let client = client(&folder, true)?;
        let (sender, receiver) = (Sender::new(&client, out)?, Receiver::new(&client, into)?);
        Ok(Self { sender, receiver, _client: client, _driver: driver, _folder: folder })
    }
}

impl Caller for End {
    #[inline]
    fn send(&mut self, message: &[u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.sender.send(message, deadline)
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.receiver.receive(message, 64, 1, deadline)?;
        Ok(())
    }
}
