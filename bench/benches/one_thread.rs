//! What a call costs when nobody waits and nothing crosses a core: both sides of a ring in one thread.
//!
//! Each measurement sends as many messages as the ring has room for in part and receives them again, so that a change
//! of an instruction shows and a transfer of a cache line does not. How fast two processes are is what
//! `ringway-bench` measures.
//!
//! ```text
//! cargo bench -p ringway-bench                          # all
//! cargo bench -p ringway-bench -- 'slots/.*/64'         # some
//! cargo bench -p ringway-bench -- --save-baseline now   # to compare with later
//! ```

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ringway::{Config, bytes, slots};

/// Messages of one measurement: enough to wash out what starting it costs.
const MESSAGES: usize = 256;

/// Bytes of a ring of records.
const CAPACITY: u64 = 1 << 20;

/// Lengths of records.
const LENGTHS: [usize; 4] = [8, 64, 1024, 65536];

/// How many messages of a length are under way at once.
fn count_of(length: usize) -> usize {
    MESSAGES.min(CAPACITY as usize / 2 / length)
}

/// The two sides of a new ring of records.
fn records() -> (bytes::Producer, bytes::Consumer) {
    let region = Arc::new(bytes::anonymous(&Config::spsc().capacity(CAPACITY)).expect("a ring"));
    let producer = bytes::Producer::attach(&region).expect("nobody else has the side");
    (producer, bytes::Consumer::attach(&region).expect("nobody else has the side"))
}

/// The two sides of a new ring of slots.
fn slots_of<const LENGTH: usize>() -> (slots::Producer<[u8; LENGTH]>, slots::Consumer<[u8; LENGTH]>) {
    let config = Config::spsc().capacity(CAPACITY / LENGTH as u64);
    let region = Arc::new(slots::anonymous::<[u8; LENGTH]>(&config).expect("a ring"));
    let producer = slots::Producer::attach(&region).expect("nobody else has the side");
    (producer, slots::Consumer::attach(&region).expect("nobody else has the side"))
}

/// Records by the ways to send and to receive them.
fn bench_records(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bytes");
    for length in LENGTHS {
        let count = count_of(length);
        let message = vec![7; length];
        let mut received = vec![0; length];
        group.throughput(Throughput::Elements(count as u64));

        let (mut tx, mut rx) = records();
        group.bench_function(BenchmarkId::new("send, recv_into", length), |bencher| {
            bencher.iter(|| {
                for _ in 0..count {
                    tx.try_send(black_box(&message)).expect("there is room");
                }
                for _ in 0..count {
                    assert_eq!(rx.try_recv_into(black_box(&mut received)), Ok(length));
                }
            });
        });

        let (mut tx, mut rx) = records();
        group.bench_function(BenchmarkId::new("reserve commit, peek release", length), |bencher| {
            bencher.iter(|| {
                for _ in 0..count {
                    let mut record = tx.try_reserve(length).expect("there is room");
                    record.copy_from(black_box(&message));
                    record.commit();
                }
                for _ in 0..count {
                    let record = rx.try_peek().expect("there is one");
                    record.read_at(0, black_box(&mut received));
                    record.release();
                }
            });
        });

        let (mut tx, mut rx) = records();
        let mut messages = bytes::Messages::with_room(CAPACITY as usize);
        group.bench_function(BenchmarkId::new("batch, recv_many", length), |bencher| {
            bencher.iter(|| {
                let mut batch = tx.batch();
                for _ in 0..count {
                    batch.try_send(black_box(&message)).expect("there is room");
                }
                batch.flush();
                drop(batch);
                let mut left = count;
                while left > 0 {
                    messages.clear();
                    rx.try_recv_many(black_box(&mut messages)).expect("there are some");
                    left -= messages.iter().count();
                }
            });
        });
    }
    group.finish();
}

/// Slots of one length by the ways to send and to receive them.
fn bench_slots_of<const LENGTH: usize>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("slots");
    let count = count_of(LENGTH);
    let value = [7; LENGTH];
    let values = vec![value; count];
    let mut received = vec![[0; LENGTH]; count];
    group.throughput(Throughput::Elements(count as u64));

    let (mut tx, mut rx) = slots_of::<LENGTH>();
    group.bench_function(BenchmarkId::new("send, recv_into", LENGTH), |bencher| {
        bencher.iter(|| {
            for _ in 0..count {
                tx.try_send(black_box(&value)).expect("there is room");
            }
            for received in &mut received {
                rx.try_recv_into(black_box(received)).expect("there is one");
            }
        });
    });

    let (mut tx, mut rx) = slots_of::<LENGTH>();
    group.bench_function(BenchmarkId::new("send_many, recv_many", LENGTH), |bencher| {
        bencher.iter(|| {
            assert_eq!(tx.try_send_many(black_box(&values)), Ok(count));
            assert_eq!(rx.try_recv_many(black_box(&mut received)), Ok(count));
        });
    });

    #[cfg(feature = "rtrb")]
    {
        let (mut tx, mut rx) = rtrb::RingBuffer::new(CAPACITY as usize / LENGTH);
        group.bench_function(BenchmarkId::new("rtrb push, pop", LENGTH), |bencher| {
            bencher.iter(|| {
                for _ in 0..count {
                    tx.push(black_box(value)).expect("there is room");
                }
                for received in &mut received {
                    *received = black_box(rx.pop().expect("there is one"));
                }
            });
        });
    }
    group.finish();
}

/// Slots of several lengths.
fn bench_slots(criterion: &mut Criterion) {
    bench_slots_of::<8>(criterion);
    bench_slots_of::<64>(criterion);
    bench_slots_of::<1024>(criterion);
}

criterion_group!(benches, bench_records, bench_slots);
criterion_main!(benches);
