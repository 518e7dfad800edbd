#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = scm_fuzz::payload(input);
});
