use bytes::Bytes;
use bytestring::ByteString;
use prost_reflect::MessageDescriptor;
#[derive(Clone, Debug)]
pub struct MessageShape;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct WireError;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct KeyError;
impl MessageShape {
    pub fn new(_: &MessageDescriptor) -> Self {
        todo!()
    }
    pub fn validate(&self, _: &[u8]) -> Result<(), WireError> {
        todo!()
    }
}
#[derive(Debug)]
pub struct KeyExtractor;
impl KeyExtractor {
    pub fn new(_: &MessageDescriptor) -> Result<Option<Self>, KeyError> {
        todo!()
    }
    pub fn extract(&self, _: &Bytes) -> Result<ByteString, KeyError> {
        todo!()
    }
}
