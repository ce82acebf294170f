//! Who else used the cores: what the kernel counted as busy, less what this process and its peers used.

use std::fs;

use crate::stage::place::Placement;

/// The kernel's counts at one moment, in its ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Time the parties' cores had, by whomever it was used.
    all: u64,
    /// Time they were busy, for this machine's processes.
    busy: u64,
    /// Time the hypervisor gave to others.
    stolen: u64,
    /// Time this process and its reaped peers used.
    own: u64,
}

impl Load {
    /// The counts now, of the cores of `placement`; zero where the kernel does not say.
    pub(crate) fn now(placement: Placement) -> Self {
        let names: Vec<String> = match placement {
            Placement::Pinned { producer, consumer } => {
                vec![format!("cpu{producer}"), format!("cpu{consumer}")]
            }
            Placement::Shared => vec!["cpu".to_owned()],
        };
        let cores = fs::read_to_string("/proc/stat").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        Self::read(&cores, &own, &names)
    }

    fn read(cores: &str, own: &str, names: &[String]) -> Self {
        let mut load = Self::default();
        for line in cores.lines() {
            let mut words = line.split_whitespace();
            if !words.next().is_some_and(|name| names.iter().any(|wanted| wanted == name)) {
                continue;
            }
            // user, nice, system, idle, iowait, irq, softirq, steal (proc_stat(5)).
            let counts: Vec<u64> = words.take(8).map(|word| word.parse().unwrap_or(0)).collect();
            if let [user, nice, system, idle, wait, interrupt, soft, stolen] = counts[..] {
                let busy = user + nice + system + interrupt + soft;
                load.all += busy + idle + wait + stolen;
                load.busy += busy;
                load.stolen += stolen;
            }
        }
        // After the name in parentheses the third word comes first; utime is the 14th, cstime the 17th (proc_pid_stat(5)).
        let words = own.rsplit_once(')').map_or("", |(_, words)| words).split_whitespace();
        load.own = words.skip(11).take(4).map(|word| word.parse().unwrap_or(0)).sum();
        load
    }

    /// What shares of the cores other processes used and the hypervisor took, since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Option<(f64, f64)> {
        let all = self.all.checked_sub(earlier.all).filter(|&all| all > 0)? as f64;
        let own = self.own.saturating_sub(earlier.own);
        let others = self.busy.saturating_sub(earlier.busy).saturating_sub(own);
        Some((others as f64 / all, self.stolen.saturating_sub(earlier.stolen) as f64 / all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_used_what_was_busy_and_not_ours() {
        let names = ["cpu0".to_owned()];
        let own = |time| format!("1 (a (b) c) S 1 1 1 0 -1 4194304 100 0 0 0 {time} 0 0 0 20 0 1 0");
        let earlier = Load::read("cpu 9 9 9 9 9 9 9 9\ncpu0 10 0 0 100 0 0 0 0 0 0\n", &own(5), &names);
        let now = Load::read("cpu 9 9 9 9 9 9 9 9\ncpu0 60 0 10 130 0 0 0 10 0 0\n", &own(35), &names);
        assert_eq!(now.since(earlier), Some((0.3, 0.1)));
        assert_eq!(now.since(now), None);
    }
}
