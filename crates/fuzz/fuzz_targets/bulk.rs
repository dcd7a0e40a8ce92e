//! libFuzzer's entry to `bulk`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| biplane_fuzz::bulk(data));

#[cfg(not(fuzzing))]
fn main() {
    println!("run me by `cargo +nightly fuzz run --fuzz-dir crates/fuzz bulk`");
}
