//! Memory that two parties share: nameless files of the kernel, mapped, and what is laid out in them.
//!
//! What is handed out is safe to use from both sides at once: structures of atomic words ([`Words`]). Bytes that are
//! not such words go through [`boxes`](crate::memory::boxes). No reference is ever made to bytes that the other party may write.

#![allow(unsafe_code)] // because this is the module that maps memory and reaches into the mapping.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{MemfdFlags, memfd_create};

use ringway_shm::primitive::AtomicU64;

/// One 64-bit word that has its two cache lines to itself (processors fetch lines in pairs).
#[repr(C, align(128))]
#[derive(Debug)]
pub(crate) struct Line {
    /// The word. Who writes it is said where the line is laid out.
    pub word: AtomicU64,
}

/// A type that may be laid over bytes that another process writes at any moment.
///
/// # Safety
///
/// - Every field is an atomic word or made of such words, so that every bit pattern is a value of it and every access
///   to it is atomic.
/// - Its alignment is at most 4096.
pub(crate) unsafe trait Words {}

// SAFETY: the one field is an atomic word.
unsafe impl Words for Line {}

/// A nameless file of the kernel in this process's memory.
#[derive(Debug)]
pub(crate) struct Mapping {
    map: MmapRaw,
    file: OwnedFd,
}

impl Mapping {
    /// `length` zero bytes that nobody else has yet.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub(crate) fn create(length: usize) -> io::Result<Self> {
        let file = memfd_create("ringway-bench", MemfdFlags::CLOEXEC)?;
        rustix::fs::ftruncate(&file, length as u64)?;
        Self::attach(file)
    }

    /// The whole of a file that another party created.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub(crate) fn attach(file: OwnedFd) -> io::Result<Self> {
        let file = File::from(file);
        let map = MmapOptions::new().map_raw(&file)?;
        Ok(Self { map, file: file.into() })
    }

    /// The file again, for the other party.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.as_fd().try_clone_to_owned()
    }

    /// How many bytes there are.
    pub(crate) fn length(&self) -> usize {
        self.map.len()
    }

    /// Where the bytes start: at a page. What is read and written there is the caller's to agree upon with the other
    /// party.
    pub(crate) fn start(&self) -> *mut u8 {
        self.map.as_mut_ptr()
    }

    /// The structure at `offset`.
    ///
    /// # Panics
    ///
    /// If it does not lie in the mapping or is not aligned there.
    pub(crate) fn view<T: Words>(&self, offset: usize) -> &T {
        let end = offset.checked_add(size_of::<T>());
        assert!(end.is_some_and(|end| end <= self.length()), "a view lies in its mapping");
        assert_eq!(offset % align_of::<T>(), 0, "a view is aligned");
        // SAFETY: `offset` is in the mapping, by the first assertion.
        let start = unsafe { self.map.as_ptr().add(offset) }.cast::<T>();
        // SAFETY: all of `T` is in the mapping and aligned (a mapping starts at a page), by the assertions; the mapping
        // lives as long as `self`; any bytes are a `T` and others may write them, by the contract of `Words`.
        unsafe { &*start }
    }
}

/// A whole mapping as one structure, found once: for loops in which looking it up again would be seen.
#[derive(Debug)]
pub(crate) struct View<T: Words> {
    /// Keeps the structure mapped.
    mapping: Mapping,
    start: NonNull<T>,
}

impl<T: Words> View<T> {
    /// A new file of all zero bytes.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub(crate) fn create() -> io::Result<Self> {
        Ok(Self::over(Mapping::create(size_of::<T>())?))
    }

    /// The file that another party created.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub(crate) fn attach(file: OwnedFd) -> io::Result<Self> {
        Ok(Self::over(Mapping::attach(file)?))
    }

    fn over(mapping: Mapping) -> Self {
        let start = NonNull::from(mapping.view(0));
        Self { mapping, start }
    }

    /// The file again, for the other party.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.mapping.descriptor()
    }
}

impl<T: Words> Deref for View<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: `start` came from `Mapping::view`, and the mapping, which does not move its memory, is kept as long
        // as `self`.
        unsafe { self.start.as_ref() }
    }
}

impl AsFd for Mapping {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
