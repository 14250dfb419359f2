//! Generates the clients of the programs under test, for the load, their servers, for the bare tonic services, and the
//! contract of the program that is here.

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let includes = [
        "proto",
        "../examples/shopping-cart/proto",
        "../examples/topics/proto",
        "../cloudstate-protocol/proto",
    ];
    for include in includes {
        println!("cargo::rerun-if-changed={include}");
    }
    let mut compiler = protox::Compiler::new(includes)?;
    compiler.include_imports(true).open_files([
        "shoppingcart.proto",
        "tags.proto",
        "texts.proto",
        "votes.proto",
    ])?;
    // Events go into a journal as `Any`, which names their type.
    let mut messages = prost_build::Config::new();
    messages
        .enable_type_names()
        .type_name_domain(["."], "type.googleapis.com");
    let grpc = Path::new(&env::var("OUT_DIR")?).join("grpc");
    fs::create_dir_all(&grpc)?;
    tonic_prost_build::configure()
        .out_dir(grpc)
        .compile_fds_with_config(compiler.file_descriptor_set(), messages)?;
    cloudstate_build::compile(&["proto/tags.proto"])?;
    Ok(())
}
