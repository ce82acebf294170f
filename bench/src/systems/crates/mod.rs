//! Libraries for Rust that offer a queue between two threads: each a file that implements
//! [`Library`](queue::Library).

mod queue;
pub(crate) mod standard;

super::rivals! {
    "rtrb" rtrb,
    "ringbuf" ringbuf,
    "disruptor" disruptor,
    "crossbeam-queue" crossbeam_queue,
    "concurrent-queue" concurrent_queue,
    "crossbeam-channel" crossbeam_channel,
    "flume" flume,
    "kanal" kanal,
}
