//! Gives the descriptor set the comments of the service's own files: a proxy shows them to those who call the service.
//!
//! Without the positions of everything that has no comment, and without the comments of what is imported from elsewhere,
//! they are a small part of the set.

use prost::Message;
use prost_types::{FileDescriptorProto, SourceCodeInfo, source_code_info::Location};

use crate::error::Error;

/// A set of files, each as its bytes: decoded, they would lose their custom options.
#[derive(Clone, PartialEq, Message)]
struct FileSet {
    #[prost(bytes = "vec", repeated, tag = "1")]
    file: Vec<Vec<u8>>,
}

/// The descriptor set with the comments that `own` files have.
pub(crate) fn add(descriptors: &[u8], own: &[&FileDescriptorProto]) -> Result<Vec<u8>, Error> {
    let unreadable = |error: prost::DecodeError| Error::new(format!("a descriptor set: {error}"));
    let mut set = FileSet::decode(descriptors).map_err(unreadable)?;
    for bytes in &mut set.file {
        let file = FileDescriptorProto::decode(&**bytes).map_err(unreadable)?;
        let comments = own
            .iter()
            .find(|own| own.name() == file.name())
            .and_then(|own| comments(own));
        if let Some(comments) = comments {
            let addition = FileDescriptorProto {
                source_code_info: Some(comments),
                ..FileDescriptorProto::default()
            };
            // Encoded messages behind each other are one message with the fields of both.
            bytes.extend(addition.encode_to_vec());
        }
    }
    Ok(set.encode_to_vec())
}

fn comments(file: &FileDescriptorProto) -> Option<SourceCodeInfo> {
    let commented = |location: &&Location| {
        location.leading_comments.is_some() || location.trailing_comments.is_some()
    };
    let location: Vec<Location> = file
        .source_code_info
        .as_ref()?
        .location
        .iter()
        .filter(commented)
        .map(|location| Location {
            leading_detached_comments: Vec::new(),
            ..location.clone()
        })
        .collect();
    (!location.is_empty()).then_some(SourceCodeInfo { location })
}
