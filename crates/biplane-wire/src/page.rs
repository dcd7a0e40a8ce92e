//! The examples of `docs/PROTOCOL.md`, which tests compare with what the code writes.

const PAGE: &str = include_str!("../../../docs/PROTOCOL.md");

/// Asserts that the page shows exactly `bytes` as one of its `hex` examples.
pub(crate) fn assert_shows(bytes: &[u8]) {
    let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let hex = hex.join(" ");
    let blocks = PAGE.split("```hex\n").skip(1).filter_map(|block| block.split("```").next());
    let mut examples = blocks.flat_map(str::lines).filter_map(|line| line.split_once(' '));
    assert!(examples.any(|(_, shown)| shown.trim() == hex), "docs/PROTOCOL.md does not show {hex}");
}
