//! Messages with every kind of field, and the service that serves them by rules of every form.

use std::{path::Path, sync::LazyLock};

use cloudstate_proxy::transcoding::Transcoder;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use protox::{
    Compiler,
    file::{ChainFileResolver, File, FileResolver, GoogleFileResolver},
};

const EVERYTHING: &str = include_str!("../../cloudstate-proxy/tests/proto/everything.proto");
const RULES: &str = include_str!("../../cloudstate-proxy/tests/proto/rules.proto");

/// The descriptors of `rules.proto` and `everything.proto`, as a service would send them.
pub(crate) static DESCRIPTOR_SET: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Files);
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true);
    compiler.open_file("rules.proto").unwrap();
    compiler.encode_file_descriptor_set()
});

pub(crate) static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(&DESCRIPTOR_SET[..]).unwrap());

/// The rules of `rules.proto`.
pub(crate) static TRANSCODER: LazyLock<Transcoder> =
    LazyLock::new(|| Transcoder::new(&POOL.services().collect::<Vec<_>>()).unwrap());

/// A message of `everything.proto`.
pub(crate) fn message(name: &str) -> MessageDescriptor {
    POOL.get_message_by_name(name).unwrap()
}

struct Files;

impl FileResolver for Files {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        path.to_str().map(str::to_owned)
    }

    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let text = match name {
            "rules.proto" => Some(RULES),
            "everything.proto" => Some(EVERYTHING),
            _ => cloudstate_protocol::protos::find(name),
        };
        match text {
            Some(text) => File::from_source(name, text),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}
