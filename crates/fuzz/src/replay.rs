//! Every file of every corpus, through its target: none fails, and together they lead to whatever
//! their target can come to.

use std::{collections::BTreeSet, fs, path::PathBuf};

use crate::{labels, targets};

/// The most files of one corpus: those that libFuzzer would keep, and no heap of them.
const FILES: usize = 300;
/// The longest of them, in bytes.
const LONGEST: u64 = 24 * 1024;

fn corpus(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// The files of a corpus, sorted.
fn files(target: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(corpus(target)).expect("a corpus");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    files
}

/// Runs every file, and asserts that they lead to `reaches` and to nothing else.
fn replay(target: &str, run: fn(&[u8]), reaches: &[&str]) {
    let files = files(target);
    assert!(files.len() <= FILES, "{} files", files.len());
    for file in files {
        // The last one told is the one that fails.
        println!("{}", file.display());
        let data = fs::read(&file).expect("a readable file");
        assert!(data.len() as u64 <= LONGEST, "{} bytes", data.len());
        run(&data);
    }
    let reached: Vec<String> = labels::take().into_iter().collect();
    assert_eq!(reached, reaches, "left: what the corpus reaches; right: what it should");
}

#[test]
fn header() {
    replay("header", crate::header, targets::header::REACHES);
}

#[test]
fn frames() {
    replay("frames", crate::frames, targets::frames::REACHES);
}

#[test]
fn ack() {
    replay("ack", crate::ack, targets::ack::REACHES);
}

#[test]
fn record() {
    replay("record", crate::record, targets::record::REACHES);
}

#[test]
fn bulk() {
    replay("bulk", crate::bulk, targets::bulk::REACHES);
}

#[test]
fn hello() {
    replay("hello", crate::hello, targets::hello::REACHES);
}

#[test]
fn answer() {
    replay("answer", crate::answer, targets::answer::REACHES);
}

#[test]
fn description() {
    replay("description", crate::description, targets::description::REACHES);
}

#[test]
fn handshake() {
    replay("handshake", crate::handshake, targets::handshake::REACHES);
}

#[test]
fn message() {
    replay("message", crate::message, targets::message::REACHES);
}

#[test]
fn packets() {
    replay("packets", crate::packets, targets::packets::REACHES);
}

#[test]
fn control() {
    replay("control", crate::control, targets::control::REACHES);
}

#[test]
fn reassembly() {
    replay("reassembly", crate::reassembly, targets::reassembly::REACHES);
}

#[test]
fn pair() {
    replay("pair", crate::pair, targets::pair::REACHES);
}

/// A corpus that nothing replays, and a target that nobody can run, would both go unnoticed.
#[test]
fn every_corpus_has_a_target_and_every_target_an_entry() {
    let names = |folder: &str| -> BTreeSet<String> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
        let entries = fs::read_dir(folder).expect("a folder");
        entries
            .map(|entry| entry.expect("an entry").path())
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .collect()
    };
    let mut targets = names("src/targets");
    assert_eq!(names("corpus"), targets);
    assert_eq!(names("fuzz_targets"), targets);
    let replayed = include_str!("replay.rs");
    targets.retain(|target| !replayed.contains(&format!("replay(\"{target}\", ")));
    assert!(targets.is_empty(), "never replayed: {targets:?}");
}

/// What stands before the name of a field, where the decoders of `biplane-wire` may refuse it.
const NAMERS: [&str; 8] = [
    "field: \"",
    ".varint(\"",
    ".varint_u32(\"",
    ".count(\"",
    ".text(\"",
    "within(value, \"",
    "read_bits(reader, \"",
    "AckRanges::read(reader, \"",
];
/// Fields of ranges that were read once before, and so are refused no more.
const READ_BEFORE: [&str; 3] = ["gap", "length", "ranges"];

#[test]
fn every_field_that_can_be_refused_is_refused_in_some_corpus() {
    let mut fields = BTreeSet::new();
    for path in sources(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../biplane-wire/src")) {
        let text = fs::read_to_string(path).expect("a source file");
        let shipped = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
        for namer in NAMERS {
            let named = shipped.split(namer).skip(1).filter_map(|rest| rest.split('"').next());
            fields.extend(named.map(str::to_owned));
        }
    }
    assert!(fields.len() > 30, "{fields:?}");
    let decoders = [
        targets::frames::REACHES,
        targets::ack::REACHES,
        targets::header::REACHES,
        targets::record::REACHES,
        targets::bulk::REACHES,
        targets::hello::REACHES,
        targets::answer::REACHES,
        targets::description::REACHES,
    ];
    let kinds = ["OutOfRange", "NotCanonical", "NotText", "TooLong"];
    let refusals = decoders.into_iter().flatten().filter_map(|label| label.split_once(' '));
    let refused: BTreeSet<&str> =
        refusals.filter(|(kind, _)| kinds.contains(kind)).map(|(_, field)| field).collect();
    fields.retain(|field| !refused.contains(field.as_str()));
    assert!(fields.iter().eq(READ_BEFORE), "refused by no input: {fields:?}");
}

/// The files below a folder, those with tests alone left out.
fn sources(folder: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| if path.is_dir() { sources(path) } else { vec![path] })
        .filter(|path| !path.ends_with("tests.rs"))
        .collect()
}

#[test]
fn resume() {
    replay("resume", crate::resume, targets::resume::REACHES);
}
