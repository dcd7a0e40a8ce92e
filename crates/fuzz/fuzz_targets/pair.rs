//! libFuzzer's entry to `pair`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| biplane_fuzz::pair(data));

#[cfg(not(fuzzing))]
fn main() {
    println!("run me by `cargo +nightly fuzz run --fuzz-dir crates/fuzz pair`");
}
