//! Tells the linker that Node provides what the addon calls.

fn main() {
    napi_build::setup();
}
