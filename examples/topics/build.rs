//! Compiles the contract of every example.

fn main() -> Result<(), cloudstate_build::Error> {
    cloudstate_build::compile(&["proto/bills.proto", "proto/freezers.proto"])
}
