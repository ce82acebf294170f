//! The command as a user runs it: rows of figures, an exit status, and an answer to a wrong word.

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a command may take before the test fails. It takes a second or two.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs the command, kills it when it hangs.
fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringway-bench"));
    let child = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let is_done = await_exit(&mut child);
    if !is_done {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert!(is_done, "still running after {LIMIT:?}: {output:?}");
    output
}

/// Whether the command ended by itself. What it prints fits into a pipe.
fn await_exit(child: &mut Child) -> bool {
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    false
}

/// A file of this test run.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The rows that the command writes, quickly, for what `only` leaves.
fn rows(name: &str, only: &[&str]) -> (Output, Vec<Value>) {
    let path = file(&format!("{name}.json"));
    let mut arguments = vec!["--quick", "--json", path.to_str().unwrap()];
    arguments.extend(only.iter().flat_map(|text| ["--only", text]));
    let output = run(&arguments);
    assert!(output.status.success(), "{output:?}");
    let record: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    (output, record["rows"].as_array().unwrap().clone())
}

/// The text at `key` of each row, without repetitions.
fn texts<'a>(rows: &'a [Value], key: &str) -> Vec<&'a str> {
    let mut texts: Vec<&str> = rows.iter().map(|row| row[key].as_str().unwrap()).collect();
    texts.dedup();
    texts
}

/// The figures of a row.
fn figures(row: &Value) -> &[Value] {
    row["figures"].as_array().unwrap()
}

/// The median of a figure of a system's first row.
fn median(rows: &[Value], system: &str, metric: &str) -> f64 {
    let row = rows.iter().find(|row| row["system"] == system).unwrap();
    figures(row).iter().find(|figure| figure["metric"] == metric).unwrap()["median"].as_f64().unwrap()
}

/// Every row has its figures, in order.
fn assert_figures(rows: &[Value]) {
    for row in rows {
        assert!(!figures(row).is_empty(), "{row}");
        for figure in figures(row) {
            let metric = figure["metric"].as_str().unwrap();
            if figure["median"].is_null() && metric.starts_with("p9") {
                // Fewer things than it takes to tell one in a hundred from the longest.
                continue;
            }
            let value = |key: &str| figure[key].as_f64().unwrap_or_else(|| panic!("no {key} in {row}"));
            assert!(0.0 < value("min") && value("min") <= value("median") && value("median") <= value("max"));
            // A percentile is of those samples alone that tell it, or of all together.
            let (samples, rounds) =
                (figure["samples"].as_array().unwrap().len(), row["rounds"].as_u64().unwrap());
            assert!(
                samples as u64 == rounds || (samples as u64) < rounds && metric.starts_with("p9"),
                "{row}"
            );
        }
        // A line between two cores that run all the time, where it says something about the row.
        let has_line = matches!(row["group"].as_str(), Some("spsc" | "latency" | "flow"))
            || row["case"] == "64 B round trip, apart";
        assert_eq!(row["line_ns"].as_f64().is_some_and(|line| line > 0.0), has_line, "{row}");
        assert!(row.get("failed").is_none());
    }
}

#[test]
fn round_trips_have_their_percentiles_and_equal_rows() {
    let (output, rows) = rows("latency", &["latency: mailbox"]);
    assert_figures(&rows);
    assert_eq!(texts(&rows, "system"), ["mailbox", "mailbox (again)", "mailbox, 56 B", "mailbox, no hint"]);
    assert_eq!(texts(figures(&rows[0]), "metric"), ["p50", "p99", "p99.9", "max", "mean"]);
    assert!(rows.iter().all(|row| texts(figures(row), "unit") == ["ns"]));
    let curve = rows[0]["curve"].as_array().unwrap();
    assert!(curve.len() > 20 && curve.is_sorted_by_key(|point| point[1].as_f64().unwrap().to_bits()));
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("of 1 pairs of equal rows"), "{report}");
}

