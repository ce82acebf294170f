//! What documents quote of records is what the records say.
//!
//! A document quotes a record between two lines:
//!
//! ```text
//! <!-- record: bench/record/x86_64-unknown-linux-gnu/2026-11-27/near/rows.json brief -->
//! <!-- end -->
//! ```
//!
//! Instead of `brief` may stand `groups:` and the parts of the record that are quoted, as `report --markdown --only` names
//! them; with neither the whole record is. What is between the lines is made here once more. With
//! `RINGWAY_WRITE_DOCUMENTS=1` in the environment it is written there instead. So is each picture that a document shows of a
//! folder `plots` beside a record `rows.json`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const BEGIN: &str = "<!-- record: ";
const END: &str = "<!-- end -->";

/// The folder of the workspace, in which records are named.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The documents that may quote.
fn documents() -> Vec<PathBuf> {
    let mut documents = vec![root().join("README.md")];
    let files = fs::read_dir(root().join("docs")).into_iter().flatten();
    documents.extend(
        files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "md")),
    );
    documents.sort();
    documents
}

/// What the command prints of the record that `line` names, in the form it names.
fn quoted(line: &str) -> Result<String, String> {
    let words = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix("-->"));
    let words: Vec<&str> =
        words.ok_or(format!("`{line}` does not end with -->"))?.split_whitespace().collect();
    let [path, form @ ..] = &words[..] else { return Err(format!("`{line}` names no record")) };
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringway-bench"));
    command.current_dir(root()).args(["report", path, "--markdown"]);
    match form {
        [] => {}
        ["brief"] => _ = command.arg("--brief"),
        ["groups:", parts @ ..] if !parts.is_empty() => {
            command.args(parts.iter().flat_map(|part| ["--only", part]));
        }
        _ => return Err(format!("`{line}`: what is `{}`?", form.join(" "))),
    }
    // A record of which a row failed is one too: the status says it, and the text.
    let output = command.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8(output.stdout).map_err(|error| error.to_string())?;
    if text.is_empty() { Err(String::from_utf8_lossy(&output.stderr).into_owned()) } else { Ok(text) }
}

/// The document as it has to be.
fn renewed(text: &str) -> Result<String, String> {
    let mut lines = text.lines();
    let mut renewed = String::new();
    while let Some(line) = lines.next() {
        renewed.extend([line, "\n"]);
        if line.starts_with(BEGIN) {
            let is_inside = |line: &&str| !line.starts_with(BEGIN) && *line != END;
            let end = lines.find(|line| !is_inside(line));
            if end != Some(END) {
                return Err(format!("`{line}` has no {END}"));
            }
            renewed.extend([&quoted(line)?, END, "\n"]);
        } else if line == END {
            return Err(format!("{END} without its beginning"));
        }
    }
    Ok(renewed)
}

#[test]
fn documents_quote_what_records_say() {
    for path in documents() {
        let name = path.display();
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let renewed = renewed(&text).unwrap_or_else(|reason| panic!("{name}: {reason}"));
        if renewed.lines().eq(text.lines()) {
            continue;
        }
        if env::var_os("RINGWAY_WRITE_DOCUMENTS").is_some() {
            fs::write(&path, renewed).unwrap();
            continue;
        }
        let differs = renewed.lines().zip(text.lines()).find(|(made, found)| made != found);
        let (made, found) = differs.unwrap_or(("more, or fewer, lines", ""));
        panic!(
            "{name} quotes what its record does not say (RINGWAY_WRITE_DOCUMENTS=1 writes it anew)\n\
             record:   {made}\ndocument: {found}"
        );
    }
}

/// The pictures of records that a document in `folder` shows.
fn pictures(text: &str, folder: &Path) -> Vec<PathBuf> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let pictures = links.filter(|link| link.ends_with(".svg")).map(|link| folder.join(link));
    pictures.filter(|path| path.parent().is_some_and(|folder| folder.ends_with("plots"))).collect()
}

/// The picture as it has to be: made of the record beside its folder.
fn redrawn(picture: &Path, made: &Path) -> Result<String, String> {
    let record = picture.parent().and_then(Path::parent).unwrap().join("rows.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringway-bench"));
    let output = command.arg("report").arg(&record).arg("--plots").arg(made).output();
    let output = output.map_err(|error| error.to_string())?;
    let drawing = fs::read_to_string(made.join(picture.file_name().unwrap()));
    drawing.map_err(|_| format!("its record has no such plot. {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn pictures_in_documents_show_what_records_say() {
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    for path in documents() {
        for picture in pictures(&fs::read_to_string(&path).unwrap(), path.parent().unwrap()) {
            let name = format!("{}: {}", path.display(), picture.display());
            _ = fs::remove_dir_all(&made);
            let drawing = redrawn(&picture, &made).unwrap_or_else(|reason| panic!("{name}: {reason}"));
            if env::var_os("RINGWAY_WRITE_DOCUMENTS").is_some() {
                fs::create_dir_all(picture.parent().unwrap()).unwrap();
                fs::write(&picture, drawing).unwrap();
                continue;
            }
            let found = fs::read_to_string(&picture).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(found == drawing, "{name} is not its record's (RINGWAY_WRITE_DOCUMENTS=1 draws it anew)");
        }
    }
}

#[test]
fn a_picture_is_drawn_of_the_record_beside_its_folder() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("drawn");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("rows.json"), include_str!("documents/rows.json")).unwrap();
    let text = "![a](plots/flow-64-b-record-rate.svg) [b](b.svg) ![c](plots/none.svg \"c\") [d](plots/d.md)";
    let [flow, none] = &pictures(text, &folder)[..] else { panic!("two pictures") };
    assert!(redrawn(flow, &folder.join("made")).unwrap().contains("ringway bytes"));
    assert!(redrawn(none, &folder.join("made")).unwrap_err().contains("no such plot"));
}

#[test]
fn a_quotation_is_made_of_the_parts_that_it_names() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("quoted.json");
    fs::write(&path, include_str!("documents/rows.json")).unwrap();
    let document = |form: &str| format!("a\n{BEGIN}{} {form}-->\nold figures\n{END}\nb\n", path.display());
    let all = renewed(&document("")).unwrap();
    assert!(all.contains("**latency**: ") && all.contains("**targets**: ") && !all.contains("old figures"));
    assert!(all.starts_with("a\n") && all.ends_with(&format!("{END}\nb\n")));
    assert_eq!(renewed(&all).unwrap(), all);

    let part = renewed(&document("groups: latency ")).unwrap();
    assert!(
        part.contains("**latency**: ") && !part.contains("**targets**: ") && part.contains("Measured on ")
    );
    let brief = renewed(&document("brief ")).unwrap();
    assert!(
        brief.contains("| 64 B round trip, p50 | **80.0 ns** ringway slots | **760 ns** pipe |"),
        "{brief}"
    );
}

#[test]
fn a_quotation_of_nothing_is_an_error() {
    let quotations = [
        (format!("{BEGIN}no/such/file.json -->\n{END}\n"), "no/such/file.json: "),
        (format!("{BEGIN}a.json -->\n"), "has no <!-- end -->"),
        (format!("{BEGIN}a.json groups: -->\n{END}\n"), "what is `groups:`?"),
        (format!("{BEGIN}a.json\n{END}\n"), "does not end with -->"),
        (format!("{END}\n"), "without its beginning"),
    ];
    for (text, expected) in quotations {
        let reason = renewed(&text).unwrap_err();
        assert!(reason.contains(expected), "{reason}");
    }
    assert_eq!(renewed("no quotation\n").unwrap(), "no quotation\n");
}
