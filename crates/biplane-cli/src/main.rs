//! The `biplane` command.

fn main() {}
