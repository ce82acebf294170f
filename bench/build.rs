//! Finds out what this build is made of: the compiler, the commit, and which C++ libraries there are.
//!
//! A C++ library that is not there is no failure. Of each, the sources get
//!
//! ```text
//!   cfg(ringway_cpp = "boost_lockfree")      it is there, and cpp/boost_lockfree.cpp is linked
//!   env RINGWAY_BENCH_CPP_ABSENT             for each that is not: the name, a tab, the reason; "; " in between
//! ```

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    println!(
        "cargo:rustc-env=RINGWAY_BENCH_RUSTC={}",
        answer(&rustc, &["-vV"]).lines().collect::<Vec<_>>().join("; ")
    );
    println!("cargo:rustc-env=RINGWAY_BENCH_COMMIT={}", answer("git", &["rev-parse", "--short", "HEAD"]));
    watch_commit();
    println!(
        "cargo:rustc-check-cfg=cfg(ringway_cpp, values(\"boost_lockfree\", \"message_queue\", \
         \"reader_writer_queue\", \"concurrent_queue\"))"
    );
    cpp::build();
}

/// What a command prints, or nothing where it fails.
fn answer(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    String::from_utf8_lossy(&text.unwrap_or_default()).trim().to_owned()
}

/// Has this run again when another commit is checked out. The log of heads gets a line then.
fn watch_commit() {
    let log = answer("git", &["rev-parse", "--git-path", "logs/HEAD"]);
    if !log.is_empty() && Path::new(&log).exists() {
        println!("cargo:rerun-if-changed={log}");
    }
}

#[cfg(feature = "cpp")]
mod cpp {
    use std::process::Stdio;

    /// A file of `cpp`, the header it needs and the package of Debian that has it.
    struct Library {
        file: &'static str,
        header: &'static str,
        package: &'static str,
    }

    const LIBRARIES: [Library; 4] = [
        Library { file: "boost_lockfree", header: "boost/lockfree/spsc_queue.hpp", package: "libboost-dev" },
        Library {
            file: "message_queue",
            header: "boost/interprocess/ipc/message_queue.hpp",
            package: "libboost-dev",
        },
        Library {
            file: "reader_writer_queue",
            header: "readerwriterqueue/readerwriterqueue.h",
            package: "libreaderwriterqueue-dev",
        },
        Library {
            file: "concurrent_queue",
            header: "concurrentqueue/concurrentqueue.h",
            package: "libconcurrentqueue-dev",
        },
    ];

    pub(crate) fn build() {
        println!("cargo:rerun-if-changed=cpp");
        println!("cargo:rerun-if-env-changed=CXX");
        let mut build = cc::Build::new();
        // As fast as Rust's release build, also where this is a build for tests.
        build.cpp(true).std("c++17").opt_level(3).define("NDEBUG", None).cargo_warnings(false);
        let (mut files, mut absent) = (Vec::new(), Vec::new());
        for library in &LIBRARIES {
            match find(&build, library) {
                Ok(()) => {
                    println!("cargo:rustc-cfg=ringway_cpp=\"{}\"", library.file);
                    files.push(format!("cpp/{}.cpp", library.file));
                }
                Err(reason) => absent.push(format!("{}\t{reason}", library.file)),
            }
        }
        println!("cargo:rustc-env=RINGWAY_BENCH_CPP_ABSENT={}", absent.join("; "));
        if !files.is_empty() {
            build.files(files).compile("ringway_bench_cpp");
            // Shared memory by name, in C libraries that have it apart.
            println!("cargo:rustc-link-lib=rt");
        }
    }

    /// Whether the compiler is there and finds the library's header.
    ///
    /// # Errors
    ///
    /// What is missing.
    fn find(build: &cc::Build, library: &Library) -> Result<(), String> {
        let no_compiler = || "no C++ compiler: apt install g++".to_owned();
        let compiler = build.try_get_compiler().map_err(|_| no_compiler())?;
        let mut command = compiler.to_command();
        command.args(["-x", "c++", "-fsyntax-only", "-include", library.header, "/dev/null"]);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        if status.map_err(|_| no_compiler())?.success() {
            return Ok(());
        }
        Err(format!("header {} not found: apt install {}", library.header, library.package))
    }
}

#[cfg(not(feature = "cpp"))]
mod cpp {
    pub(crate) fn build() {}
}
