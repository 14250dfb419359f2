//! Messages and enums, by prost; types that the product has already are named, not generated again.

use std::{collections::BTreeMap, io};

use cloudstate_protocol::protos;
use prost_build::{Module, ServiceGenerator};
use prost_types::FileDescriptorProto;
use protox::file::File;

use crate::error::Error;

/// What stands before the `/` in the type URL of every message.
pub(crate) const TYPE_URL_PREFIX: &str = "type.googleapis.com";

/// A prost configuration by the conventions of this crate.
pub(crate) fn prost_config(cloudstate: &str) -> Result<prost_build::Config, Error> {
    let mut config = prost_build::Config::new();
    config
        .enable_type_names()
        .type_name_domain(["."], TYPE_URL_PREFIX)
        .bytes(["."])
        .btree_map(["."])
        .prost_types_path(format!("{cloudstate}::prost_types"))
        .extern_path(".google.protobuf.Any", format!("{cloudstate}::Any"));
    for &(name, text) in protos::FILES {
        let file = File::from_source(name, text)
            .map_err(|error| Error::new(format!("built-in {name}: {error}")))?;
        let file = file.file_descriptor_proto();
        let module = file.package().replace('.', "::");
        let messages = file.message_type.iter().map(|message| message.name());
        // Types, not packages: a package of the user's may lie within `cloudstate` or `google.api`.
        for item in messages.chain(file.enum_type.iter().map(|item| item.name())) {
            config.extern_path(
                format!(".{}.{item}", file.package()),
                format!("{cloudstate}::protocol::{module}::{item}"),
            );
        }
    }
    Ok(config)
}

/// Whether the file's types exist already, so that no code is generated from it.
///
/// The product serves the protocol's own services; markers for them would be of no use.
pub(crate) fn is_provided(file: &FileDescriptorProto) -> bool {
    protos::find(file.name()).is_some() || file.package() == "google.protobuf"
}

/// Each package's code.
pub(crate) fn generate(
    mut config: prost_build::Config,
    services: Box<dyn ServiceGenerator>,
    files: Vec<FileDescriptorProto>,
) -> io::Result<BTreeMap<String, String>> {
    config.service_generator(services);
    let mut requests = Vec::new();
    for mut file in files {
        // Such a file still takes part: prost looks up what its messages consist of.
        if is_provided(&file) {
            file.service.clear();
        }
        requests.push((Module::from_parts([file.package()]), file));
    }
    let code = config.generate(requests)?;
    Ok(code
        .into_iter()
        .map(|(module, text)| (module.to_string(), text))
        .collect())
}
