//! Who takes part in a sample, where they run, how they meet, wait and end, and what else the machine did meanwhile.

pub(crate) mod alarm;
pub(crate) mod clock;
pub(crate) mod control;
pub(crate) mod crowd;
pub(crate) mod handover;
pub(crate) mod interrupt;
pub(crate) mod load;
pub(crate) mod measure;
pub(crate) mod peer;
pub(crate) mod place;
pub(crate) mod sample;
pub(crate) mod times;
pub(crate) mod wait;
