//! Compiles the TCK's model services.

fn main() -> Result<(), cloudstate_build::Error> {
    cloudstate_build::compile(&[
        "proto/cloudstate/tck/model/action.proto",
        "proto/cloudstate/tck/model/crdt.proto",
        "proto/cloudstate/tck/model/eventlogeventing.proto",
        "proto/cloudstate/tck/model/eventsourced.proto",
        "proto/cloudstate/tck/model/valueentity.proto",
    ])
}
