//! Protobuf messages seen as bytes.
//!
//! On the gRPC path a request passes through the proxy without being decoded. Two things still have to be known
//! about it before it reaches an entity: that it is the message it claims to be ([`MessageShape`]), and which entity
//! it is for ([`KeyExtractor`]). Both are compiled once from a descriptor into flat tables and then walk the encoded
//! bytes, building nothing.
//!
//! ```
//! use cloudstate_proxy::wire::MessageShape;
//! use prost_reflect::DescriptorPool;
//!
//! let pool = DescriptorPool::decode(cloudstate_protocol::FILE_DESCRIPTOR_SET)?;
//! let command = pool.get_message_by_name("cloudstate.Command").expect("a message of the protocol");
//! let shape = MessageShape::new(&command);
//!
//! assert!(shape.validate(b"\x0a\x05alice").is_ok());
//! let error = shape.validate(b"\x0a\x05al\xffce").unwrap_err();
//! assert_eq!(error.to_string(), "field `entity_id` (offset 2) is not UTF-8");
//! # Ok::<(), prost_reflect::DescriptorError>(())
//! ```

mod error;
mod key;
mod key_value;
mod reader;
mod shape;

pub use error::{WireError, WireFault};
pub use key::{KeyError, KeyExtractor};
pub use shape::MessageShape;
