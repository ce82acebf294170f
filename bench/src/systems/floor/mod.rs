//! The machine's own limits: the least that moves the bytes, and protects nobody.

use crate::systems::System;

mod bells;
mod copy;
mod life;
pub(crate) mod line;
mod mailbox;
mod robust;

/// All of them.
pub(crate) fn systems() -> Vec<System> {
    let mut systems = line::systems();
    systems.extend(mailbox::systems());
    systems.extend(copy::systems());
    systems.extend(bells::systems());
    systems.push(robust::system());
    systems.extend(life::systems());
    systems
}
