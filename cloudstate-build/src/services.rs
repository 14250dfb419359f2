//! The marker types: one per service, one per rpc, so that what the `.proto` says is checked by the compiler.

use std::fmt::Write as _;

use prost_build::{Comments, Method, Service, ServiceGenerator};

use crate::{
    messages::TYPE_URL_PREFIX,
    names::{snake, snake_text, upper_camel},
    packages,
};

/// Writes each service where it is declared, and the rpcs of all services of a package in one module at its end.
pub(crate) struct Markers {
    cloudstate: String,
    services: Vec<Service>,
}

impl Markers {
    pub(crate) fn new(cloudstate: String) -> Self {
        Self {
            cloudstate,
            services: Vec::new(),
        }
    }
}

impl ServiceGenerator for Markers {
    fn generate(&mut self, service: Service, out: &mut String) {
        let mut code = Code::new(&self.cloudstate, out);
        code.service(&service);
        self.services.push(service);
    }

    fn finalize_package(&mut self, package: &str, out: &mut String) {
        let services: Vec<&Service> = self
            .services
            .iter()
            .filter(|service| service.package == package)
            .collect();
        let mut code = Code::new(&self.cloudstate, out);
        code.line("/// Marker types of the rpcs.");
        code.line("pub mod rpc {");
        for service in &services {
            code.rpcs(service);
        }
        for service in &services {
            let module = snake(&service.proto_name);
            for method in &service.methods {
                let marker = upper_camel(&method.proto_name);
                let is_it = |other: &&Method| upper_camel(&other.proto_name) == marker;
                let all = services.iter().flat_map(|service| &service.methods);
                if all.filter(is_it).count() == 1 {
                    code.line(&format!("pub use {module}::{marker};"));
                }
            }
        }
        code.line("}");
    }
}

/// Text under construction; prost-build formats it afterwards.
struct Code<'a> {
    cloudstate: &'a str,
    out: &'a mut String,
}

impl<'a> Code<'a> {
    fn new(cloudstate: &'a str, out: &'a mut String) -> Self {
        Self { cloudstate, out }
    }

    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn lines(&mut self, lines: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.out.write_fmt(lines);
        self.out.push('\n');
    }

