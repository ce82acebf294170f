//! The machine's own limits: the least that moves the bytes, and protects nobody.

pub(crate) mod bells;
pub(crate) mod copy;
pub(crate) mod line;
pub(crate) mod mailbox;
pub(crate) mod robust;
