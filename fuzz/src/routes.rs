//! Paths and queries, and the templates that they are matched with.

use std::{str, sync::LazyLock};

use cloudstate_proxy::{
    transcoding::{Routed, Transcoder},
    wire::MessageShape,
};
use http::Method;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use prost_types::{
    DescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
    ServiceDescriptorProto,
};

use crate::schema::{DESCRIPTOR_SET, TRANSCODER, message};

const VERBS: [Method; 6] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::PATCH,
    Method::HEAD,
];

/// A verb by its number, then path, query and body: what is accepted is a message of the method's type.
pub(crate) fn requests(data: &[u8]) {
    let Some((&verb, rest)) = data.split_first() else {
        return;
    };
    let verb = &VERBS[usize::from(verb) % VERBS.len()];
    let Ok(text) = str::from_utf8(rest) else {
        return;
    };
    let mut parts = text.splitn(3, '\n');
    let (path, query, body) = (parts.next().unwrap_or(""), parts.next(), parts.next());
    match TRANSCODER.route(verb, path) {
        Routed::Found(found) => {
            let body = body.unwrap_or("").as_bytes();
            let Ok(request) = found.request(query, Some("application/json"), body) else {
                return;
            };
            let input = found.method().input();
            MessageShape::new(&input)
                .validate(&request)
                .expect("an encoded message");
            DynamicMessage::decode(input, request).expect("a message");
        }
        Routed::WrongVerb { allowed } => {
            assert!(!allowed.contains(verb), "{verb} {path}");
            for other in allowed {
                let found = TRANSCODER.route(&other, path);
                assert!(matches!(found, Routed::Found(_)), "{other} {path}");
            }
        }
        Routed::NotFound => {}
    }
}

/// A template on the first line, a path on the second: a template that is accepted matches itself where it is a path, and
/// what it matches is a message.
pub(crate) fn templates(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let (template, path) = text.split_once('\n').unwrap_or((text, ""));
    let Some(transcoder) = transcoder(template) else {
        return;
    };
    assert_eq!(transcoder.bindings().count(), 1);
    if !template.contains(['*', '{', '%']) {
        let matched = transcoder.route(&Method::GET, template);
        assert!(matches!(matched, Routed::Found(_)), "{template}");
    }
    if let Routed::Found(found) = transcoder.route(&Method::GET, path)
        && let Ok(request) = found.request(None, None, b"")
    {
        DynamicMessage::decode(message("test.Everything"), request).expect("a message");
    }
}

/// A service with one method, which is bound to `GET` and this template.
fn transcoder(template: &str) -> Option<Transcoder> {
    static FILES: LazyLock<DescriptorPool> =
        LazyLock::new(|| DescriptorPool::decode(&DESCRIPTOR_SET[..]).unwrap());
    let mut pool = FILES.clone();
    let set = FileDescriptorSet {
        file: vec![FileDescriptorProto {
            name: Some("template.proto".to_owned()),
            package: Some("template".to_owned()),
            syntax: Some("proto3".to_owned()),
            dependency: vec![
                "everything.proto".to_owned(),
                "google/api/annotations.proto".to_owned(),
            ],
            message_type: vec![DescriptorProto {
                name: Some("Nothing".to_owned()),
                ..DescriptorProto::default()
            }],
            service: vec![ServiceDescriptorProto {
                name: Some("Service".to_owned()),
                method: vec![MethodDescriptorProto {
                    name: Some("Get".to_owned()),
                    input_type: Some(".test.Everything".to_owned()),
                    output_type: Some(".template.Nothing".to_owned()),
                    ..MethodDescriptorProto::default()
                }],
                ..ServiceDescriptorProto::default()
            }],
            ..FileDescriptorProto::default()
        }],
    };
    pool.decode_file_descriptor_set(&with_rule(&set, template)[..])
        .unwrap();
    let service = pool.get_service_by_name("template.Service").unwrap();
    Transcoder::new(&[service]).ok()
}

/// The same set, whose only method has the option. `prost_types` does not keep extensions, so it is written as bytes:
/// protobuf joins what stands twice, except that a repeated field would be there twice; so the file is built from within.
fn with_rule(set: &FileDescriptorSet, template: &str) -> Vec<u8> {
    const HTTP: u32 = 72_295_728;
    let rule = delimited(2, template.as_bytes());
    let options = delimited(4, &delimited(HTTP, &rule));
    let file = &set.file[0];
    let service = &file.service[0];
    let method = [service.method[0].encode_to_vec(), options].concat();
    let bare = ServiceDescriptorProto {
        method: Vec::new(),
        ..service.clone()
    };
    let service = [bare.encode_to_vec(), delimited(2, &method)].concat();
    let bare = FileDescriptorProto {
        service: Vec::new(),
        ..file.clone()
    };
    delimited(1, &[bare.encode_to_vec(), delimited(6, &service)].concat())
}

fn delimited(number: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::bytes::encode(number, &content.to_vec(), &mut bytes);
    bytes
}
