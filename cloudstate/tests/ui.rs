//! What the macros accept, and what they say about the rest.

use std::{env, fs, path::Path};

#[test]
fn sound_code_compiles_and_runs() {
    trybuild::TestCases::new().pass("tests/ui/pass/*.rs");
}

#[test]
fn each_mistake_is_one_error_that_says_what_to_write() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}

/// The cases include committed code; `UPDATE_SHOP=1 cargo test -p cloudstate --test ui` writes it again.
#[test]
fn committed_code_is_what_the_build_script_would_generate() {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let out = tempfile::tempdir().unwrap();
    for proto in ["shop.proto", "desk.proto", "room.proto"] {
        cloudstate_build::configure()
            .out_dir(out.path())
            .compile(&[ui.join(proto)])
            .unwrap();
    }
    for file in [
        "shop.rs",
        "shop.descriptors.bin",
        "desk.rs",
        "desk.descriptors.bin",
        "room.rs",
        "room.descriptors.bin",
    ] {
        let generated = fs::read(out.path().join(file)).unwrap();
        if env::var_os("UPDATE_SHOP").is_some() {
            fs::write(ui.join(file), &generated).unwrap();
        }
        let committed = fs::read(ui.join(file)).unwrap_or_default();
        assert!(
            committed == generated,
            "{file} is out of date; run this test with UPDATE_SHOP=1"
        );
    }
}
