//! Puts the descriptor sets of several services together without touching their bytes.
//!
//! Files are copied as they are, since decoding them into plain prost types and encoding them again drops the custom
//! options (`google.api.http`, `cloudstate.entity_key`) that a proxy lives on.

use std::collections::HashSet;

use bytes::{Buf, Bytes, BytesMut};
use prost::{
    DecodeError, Message,
    encoding::{
        DecodeContext, WireType, check_wire_type, decode_key, encode_key, encode_varint, skip_field,
    },
};
use prost_types::FileDescriptorProto;

/// `google.protobuf.FileDescriptorSet.file`.
const FILE: u32 = 1;

/// A `google.protobuf.FileDescriptorSet` under construction.
#[derive(Debug, Default)]
pub(crate) struct DescriptorSet {
    bytes: BytesMut,
    files: HashSet<String>,
    services: HashSet<String>,
}

impl DescriptorSet {
    /// Adds the files of a serialized set, except those whose import path is there already.
    ///
    /// # Errors
    /// The bytes are not a file descriptor set. Files before the bad one have been added.
    pub(crate) fn add(&mut self, mut set: &'static [u8]) -> Result<(), DecodeError> {
        while set.has_remaining() {
            let (tag, wire_type) = decode_key(&mut set)?;
            if tag != FILE {
                skip_field(wire_type, tag, &mut set, DecodeContext::default())?;
                continue;
            }
            check_wire_type(WireType::LengthDelimited, wire_type)?;
            self.add_file(delimited(&mut set)?)?;
        }
        Ok(())
    }

    /// Whether one of the files defines this service.
    pub(crate) fn defines(&self, service: &str) -> bool {
        self.services.contains(service)
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes.freeze()
    }

    fn add_file(&mut self, raw: &[u8]) -> Result<(), DecodeError> {
        let file = FileDescriptorProto::decode(raw)?;
        let package = file.package().to_owned();
        if !self.files.insert(file.name.unwrap_or_default()) {
            return Ok(());
        }
        for service in file.service {
            let name = service.name.unwrap_or_default();
            self.services.insert(if package.is_empty() {
                name
            } else {
                format!("{package}.{name}")
            });
        }
        encode_key(FILE, WireType::LengthDelimited, &mut self.bytes);
        encode_varint(raw.len() as u64, &mut self.bytes);
        self.bytes.extend_from_slice(raw);
        Ok(())
    }
}

fn delimited(buf: &mut &'static [u8]) -> Result<&'static [u8], DecodeError> {
    // The length is read as prost reads it for any bytes field, bounds included.
    let mut whole = *buf;
    let length = prost::decode_length_delimiter(&mut whole)?;
    let Some((field, rest)) = whole.split_at_checked(length) else {
        #[expect(
            deprecated,
            reason = "prost 0.14 has no other way to make a DecodeError"
        )]
        return Err(DecodeError::new("a file descriptor ends too early"));
    };
    *buf = rest;
    Ok(field)
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::DescriptorSet;

    const PROTOCOL: &[u8] = cloudstate_protocol::FILE_DESCRIPTOR_SET;

    #[test]
    fn one_set_is_kept_byte_for_byte() {
        let mut set = DescriptorSet::default();
        set.add(PROTOCOL).unwrap();
        assert!(set.defines("cloudstate.EntityDiscovery"));
        assert!(!set.defines("cloudstate.Nothing"));
        assert_eq!(set.into_bytes(), PROTOCOL);
    }

    #[test]
    fn a_file_that_is_there_already_is_not_added_again() {
        let doubled: &'static [u8] = [PROTOCOL, PROTOCOL].concat().leak();
        let mut set = DescriptorSet::default();
        set.add(doubled).unwrap();
        set.add(PROTOCOL).unwrap();
        let bytes = set.into_bytes();
        assert_eq!(bytes, PROTOCOL);
        let files = FileDescriptorSet::decode(bytes).unwrap().file;
        assert!(files.len() > 5, "{} files", files.len());
    }

    #[test]
    fn a_cut_set_is_refused() {
        let mut set = DescriptorSet::default();
        assert!(set.add(&PROTOCOL[..PROTOCOL.len() - 1]).is_err());
    }
}
