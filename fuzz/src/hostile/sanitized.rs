//! The targets under libFuzzer and AddressSanitizer, built and run as cargo-fuzz does it, without cargo-fuzz.
//!
//! ```text
//!   cargo build --bin NAME       RUSTFLAGS: coverage, AddressSanitizer, cfg(fuzzing)       target/hostile
//!   NAME -max_total_time=...     what it says goes to target/hostile/NAME.log              findings, corpus: fuzz-corpus
//! ```

use super::Target;
use super::command::{Plan, seeds};
use super::region::forget_of;
use crate::command::{Fault, Outcome, apart, at, progress};
use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What cargo-fuzz 0.13 sets for a release build with AddressSanitizer.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Clink-dead-code",
    "-Zsanitizer=address",
    "-Cdebug-assertions",
    "-Ccodegen-units=1",
    "-Cforce-frame-pointers",
    "--cfg=fuzzing",
];

/// One input may take so many seconds.
const LIMIT_SECONDS: u64 = 10;

/// Bytes of the longest input.
const LEN_MAX: usize = 1024;

/// Builds targets and runs them, `plan.jobs` at a time. Is all well?
pub(super) fn run(targets: &[&Target], plan: &Plan) -> Outcome {
    let programs = build(targets)?;
    let mut waiting = targets.iter();
    let mut running: Vec<Job<'_>> = Vec::new();
    let mut is_well = true;
    loop {
        while running.len() < plan.jobs.max(1) as usize {
            let Some(target) = waiting.next() else { break };
            running.push(Job::start(target, &programs, plan)?);
        }
        if running.is_empty() {
            return Ok(is_well);
        }
        std::thread::sleep(Duration::from_millis(100));
        let lines: Vec<String> = running.iter().map(Job::line).collect();
        progress::rewrite(&lines.join(" | "));
        let mut left = Vec::new();
        for mut job in running {
            match job.child.try_wait()? {
                None => left.push(job),
                Some(status) => is_well &= job.tell(status.success(), plan)?,
            }
        }
        running = left;
    }
}

/// Builds the targets' programs; the folder that they are in.
fn build(targets: &[&Target]) -> Result<PathBuf, Fault> {
    needs_a_compiler()?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let (folder, host) = (apart::target_folder().join("hostile"), host()?);
    let mut command = Command::new(&cargo);
    // libFuzzer counts what the compiler of a stable toolchain refuses to count.
    command
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", FLAGS.join(" "))
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.args(["build", "--release", "--quiet", "--manifest-path"]);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    command.args(["--target", &host, "--target-dir"]).arg(&folder);
    for target in targets {
        command.args(["--bin", target.name]);
    }
    progress::rewrite("building the targets for libFuzzer");
    let status = command.status();
    progress::clear();
    match status {
        Ok(status) if status.success() => Ok(folder.join(host).join("release")),
        Ok(_) => Err(Fault::Other("the targets cannot be built: see above; --plain does without".to_owned())),
        Err(error) => Err(Fault::Other(format!("{} does not run: {error}", cargo.display()))),
    }
}

/// libFuzzer itself is C++.
fn needs_a_compiler() -> Result<(), Fault> {
    let compiler = env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let found = Command::new(&compiler).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err(Fault::Other(format!(
        "libFuzzer takes a C++ compiler, and {} is none: install g++ or clang, or name one in CXX; --plain does without",
        compiler.display()
    )))
}

/// What this machine is called.
fn host() -> Result<String, Fault> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc).arg("-vV").output();
    let output =
        output.map_err(|error| Fault::Other(format!("{} does not run: {error}", rustc.display())))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Fault::Other("rustc does not say for which host it is".to_owned()))
}

/// One target that runs.
struct Job<'a> {
    target: &'a Target,
    child: Child,
    log: PathBuf,
    began: Instant,
}

impl<'a> Job<'a> {
    fn start(target: &'a Target, programs: &Path, plan: &Plan) -> Result<Self, Fault> {
        let learned = plan.corpus.join("hostile").join(target.name);
        fs::create_dir_all(&learned).map_err(|error| at(&learned, &error))?;
        let log = programs.join(format!("{}.log", target.name));
        let output = File::create(&log).map_err(|error| at(&log, &error))?;
        let mut command = Command::new(programs.join(target.name));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
        command.arg(format!("-artifact_prefix={}/hostile-{}-", plan.corpus.display(), target.name));
        command.arg(format!("-seed={}", (plan.seed as u32).max(1)));
        command.arg(format!("-timeout={LIMIT_SECONDS}")).arg(format!("-max_len={LEN_MAX}"));
        command.arg("-print_final_stats=1").arg("-rss_limit_mb=4096");
        if plan.runs != u64::MAX {
            command.arg(format!("-runs={}", plan.runs));
        }
        if plan.time != Duration::MAX {
            command.arg(format!("-max_total_time={}", plan.time.as_secs().max(1)));
        }
        command.arg(&learned);
        let seeds = seeds(target.name);
        if seeds.is_dir() {
            command.arg(seeds);
        }
        let child = command.spawn().map_err(|error| at(&programs.join(target.name), &error))?;
        Ok(Self { target, child, log, began: Instant::now() })
    }

    fn said(&self) -> String {
        fs::read(&self.log).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
    }

    /// How far it is.
    fn line(&self) -> String {
        let said = self.said();
        let last = said.lines().rev().find(|line| line.starts_with('#')).unwrap_or_default();
        let runs = last.trim_start_matches('#').split_whitespace().next().unwrap_or("0");
        format!("{:8} {runs:>10} runs {:>6.0} s", self.target.name, self.began.elapsed().as_secs_f64())
    }

    /// Says what came of it. Is all well?
    fn tell(&self, is_well: bool, plan: &Plan) -> Outcome {
        forget_of(self.child.id() as i32);
        progress::clear();
        let said = self.said();
        let number = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(name));
            line.map_or(0, |line| line.trim().parse::<u64>().unwrap_or(0))
        };
        let runs = number("stat::number_of_executed_units:");
        let seconds = self.began.elapsed().as_secs_f64();
        let (name, each, seed) = (self.target.name, runs as f64 / seconds, (plan.seed as u32).max(1));
        let mut output = io::stdout().lock();
        let found = u8::from(!is_well);
        writeln!(
            output,
            "{name:8} {runs} runs, {found} found, {seconds:.1} s, {each:.0} a second, seed {seed}"
        )?;
        if is_well {
            return Ok(true);
        }
        let mut lines = said.lines();
        let panicked = lines.by_ref().find(|line| line.contains("panicked at"));
        let why = panicked.and_then(|_| lines.next());
        let summary = said.lines().find(|line| line.starts_with("SUMMARY: "));
        writeln!(output, "    {}", why.or(summary).unwrap_or("it has ended"))?;
        if let Some(path) =
            said.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, path)| path)
        {
            writeln!(output, "    kept in {path}")?;
            writeln!(output, "    ringway-fuzz hostile replay {name} {path}")?;
        }
        writeln!(output, "    all that it said: {}", self.log.display())?;
        Ok(false)
    }
}

impl Drop for Job<'_> {
    fn drop(&mut self) {
        // One that has ended is reaped, and not there to be killed.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
