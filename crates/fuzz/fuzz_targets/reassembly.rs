//! libFuzzer's entry to `reassembly`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| biplane_fuzz::reassembly(data));

#[cfg(not(fuzzing))]
fn main() {
    println!("run me by `cargo +nightly fuzz run --fuzz-dir crates/fuzz reassembly`");
}
