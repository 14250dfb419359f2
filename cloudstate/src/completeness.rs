//! The compile-time check that every rpc of a service has a handler, with a message that says what to write.

use std::str;

use crate::{
    Action, Entity, Handlers, Rpc, Service, action::CallHandlers, kind::Kind, service::Method,
};

/// Name of the rpc, as the `.proto` has it.
pub const fn name_of<R: Rpc>(_rpc: R) -> &'static str {
    R::NAME
}

/// Fails to compile unless every rpc of the service has a handler, and none has two in different blocks.
#[track_caller]
pub const fn check_complete<E: Handlers>() {
    check_once::<E>();
    let service = <<E as Entity>::Service as Service>::NAME;
    let methods = <<E as Entity>::Service as Service>::METHODS;
    let mut message = Message::new();
    let mut index = 0;
    while index < methods.len() && every_block_is_sound::<E>() {
        if blocks_with::<E>(methods[index].name) == 0 {
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
    message.refuse_missing();
}

/// Fails to compile if an rpc has handlers in different blocks. Two in one block are the macro's to refuse.
#[track_caller]
pub const fn check_once<E: Handlers>() {
    let service = <<E as Entity>::Service as Service>::NAME;
    let methods = <<E as Entity>::Service as Service>::METHODS;
    let mut message = Message::new();
    let mut index = 0;
    while index < methods.len() {
        if blocks_with::<E>(methods[index].name) > 1 {
            message = message.twice(&methods[index], service);
        }
        index += 1;
    }
    message.refuse();
}

const fn blocks_with<E: Handlers>(rpc: &str) -> usize {
    let mut count = contains(E::HANDLED, rpc) as usize;
    let mut index = 0;
    while index < E::PARTS.len() {
        count += contains(E::PARTS[index].handled, rpc) as usize;
        index += 1;
    }
    count
}

const fn every_block_is_sound<E: Handlers>() -> bool {
    let mut index = 0;
    while index < E::PARTS.len() {
        if !E::PARTS[index].is_sound {
            return false;
        }
        index += 1;
    }
    true
}

/// Fails to compile unless every rpc of the service has a call handler.
#[track_caller]
pub const fn check_calls_complete<A: CallHandlers>() {
    let service = <<A as Action>::Service as Service>::NAME;
    let methods = <<A as Action>::Service as Service>::METHODS;
    let mut message = Message::new();
    let mut index = 0;
    while index < methods.len() {
        if !contains(A::HANDLED, methods[index].name) {
            message = message.missing_call(&methods[index], service);
        }
        index += 1;
    }
    message.refuse_missing();
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

    /// Fails to compile with the text, if there is one.
    #[track_caller]
    const fn refuse(self) {
        if self.len > 0 {
            panic!("{}", self.as_str());
        }
    }

    /// As [`refuse`](Self::refuse), for a text that says what is missing.
    #[track_caller]
    const fn refuse_missing(self) {
        if self.len > 0 {
            self.text("or, to let calls of what is missing fail, write `#[handlers(partial)]`")
                .refuse();
        }
    }

    const fn rpc(self, method: &Method, service: &str) -> Self {
        self.text("rpc `")
            .text(method.name)
            .text("` of `")
            .text(service)
    }

    const fn twice(self, method: &Method, service: &str) -> Self {
        self.rpc(method, service)
            .text("` is handled in two blocks: remove one of its handlers, or name another rpc by `name = \"..\"`\n")
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
            .text(if method.server_streaming {
                ") -> Result<Streamed<Self, "
            } else {
                ") -> Result<"
            })
            .type_name(method.response)
            .text(if method.server_streaming {
                ">, Failure> { .. }\n"
            } else {
                ", Failure> { .. }\n"
            })
    }

    const fn missing_call(self, method: &Method, service: &str) -> Self {
        let this = self
            .rpc(method, service)
            .text("` has no handler; write:\n    #[call_handler]\n    ")
            .text(if method.server_streaming {
                "fn "
            } else {
                "async fn "
            })
            .text(method.handler);
        let this = if method.client_streaming {
            this.text("(&self, requests: Incoming<")
                .type_name(method.request)
                .text(">) -> ")
        } else {
            this.text("(&self, request: ")
                .type_name(method.request)
                .text(") -> ")
        };
        if method.server_streaming {
            this.text("impl Stream<Item = Result<")
                .type_name(method.response)
                .text(", Failure>> { .. }\n")
        } else {
            this.text("Result<")
                .type_name(method.response)
                .text(", Failure> { .. }\n")
        }
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
    fn a_missing_call_handler_has_the_shape_of_its_rpc() {
        for (client_streaming, server_streaming, signature) in [
            (
                false,
                false,
                "async fn add_item(&self, request: AddItem) -> Result<(), Failure> { .. }",
            ),
            (
                true,
                false,
                "async fn add_item(&self, requests: Incoming<AddItem>) -> Result<(), Failure> { .. }",
            ),
            (
                false,
                true,
                "fn add_item(&self, request: AddItem) -> impl Stream<Item = Result<(), Failure>> { .. }",
            ),
            (
                true,
                true,
                "fn add_item(&self, requests: Incoming<AddItem>) -> impl Stream<Item = Result<(), Failure>> { .. }",
            ),
        ] {
            let method = Method {
                client_streaming,
                server_streaming,
                ..ADD
            };
            let message = Message::new().missing_call(&method, "shop.Cart");
            let expected = format!(
                "rpc `AddItem` of `shop.Cart` has no handler; write:\n    #[call_handler]\n    {signature}\n"
            );
            assert_eq!(message.as_str(), expected);
        }
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