    fn service(&mut self, service: &Service) {
        let full_name = full_name(service);
        let name = &service.name;
        let module = snake(&service.proto_name);
        let cloudstate = self.cloudstate;
        if service.comments.leading.is_empty() && service.comments.trailing.is_empty() {
            self.lines(format_args!("/// Service `{full_name}`."));
        }
        service.comments.append_with_indent(0, self.out);
        self.lines(format_args!(
            "#[derive(Clone, Copy, Debug)]\npub struct {name};"
        ));

        self.lines(format_args!("impl {name} {{"));
        for method in &service.methods {
            self.method_docs(method);
            let marker = upper_camel(&method.proto_name);
            self.lines(format_args!(
                "pub const {marker}: rpc::{module}::{marker} = rpc::{module}::{marker};"
            ));
        }
        self.line("}");

        self.lines(format_args!(
            "impl {cloudstate}::Service for {name} {{
                const NAME: &'static str = {full_name:?};
                const METHODS: &'static [{cloudstate}::service::Method] = &["
        ));
        for method in &service.methods {
            let Method {
                client_streaming,
                server_streaming,
                ..
            } = method;
            self.lines(format_args!(
                "{cloudstate}::service::Method {{
                    name: {:?},
                    handler: {:?},
                    request: {:?},
                    response: {:?},
                    client_streaming: {client_streaming},
                    server_streaming: {server_streaming},
                }},",
                method.proto_name,
                snake_text(&method.proto_name),
                type_name(&method.input_proto_type),
                type_name(&method.output_proto_type),
            ));
        }
        self.lines(format_args!(
            "];
                const DESCRIPTOR_SET: &'static [u8] = include_bytes!({:?});
            }}",
            descriptor_file(&service.package)
        ));
    }

    fn rpcs(&mut self, service: &Service) {
        let module = snake(&service.proto_name);
        self.lines(format_args!(
            "/// Rpcs of `{}`.\npub mod {module} {{",
            full_name(service)
        ));
        for method in &service.methods {
            self.rpc(service, method);
        }
        self.line("}");
    }

    fn rpc(&mut self, service: &Service, method: &Method) {
        let cloudstate = self.cloudstate;
        let marker = upper_camel(&method.proto_name);
        let request = from_rpc_module(&method.input_type);
        let response = from_rpc_module(&method.output_type);
        let shape = match (method.client_streaming, method.server_streaming) {
            (false, false) => "Unary",
            (true, false) => "ClientStreaming",
            (false, true) => "ServerStreaming",
            (true, true) => "Streaming",
        };
        let decode_request = if type_name(&method.input_proto_type) == "google.protobuf.Any" {
            format!(
                "fn decode_request(
                    payload: {cloudstate}::Any,
                ) -> ::core::result::Result<{request}, ::prost::DecodeError> {{
                    {cloudstate}::service::any_request(payload)
                }}"
            )
        } else {
            String::new()
        };
        self.method_docs(method);
        self.lines(format_args!(
            "#[derive(Clone, Copy, Debug)]
            pub struct {marker};
            impl {cloudstate}::Rpc for {marker} {{
                type Service = super::super::{};
                type Request = {request};
                type Response = {response};
                type Shape = {cloudstate}::service::{shape};
                const NAME: &'static str = {:?};
                const REQUEST_TYPE_URL: &'static str = {:?};
                const RESPONSE_TYPE_URL: &'static str = {:?};
                {decode_request}
            }}",
            service.name,
            method.proto_name,
            type_url(&method.input_proto_type),
            type_url(&method.output_proto_type),
        ));
        // A stream of requests is not an argument that holds one request.
        if !method.client_streaming {
            self.lines(format_args!(
                "impl<T> {cloudstate}::handler::HandlerArg<{marker}, T> for {request} {{
                    fn take(call: &mut {cloudstate}::handler::Call<{marker}, T>) -> Self {{
                        call.take_request()
                    }}
                }}"
            ));
        }
        self.lines(format_args!(
            "impl {cloudstate}::handler::IntoReply<{marker}> for {response} {{
                type Silence = {cloudstate}::handler::Always;
                fn into_reply(self) -> {cloudstate}::Reply<{response}> {{
                    {cloudstate}::Reply::message(self)
                }}
            }}"
        ));
    }

    fn method_docs(&mut self, method: &Method) {
        let streamed = |yes| if yes { "stream of " } else { "" };
        self.lines(format_args!(
            "/// Marker of rpc `{}`: {}`{}` -> {}`{}`.",
            method.proto_name,
            streamed(method.client_streaming),
            short_name(&method.input_proto_type),
            streamed(method.server_streaming),
            short_name(&method.output_proto_type),
        ));
        let Comments {
            leading, trailing, ..
        } = &method.comments;
        if !leading.is_empty() || !trailing.is_empty() {
            self.line("///");
        }
        method.comments.append_with_indent(0, self.out);
    }
}

/// The file, beside the package's, with the descriptors that its services carry.
pub(crate) fn descriptor_file(package: &str) -> String {
    format!("{}.descriptors.bin", packages::file_stem(package))
}

fn full_name(service: &Service) -> String {
    match service.package.as_str() {
        "" => service.proto_name.clone(),
        package => format!("{package}.{}", service.proto_name),
    }
}

/// `.com.example.Cart` -> `com.example.Cart`.
fn type_name(proto_type: &str) -> &str {
    proto_type.trim_start_matches('.')
}

fn type_url(proto_type: &str) -> String {
    format!("{TYPE_URL_PREFIX}/{}", type_name(proto_type))
}

/// The last name of a type of the user's; the well-known ones keep their package.
fn short_name(proto_type: &str) -> &str {
    let name = type_name(proto_type);
    if name.starts_with("google.") {
        return name;
    }
    name.rsplit('.').next().unwrap_or(name)
}

/// A path that prost wrote for the package's module, as it reads two modules deeper, in `rpc::<service>`.
fn from_rpc_module(path: &str) -> String {
    const ANYWHERE: [&str; 10] = [
        "()", "bool", "f32", "f64", "i32", "i64", "u32", "u64", "::", "crate::",
    ];
    let absolute = ANYWHERE.iter().any(|name| match name.ends_with("::") {
        true => path.starts_with(name),
        false => path == *name,
    });
    if absolute {
        path.to_owned()
    } else {
        format!("super::super::{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_paths_go_up() {
        for absolute in ["()", "i32", "::cloudstate::Any", "crate::sdk::Any"] {
            assert_eq!(from_rpc_module(absolute), absolute);
        }
        assert_eq!(from_rpc_module("Cart"), "super::super::Cart");
        assert_eq!(
            from_rpc_module("super::money::Amount"),
            "super::super::super::money::Amount"
        );
        assert_eq!(
            from_rpc_module("bool_module::Flag"),
            "super::super::bool_module::Flag"
        );
    }
}
