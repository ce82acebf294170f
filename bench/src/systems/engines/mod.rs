//! Libraries that carry messages from process to process.
//!
//! Their channels have names and not descriptors: what the peer is told is a [`note`].

super::rivals! {
    "iceoryx2" iceoryx2,
    "interprocess" interprocess,
    "ipc-channel" ipc_channel,
}

#[cfg(feature = "iceoryx2")]
mod folder;
#[cfg(any(feature = "iceoryx2", feature = "interprocess", feature = "ipc-channel"))]
mod note;
