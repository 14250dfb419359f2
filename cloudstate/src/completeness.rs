//! The compile-time check that every rpc of a service has a handler, with a message that says what to write.

use std::str;

use crate::{Entity, Handlers, Rpc, Service, kind::Kind, service::Method};

/// Name of the rpc, as the `.proto` has it.
pub const fn name_of<R: Rpc>(_rpc: R) -> &'static str {
    R::NAME
}

/// Fails to compile unless every rpc of the service has a handler.
#[track_caller]
pub const fn check_complete<E: Handlers>() {
    let service = <<E as Entity>::Service as Service>::NAME;
    let methods = <<E as Entity>::Service as Service>::METHODS;
    let mut message = Message::new();
    let mut index = 0;
    while index < methods.len() {
        if !contains(E::HANDLED, methods[index].name) {
            let method = &methods[index];
            let too_many_requests = method.client_streaming && !<E::Kind as Kind>::CLIENT_STREAMS;
            let too_many_replies = method.server_streaming && !<E::Kind as Kind>::SERVER_STREAMS;
            message = if too_many_requests || too_many_replies {
                message.streams(method, service, <E::Kind as Kind>::NOUN)
            } else {
                message.missing(method, service)
            };
        }
        index += 1;
    }
    if message.len > 0 {
        message =
            message.text("or, to let calls of what is missing fail, write `#[handlers(partial)]`");
        panic!("{}", message.as_str());
    }
}

/// Text under construction, in a constant expression: no allocation, no formatting, no traits.
struct Message {
    bytes: [u8; Self::CAPACITY],
    len: usize,
}

impl Message {
    /// Some twenty missing handlers; the text of more is cut off.
    const CAPACITY: usize = 4096;

    const fn new() -> Self {
        Self {
            bytes: [0; Self::CAPACITY],
            len: 0,
        }
    }

    const fn rpc(self, method: &Method, service: &str) -> Self {
        self.text("rpc `")
            .text(method.name)
            .text("` of `")
            .text(service)
    }

    const fn streams(self, method: &Method, service: &str, noun: &str) -> Self {
        self.rpc(method, service)
            .text("` streams, which ")
            .text(noun)
            .text(" cannot handle\n")
    }

    const fn missing(self, method: &Method, service: &str) -> Self {
        self.rpc(method, service)
            .text("` has no handler; write:\n    #[command_handler]\n    fn ")
            .text(method.handler)
            .text("(context: &mut Context<Self>, request: ")
            .type_name(method.request)
            .text(") -> Result<")
            .type_name(method.response)
            .text(", Failure> { .. }\n")
    }

    /// The last part of a message's full name.
    const fn type_name(self, full_name: &str) -> Self {
        let name = full_name.as_bytes();
        if equal(name, b"google.protobuf.Empty") {
            return self.text("()");
        }
        let mut start = name.len();
        while start > 0 && name[start - 1] != b'.' {
            start -= 1;
        }
        self.ascii(name.split_at(start).1)
    }

    const fn text(self, text: &str) -> Self {
        self.ascii(text.as_bytes())
    }

    /// Names in `.proto` files are ASCII, so that a cut is never inside a character.
    const fn ascii(mut self, text: &[u8]) -> Self {
        let mut index = 0;
        while index < text.len() && self.len < Self::CAPACITY {
            self.bytes[self.len] = text[index];
            self.len += 1;
            index += 1;
        }
        self
    }

    const fn as_str(&self) -> &str {
        match str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "an rpc has no handler",
        }
    }
}

const fn contains(names: &[&str], name: &str) -> bool {
    let mut index = 0;
    while index < names.len() {
        if equal(names[index].as_bytes(), name.as_bytes()) {
            return true;
        }
        index += 1;
    }
    false
}

const fn equal(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADD: Method = Method {
        name: "AddItem",
        handler: "add_item",
        request: "shop.AddItem",
        response: "google.protobuf.Empty",
        client_streaming: false,
        server_streaming: false,
    };

    #[test]
    fn a_missing_handler_is_written_out() {
        let message = Message::new().missing(&ADD, "shop.Cart");
        assert_eq!(
            message.as_str(),
            "rpc `AddItem` of `shop.Cart` has no handler; write:\n    #[command_handler]\n    fn add_item(context: \
             &mut Context<Self>, request: AddItem) -> Result<(), Failure> { .. }\n"
        );
    }

    #[test]
    fn a_message_type_without_a_package_keeps_its_name() {
        let message = Message::new().type_name("Cart").type_name("a.b.C");
        assert_eq!(message.as_str(), "CartC");
    }

    #[test]
    fn a_long_message_is_cut_off() {
        let mut message = Message::new();
        for _ in 0..100 {
            message = message.missing(&ADD, "shop.Cart");
        }
        assert_eq!(message.as_str().len(), Message::CAPACITY);
    }

    #[test]
    fn names_are_compared_as_a_whole() {
        assert!(contains(&["GetCart", "AddItem"], "AddItem"));
        assert!(!contains(&["AddItems", "Add", "additem"], "AddItem"));
    }
}
