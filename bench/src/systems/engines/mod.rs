//! Libraries that carry messages from process to process.
//!
//! Their channels have names and not descriptors: the name that the peer is told is in a file of its own.

super::rivals! {
    "aeron" aeron ("cmake 3.30, libclang and libbsd: cargo run --release -p ringway-bench --features aeron"),
    "iceoryx2" iceoryx2,
    "interprocess" interprocess,
    "ipc-channel" ipc_channel,
}

#[cfg(any(feature = "aeron", feature = "iceoryx2"))]
mod folder;
