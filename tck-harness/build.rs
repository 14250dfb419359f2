//! Compiles the TCK's model services, and what the harness asks of a proxy besides.

fn main() -> Result<(), cloudstate_build::Error> {
    cloudstate_build::compile(&[
        "proto/cloudstate/tck/model/action.proto",
        "proto/cloudstate/tck/model/crdt.proto",
        "proto/cloudstate/tck/model/eventlogeventing.proto",
        "proto/cloudstate/tck/model/eventsourced.proto",
        "proto/cloudstate/tck/model/valueentity.proto",
    ])?;
    // Apart from the models, which carry the descriptors of everything that is compiled with them.
    cloudstate_build::compile(&["proto/grpc/reflection/v1alpha/reflection.proto"])
}
