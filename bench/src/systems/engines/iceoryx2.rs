//! iceoryx2, publish and subscribe without copies: <https://docs.rs/iceoryx2>.
//!
//! One service a direction, of the variant `ipc`, with one publisher and one subscriber of byte slices that start at a
//! cache line. A message is written into a loaned sample and sent; the subscriber polls `receive` and reads the sample
//! where it is. There is no call for several at once.
//!
//! No message is lost: the subscriber's queue does not overflow, and a publisher that finds it full tries again. How it
//! waits meanwhile is the library's own: it gives its core away again and again (and sleeps from 10,000 times on). A
//! subscriber has no call that waits, so this takes no part where there are more parties than cores; its events, which
//! have one, are a service beside the messages.
//!
//! Its files are in a folder of their own, and its memory has a prefix of its own. Each end removes both when it leaves;
//! the one that leaves last finds its files gone, and is kept from complaining about that by the level of the log.

use std::env;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use iceoryx2::config::Config;
use iceoryx2::node::{Node, NodeBuilder};
use iceoryx2::port::BackpressureAction;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::{
    Alignment, BackpressureStrategy, FileName, LogLevel, Path, SemanticString, SignalHandlingMode, ipc, set_log_level,
};
use iceoryx2::service::port_factory::publish_subscribe::PortFactory;

use super::folder::Folder;
use crate::endpoint::{Caller, Channel, RecordConsumer, RecordProducer, Shape};
use crate::stage::wait::{Deadline, Halt};
use crate::systems::{System, note};
use crate::work::flows::Records;

/// Bytes of the messages that may be under way, and how many messages that is at least and at most. From 4 messages to
/// 8,192 there was no difference in speed.
const CAPACITY: usize = 1 << 20;
const QUEUE_MIN: usize = 4;
const QUEUE_MAX: usize = 1024;

/// How long a publisher tries to get rid of a message: longer than a sample takes.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// The folder of shared memory, to which the library adds files with the prefix that it is given.
const MEMORY: &str = "/dev/shm";

/// Where messages start.
const LINE: usize = 64;

/// The system.
pub(crate) fn systems() -> Vec<System> {
    let iceoryx2 = System::new("iceoryx2")
        .round_trips::<Trip>()
        .single_records::<Flow, 64>()
        .single_records::<Flow, 1024>()
        .single_records::<Flow, 8192>()
        .single_records::<Flow, 65536>()
        .single_records::<Flow, { 1 << 20 }>()
        .open::<Flow>()
        .setup::<Flow, Records<64>>();
    vec![iceoryx2]
}

/// The variant of services that cross processes.
type Ipc = ipc::Service;

/// An error of the library as one of this program.
fn failed(error: impl std::error::Error) -> io::Error {
    // Its errors have no text but their names.
    io::Error::other(format!("{error:?}"))
}

/// A process's part of the library: a node, whose files are apart from those of all others.
struct Home {
    // Dropped before the files are removed.
    node: Node<Ipc>,
    _files: Files,
}

/// What the library leaves in the file system.
struct Files {
    _folder: Folder,
    prefix: String,
}

impl Home {
    /// The home that has that name, of which each process has its own.
    fn of(name: &str) -> io::Result<Self> {
        set_log_level(LogLevel::Fatal);
        let files = Files { _folder: Folder::of(env::temp_dir(), name), prefix: format!("{name}_") };
        let mut config = Config::default();
        let root = Path::new(files._folder.path().as_os_str().as_bytes()).map_err(failed)?;
        config.global.set_root_path(&root);
        config.global.prefix = FileName::new(files.prefix.as_bytes()).map_err(failed)?;
        // Signals are this program's own affair.
        let builder = NodeBuilder::new().signal_handling_mode(SignalHandlingMode::Disabled).config(&config);
        Ok(Self { node: builder.create::<Ipc>().map_err(failed)?, _files: files })
    }

    /// The service of that name, which both ends open or else create.
    fn service(&self, name: &str, shape: Shape) -> io::Result<PortFactory<Ipc, [u8], ()>> {
        let name = name.try_into().map_err(failed)?;
        self.node
            .service_builder(&name)
            .publish_subscribe::<[u8]>()
            .payload_alignment(Alignment::new(LINE).ok_or(io::ErrorKind::InvalidInput)?)
            .enable_safe_overflow(false)
            .history_size(0)
            .subscriber_max_buffer_size((CAPACITY / shape.length).clamp(QUEUE_MIN, QUEUE_MAX))
            .max_publishers(1)
            .max_subscribers(1)
            .max_nodes(2)
            .open_or_create()
            .map_err(failed)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // What cannot be listed cannot be removed, and what is gone need not be.
        for file in fs::read_dir(MEMORY).into_iter().flatten().flatten() {
            if file.file_name().as_bytes().starts_with(self.prefix.as_bytes()) {
                _ = fs::remove_file(file.path());
            }
        }
    }
}

