use bytes::Bytes;
use prost_reflect::ServiceDescriptor;
#[derive(Debug)]
pub struct Transcoder;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct RuleError;
pub struct Found<'a>(&'a ());
pub enum Routed<'a> {
    Found(Found<'a>),
    WrongVerb { allowed: Vec<http::Method> },
    NotFound,
}
pub struct Rendered {
    pub content_type: Option<http::HeaderValue>,
    pub body: Bytes,
}
impl Transcoder {
    pub fn new(_: &[ServiceDescriptor]) -> Result<Self, Vec<RuleError>> {
        todo!()
    }
    pub fn route<'a>(&'a self, _: &http::Method, _: &'a str) -> Routed<'a> {
        todo!()
    }
}
impl Found<'_> {
    pub fn method_index(&self) -> usize {
        todo!()
    }
    pub fn request(&self, _: Option<&str>, _: Option<&str>, _: &[u8]) -> Result<Bytes, RuleError> {
        todo!()
    }
    pub fn response(&self, _: &Bytes) -> Result<Rendered, RuleError> {
        todo!()
    }
}
