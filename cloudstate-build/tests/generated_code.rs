//! Generated code compiles in a crate of its own, under strict lints, and does what it says.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

#[test]
fn generated_code_compiles_without_a_warning_and_works() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: String| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let fixture = |name: &str| fs::read_to_string(here.join("tests/fixture").join(name)).unwrap();

    write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"cloudstate\", \"service\"]\nresolver = \"3\"\n[profile.dev]\ndebug = false\n".into(),
    );
    write(
        "Cargo.lock",
        fs::read_to_string(here.join("../Cargo.lock")).unwrap(),
    );
    write(
        "cloudstate/Cargo.toml",
        format!(
            "{}[dependencies]\nprost = \"0.14\"\nprost-types = \"0.14\"\ncloudstate-protocol = {{ path = {:?}, \
             default-features = false, features = [\"types\"] }}\n",
            package("cloudstate"),
            here.join("../cloudstate-protocol").canonicalize().unwrap(),
        ),
    );
    write("cloudstate/src/lib.rs", fixture("cloudstate.rs"));
    write(
        "service/Cargo.toml",
        format!(
            "{}[dependencies]\nprost = \"0.14\"\ncloudstate = {{ path = \"../cloudstate\" }}\n",
            package("service")
        ),
    );
    write("service/src/main.rs", fixture("service.rs"));

    let out: PathBuf = root.path().join("out");
    fs::create_dir(&out).unwrap();
    cloudstate_build::configure()
        .include(here.join("tests/proto"))
        .out_dir(&out)
        .compile(&[
            "shoppingcart.proto",
            "tck/action.proto",
            "everything.proto",
            "root.proto",
        ])
        .unwrap();

    let run = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline", "--package", "service"])
        .current_dir(root.path())
        .env("OUT_DIR", &out)
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated-code"),
        )
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    assert_eq!(String::from_utf8_lossy(&run.stdout), "all is well\n");
}

fn package(name: &str) -> String {
    format!("[package]\nname = {name:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n")
}