/// A publisher, which keeps its service.
struct Sender(Publisher<Ipc, [u8], ()>, #[allow(dead_code)] PortFactory<Ipc, [u8], ()>);

/// A subscriber, which keeps its service.
struct Receiver(Subscriber<Ipc, [u8], ()>, #[allow(dead_code)] PortFactory<Ipc, [u8], ()>);

impl Sender {
    fn new(home: &Home, name: &str, shape: Shape) -> io::Result<Self> {
        let service = home.service(name, shape)?;
        let publisher = service
            .publisher_builder()
            .initial_max_slice_len(shape.length)
            .max_loaned_samples(1)
            .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
            .set_backpressure_handler(|info| {
                if info.elapsed_time < RETRY_MAX {
                    BackpressureAction::Retry
                } else {
                    BackpressureAction::DiscardDataAndFail
                }
            })
            .create()
            .map_err(failed)?;
        Ok(Self(publisher, service))
    }

    #[inline]
    fn send(&self, message: &[u8]) -> Result<(), Halt> {
        let sample = self.0.loan_slice_uninit(message.len()).map_err(|_| Halt::Closed)?;
        match sample.write_from_slice(message).send() {
            Ok(1) => Ok(()),
            Ok(_) => Err(Halt::Closed),
            Err(_) => Err(Halt::Late),
        }
    }
}

impl Receiver {
    fn new(home: &Home, name: &str, shape: Shape) -> io::Result<Self> {
        let service = home.service(name, shape)?;
        let subscriber = service.subscriber_builder().create().map_err(failed)?;
        Ok(Self(subscriber, service))
    }

    #[inline]
    fn receive(&self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        let mut wait = deadline.wait();
        loop {
            match self.0.receive() {
                Ok(Some(sample)) if sample.payload().len() == message.len() => {
                    message.copy_from_slice(sample.payload());
                    return Ok(());
                }
                Ok(None) => wait.poll()?,
                _ => return Err(Halt::Closed),
            }
        }
    }
}

/// One service.
struct Flow;

/// Its publisher.
struct Near {
    sender: Sender,
    _home: Home,
}

/// Its subscriber.
struct Far {
    receiver: Receiver,
    _home: Home,
}

impl Channel for Flow {
    type Near = Near;
    type Far = Far;

    fn create(shape: Shape) -> io::Result<(Near, Vec<OwnedFd>)> {
        let name = note::unique();
        let home = Home::of(&name)?;
        Ok((Near { sender: Sender::new(&home, "there", shape)?, _home: home }, note::write(&name)?))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<Far> {
        let home = Home::of(&note::read(descriptors)?)?;
        Ok(Far { receiver: Receiver::new(&home, "there", shape)?, _home: home })
    }
}

impl RecordProducer for Near {
    #[inline]
    fn send(&mut self, message: &[u8], _: &Deadline<'_>) -> Result<(), Halt> {
        self.sender.send(message)
    }
}

impl RecordConsumer for Far {
    #[inline]
    fn receive(&mut self, message: &mut [u8], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.receiver.receive(message, deadline)
    }
}

/// A service each way.
struct Trip;

/// One end of them.
struct End {
    sender: Sender,
    receiver: Receiver,
    _home: Home,
}

impl Channel for Trip {
    type Near = End;
    type Far = End;

    fn create(shape: Shape) -> io::Result<(End, Vec<OwnedFd>)> {
        let name = note::unique();
        Ok((End::new(&name, ["there", "back"], shape)?, note::write(&name)?))
    }

    fn attach(shape: Shape, descriptors: Vec<OwnedFd>) -> io::Result<End> {
        End::new(&note::read(descriptors)?, ["back", "there"], shape)
    }
}

impl End {
    fn new(name: &str, [out, into]: [&str; 2], shape: Shape) -> io::Result<Self> {
        let home = Home::of(name)?;
        let (sender, receiver) = (Sender::new(&home, out, shape)?, Receiver::new(&home, into, shape)?);
        Ok(Self { sender, receiver, _home: home })
    }
}

impl Caller for End {
    #[inline]
    fn send(&mut self, message: &[u8; 64], _: &Deadline<'_>) -> Result<(), Halt> {
        self.sender.send(message)
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8; 64], deadline: &Deadline<'_>) -> Result<(), Halt> {
        self.receiver.receive(message, deadline)
    }
}