#[test]
fn flows_cross_processes_and_threads() {
    let (_, rows) = rows("flow", &["8 B slot batched"]);
    assert_figures(&rows);
    assert_eq!(texts(&rows, "group"), ["spsc"]);
    assert_eq!(texts(figures(&rows[0]), "metric"), ["rate", "bandwidth"]);
    for (system, party) in [("copy", "processes"), ("rtrb", "threads"), ("pipe", "processes")] {
        let row = rows.iter().find(|row| row["system"] == system).unwrap();
        assert!(row["placement"].as_str().unwrap().starts_with(party), "{row}");
        let ratio = median(&rows, system, "rate") * 8.0 / median(&rows, system, "bandwidth");
        assert!((0.999..1.001).contains(&ratio), "a rate is as many messages as its bandwidth has: {ratio}");
    }
}

#[test]
fn round_trips_that_sleep_are_made_on_two_cores_and_on_one() {
    let (output, rows) = rows("wakeup", &["wakeup: "]);
    assert_figures(&rows);
    assert_eq!(texts(&rows, "group"), ["wakeup"]);
    assert_eq!(texts(&rows, "case"), ["64 B round trip, apart", "64 B round trip, together"]);
    for system in ["futex", "futex (again)", "ringway slots, sleeping", "eventfd", "pipe", "unix socket"] {
        assert_eq!(rows.iter().filter(|row| row["system"] == system).count(), 2, "{system}");
    }
    assert!(rows.iter().all(|row| figures(row).len() == 5));
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("floor: futex;") && report.contains("wakeup: of 2 pairs"), "{report}");
}

#[test]
fn deaths_are_known_on_idle_and_on_busy_cores() {
    let (_, rows) = rows("death", &["death: "]);
    assert_figures(&rows);
    assert_eq!(texts(&rows, "case"), ["killed peer, idle", "killed peer, busy"]);
    assert!(rows.iter().all(|row| texts(figures(row), "metric") == ["p50", "p99", "max", "mean"]));
    for system in ["robust futex", "ringway", "pidfd", "pipe"] {
        assert_eq!(rows.iter().filter(|row| row["system"] == system).count(), 2, "{system}");
    }
}

#[test]
fn a_wait_for_nothing_takes_little_processor_time() {
    let (_, rows) = rows("blocked", &["blocked: "]);
    assert_figures(&rows);
    assert_eq!(texts(&rows, "system"), ["futex", "futex (again)", "ringway", "pipe"]);
    assert!(rows.iter().all(|row| texts(figures(row), "unit") == ["ns/s"]));
    // A party that polls uses all of its core. How little is little is not for a shortened run to say.
    assert!(rows.iter().all(|row| figures(row)[0]["median"].as_f64().unwrap() < 0.5e9), "{rows:?}");
}

#[test]
fn the_machines_own_limits_have_their_figures() {
    let (_, rows) = rows("limits", &["limits: "]);
    assert_figures(&rows);
    assert_eq!(texts(&rows, "group"), ["limits"]);
    for (system, case, metric, party) in [
        ("line, no hint", "round trip", "p50", "processes"),
        ("eventfd", "round trip, sleeping", "p50", "processes"),
        ("release store", "one core", "cost", "one thread"),
        ("fetch_add", "two cores, one line", "cost", "threads"),
        ("memcpy", "copy 64 KiB", "bandwidth", "one thread"),
        ("memcpy, written by the other core", "copy 64 KiB", "bandwidth", "threads"),
    ] {
        let row = rows.iter().find(|row| row["system"] == system && row["case"] == case).unwrap();
        assert_eq!(figures(row)[0]["metric"], metric);
        assert!(row["placement"].as_str().unwrap().starts_with(party), "{row}");
    }
}

#[test]
fn the_kernels_channels_carry_records_of_a_kibibyte() {
    let (_, rows) = rows("kernel", &["flow: ", "1 KiB record"]);
    assert_figures(&rows);
    let has =
        |system: &str, case: &str| rows.iter().any(|row| row["system"] == system && row["case"] == case);
    for system in ["pipe, buffered", "vmsplice", "unix seqpacket", "tcp loopback"] {
        assert!(has(system, "1 KiB record"), "{system}");
        let has_batches = matches!(system, "vmsplice" | "tcp loopback");
        assert_eq!(has(system, "1 KiB record batched"), has_batches, "{system}");
    }
}

#[test]
fn a_system_that_the_kernel_refuses_is_absent() {
    let output = run(&["--list"]);
    let list = String::from_utf8(output.stdout).unwrap();
    // It is measured or named with the reason.
    assert!(output.status.success() && list.contains("posix mq"), "{list}");
}

