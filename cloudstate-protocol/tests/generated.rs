//! The committed code and descriptors are what `proto/` says; `UPDATE_GENERATED=1` writes them anew.

use std::{fs, path::Path};

#[test]
fn committed_code_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let generated = root.join("src/generated");
    let out = tempfile::tempdir().unwrap();
    let files: Vec<&str> = cloudstate_protocol::protos::FILES
        .iter()
        .map(|(path, _)| *path)
        .collect();

    let mut compiler = protox::Compiler::new([root.join("proto")]).unwrap();
    compiler
        .include_imports(true)
        .include_source_info(false)
        .open_files(&files)
        .unwrap();
    fs::write(
        out.path().join("descriptors.bin"),
        compiler.encode_file_descriptor_set(),
    )
    .unwrap();

    compiler = protox::Compiler::new([root.join("proto")]).unwrap();
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_files(&files)
        .unwrap();
    let mut config = prost_build::Config::new();
    config
        .out_dir(out.path())
        .enable_type_names()
        .type_name_domain(["."], "type.googleapis.com")
        .bytes(["."])
        .extern_path(".google.protobuf.Any", "crate::Any")
        .service_generator(
            tonic_prost_build::configure()
                .server_mod_attribute(".", GRPC_ONLY)
                .client_mod_attribute(".", GRPC_ONLY)
                .codec_path("crate::codec::SmallBuffers")
                .service_generator(),
        );
    config.compile_fds(compiler.file_descriptor_set()).unwrap();

    let mut stale = Vec::new();
    for entry in fs::read_dir(out.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() == "google.protobuf.rs" {
            continue;
        }
        let fresh = fs::read(entry.path()).unwrap();
        let committed = generated.join(entry.file_name());
        if fs::read(&committed).ok().as_deref() != Some(&fresh) {
            if std::env::var_os("UPDATE_GENERATED").is_some() {
                fs::write(&committed, &fresh).unwrap();
            } else {
                stale.push(committed);
            }
        }
    }
    assert!(
        stale.is_empty(),
        "not what proto/ says: {stale:?}; run with UPDATE_GENERATED=1"
    );
}

/// Clients and servers exist only with the feature that brings tonic.
const GRPC_ONLY: &str = r#"#[cfg(feature = "grpc")]"#;
