//! Generates the shopping cart's client, for the load, and its server, for the bare tonic service.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let includes = [
        "../examples/shopping-cart/proto",
        "../cloudstate-protocol/proto",
    ];
    for include in includes {
        println!("cargo::rerun-if-changed={include}");
    }
    let mut compiler = protox::Compiler::new(includes)?;
    compiler
        .include_imports(true)
        .open_files(["shoppingcart.proto"])?;
    // Events go into a journal as `Any`, which names their type.
    let mut messages = prost_build::Config::new();
    messages
        .enable_type_names()
        .type_name_domain(["."], "type.googleapis.com");
    tonic_prost_build::configure()
        .compile_fds_with_config(compiler.file_descriptor_set(), messages)?;
    Ok(())
}