#[test]
fn a_run_is_shown_again_and_compared_from_its_file() {
    let [json, html, again, folder] = ["again.json", "run.html", "again.html", "again"].map(file);
    let path = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let [json, html, again, folder] = [json, html, again, folder].each_ref().map(path);
    _ = fs::remove_dir_all(&folder);
    let only = ["--quick", "--only", "wakeup: pipe: 64 B round trip, apart"];
    let taken = run(&[&only[..], &["--json", &json, "--html", &html, "--hgrm", &folder]].concat());
    assert!(taken.status.success(), "{taken:?}");

    let shown = run(&["report", &json]);
    assert!(shown.status.success() && shown.stdout == taken.stdout, "{shown:?}");
    assert!(run(&["report", &json, "--html", &again]).status.success());
    assert!(fs::read_to_string(&html).unwrap() == fs::read_to_string(&again).unwrap());

    let compared = run(&["compare", &json, &json]);
    let text = String::from_utf8(compared.stdout).unwrap();
    assert!(compared.status.success() && text.contains("0 faster, 0 slower, 2 the same"), "{text}");
    assert!(!text.contains("differs") && !text.contains("only in"), "{text}");

    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["hgrm", "hlog"].map(|end| format!("wakeup-64-b-round-trip-apart-pipe.{end}")));
}

/// A record of two cases, in which one row failed.
const FAILED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/documents/rows.json");

#[test]
fn a_record_of_which_a_row_failed_is_shown_and_says_so() {
    let reason = "message 5 came where 4 was due";
    for (form, place) in
        [(&[][..], "FAILED: 1 of 6 rows\n"), (&["--markdown"], "FAILED: rtrb, 64 B record: ")]
    {
        let output = run(&[&["report", FAILED], form].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(text.contains(place) && text.contains(reason), "{text}");
    }
}

#[test]
fn the_plots_of_a_record_are_files() {
    let folder = file("plots");
    _ = fs::remove_dir_all(&folder);
    let output = run(&["report", FAILED, "--plots", folder.to_str().unwrap()]);
    assert!(output.stdout.is_empty(), "{output:?}");
    for name in ["latency-64-b-round-trip-p50.svg", "flow-64-b-record-rate.svg"] {
        let drawing = fs::read_to_string(folder.join(name)).unwrap();
        assert!(drawing.starts_with("<svg xmlns=") && drawing.ends_with("</svg>\n"), "{drawing}");
    }
}

#[test]
fn a_part_that_a_record_has_not_and_a_brief_page_are_errors() {
    let output = run(&["report", FAILED, "--markdown", "--only", "latncy"]);
    assert!(
        output.stdout.is_empty() && String::from_utf8(output.stderr).unwrap().contains("no part `latncy`")
    );
    assert_eq!(run(&["report", FAILED, "--brief"]).status.code(), Some(2));
    assert_eq!(run(&["report", FAILED, "--markdown", "--brief", "--only", "flow"]).status.code(), Some(2));
}

#[test]
fn a_file_that_is_no_record_is_named_with_the_reason() {
    let old = file("old.json");
    fs::write(&old, "[{\"group\": \"flow\"}]").unwrap();
    let old = old.to_str().unwrap();
    for arguments in [&["report", old][..], &["compare", old, old]] {
        let output = run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty());
        assert!(error.contains(&format!("{old}: not a record of ringway-bench: ")), "{error}");
    }
    let output = run(&["compare", "/no/such/file", old]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("compare: /no/such/file: "));
}

#[test]
fn a_text_that_no_row_contains_is_an_error() {
    let output = run(&["--quick", "--only", "no such row"]);
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("no row"));
}

#[test]
fn a_file_that_cannot_be_made_is_named_before_anything_is_measured() {
    for option in ["--json", "--html"] {
        let output = run(&[option, "/no/such/folder/file"]);
        assert!(!output.status.success() && output.stdout.is_empty());
        assert!(String::from_utf8(output.stderr).unwrap().contains("/no/such/folder/file"));
    }
    assert!(run(&["--hgrm", "/proc/no such folder"]).stdout.is_empty());
}

