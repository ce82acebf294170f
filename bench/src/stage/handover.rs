//! Descriptors that one peer makes and another one is to have: sent over a socket between them (SCM_RIGHTS, unix(7)).

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

/// Descriptors at most.
const DESCRIPTORS_MAX: usize = 8;

/// Room for them in a message.
const SPACE: usize = rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX));

/// The socket's two ends: for the peer that gives, and for the one that takes.
///
/// # Errors
///
/// The kernel's refusal.
pub(crate) fn line() -> io::Result<[OwnedFd; 2]> {
    let (giver, taker) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    Ok([giver, taker])
}

/// Gives descriptors away.
///
/// # Errors
///
/// The kernel's refusal, or `InvalidInput` when they are too many.
pub(crate) fn give(socket: &OwnedFd, descriptors: &[OwnedFd]) -> io::Result<()> {
    let descriptors: Vec<BorrowedFd<'_>> = descriptors.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut message = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !message.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // A message of no bytes would look like the end of the line.
    sendmsg(socket, &[IoSlice::new(&[1])], &mut message, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Takes the descriptors that are given, in their order. Waits for them.
///
/// # Errors
///
/// The kernel's refusal, or `UnexpectedEof` when the other peer left.
pub(crate) fn take(socket: &OwnedFd) -> io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut message = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let received = recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut message, RecvFlags::CMSG_CLOEXEC)?;
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let taken = message.drain().filter_map(|part| match part {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    Ok(taken.flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_arrive_in_order_and_the_end_of_the_line_is_told() {
        let [giver, taker] = line().unwrap();
        give(&giver, &[]).unwrap();
        assert!(take(&taker).unwrap().is_empty());
        let (source, target) = rustix::pipe::pipe().unwrap();
        give(&giver, &[source, target]).unwrap();
        let taken = take(&taker).unwrap();
        assert_eq!(rustix::io::write(&taken[1], b"x"), Ok(1));
        assert_eq!(rustix::io::read(&taken[0], &mut [0; 8]), Ok(1));
        drop(giver);
        assert_eq!(take(&taker).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
