//! Compiles the `.proto` files of the tests, as a service's own descriptor set would arrive: as bytes.

use std::path::Path;

use prost_reflect::{DescriptorPool, MessageDescriptor};
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

/// The descriptors of one file with this text and of all that it imports.
#[allow(dead_code, reason = "not every test program uses it")]
pub(crate) fn compile(text: &str) -> DescriptorPool {
    DescriptorPool::decode(&descriptor_set(text)[..]).unwrap()
}

/// The same as a serialized descriptor set.
pub(crate) fn descriptor_set(text: &str) -> Vec<u8> {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Text(text.to_owned()));
    resolver.add(Bundled);
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(true);
    compiler.open_file(Text::NAME).unwrap();
    compiler.encode_file_descriptor_set()
}

/// The descriptor of a message in `everything.proto`.
#[allow(dead_code, reason = "not every test program uses it")]
pub(crate) fn everything(name: &str) -> MessageDescriptor {
    thread_local! {
        static POOL: DescriptorPool = compile(include_str!("everything.proto"));
    }
    POOL.with(|pool| pool.get_message_by_name(name)).unwrap()
}

/// The file under test.
struct Text(String);

impl Text {
    const NAME: &str = "under-test.proto";
}

impl FileResolver for Text {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        path.to_str().map(str::to_owned)
    }

    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match name {
            Self::NAME => File::from_source(name, &self.0),
            "everything.proto" => File::from_source(name, include_str!("everything.proto")),
            _ => Err(protox::Error::file_not_found(name)),
        }
    }
}

/// The files that `cloudstate-protocol` carries.
struct Bundled;

impl FileResolver for Bundled {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match cloudstate_protocol::protos::find(name) {
            Some(text) => File::from_source(name, text),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}