#[test]
fn a_peer_without_its_descriptors_leaves() {
    let peer = ["peer", "--system=pipe", "--case=64 B record", "--limit-ms=1000", "--parent=1"];
    let output = run(&[&peer[..], &["--descriptors=77"]].concat());
    assert!(!output.status.success());
}

#[test]
fn a_process_that_keeps_a_core_busy_leaves_with_whoever_started_it() {
    // The parent it names is not the one it has.
    let output = run(&["burner", "--limit-ms=60000", "--parent=1"]);
    assert!(!output.status.success());
}

#[test]
fn an_interrupted_run_shows_what_it_has_and_leaves_nothing() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringway-bench"));
    command.args(["--only", "latency: pipe: 64 B round trip", "--rounds", "100000"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Its first words come before the first sample, when it listens already.
    let mut first = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    thread::sleep(Duration::from_millis(300));
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let is_done = await_exit(&mut child);
    if !is_done {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert!(is_done && output.status.code() == Some(1), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("interrupted"));
    assert!(String::from_utf8(output.stdout).unwrap().contains("noise floor"));
}

#[test]
fn the_help_says_how_to_read_a_row() {
    let output = run(&["--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && help.contains("bare cache line"));
    for word in ["--only", "--json", "--html", "--hgrm", "report", "compare", "corrected"] {
        assert!(help.contains(word), "{word}: {help}");
    }
    assert!(!help.contains("peer") && !help.contains("burner"), "{help}");
}

/// Every system has its figures in every case of the group that it takes part in.
fn assert_shares(rows: &[Value]) {
    for row in rows {
        assert!(row.get("failed").is_none(), "{row}");
        for figure in figures(row) {
            if figure["median"].is_null() && figure["metric"].as_str().unwrap().starts_with("p9") {
                continue;
            }
            let value = |key: &str| figure[key].as_f64().unwrap();
            if figure["metric"] == "least share" {
                // A party that got nothing in so short a run has no share of it.
                assert!((0.0..=1.0).contains(&value("median")), "{row}");
            } else {
                assert!(value("min") > 0.0, "{row}");
            }
        }
    }
}

#[test]
fn queues_have_one_two_and_four_parties_on_each_side() {
    let (_, rows) = rows("mpmc", &["mpmc: "]);
    assert_shares(&rows);
    let of_pipe: Vec<Value> = rows.into_iter().filter(|row| row["system"] == "pipe").collect();
    assert_eq!(texts(figures(&of_pipe[0]), "metric"), ["rate", "least share"]);
    assert_eq!(of_pipe.len(), 3 * 3);
    assert_eq!(of_pipe[0]["case"], "1 to 1, 8 B");
    assert_eq!(of_pipe[0]["placement"].as_str().unwrap().split(',').next(), Some("processes"));
}

#[test]
fn locks_semaphores_and_barriers_do_what_they_are_for() {
    let (_, rows) = rows("sync", &["sync: "]);
    assert_shares(&rows);
    let systems = [
        ("ringway mutex", 4),
        ("ringway spinlock", 1),
        ("ringway semaphore", 1),
        ("ringway binary semaphore", 1),
        ("ringway permits", 1),
        ("ringway barrier", 1),
        ("futex mutex", 3),
        ("pthread robust mutex", 4),
        ("std", 4),
        ("sem_t", 1),
    ];
    for (system, cases) in systems {
        let of_system: Vec<Value> = rows.iter().filter(|row| row["system"] == system).cloned().collect();
        assert_eq!(texts(&of_system, "case").len(), cases, "{system}");
    }
    let deaths = rows.iter().filter(|row| row["case"] == "mutex, owner killed");
    assert_eq!(deaths.filter(|row| figures(row)[0]["metric"] == "p50").count(), 5);
}

#[test]
fn eight_parties_share_two_cores() {
    let (_, rows) = rows("oversubscribed", &["oversubscribed: "]);
    assert_shares(&rows);
    assert_eq!(texts(&rows, "case"), ["4 pairs, 64 B one way", "4 pairs, 64 B round trip"]);
    for system in ["ringway slots", "ringway bytes", "pipe", "unix socket", "std sync_channel"] {
        assert_eq!(rows.iter().filter(|row| row["system"] == system).count(), 2, "{system}");
    }
}
