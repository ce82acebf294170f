//! The source line of an instruction.

use nix::unistd::Pid;
use std::fs;
use std::path::Path;

/// Where a program begins in the address space of a process that runs it.
pub(crate) fn base(process: Pid, program: &Path) -> Option<u64> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).ok()?;
    let path = program.display().to_string();
    let line = maps.lines().find(|line| line.ends_with(&path))?;
    u64::from_str_radix(line.split('-').next()?, 16).ok()
}

/// The line of an instruction so far from the program's beginning, and the function that it belongs to, if the program says.
pub(crate) fn line(program: &Path, offset: u64) -> Option<String> {
    let loader = addr2line::Loader::new(program).ok()?;
    let function =
        loader.find_symbol(offset).map(|name| format!("{:#}", addr2line::demangle_auto(name.into(), None)));
    let location = loader.find_location(offset).ok().flatten();
    let location = location.and_then(|location| Some(format!("{}:{}", location.file?, location.line?)));
    match (location, function) {
        (Some(location), Some(function)) => Some(format!("{location}, in {function}")),
        (location, function) => location.or(function),
    }
}
